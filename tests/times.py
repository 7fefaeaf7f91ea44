"""Times that tests happen to take, for ``python -m benchmarks.page``: tests themselves hold nobody to a clock."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["note"]


def note(what: str, milliseconds: Sequence[float]) -> None:
    """Add times to the file that ``FRAUD_TIMES`` names, where it names one."""
    if path := os.environ.get("FRAUD_TIMES"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"what": what, "milliseconds": list(milliseconds)}) + "\n")
