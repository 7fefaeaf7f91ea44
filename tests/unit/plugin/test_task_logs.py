"""Lines of tasks' logs: each says the run, the day and the version, for this project's tasks alone."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from .conftest import PLUGINS  # noqa: F401  (puts the plugins on the path)


@pytest.fixture(autouse=True)
def _nothing_bound():
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


def started(dag_id: str = "fraud_daily", start: datetime | None = None, **params: Any) -> dict[str, Any]:
    """Have a task start; return what its lines say from then on."""
    from fraud_task_logs import TaskLogs

    dag = SimpleNamespace(user_defined_macros={"code_version": "1.2"})
    context = {"params": params, "dag_run": SimpleNamespace(data_interval_start=start)}
    task = SimpleNamespace(
        dag_id=dag_id, run_id="run-1", task=SimpleNamespace(dag=dag), get_template_context=lambda: context
    )
    TaskLogs().on_task_instance_running(None, task)
    return structlog.contextvars.merge_contextvars(None, "info", {"event": "x"})


@pytest.mark.parametrize(
    ("run", "day"),
    [
        ({"start": datetime(2026, 3, 1, 1, tzinfo=UTC), "date": None}, "2026-03-01"),
        ({"date": "2026-03-05"}, "2026-03-05"),
        ({"as_of": "2026-03-06", "kind": "manual"}, "2026-03-06"),
        ({}, ""),
    ],
)
def test_line__says_run_day_and_version(run, day) -> None:
    assert started(**run) == {"event": "x", "run": "run-1", "day": day, "version": "1.2"}


def test_line__of_a_range_says_its_first_and_last_day() -> None:
    from fraud_task_logs import days_of

    params = {"start": "2026-03-01", "end": "2026-03-04"}
    assert days_of({"params": params, "dag_run": SimpleNamespace(data_interval_start=None)}) == "2026-03-01/2026-03-04"


def test_line__of_somebody_elses_dag_stays_as_it_is() -> None:
    assert started(dag_id="other") == {"event": "x"}
