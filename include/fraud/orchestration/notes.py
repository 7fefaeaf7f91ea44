"""What a run has to say for itself: its tasks leave sentences, which become the note of the run.

A task cannot write to its run: the task API has no call for it. Each leaves its sentence in XCom under the key
``note``; the plugin ``fraud_run_notes``, which the scheduler calls when a run ends, puts them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import get_current_context

from fraud import layout
from fraud.orchestration.objects import Objects
from fraud.orchestration.requests import step_days

__all__ = ["KEY", "say", "step"]

KEY = "note"
"""XCom key of a task's sentence."""


def say(sentence: str) -> None:
    """Leave a sentence for the note of the run."""
    get_current_context()["ti"].xcom_push(KEY, sentence)


def step(objects: Objects, request: Mapping[str, Any], name: str) -> str:
    """Say what a step recorded: its days, the rows of each output, and the model version where there is one."""
    days = step_days(request, name)
    manifests = [objects.read_json(layout.manifest(name, day)) for day in (days[0], days[-1])]
    over = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}, of the last day"
    rows = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in sorted(manifests[-1]["rows"].items()))
    versions = sorted({manifest["model_version"] for manifest in manifests if "model_version" in manifest})
    by = f" by version {' and '.join(map(str, versions))}" if versions else ""
    return f"{name.capitalize()}{by}, {over}: {rows}"
