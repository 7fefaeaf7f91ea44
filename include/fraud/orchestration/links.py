"""The stock SageMaker operators with a link to their job: its description, outputs and log on the monitor's pages.

A link is a class attribute of its operator, so each gets a class here; nothing else is changed.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerProcessingOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
    SageMakerTuningOperator,
)
from airflow.sdk import BaseOperatorLink

__all__ = ["JobLink", "Processing", "Training", "Transform", "Tuning"]

_NAMES = {
    "ProcessingJobName": "processing",
    "TrainingJobName": "training",
    "TransformJobName": "transform",
    "HyperParameterTuningJobName": "tuning",
}
"""Kind of job by the field that names it."""


class JobLink(BaseOperatorLink):
    """Leads to the job of a task, relative to Airflow's own address: the same locally and on AWS."""

    name = "Job"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the link; the task's end calls this, where the configuration is the one that was sent."""
        config = operator.config if isinstance(operator.config, dict) else {}
        config = config.get("Transform", config)
        return next((f"fraud/jobs/{kind}/{config[field]}" for field, kind in _NAMES.items() if field in config), "")


class Processing(SageMakerProcessingOperator):
    """A processing job."""

    operator_extra_links = (JobLink(),)


class Training(SageMakerTrainingOperator):
    """A training job."""

    operator_extra_links = (JobLink(),)


class Transform(SageMakerTransformOperator):
    """A model and a batch transform by it."""

    operator_extra_links = (*SageMakerTransformOperator.operator_extra_links, JobLink())


class Tuning(SageMakerTuningOperator):
    """A hyperparameter tuning job."""

    operator_extra_links = (JobLink(),)
