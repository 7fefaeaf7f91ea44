"""A SageMaker job as plain text: where it is, what it read and wrote, why it failed, the end of its log."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from fraud_monitor.storage import StorageError

KINDS = {
    "processing": ("ProcessingJobName", "describe_processing_job", "/aws/sagemaker/ProcessingJobs"),
    "training": ("TrainingJobName", "describe_training_job", "/aws/sagemaker/TrainingJobs"),
    "transform": ("TransformJobName", "describe_transform_job", "/aws/sagemaker/TransformJobs"),
    "tuning": ("HyperParameterTuningJobName", "describe_hyper_parameter_tuning_job", ""),
}
"""Field of the name, operation that describes, and log group (a tuning job has none) by kind of job."""

LAST_LINES = 500
_TIMES = ("Processing", "Training", "Transform", "HyperParameterTuning")
_READS = ("ProcessingInputs", "InputDataConfig", "TransformInput")
_WRITES = ("ProcessingOutputConfig", "OutputDataConfig", "ModelArtifacts", "TransformOutput")
_NOT_THERE = ("ValidationException", "ResourceNotFound", "ResourceNotFoundException")


class Jobs:
    """The deployment's jobs: those whose names begin with its environment."""

    def __init__(self, environment: str) -> None:
        self.prefix = f"{environment}-"
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> Jobs:
        """Read the environment's name, the variable that the DAGs read too."""
        return cls(os.environ.get("FRAUD_ENVIRONMENT", "local"))

    def text(self, kind: str, name: str) -> str | None:
        """Return what there is to say about a job, or None when the deployment has no such job.

        Raises
        ------
        StorageError
            When SageMaker or its logs cannot be read.
        """
        if kind not in KINDS or not name.startswith(self.prefix):
            return None
        field, operation, group = KINDS[kind]
        try:
            described = getattr(self._client("sagemaker"), operation)(**{field: name})
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_THERE:
                return None
            raise StorageError(f"Job {name} cannot be described: {error}") from None
        except BotoCoreError as error:
            raise StorageError(f"Job {name} cannot be described: {error}") from None
        described.pop("ResponseMetadata", None)
        lines = [f"{kind.capitalize()} job {name}", "", *_in_short(described)]
        if group:
            lines += ["", f"Log, last {LAST_LINES} lines", "", *self._log(group, name)]
        lines += ["", "All that SageMaker says", "", json.dumps(described, indent=2, default=str, sort_keys=True)]
        return "\n".join(lines) + "\n"

    def _log(self, group: str, name: str) -> Iterator[str]:
        logs = self._client("logs")
        try:
            streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
            for stream in streams:
                answer = logs.get_log_events(
                    logGroupName=group, logStreamName=stream["logStreamName"], limit=LAST_LINES, startFromHead=False
                )
                yield from (event["message"] for event in answer["events"])
        except (ClientError, BotoCoreError) as error:
            yield f"The log cannot be read: {error}"

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(service)
            return self._clients[service]


def _in_short(described: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a person looks for first: how it ended, when, why, what it read and wrote."""
    status = next((value for name, value in described.items() if name.endswith("JobStatus")), "unknown")
    start, end = (_first(described, [f"{kind}{which}Time" for kind in _TIMES]) for which in ("Start", "End"))
    yield f"Status   {status}" + (f", {(end - start).total_seconds():.0f} s" if start and end else "")
    if start:
        yield f"Started  {start:%Y-%m-%d %H:%M:%S} UTC"
    why = _first(described, ("FailureReason", "ExitMessage"))
    if why:
        yield f"Why      {why}"
    for label, names in (("Reads", _READS), ("Writes", _WRITES)):
        for uri in sorted(set(_uris({name: described[name] for name in names if name in described}))):
            yield f"{label:8} {uri}"


def _first(described: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((described[name] for name in names if described.get(name)), None)


def _uris(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("s3://"):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _uris(one)
