"""Tuning of a training run's candidates: search on the window's first days, compare on its last ones.

Nobody's held-out customer takes part, so the comparison with the champion stays honest; the best setting is trained
again on the whole window and joins the candidates as ``<candidate>_tuned``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from fraud import layout
from fraud.errors import MissingInputError
from fraud.models.candidates import CANDIDATES, tuning_ranges
from fraud.orchestration import jobs
from fraud.settings import Settings

__all__ = ["TUNED", "check_window", "describe", "plan_tuning", "spans", "tuned_hyperparameters"]

TUNED = "_tuned"
"""What the name of a tuned candidate ends with."""

_TUNING_NAME = 32  # characters that SageMaker allows the name of a tuning job
_MIN_TRAIN_DAYS = 7
_OWN_METRIC = "validation:average_precision"
_OWN_REGEX = r"validation:average_precision=([0-9.]+)"


def spans(settings: Settings, start: date, end: date) -> dict[str, tuple[date, date]]:
    """Return first and last day of what tuning trains on and what it compares on.

    Between the two lies the label delay, as it does between training and scoring in earnest (handbook, chapter 5).
    """
    compared = end - timedelta(days=settings.training.tuning_days - 1)
    return {
        "train": (start, compared - timedelta(days=1 + settings.label_delay_days)),
        "validation": (compared, end),
    }


def check_window(settings: Settings, start: date, end: date) -> None:
    """Refuse a window that leaves less than a week to train on.

    Raises
    ------
    MissingInputError
        Saying how many days it takes.
    """
    least = _MIN_TRAIN_DAYS + settings.label_delay_days + settings.training.tuning_days
    days = (end - start).days + 1
    if days < least:
        raise MissingInputError(
            f"tuning splits the window and needs {least} labelled days, {start} to {end} are {days}; "
            "choose a longer window or a later as_of, or leave tune empty"
        )


def plan_tuning(settings: Settings, training: Mapping[str, Any], attempt: int) -> list[dict[str, Any]]:
    """Plan one tuning job a candidate that is to be tuned."""
    folder = settings.layout.uri(layout.training(training["run"]))
    return [_tuning_job(settings, training, folder, name, attempt) for name in training["tune"]]


def describe(planned: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what SageMaker says of the planned tuning jobs."""
    from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook

    hook = SageMakerHook()
    return [hook.describe_tuning_job(one["HyperParameterTuningJobName"]) for one in planned]


def tuned_hyperparameters(training: Mapping[str, Any], name: str, described: Mapping[str, Any]) -> dict[str, str]:
    """Return the hyperparameters of a candidate with the best that its tuning job found.

    Raises
    ------
    MissingInputError
        When the job did not complete: a stopped one counts as success to the operator.
    """
    status, job = described["HyperParameterTuningJobStatus"], described["HyperParameterTuningJobName"]
    if status != "Completed" or "BestTrainingJob" not in described:
        raise MissingInputError(
            f"tuning job {job} of {name} is {status}: {described.get('FailureReason') or 'it names no best job'}; "
            "clear plan_tuning to search again"
        )
    return {**training["candidates"][name], **described["BestTrainingJob"]["TunedHyperParameters"]}


def _tuning_job(
    settings: Settings, training: Mapping[str, Any], folder: str, name: str, attempt: int
) -> dict[str, Any]:
    ranges = tuning_ranges(name)
    searched = {one["Name"] for listed in ranges.values() for one in listed}
    own = CANDIDATES[name].image == "own"
    # AWS knows the metrics of its own algorithm, and refuses definitions of them.
    metrics = {"MetricDefinitions": [{"Name": _OWN_METRIC, "Regex": _OWN_REGEX}]} if own else {}
    job = jobs.training_job(
        settings,
        "",
        settings.image if own else settings.xgboost_image,
        {key: value for key, value in training["candidates"][name].items() if key not in searched},
        f"{folder}tuning/train/",
        f"{folder}tuning/models/{name}/",
        jobs.labels(training["run"], training["as_of"]),
    )
    validation = {
        **job["InputDataConfig"][0],
        "ChannelName": "validation",
        "DataSource": {
            "S3DataSource": {
                **job["InputDataConfig"][0]["DataSource"]["S3DataSource"],
                "S3Uri": f"{folder}tuning/validation/",
            }
        },
    }
    return {
        "HyperParameterTuningJobName": jobs.job_name(settings, name, training["run"], attempt, _TUNING_NAME),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {
                "Type": "Maximize",
                "MetricName": _OWN_METRIC if own else "validation:aucpr",
            },
            "ResourceLimits": {
                "MaxNumberOfTrainingJobs": settings.training.tuning_jobs,
                "MaxParallelTrainingJobs": min(settings.training.tuning_parallel, settings.training.tuning_jobs),
            },
            "ParameterRanges": {kind: listed for kind, listed in ranges.items() if listed},
            "RandomSeed": settings.training.seed,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": job["HyperParameters"],
            "AlgorithmSpecification": {**job["AlgorithmSpecification"], **metrics},
            "InputDataConfig": [*job["InputDataConfig"], validation],
            **{key: job[key] for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")},
        },
        "Tags": job["Tags"],
    }
