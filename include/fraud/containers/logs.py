"""A job's log: one JSON object a line, each with the run, the day and the version that it belongs to."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import fraud

__all__ = ["start_log"]

_SET_BY_TASKS = {"run": "FRAUD_RUN", "day": "FRAUD_DAY"}
"""Variables of a job that the task which plans it sets (``fraud.orchestration.jobs.labels``)."""


class _Lines(logging.Formatter):
    def __init__(self, about: Mapping[str, Any]) -> None:
        super().__init__()
        self._about = about

    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname.lower(), **self._about, "message": record.getMessage()}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def start_log(
    step: str, environment: Mapping[str, str] | None = None, stream: TextIO | None = None, **about: Any
) -> logging.Logger:
    """Return the logger of a job; whatever other libraries log, or warn of, goes to the same lines.

    Parameters
    ----------
    step
        What the job does.
    environment
        Variables; the process's own by default.
    stream
        Where lines go; standard error by default.
    **about
        What else belongs on every line, such as the version of the model that scores.
    """
    environment = os.environ if environment is None else environment
    named = {name: environment.get(variable, "") for name, variable in _SET_BY_TASKS.items()}
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Lines({"step": step, **named, "version": fraud.__version__, **about}))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    return logging.getLogger(f"fraud.{step}")
