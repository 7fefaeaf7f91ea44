"""SageMaker whose jobs run: each as the processes of its container's real entry point, with its data from S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from local_aws.database import Database
from local_aws.sagemaker.api import SageMaker
from local_aws.sagemaker.container import Host
from local_aws.sagemaker.images import Image
from local_aws.sagemaker.processing import run_processing
from local_aws.sagemaker.records import Document, Records
from local_aws.sagemaker.registry import Registry
from local_aws.sagemaker.runner import Job, Runner
from local_aws.sagemaker.training import run_training
from local_aws.sagemaker.transform import run_transform
from local_aws.services import Keeper

__all__ = ["build"]


def build(
    database: Database, *, keeper: Keeper, state_dir: Path, host: Host, images: tuple[Image, ...], limit: int
) -> tuple[SageMaker, Runner]:
    """Put the service together; what a dead server left is ended.

    Parameters
    ----------
    database, keeper
        Where records and logs are kept.
    state_dir
        Folder of the server's state; jobs work below ``jobs``.
    host, images
        The machine, and what it knows of images.
    limit
        How many jobs run at once.
    """
    records = Records(database)
    registry = Registry(records)
    work_of: dict[str, Callable[[Job], Document]] = {
        "training-job": run_training,
        "processing-job": run_processing,
        "transform-job": lambda job: run_transform(job, registry),
    }
    runner = Runner(
        records, keeper=keeper, work=state_dir / "jobs", host=host, images=images, limit=limit, work_of=work_of
    )
    runner.recover()
    return SageMaker(records, registry, runner), runner
