"""Entry point of every processing job: ``python -m fraud.containers.process STEP --start D --end D …``.

A step reads folders and writes folders; its arguments are dates and numbers, anything larger is an input file.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from fraud.containers.logs import start_log
from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_text
from fraud.errors import FraudError

__all__ = ["main"]

STEPS = {
    "simulate": ("start", "end"),
    "ingest": ("start", "end"),
    "investigate": ("start", "end"),
    "features": ("start", "end", "version"),
    "collect": ("start", "end", "model_version", "alert_budget"),
    "evaluate": (),
    "monitor": ("start", "end", "html"),
    "erase": (),
    "replace": (),
    "verify_erasure": (),
}
"""Steps and the arguments that each takes; ``fraud.containers.steps.<step>.run(paths, **arguments)`` does the work."""


def _parser() -> argparse.ArgumentParser:
    types: dict[str, Callable[[str], Any]] = {
        "start": date.fromisoformat,
        "end": date.fromisoformat,
        "model_version": int,
        "alert_budget": int,
    }
    parser = argparse.ArgumentParser(prog="process", description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for step, arguments in STEPS.items():
        sub = steps.add_parser(step)
        for name in arguments:
            sub.add_argument(f"--{name.replace('_', '-')}", dest=name, type=types.get(name, str), required=True)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one step; return its exit code (0, or the error's own).

    An error that the input is to blame for is one line of the log and the text of the message file; any other is logged
    with its traceback, for it is a bug.
    """
    arguments = vars(_parser().parse_args(argv))
    step = arguments.pop("step")
    paths = JobPaths.from_environment()
    version = {name: value for name, value in arguments.items() if name == "model_version"}
    log = start_log(step, **version)
    began = time.monotonic()
    try:
        importlib.import_module(f"fraud.containers.steps.{step}").run(paths, **arguments)
    except FraudError as error:
        write_text(paths.message, str(error))
        log.error("%s", error)
        return error.exit_code
    except Exception as error:
        write_text(paths.message, f"{step}: internal error: {type(error).__name__}: {error}")
        log.exception("internal error")
        return 1
    log.info("done in %.1f s", time.monotonic() - began)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
