"""How SageMaker jobs end, for the operators that run them: no try leaves its job running, none takes a stopped one.

The stock operators leave a job alone when their task is killed or an answer is lost, and so pay for it beside the next
try's; they take a job that somebody stopped for a success; and, deferred, they do not say why a job failed.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from botocore.exceptions import BotoCoreError, ClientError

__all__ = ["JOB", "EndsItsJob"]

JOB = "job"
"""XCom key of what a completed job took: its instance, and seconds from its start to its end."""

_NAME = "job_name"


class EndsItsJob:
    """Mixin before a stock operator of SageMaker's; the class says the kind of its jobs.

    Attributes
    ----------
    job_kind
        ``Processing``, ``Training``, ``Transform`` or ``HyperParameterTuning``.
    """

    job_kind: str
    config: dict[str, Any]
    hook: Any
    log: Any

    def execute(self, context: Any) -> Any:
        """Run the job; what ends the try, other than success or deferral, stops it."""
        try:
            result = super().execute(context)  # type: ignore[misc]
        except TaskDeferred:
            raise
        except BaseException as error:
            raise self._failed(error) from error
        self._conclude(context)
        return result

    def defer(self, **options: Any) -> Any:
        """Defer, and keep the job's name for the time after: names that were taken already get a suffix."""
        get_current_context()["ti"].xcom_push(_NAME, self._name())
        super().defer(**options)  # type: ignore[misc]

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Take up a deferred task again; a failure tells the job's own reason."""
        self._jobs()[f"{self.job_kind}JobName"] = _pushed(context["ti"])
        try:
            result = super().resume_execution(next_method, next_kwargs, context)  # type: ignore[misc]
        except TaskDeferred:
            raise
        except BaseException as error:
            raise self._failed(error) from error
        self._conclude(context)
        return result

    def on_kill(self) -> None:
        """Stop the job of a task that is killed, cleared or marked while it runs."""
        self._stop()

    def _jobs(self) -> dict[str, Any]:
        found: dict[str, Any] = self.config.get("Transform", self.config)
        return found

    def _name(self) -> str:
        return str(self._jobs()[f"{self.job_kind}JobName"])

    def _call(self, verb: str) -> dict[str, Any]:
        word = {"HyperParameterTuning": "hyper_parameter_tuning"}.get(self.job_kind, self.job_kind.lower())
        call = getattr(self.hook.conn, f"{verb}_{word}_job")
        answer: dict[str, Any] = call(**{f"{self.job_kind}JobName": self._name()})
        return answer

    def _failed(self, error: BaseException) -> BaseException:
        """Leave no job behind and return what the task fails with: the job's own reason where it has one."""
        try:
            job = self._call("describe")
        except (BotoCoreError, ClientError):
            self._stop()
            return error
        status = job[f"{self.job_kind}JobStatus"]
        if status in ("InProgress", "Stopping"):
            self._stop()
        if status != "Failed" or not isinstance(error, Exception):
            return error
        told: BaseException = AirflowException(
            f"job {self._name()} failed: {job.get('ExitMessage') or job.get('FailureReason')}"
        )
        return told

    def _conclude(self, context: Any) -> None:
        """Refuse a job that did not complete; leave what it took for the run's metrics."""
        job = self._call("describe")
        status = job[f"{self.job_kind}JobStatus"]
        if status != "Completed":
            reason = job.get("ExitMessage") or job.get("FailureReason") or "somebody stopped it, or its time was up"
            raise AirflowException(f"job {self._name()} is {status}: {reason}; clear the task to run it again")
        began, ended = job.get(f"{self.job_kind}StartTime"), job.get(f"{self.job_kind}EndTime")
        if began and ended:  # a tuning job has neither: its training jobs are billed, each for itself
            place = job.get("ProcessingResources", {}).get("ClusterConfig") or job.get("ResourceConfig")
            instance = (place or job["TransformResources"])["InstanceType"]
            context["ti"].xcom_push(JOB, {"instance": instance, "seconds": (ended - began).total_seconds()})

    def _stop(self) -> None:
        try:
            self._call("stop")
            self.log.info("Stopped job %s", self._name())
        except ClientError as error:  # there is none, or it has ended
            self.log.info("Job %s is not stopped: %s", self._name(), error)
        except BotoCoreError as error:
            self.log.error("Job %s could not be stopped and may go on: %s", self._name(), error)


def _pushed(ti: Any) -> str:
    return str(ti.xcom_pull(key=_NAME, task_ids=ti.task_id, map_indexes=ti.map_index))
