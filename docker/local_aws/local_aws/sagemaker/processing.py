"""Processing jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from local_aws.sagemaker.container import Container
from local_aws.sagemaker.data import download, upload_folder
from local_aws.sagemaker.errors import JobFailed, RequestRefused
from local_aws.sagemaker.images import find_image
from local_aws.sagemaker.names import arn
from local_aws.sagemaker.records import Document
from local_aws.sagemaker.runner import Job

__all__ = ["check_processing", "run_processing"]

ROOT = "/opt/ml/"


def check_processing(request: Document) -> None:
    """Refuse what a processing job cannot be, here or on AWS.

    Raises
    ------
    RequestRefused
        Naming the input or output.
    """
    if request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] != 1:
        raise RequestRefused("ValidationException", "The local AWS runs processing jobs on one instance")
    for entry in [*request.get("ProcessingInputs", []), *_outputs(request)]:
        place = entry.get("S3Input", entry.get("S3Output"))
        name = entry.get("InputName", entry.get("OutputName"))
        if place is None:
            raise RequestRefused("ValidationException", f"The local AWS takes {name!r} only as S3Input or S3Output")
        if not place.get("LocalPath", "").startswith(f"{ROOT}processing"):
            message = f"LocalPath of {name!r} must be below {ROOT}processing, not {place.get('LocalPath')!r}"
            raise RequestRefused("ValidationException", message)
        if place.get("S3InputMode", "File") != "File" or place.get("S3CompressionType", "None") != "None":
            message = f"The local AWS takes {name!r} only in File mode and uncompressed"
            raise RequestRefused("ValidationException", message)


def _outputs(request: Document) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    return outputs


def _local(job: Job, path: str) -> Path:
    return job.ml / path.removeprefix(ROOT)


def run_processing(job: Job) -> Document:
    """Download the inputs, run the container, upload the outputs.

    Raises
    ------
    JobFailed
        With the container's own message, if it left one.
    JobStopped
        When it was stopped.
    """
    request = job.request
    specification = request["AppSpecification"]
    image = find_image(specification["ImageUri"], job.images)
    command = [*specification.get("ContainerEntrypoint", []), *specification.get("ContainerArguments", [])]
    if not specification.get("ContainerEntrypoint"):
        raise JobFailed("ClientError: The image has no entry point of its own; give ContainerEntrypoint")
    for entry in request.get("ProcessingInputs", []):
        job.checkpoint()
        place = entry["S3Input"]
        download(place["S3Uri"], place["S3DataType"], _local(job, place["LocalPath"]))
    for entry in _outputs(request):
        _local(job, entry["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
    config = job.ml / "config"
    config.mkdir(parents=True)
    (config / "processingjobconfig.json").write_text(json.dumps(request))
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))
    (job.ml / "output").mkdir()
    environment = {
        "PROCESSING_JOB_NAME": job.name,
        "PROCESSING_JOB_ARN": arn(job.region, job.kind.segment, job.name),
        **image.environment,
        **request.get("Environment", {}),
    }
    container = Container(
        job.host,
        job.work,
        command,
        environment=environment,
        search_path=image.search_path,
        region=job.region,
        on_lines=job.log.append,
    )
    code = container.wait(job.stop, job.deadline)
    message_file = job.ml / "output" / "message"
    message = message_file.read_text("utf-8", "replace").strip() if message_file.exists() else ""
    if code != 0:
        detail = message or "See job logs for more information"
        raise JobFailed(f"AlgorithmError: {detail}, exit code: {code}", message)
    for entry in _outputs(request):
        upload_folder(_local(job, entry["S3Output"]["LocalPath"]), entry["S3Output"]["S3Uri"])
    return {"ExitMessage": message} if message else {}
