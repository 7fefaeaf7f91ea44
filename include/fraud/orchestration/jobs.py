"""SageMaker job configurations, whole: what comes from XCom is not templated any more."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fraud.settings import Settings

__all__ = ["Input", "job_name", "labels", "processing_job", "training_job", "transform_job"]

_VOLUME_GB = 30
_MAX_NAME = 63


@dataclass(frozen=True, slots=True)
class Input:
    """An input folder of a processing job: one object, everything below a prefix, or what a manifest lists."""

    name: str
    uri: str
    manifest: bool = False


def job_name(settings: Settings, what: str, run_id: str, attempt: int, longest: int = _MAX_NAME) -> str:
    """Return a name that says what the job does and is unique per run and attempt, in SageMaker's 63 characters."""
    suffix = f"{hashlib.sha256(run_id.encode()).hexdigest()[:8]}-{attempt}"
    return f"{settings.environment}-{what}"[: longest - len(suffix) - 1].replace("_", "-") + f"-{suffix}"


def labels(run: str, first: str, last: str = "") -> dict[str, str]:
    """Return the variables that tell a job which run and days it works for: they stand on each line of its log."""
    return {"FRAUD_RUN": run, "FRAUD_DAY": first if last in ("", first) else f"{first}/{last}"}


def _cluster(instance: str) -> dict[str, Any]:
    return {"InstanceCount": 1, "InstanceType": instance, "VolumeSizeInGB": _VOLUME_GB}


def processing_job(
    settings: Settings,
    name: str,
    arguments: Sequence[str],
    inputs: Sequence[Input],
    outputs: Mapping[str, str],
    labelled: Mapping[str, str],
    max_seconds: int = 3600,
) -> dict[str, Any]:
    """Return the configuration of a processing job of the project's image.

    Parameters
    ----------
    settings
        The deployment.
    name
        The job's name.
    arguments
        Step and arguments of ``fraud.containers.process``.
    inputs
        Folders below ``/opt/ml/processing/input``.
    outputs
        ``s3://`` URI by folder below ``/opt/ml/processing/output``, uploaded when the job has succeeded.
    labelled
        :func:`labels`.
    max_seconds
        The job is stopped after this long.
    """
    return {
        "ProcessingJobName": name,
        "RoleArn": settings.role_arn,
        "Environment": dict(labelled),
        "AppSpecification": {
            "ImageUri": settings.image,
            "ContainerEntrypoint": ["python", "-m", "fraud.containers.process"],
            "ContainerArguments": list(arguments),
        },
        "ProcessingInputs": [
            {
                "InputName": item.name.replace("/", "-").replace("=", "-"),
                "S3Input": {
                    "S3Uri": item.uri,
                    "LocalPath": f"/opt/ml/processing/input/{item.name}",
                    "S3DataType": "ManifestFile" if item.manifest else "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for item in inputs
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": output,
                    "S3Output": {
                        "S3Uri": uri,
                        "LocalPath": f"/opt/ml/processing/output/{output}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for output, uri in outputs.items()
            ]
        },
        "ProcessingResources": {"ClusterConfig": _cluster(settings.processing_instance)},
        "StoppingCondition": {"MaxRuntimeInSeconds": max_seconds},
        "Tags": [{"Key": "environment", "Value": settings.environment}],
    }


def training_job(
    settings: Settings,
    name: str,
    image: str,
    hyperparameters: Mapping[str, str],
    train_uri: str,
    output_uri: str,
    labelled: Mapping[str, str],
    max_seconds: int = 3600,
) -> dict[str, Any]:
    """Return the configuration of a training job on CSV data."""
    return {
        "TrainingJobName": name,
        "RoleArn": settings.role_arn,
        "Environment": dict(labelled),
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": dict(hyperparameters),
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "ContentType": "text/csv",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": train_uri,
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": output_uri},
        "ResourceConfig": _cluster(settings.training_instance),
        "StoppingCondition": {"MaxRuntimeInSeconds": max_seconds},
        "Tags": [{"Key": "environment", "Value": settings.environment}],
    }


def transform_job(
    settings: Settings,
    name: str,
    model_package_arn: str,
    input_manifest_uri: str,
    output_uri: str,
    labelled: Mapping[str, str],
) -> dict[str, Any]:
    """Return model and transform of a batch transform: the id stays beside the score and never reaches the model."""
    return {
        "Model": {
            "ModelName": name,
            "ExecutionRoleArn": settings.role_arn,
            "Containers": [{"ModelPackageName": model_package_arn}],
        },
        "Transform": {
            "TransformJobName": name,
            "ModelName": name,
            "Environment": dict(labelled),
            "BatchStrategy": "MultiRecord",
            "MaxPayloadInMB": 6,
            "TransformInput": {
                "ContentType": "text/csv",
                "SplitType": "Line",
                "DataSource": {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": input_manifest_uri}},
            },
            "TransformOutput": {"S3OutputPath": output_uri, "AssembleWith": "Line", "Accept": "text/csv"},
            "TransformResources": {"InstanceCount": 1, "InstanceType": settings.transform_instance},
            "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
            "Tags": [{"Key": "environment", "Value": settings.environment}],
        },
    }
