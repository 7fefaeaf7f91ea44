"""Stock operators and sensors with this deployment's settings, and a link to the job where they run one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk.exceptions import AirflowFailException

import fraud
from fraud.errors import FraudError
from fraud.orchestration.links import Processing, Training, Transform, Tuning
from fraud.settings import Settings

__all__ = ["MACROS", "Operators", "default_args", "fail_fast", "owner_links"]

P = ParamSpec("P")
R = TypeVar("R")

MACROS = {"code_version": fraud.__version__}
"""Macros of every DAG; the plugin ``fraud_task_logs`` puts the version on each line of a task's log."""

_OWNER = "fraud"
_JOB_HOURS = 2
_JOB_DOC = (
    "Runs a SageMaker job that the task before has planned, and waits for it. The link *Job* leads to its description, "
    "outputs and log. To run it again with a new name, clear the task that plans it."
)
_SQL_DOC = (
    "Runs statements on the warehouse in one transaction. They replace what they load, so running them again changes "
    "nothing."
)
_WAIT_DOC = "Waits, without taking up a worker, for objects that other days' runs write."
# A trigger that fires before the scheduler has noted the deferral makes Airflow fail the task ("finished with state
# success, but the task instance's state attribute is running"), so deferred waits are not polled faster than this.
_MIN_DEFERRED_SECONDS = 5


def default_args(settings: Settings) -> dict[str, Any]:
    """Return what every task of every DAG has: owner, retries, time-out, and who hears of a failure."""
    arguments: dict[str, Any] = {
        "owner": _OWNER,
        "retries": settings.retries,
        "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
        "execution_timeout": timedelta(hours=_JOB_HOURS),
    }
    if settings.notifications_topic_arn:
        arguments["on_failure_callback"] = SnsNotifier(
            target_arn=settings.notifications_topic_arn,
            subject="{{ dag.dag_id }} {{ ti.task_id }} failed",
            message="{{ dag.dag_id }} {{ run_id }} {{ ti.task_id }}: {{ exception | default('see its log') }}",
        )
    return arguments


def owner_links(settings: Settings) -> dict[str, str]:
    """Return where the owner's name leads to in the list of DAGs, if the deployment says so."""
    return {_OWNER: settings.owner_link} if settings.owner_link else {}


def fail_fast(function: Callable[P, R]) -> Callable[P, R]:
    """Fail a task for good on a :class:`FraudError`: what the input is to blame for, a retry does not mend."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except FraudError as error:
            raise AirflowFailException(str(error)) from None

    return run


class Operators:
    """Builds the operators of one deployment."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._job = {
            "deferrable": settings.deferrable,
            "check_interval": settings.poll_seconds,
            "max_attempts": int(_JOB_HOURS * 3600 / settings.poll_seconds),
            "doc_md": _JOB_DOC,
        }

    def process(self, task_id: str, config: Any, **kwargs: Any) -> Processing:
        """Run a processing job."""
        return Processing(task_id=task_id, config=config, print_log=False, **self._job, **kwargs)

    def spark(self, task_id: str, config: Any, **kwargs: Any) -> Any:
        """Run a Spark job on EMR Serverless; ``config`` is what ``StartJobRun`` takes, the driver included."""
        from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator

        return EmrServerlessStartJobOperator(
            task_id=task_id,
            application_id=self.settings.emr_application_id,
            execution_role_arn=self.settings.emr_role_arn or self.settings.role_arn,
            job_driver={},
            config=config,
            deferrable=self._job["deferrable"],
            waiter_delay=self._job["check_interval"],
            waiter_max_attempts=self._job["max_attempts"],
            doc_md="Runs a Spark job on EMR Serverless that the task before has planned, and waits for it.",
            **kwargs,
        )

    def process_each(self, task_id: str, configs: Any, label: str, **kwargs: Any) -> Any:
        """Run a processing job for each configuration; ``label`` is the template that names the mapped task."""
        return Processing.partial(
            task_id=task_id, print_log=False, map_index_template=label, **self._job, **kwargs
        ).expand(config=configs)

    def transform_each(self, task_id: str, configs: Any, label: str) -> Any:
        """Run a batch transform for each configuration."""
        return Transform.partial(task_id=task_id, map_index_template=label, **self._job).expand(config=configs)

    def train_each(self, task_id: str, configs: Any) -> Any:
        """Run a training job for each configuration; the folder that its model goes to names the mapped task."""
        return Training.partial(
            task_id=task_id,
            print_log=False,
            map_index_template="{{ task.config['OutputDataConfig']['S3OutputPath'].rstrip('/').split('/')[-1] }}",
            **self._job,
        ).expand(config=configs)

    def tune_each(self, task_id: str, configs: Any) -> Any:
        """Run a hyperparameter tuning job for each configuration.

        Not tried again by itself: the operator would ask for the same name, which is taken then.
        """
        path = "task.config['TrainingJobDefinition']['OutputDataConfig']['S3OutputPath']"
        return Tuning.partial(
            task_id=task_id,
            deferrable=self._job["deferrable"],
            check_interval=self._job["check_interval"],
            max_ingestion_time=_JOB_HOURS * 3600,
            retries=0,
            doc_md=_JOB_DOC,
            map_index_template="{{ " + path + ".rstrip('/').split('/')[-1] }}",
        ).expand(config=configs)

    def sql(self, task_id: str, sql: Any, **kwargs: Any) -> RedshiftDataOperator:
        """Run statements on the warehouse; a list of them is one transaction."""
        return RedshiftDataOperator(
            task_id=task_id,
            sql=sql,
            database=self.settings.redshift_database,
            workgroup_name=self.settings.redshift_workgroup,
            poll_interval=self.settings.poll_seconds,
            deferrable=self.settings.deferrable,
            doc_md=_SQL_DOC,
            **kwargs,
        )

    def wait_for(self, task_id: str, keys: Any, **kwargs: Any) -> S3KeySensor:
        """Wait, deferred, for objects of the deployment's bucket."""
        return S3KeySensor(
            task_id=task_id,
            bucket_name=self.settings.bucket,
            bucket_key=keys,
            deferrable=True,
            poke_interval=max(self.settings.poll_seconds, _MIN_DEFERRED_SECONDS),
            timeout=self.settings.scoring_wait_hours * 3600,
            doc_md=_WAIT_DOC,
            **kwargs,
        )
