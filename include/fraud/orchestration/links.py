"""The stock SageMaker operators with a link to their job and a proper ending (``fraud.orchestration.endings``).

A link, to the job's description, outputs and log on the monitor's pages, is a class attribute of its operator, so each
gets a class here.
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

from fraud.orchestration.endings import EndsItsJob

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


class Processing(EndsItsJob, SageMakerProcessingOperator):
    """A processing job."""

    job_kind = "Processing"
    operator_extra_links = (JobLink(),)


class Training(EndsItsJob, SageMakerTrainingOperator):
    """A training job."""

    job_kind = "Training"
    operator_extra_links = (JobLink(),)


class Transform(EndsItsJob, SageMakerTransformOperator):
    """A model and a batch transform by it."""

    job_kind = "Transform"
    operator_extra_links = (*SageMakerTransformOperator.operator_extra_links, JobLink())


class Tuning(EndsItsJob, SageMakerTuningOperator):
    """A hyperparameter tuning job."""

    job_kind = "HyperParameterTuning"
    operator_extra_links = (JobLink(),)
