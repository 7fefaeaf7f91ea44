"""Training jobs."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping

from local_aws.objects import Missing, parse_uri, put_file
from local_aws.sagemaker.container import Container
from local_aws.sagemaker.data import download, pack
from local_aws.sagemaker.errors import JobFailed, RequestRefused
from local_aws.sagemaker.images import find_image
from local_aws.sagemaker.names import arn
from local_aws.sagemaker.records import Document
from local_aws.sagemaker.runner import Job

__all__ = ["check_training", "run_training"]


def check_training(request: Document) -> None:
    """Refuse what a training job cannot be, here or on AWS.

    Raises
    ------
    RequestRefused
        Naming the channel or field.
    """
    specification = request["AlgorithmSpecification"]
    if "TrainingImage" not in specification:
        raise RequestRefused("ValidationException", "The local AWS needs AlgorithmSpecification.TrainingImage")
    if "ContainerEntrypoint" in specification or "ContainerArguments" in specification:
        raise RequestRefused("ValidationException", "The local AWS runs an image's own train command only")
    if request.get("ResourceConfig", {}).get("InstanceCount", 1) != 1:
        raise RequestRefused("ValidationException", "The local AWS runs training jobs on one instance")
    for channel in request.get("InputDataConfig", []):
        if "S3DataSource" not in channel["DataSource"]:
            message = f"The local AWS takes channel {channel['ChannelName']!r} only from an S3DataSource"
            raise RequestRefused("ValidationException", message)
        mode = channel.get("InputMode", specification["TrainingInputMode"])
        if mode != "File" or channel.get("CompressionType", "None") != "None":
            message = f"The local AWS takes channel {channel['ChannelName']!r} only in File mode and uncompressed"
            raise RequestRefused("ValidationException", message)
    for definition in specification.get("MetricDefinitions", []):
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            message = f"Regex of metric {definition['Name']!r} is none: {error}"
            raise RequestRefused("ValidationException", message) from None


class Metrics:
    """The last value of each metric that the output shows."""

    def __init__(self, expressions: Mapping[str, str]) -> None:
        self._expressions = {name: re.compile(text) for name, text in expressions.items()}
        self._values: dict[str, tuple[float, float]] = {}

    def read(self, lines: list[str]) -> None:
        """Look for metrics in some lines of output."""
        for line in lines:
            for name, expression in self._expressions.items():
                found = expression.search(line)
                if found is None:
                    continue
                try:
                    self._values[name] = float(found.group(1)), time.time()
                except (ValueError, IndexError):
                    continue  # what is no number is no metric

    def final(self) -> list[Document]:
        """Return FinalMetricDataList."""
        return [
            {"MetricName": name, "Value": value, "Timestamp": moment}
            for name, (value, moment) in sorted(self._values.items())
        ]


def run_training(job: Job) -> Document:
    """Download the channels, run ``train``, upload the model.

    Raises
    ------
    JobFailed
        With the container's own reason, if it left one.
    JobStopped
        When it was stopped.
    """
    request = job.request
    image = find_image(request["AlgorithmSpecification"]["TrainingImage"], job.images)
    if image.train is None:
        raise JobFailed("ClientError: The image has no train command")
    job.change(SecondaryStatus="Downloading")
    channels = request.get("InputDataConfig", [])
    for channel in channels:
        job.checkpoint()
        source = channel["DataSource"]["S3DataSource"]
        download(source["S3Uri"], source["S3DataType"], job.ml / "input" / "data" / channel["ChannelName"])
    _write_configuration(job)
    job.change(SecondaryStatus="Training")
    definitions = request["AlgorithmSpecification"].get("MetricDefinitions", [])
    metrics = Metrics({**image.metrics, **{entry["Name"]: entry["Regex"] for entry in definitions}})

    def on_lines(lines: list[str]) -> None:
        job.log.append(lines)
        metrics.read(lines)

    base = "/opt/ml" if job.host.private_ml else str(job.ml)
    environment = {**_variables(job, base), **image.environment, **request.get("Environment", {})}
    began = time.time()
    container = Container(
        job.host,
        job.work,
        image.train,
        environment=environment,
        search_path=image.search_path,
        region=job.region,
        on_lines=on_lines,
    )
    code = container.wait(job.stop, job.deadline)
    if code != 0:
        failure = job.ml / "output" / "failure"
        reason = failure.read_text("utf-8", "replace").strip() if failure.exists() else ""
        raise JobFailed(f"AlgorithmError: {reason or 'See job logs for more information'}, exit code: {code}")
    job.change(SecondaryStatus="Uploading")
    seconds = max(1, round(time.time() - began))
    return {
        "ModelArtifacts": {"S3ModelArtifacts": _upload(job)},
        "FinalMetricDataList": metrics.final(),
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": seconds,
    }


def _write_configuration(job: Job) -> None:
    request, config = job.request, job.ml / "input" / "config"
    for folder in (config, job.ml / "model", job.ml / "output" / "data", job.ml / "code"):
        folder.mkdir(parents=True, exist_ok=True)
    channels = {
        channel["ChannelName"]: {
            "TrainingInputMode": "File",
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in request.get("InputDataConfig", [])
    }
    for name, content in {
        "hyperparameters": request.get("HyperParameters", {}),
        "inputdataconfig": channels,
        "resourceconfig": {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"},
    }.items():
        (config / f"{name}.json").write_text(json.dumps(content))


def _variables(job: Job, base: str) -> dict[str, str]:
    """Return what SageMaker and its training toolkit set."""
    channels = [channel["ChannelName"] for channel in job.request.get("InputDataConfig", [])]
    hyperparameters = job.request.get("HyperParameters", {})
    return {
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": arn(job.region, job.kind.segment, job.name),
        "SM_MODEL_DIR": f"{base}/model",
        "SM_INPUT_DIR": f"{base}/input",
        "SM_INPUT_CONFIG_DIR": f"{base}/input/config",
        "SM_OUTPUT_DIR": f"{base}/output",
        "SM_OUTPUT_DATA_DIR": f"{base}/output/data",
        "SM_CHANNELS": json.dumps(sorted(channels)),
        **{f"SM_CHANNEL_{name.upper()}": f"{base}/input/data/{name}" for name in channels},
        "SM_HPS": json.dumps(hyperparameters),
        **{f"SM_HP_{name.upper()}": value for name, value in hyperparameters.items()},
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "SM_NUM_CPUS": str(os.cpu_count()),
        "SM_NUM_GPUS": "0",
    }


def _upload(job: Job) -> str:
    """Store the model, and the other output if there is any; return the model's URI."""
    folder = f"{job.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
    produced = {"model": job.ml / "model"}
    if any((job.ml / "output" / "data").iterdir()):
        produced["output"] = job.ml / "output" / "data"
    for name, content in produced.items():
        archive = job.work / f"{name}.tar.gz"
        pack(content, archive)
        try:
            bucket, key = parse_uri(f"{folder}/{name}.tar.gz")
            put_file(bucket, key, archive)
        except (Missing, ValueError) as error:
            raise JobFailed(f"ClientError: Failed to upload artifacts to {folder}: {error}") from None
    return f"{folder}/model.tar.gz"
