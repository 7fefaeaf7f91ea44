"""Plans of a training run: what is unloaded, trained and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fraud import layout, warehouse
from fraud.days import days_between
from fraud.errors import MissingInputError
from fraud.features.catalogue import feature_names
from fraud.models.candidates import CANDIDATES
from fraud.orchestration import jobs, manifests
from fraud.orchestration.drift import loss_before
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package, champion_of
from fraud.orchestration.tuning import TUNED, spans, tuned_hyperparameters
from fraud.settings import Settings

__all__ = ["plan_candidates", "plan_evaluation", "read_candidates", "unload_training"]

Training = Mapping[str, Any]

_HASH_RANGE = 2**32  # range of the customer hash in queries/training_set.sql


def unload_training(settings: Settings, objects: Objects, training: Training) -> list[str]:
    """Return the SQL that unloads what the candidates are trained and tuned on, and what they are compared on.

    Raises
    ------
    MissingInputError
        When features of a day of the window, or raw days up to ``as_of``, are missing.
    """
    start, end, as_of = (date.fromisoformat(training[name]) for name in ("start", "end", "as_of"))
    days = days_between(start, end)
    manifests.read_days(objects, "features", days, f"training as of {as_of}")
    manifests.read_days(objects, "transactions", [as_of - manifests.ONE_DAY], f"training as of {as_of}")
    folder = settings.layout.uri(layout.training(training["run"]))

    def unload(query: str, first: date, last: date, into: str, file_format: str) -> str:
        select = warehouse.query(
            query,
            start=first,
            end=last,
            features=feature_names(settings.feature_version),
            features_table=warehouse.features_table(settings.feature_version),
            known_labels=warehouse.query("known_labels", as_of=as_of, start=first, end=last),
            holdout_threshold=_HASH_RANGE * settings.training.holdout_percent // 100,
        )
        return warehouse.unload(select, f"{folder}{into}/", file_format)

    tuning = spans(settings, start, end) if training["tune"] else {}
    return [
        unload("training_set", start, end, "train", "csv"),
        unload("holdout_set", start, end, "holdout", "parquet"),
        *(unload("training_set", *days, f"tuning/{channel}", "csv") for channel, days in tuning.items()),
    ]


def plan_candidates(
    settings: Settings,
    objects: Objects,
    training: Training,
    tuned: Sequence[Mapping[str, Any]],
    attempt: int,
) -> list[dict[str, Any]]:
    """Plan one training job a candidate, and one more for each that was tuned; keep which job is what.

    Parameters
    ----------
    settings, objects, training
        The deployment and the request.
    tuned
        The tuning jobs as SageMaker describes them, in the order of ``training["tune"]``.
    attempt
        Number of the try.

    Raises
    ------
    MissingInputError
        When a tuning job did not complete.
    """
    folder = layout.training(training["run"])
    images = {"own": settings.image, "builtin_xgboost": settings.xgboost_image}
    wanted = [(name, name, hyperparameters) for name, hyperparameters in training["candidates"].items()]
    wanted += [
        (f"{name}{TUNED}", name, tuned_hyperparameters(training, name, described))
        for name, described in zip(training["tune"], tuned, strict=True)
    ]
    chosen = [
        {"name": name, "candidate": candidate, "image": images[CANDIDATES[candidate].image]}
        for name, candidate, _ in wanted
    ]
    objects.write_json(f"{folder}candidates.json", chosen)
    uri = settings.layout.uri
    return [
        jobs.training_job(
            settings,
            jobs.job_name(settings, f"train-{one['name']}-{training['as_of']}", training["run"], attempt),
            one["image"],
            hyperparameters,
            uri(f"{folder}train/"),
            uri(f"{folder}models/{one['name']}/"),
            jobs.labels(training["run"], training["as_of"]),
        )
        for one, (*_, hyperparameters) in zip(chosen, wanted, strict=True)
    ]


def read_candidates(objects: Objects, run: str) -> list[dict[str, str]]:
    """Return ``name``, ``candidate`` and ``image`` of what a run trains, in the order of its jobs.

    Raises
    ------
    MissingInputError
        When the training jobs were never planned.
    """
    key = f"{layout.training(run)}candidates.json"
    found: list[dict[str, str]] | None = objects.read_json(key)
    if found is None:
        raise MissingInputError(f"{key} is missing; clear plan_candidates to write it again")
    return found


def plan_evaluation(
    settings: Settings,
    objects: Objects,
    packages: Sequence[Package],
    training: Training,
    trained: Sequence[Mapping[str, Any]],
    attempt: int,
) -> dict[str, Any]:
    """Plan the job that compares the candidates with each other and with the champion on the held-out customers."""
    folder = layout.training(training["run"])
    uri = settings.layout.uri
    names = [one["name"] for one in read_candidates(objects, training["run"])]
    artefacts = dict(zip(names, (_artefact(job) for job in trained), strict=True))
    as_of = date.fromisoformat(training["as_of"])
    champion = _champion(packages, as_of)
    request = {
        **training,
        "candidates": list(artefacts),
        "artefacts": artefacts,
        "feature_version": settings.feature_version,
        "rule": settings.promotion.model_dump(),
        "alert_budget": settings.alert_budget,
        "holdout_percent": settings.training.holdout_percent,
        "label_delay_days": settings.label_delay_days,
        "compromised_days": settings.compromised_days,
        "investigation_cost": settings.investigation_cost,
        "seed": settings.training.seed,
        "champion_version": champion.version if champion else None,
        "loss": training["kind"] == "manual" or loss_before(objects, as_of) is not None,
        "days": [training["start"], training["end"]],
    }
    objects.write_json(f"{folder}request/request.json", request)
    inputs = [
        jobs.Input("request", uri(f"{folder}request/")),
        jobs.Input("holdout", uri(f"{folder}holdout/")),
        *(jobs.Input(f"candidates/{name}", artefact) for name, artefact in artefacts.items()),
    ]
    if champion:
        inputs.append(jobs.Input("champion", champion.model_data))
    return jobs.processing_job(
        settings,
        jobs.job_name(settings, f"evaluate-{training['as_of']}", training["run"], attempt),
        ["evaluate"],
        inputs,
        {"evaluation": uri(f"{folder}evaluation/"), "reference": uri(f"{folder}reference/")},
        jobs.labels(training["run"], training["as_of"]),
    )


def _artefact(job: Mapping[str, Any]) -> str:
    described = job["Training"]
    if described["TrainingJobStatus"] != "Completed":  # the operator counts a stopped job as success
        raise MissingInputError(
            f"training job {described['TrainingJobName']} is {described['TrainingJobStatus']} and left no model; "
            "clear train_candidate to train it again"
        )
    return str(described["ModelArtifacts"]["S3ModelArtifacts"])


def _champion(packages: Sequence[Package], day: date) -> Package | None:
    try:
        return champion_of(day, packages)
    except MissingInputError:
        return None
