"""``process erase``: what a deployment's objects are without the cards that were erased."""

from __future__ import annotations

import json
import logging

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_text
from fraud.erasure.erased import Erased
from fraud.erasure.tree import erase

__all__ = ["run"]

logger = logging.getLogger(__name__)


def run(paths: JobPaths) -> None:
    """Write what changes; it replaces nothing yet, so that a job that breaks off has changed nothing.

    Parameters
    ----------
    paths
        Inputs ``erasures/erased.json`` and ``objects/`` (every object by key); output ``changed/``, by key as well,
        with ``erasures/last.json``, which says how much it is.
    """
    report = erase(paths.input("objects"), paths.output("changed"), Erased.read(paths.input("erasures")))
    content = json.dumps(report._asdict(), sort_keys=True) + "\n"
    write_text(paths.output("changed") / "erasures" / "last.json", content)
    logger.info("%d rows in %d objects", report.rows, report.files)
