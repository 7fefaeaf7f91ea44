"""``process verify_erasure``: no object names a card that was erased."""

from __future__ import annotations

import csv
import logging

from fraud.containers.paths import JobPaths
from fraud.erasure.erased import Erased
from fraud.erasure.search import find
from fraud.errors import DataError

__all__ = ["run"]

logger = logging.getLogger(__name__)

_MOST_SAID = 5


def run(paths: JobPaths) -> None:
    """Look through everything.

    Parameters
    ----------
    paths
        Inputs ``erasures/erased.json``, ``objects/`` (every object by key), and ``left/``: CSV of table and number of
        rows that the warehouse still has of what was erased.

    Raises
    ------
    DataError
        Naming what still stands where.
    """
    found = [f"object {line}" for line in find(paths.input("objects"), Erased.read(paths.input("erasures")))]
    for path in sorted(paths.input("left").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            found += [f"table {table} has {rows} rows of them" for table, rows in csv.reader(stream) if rows != "0"]
    if found:
        more = f"; and {len(found) - _MOST_SAID} more" if len(found) > _MOST_SAID else ""
        raise DataError(
            f"erased cards are still there: {'; '.join(found[:_MOST_SAID])}{more}; "
            "a run that was under way has written them: wait for it, then erase again"
        )
    logger.info("no object and no table names an erased card")
