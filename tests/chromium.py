"""The system's Chromium for tests: logged in as a user of an Airflow, calling nobody."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
MISSING = "there is no Chromium on PATH; install it or set CHROMIUM to its path"
# No sandbox, because containers run as root; the rest keeps Chromium from calling home.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def left_out() -> bool:
    """Tell whether tests that need a browser are left out here: where there is none, but never in CI."""
    return CHROMIUM is None and not os.environ.get("CI")


@contextmanager
def browser() -> Iterator[Any]:
    """Run a browser."""
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        raise RuntimeError(MISSING)
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


def log_in(context: Any, url: str, user: str, password: str) -> None:
    """Give a browser's windows a user of Airflow."""
    answer = context.request.post(f"{url}/auth/token", data={"username": user, "password": password})
    context.add_cookies([{"name": "_token", "value": answer.json()["access_token"], "url": f"{url}/"}])
