"""What a run tells CloudWatch as it ends: rows, seconds, lag behind the clock, and what its jobs cost.

The one place that puts metrics. A figure never fails a run: without CloudWatch a line of the log says what is missing.

======== ========== ============================================================================================
metric   dimension  what it is
======== ========== ============================================================================================
Rows     Table      rows that the day's manifests record, by table
Lag      DAG        seconds from the end of the day (UTC) to its closing
Seconds  DAG        seconds from the run's start to its last task
Seconds  Task       seconds that SageMaker bills of a task's jobs
Cost     DAG        US dollars of the run's SageMaker jobs, by ``fraud.cost``: no Redshift, no Spark, no Airflow
======== ========== ============================================================================================
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from fraud import layout
from fraud.cost import MACHINES
from fraud.orchestration.endings import JOB, EndsItsJob
from fraud.orchestration.objects import Objects
from fraud.settings import Settings

__all__ = ["Job", "figures", "jobs_of", "publish", "rows_of"]

logger = logging.getLogger(__name__)

_CLIENT_SECONDS = 5
_MOST_AT_ONCE = 1000  # PutMetricData's limit


class Job(NamedTuple):
    """A job that a task has run."""

    task: str
    instance: str
    seconds: float


def rows_of(objects: Objects, day: date) -> dict[str, int]:
    """Return the rows of a day's manifests, by table."""
    rows: dict[str, int] = {}
    for step in layout.STEPS:
        rows |= (objects.read_json(layout.manifest(step, day)) or {}).get("rows", {})
    return rows


def jobs_of(context: Mapping[str, Any]) -> list[Job]:
    """Return the jobs that the tasks of the running run have ended."""
    found = []
    for task in context["dag"].tasks:
        if issubclass(getattr(task, "operator_class", type(task)), EndsItsJob):
            for said in context["ti"].xcom_pull(task_ids=[task.task_id], key=JOB) or []:
                if said:
                    found.append(Job(task.task_id, said["instance"], said["seconds"]))
    return found


def figures(
    dag_id: str,
    seconds: float,
    jobs: Sequence[Job],
    *,
    rows: Mapping[str, int] | None = None,
    lag: timedelta | None = None,
) -> list[dict[str, Any]]:
    """Return a run's metrics as ``PutMetricData`` takes them.

    Parameters
    ----------
    dag_id
        The DAG.
    seconds
        How long the run has taken.
    jobs
        The jobs that it has run.
    rows, lag
        Of the day that it has closed, where it has closed one.
    """
    hourly = {machine.name: machine.dollars for machine in MACHINES}
    known = [job for job in jobs if job.instance in hourly]
    of_dag = {"DAG": dag_id}
    found = [
        _figure("Seconds", of_dag, seconds, "Seconds"),
        _figure("Cost", of_dag, sum(hourly[job.instance] * job.seconds for job in known) / 3600, "None"),
    ]
    by_task: dict[str, float] = {}
    for job in jobs:
        by_task[job.task] = by_task.get(job.task, 0.0) + job.seconds
    found += [_figure("Seconds", {"Task": task}, total, "Seconds") for task, total in sorted(by_task.items())]
    if lag is not None:
        found.append(_figure("Lag", of_dag, lag.total_seconds(), "Seconds"))
    return found + [_figure("Rows", {"Table": table}, count, "Count") for table, count in sorted((rows or {}).items())]


def publish(settings: Settings, objects: Objects, context: Mapping[str, Any], closed: date | None = None) -> None:
    """Put the running run's metrics; called by its last task.

    Parameters
    ----------
    settings, objects
        The deployment.
    context
        Of the running task.
    closed
        The day that the run has closed, where it was a day of the schedule.
    """
    now = datetime.now(UTC)
    began = context["dag_run"].start_date or now
    rows = rows_of(objects, closed) if closed else None
    lag = now - datetime.combine(closed + timedelta(days=1), time(tzinfo=UTC)) if closed else None
    put(settings, figures(context["dag"].dag_id, (now - began).total_seconds(), jobs_of(context), rows=rows, lag=lag))


def put(settings: Settings, data: Iterable[Mapping[str, Any]]) -> None:
    """Put metrics; what keeps them from CloudWatch is logged."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
    from botocore.config import Config

    listed = list(data)
    quick = Config(connect_timeout=_CLIENT_SECONDS, read_timeout=_CLIENT_SECONDS, retries={"total_max_attempts": 2})
    try:
        client = AwsBaseHook(client_type="cloudwatch", config=quick).get_conn()
        for first in range(0, len(listed), _MOST_AT_ONCE):
            client.put_metric_data(
                Namespace=f"{settings.environment}/fraud", MetricData=listed[first : first + _MOST_AT_ONCE]
            )
    except Exception as error:  # whatever came back: parsers raise errors of their own
        logger.warning("%d metrics are not in CloudWatch: %s", len(listed), error)


def _figure(name: str, dimensions: Mapping[str, str], value: float, unit: str) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        "Value": value,
        "Unit": unit,
    }
