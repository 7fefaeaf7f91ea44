"""Pictures of the documentation, taken from a running stack in Chromium: ``make up`` or ``make demo``, then this.

    python docs/screenshots.py [--out docs/images] [monitor-overview …]

Each picture is the page as it is, with the data that the stack has: nothing is staged.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fraud.errors import FraudError, MissingInputError
from local_aws.stack.control import Stack
from local_aws.stack.home import Home

WINDOW = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}
TALL = {"width": 1400, "height": 1450}
MONITOR = "main[aria-busy=false]"
# No sandbox, because containers run as root; the rest keeps Chromium from calling home.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
COLOURS = 256  # charts and text have few; a picture is a third of its size then


def _open_first_alert(page: Any) -> None:
    page.locator(".open-row").first.click()


def _open_model(page: Any) -> None:
    page.locator("details.model:has(> summary .pill.accent) > summary").click()  # the champion


def _open_asset_graph(page: Any) -> None:
    page.get_by_role("link", name="Scores and alerts").click()
    page.wait_for_selector(".react-flow__node")


def _open_trigger_form(page: Any) -> None:
    page.get_by_test_id("trigger-dag-button").click()
    page.wait_for_selector("#element_candidates")


def _see_the_report(page: Any) -> None:
    page.frame_locator("iframe.report").locator(".main-svg").first.wait_for()


def _expand_groups(page: Any) -> None:
    page.get_by_role("button", name="Expand all task groups").click()


def _open_latest_run(page: Any) -> None:
    page.locator("a[href*='/runs/']").first.click()
    page.get_by_role("button", name="Note", exact=True).click()


class Shot(NamedTuple):
    """One picture: its name, the page, what has to be there first, what is done before, and how it is looked at."""

    name: str
    path: str
    ready: str
    prepare: Callable[[Any], None] | None = None
    whole: bool = False
    scheme: str = "light"
    window: dict[str, int] = WINDOW
    user: str = "analyst"


SHOTS = (
    Shot("monitor-overview", "fraud/#overview", MONITOR, whole=True),
    Shot("monitor-overview-dark", "fraud/#overview", MONITOR, whole=True, scheme="dark"),
    Shot("monitor-phone", "fraud/#overview", MONITOR, window=PHONE),
    Shot("monitor-alerts", "fraud/#alerts", "tr.row", _open_first_alert),
    Shot("monitor-models", "fraud/#models", "details.model", _open_model),
    Shot("monitor-money", "fraud/#money", MONITOR),
    Shot("monitor-report", "fraud/#report", "iframe.report", _see_the_report),
    Shot("monitor-in-airflow", "plugin/fraud-monitor", "iframe[title='Fraud monitor']"),
    Shot("airflow-dags", "dags", "text=Fraud: daily"),
    Shot("airflow-grid", "dags/fraud_daily", "text=check_request", _expand_groups),
    Shot("airflow-run", "dags/fraud_daily/runs", "a[href*='/runs/']", _open_latest_run),
    Shot("airflow-trigger", "dags/fraud_training", "text=check_request", _open_trigger_form, window=TALL, user="admin"),
    Shot("airflow-assets", "assets", "text=Scores and alerts", _open_asset_graph),
)


def take(url: str, passwords: Mapping[str, str], chromium: str, out: Path, names: Sequence[str] = ()) -> list[Path]:
    """Take every picture and return the files.

    Parameters
    ----------
    url
        Address of the Airflow UI.
    passwords
        Of the users who look.
    chromium
        Path of the browser.
    out
        Folder for the pictures.
    names
        Pictures to take; none: all.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  (half a second that --help need not wait for)

    out.mkdir(parents=True, exist_ok=True)
    files = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        for shot in (one for one in SHOTS if not names or one.name in names):
            context = browser.new_context(
                viewport=shot.window, color_scheme=shot.scheme, locale="en-GB", timezone_id="UTC"
            )
            context.set_default_timeout(60_000)
            answer = context.request.post(
                f"{url}/auth/token", data={"username": shot.user, "password": passwords[shot.user]}
            )
            token = answer.json()["access_token"]
            context.add_cookies([{"name": "_token", "value": token, "url": f"{url}/"}])
            page = context.new_page()
            page.goto(f"{url}/{shot.path}")
            page.wait_for_selector(shot.ready)
            if shot.prepare is not None:
                shot.prepare(page)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1500)  # charts and Airflow's own animations settle
            path = out / f"{shot.name}.png"
            page.screenshot(path=path, full_page=shot.whole)
            _shrink(path)
            files.append(path)
            context.close()
        browser.close()
    return files


def _shrink(path: Path) -> None:
    from PIL import Image  # noqa: PLC0415  (as above)

    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def main() -> int:
    """Take the pictures of the running stack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="pictures to take, all otherwise")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images", help="folder for the pictures")
    parser.add_argument("--url", help="address of another Airflow UI than the stack's")
    arguments = parser.parse_args()
    try:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        if chromium is None:
            raise MissingInputError("there is no Chromium on PATH; install it or set CHROMIUM to its path")
        home = Home()
        url = arguments.url or Stack(home, print).url
        for path in take(url, home.user_passwords(), chromium, arguments.out, arguments.names):
            print(path)  # noqa: T201
    except FraudError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
