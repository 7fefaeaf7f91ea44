"""``docs/benchmarks.md``: a section a benchmark, each replaced when its benchmark runs."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

__all__ = ["machine", "write_section"]

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEADER = "# Benchmarks\n\nWritten by `make bench`; every section says where it ran.\n"


def machine() -> str:
    """Return what a figure depends on: processors, their load when the benchmark began, Python."""
    return (
        f"{len(os.sched_getaffinity(0))} cores ({platform.machine()}, load {os.getloadavg()[0]:.1f} at the start), "
        f"Python {platform.python_version()}"
    )


def write_section(title: str, body: str) -> None:
    """Replace a section of the document, or add it at the end."""
    text = DOCUMENT.read_text("utf-8") if DOCUMENT.exists() else HEADER
    section = f"## {title}\n\n{body.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    replaced, found = pattern.subn(lambda _: section + "\n", text)
    text = replaced if found else f"{text.rstrip()}\n\n{section}"
    scratch = DOCUMENT.with_name(f".{DOCUMENT.name}.{os.getpid()}")
    scratch.write_text(text.rstrip() + "\n", "utf-8")
    scratch.replace(DOCUMENT)
