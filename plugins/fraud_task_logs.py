"""Puts the run, the day and the version on every line of a task's log.

Airflow merges structlog's context variables into each line. A listener is called in the task's own process before the
task's context is copied for it, so this reaches stock operators too, which no callback or hook of a task does.
"""

from __future__ import annotations

from typing import Any

import structlog
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

DAGS = "fraud_"
VERSION = "code_version"
"""Name of the DAGs' macro that says which version of the code runs."""


class TaskLogs:
    """Listens to the starts of tasks."""

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        """Say on each line from here on what the task works for."""
        if not task_instance.dag_id.startswith(DAGS):
            return
        macros = task_instance.task.dag.user_defined_macros or {}
        structlog.contextvars.bind_contextvars(
            run=task_instance.run_id,
            day=days_of(task_instance.get_template_context()),
            version=macros.get(VERSION, ""),
        )


def days_of(context: Any) -> str:
    """Return the day, or first and last, that a run works for; empty where it is about no days."""
    params = context["params"]
    if params.get("start"):
        return f"{params['start']}/{params['end']}"
    start = context["dag_run"].data_interval_start
    return str(params.get("date") or params.get("as_of") or (start.date() if start else ""))


class FraudTaskLogsPlugin(AirflowPlugin):
    """Lines of tasks' logs."""

    name = "fraud_task_logs"
    listeners = [TaskLogs()]  # noqa: RUF012
