"""A SageMaker job as plain text: where it is, what it read and wrote, why it failed, the end of its log."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
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
        lines = [f"{kind.capitalize()} job {name}", "", json.dumps(described, indent=2, default=str, sort_keys=True)]
        if group:
            lines += ["", f"Log, last {LAST_LINES} lines", "", *self._log(group, name)]
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
