"""Requests for jobs, short; and what became of them."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import psutil

from local_stack import ROLE, TESTS, LocalStack, wait_until

TOY = {"TOY": str(TESTS / "local_aws" / "toy.py")}
_counter = itertools.count()


def unique(word: str) -> str:
    """Return a name not used before in this run."""
    return f"{word}-{next(_counter)}"


def bucket(stack: LocalStack) -> str:
    """Make a bucket of a test's own."""
    name = unique("bucket")
    stack.client("s3").create_bucket(Bucket=name)
    return name


def put(stack: LocalStack, where: str, **objects: str | bytes) -> None:
    """Store objects below ``bucket/prefix``; ``__`` in a name stands for a slash."""
    name, _, prefix = where.partition("/")
    for key, body in objects.items():
        stack.client("s3").put_object(Bucket=name, Key=f"{prefix}{key.replace('__', '/')}", Body=body)


def read(stack: LocalStack, uri: str) -> bytes:
    """Return an object's body."""
    name, _, key = uri.removeprefix("s3://").partition("/")
    return stack.client("s3").get_object(Bucket=name, Key=key)["Body"].read()


def keys(stack: LocalStack, name: str, prefix: str = "") -> list[str]:
    """Return the keys of a bucket."""
    return [o["Key"] for o in stack.client("s3").list_objects_v2(Bucket=name, Prefix=prefix).get("Contents", [])]


def process(
    stack: LocalStack,
    code: str,
    inputs: dict[str, tuple[str, str]] | None = None,
    outputs: dict[str, str] | None = None,
    **extra: Any,
) -> str:
    """Start a processing job that runs Python code; inputs are URI and data type, outputs URIs, by name."""
    name = extra.pop("ProcessingJobName", unique("process"))
    # SageMaker takes no more than 256 characters an argument, all on one line.
    script = stack.state_dir.parent / f"{name}.py"
    script.write_text(code)
    stack.client("sagemaker").create_processing_job(
        ProcessingJobName=name,
        RoleArn=ROLE,
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 10}
        },
        AppSpecification={
            "ImageUri": extra.pop("image", "fraud:latest"),
            "ContainerEntrypoint": ["python"],
            "ContainerArguments": [str(script)],
        },
        ProcessingInputs=[
            {
                "InputName": key,
                "S3Input": {
                    "S3Uri": uri,
                    "S3DataType": kind,
                    "LocalPath": f"/opt/ml/processing/input/{key}",
                    "S3InputMode": "File",
                },
            }
            for key, (uri, kind) in (inputs or {}).items()
        ],
        ProcessingOutputConfig={
            "Outputs": [
                {
                    "OutputName": key,
                    "S3Output": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/output/{key}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for key, uri in (outputs or {}).items()
            ]
        },
        **extra,
    )
    return name


def training_request(name: str, where: str, image: str = "toy:1", **extra: Any) -> dict[str, Any]:
    """Return a request to train on ``s3://<where>/train/``."""
    hyperparameters = {key: str(value) for key, value in extra.pop("hyperparameters", {}).items()}
    channels = extra.pop("channels", {"train": f"s3://{where}/train/"})
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": image,
            "TrainingInputMode": "File",
            **({"MetricDefinitions": extra.pop("metrics")} if "metrics" in extra else {}),
        },
        "HyperParameters": hyperparameters,
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "ContentType": "text/csv",
                "DataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix"}},
            }
            for channel, uri in channels.items()
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{where}/models/"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "Environment": TOY,
        **extra,
    }


def train(stack: LocalStack, where: str, **extra: Any) -> dict[str, Any]:
    """Run a training job and return its description."""
    name = unique("train")
    stack.client("sagemaker").create_training_job(**training_request(name, where, **extra))
    return ended(stack, "training", name)


def ended(stack: LocalStack, kind: str, name: str) -> dict[str, Any]:
    """Wait for a job's end and return its description."""
    describe = getattr(stack.client("sagemaker"), f"describe_{kind}_job")
    noun = kind.capitalize()

    def final() -> dict[str, Any] | None:
        description = describe(**{f"{noun}JobName": name})
        return description if description[f"{noun}JobStatus"] in ("Completed", "Failed", "Stopped") else None

    return wait_until(final)


def log_of(stack: LocalStack, kind: str, name: str) -> list[str]:
    """Return the lines of a job's log."""
    logs, group = stack.client("logs"), f"/aws/sagemaker/{kind.capitalize()}Jobs"
    try:
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    events = [
        logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)["events"]
        for stream in streams
    ]
    return [event["message"] for stream in events for event in stream]


def processes_of(name: str) -> list[psutil.Process]:
    """Return the live processes whose environment names a job."""
    found = []
    for process_ in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process_.environ().get("PROCESSING_JOB_NAME") == name and process_.status() != psutil.STATUS_ZOMBIE:
                found.append(process_)
    return found
