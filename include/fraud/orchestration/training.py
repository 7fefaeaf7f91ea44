"""Plans of a training run: what is unloaded, trained, compared, registered."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import fraud
from fraud import layout, warehouse
from fraud.errors import MissingInputError
from fraud.features.catalogue import feature_names
from fraud.models.candidates import CANDIDATES
from fraud.orchestration import jobs, manifests
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package, champion_of, register
from fraud.orchestration.requests import read_world
from fraud.settings import Settings

__all__ = ["load_verdict", "plan_candidates", "plan_evaluation", "register_best", "unload_training"]

Training = Mapping[str, Any]

_HASH_RANGE = 2**32  # range of the customer hash in queries/training_set.sql


def unload_training(settings: Settings, objects: Objects, training: Training) -> list[str]:
    """Return the SQL that unloads what the candidates are trained on and what they are compared on.

    Raises
    ------
    MissingInputError
        When features of a day of the window, or raw days up to ``as_of``, are missing.
    """
    start, end, as_of = (date.fromisoformat(training[name]) for name in ("start", "end", "as_of"))
    days = manifests.days_between(start, end)
    manifests.read_days(objects, "features", days, f"training as of {as_of}")
    manifests.read_days(objects, "transactions", [as_of - manifests.ONE_DAY], f"training as of {as_of}")
    values: dict[str, Any] = {
        "start": start,
        "end": end,
        "features": feature_names(settings.feature_version),
        "known_labels": warehouse.query("known_labels", as_of=as_of, start=start, end=end),
        "holdout_threshold": _HASH_RANGE * settings.training.holdout_percent // 100,
    }
    folder = settings.layout.uri(layout.training(training["run"]))
    return [
        warehouse.unload(warehouse.query("training_set", **values), f"{folder}train/", "csv"),
        warehouse.unload(warehouse.query("holdout_set", **values), f"{folder}holdout/", "parquet"),
    ]


def plan_candidates(settings: Settings, training: Training, attempt: int) -> list[dict[str, Any]]:
    """Plan one training job a candidate."""
    folder = settings.layout.uri(layout.training(training["run"]))
    images = {"own": settings.image, "builtin_xgboost": settings.xgboost_image}
    return [
        jobs.training_job(
            settings,
            jobs.job_name(settings, f"train-{name}-{training['as_of']}", training["run"], attempt),
            images[CANDIDATES[name].image],
            hyperparameters,
            f"{folder}train/",
            f"{folder}models/{name}/",
        )
        for name, hyperparameters in training["candidates"].items()
    ]


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
    artefacts = dict(zip(training["candidates"], (_artefact(job) for job in trained), strict=True))
    champion = _champion(packages, date.fromisoformat(training["as_of"]))
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
    )


def register_best(
    settings: Settings, objects: Objects, client: Any, training: Training, *, dag_id: str, run_id: str
) -> dict[str, Any]:
    """Register the best candidate as the verdict says: approved, or rejected and kept for the record.

    The Airflow run, by ``dag_id`` and ``run_id``, is kept for links from the monitor page.

    Returns
    -------
    dict
        The verdict with ``model_version``, as it is also kept in ``training/<run>/verdict.json``.
    """
    folder = layout.training(training["run"])
    evaluation = objects.read_json(f"{folder}evaluation/evaluation.json")
    if evaluation is None:
        raise MissingInputError(
            f"{folder}evaluation/evaluation.json is missing; clear evaluate_candidates to write it again"
        )
    request = objects.read_json(f"{folder}request/request.json")
    best, verdict = evaluation["best"], evaluation["verdict"]
    images = {"own": settings.image, "builtin_xgboost": settings.xgboost_image}
    metrics = evaluation["candidates"][best]
    package = register(
        client,
        settings,
        image=images[CANDIDATES[best].image],
        model_data=request["artefacts"][best],
        approval="Approved" if verdict["promote"] else "Rejected",
        description=verdict["reason"],
        metadata={
            "run": training["run"],
            "kind": training["kind"],
            "candidate": best,
            "as_of": training["as_of"],
            "effective_from": training["as_of"],
            "window_start": training["start"],
            "window_end": training["end"],
            "feature_version": settings.feature_version,
            "code_version": fraud.__version__,
            "world": read_world(objects).content_hash,
            "holdout_digest": str(evaluation.get("holdout_digest", "")),
            "reference_uri": settings.layout.uri(f"{folder}reference/{best}/"),
            "verdict_uri": settings.layout.uri(f"{folder}verdict.json"),
            **{name: f"{metrics[name]:.6f}" for name in ("auc_roc", "average_precision", "card_precision")},
        },
    )
    decided = {
        **evaluation,
        "run": training["run"],
        "dag_id": dag_id,
        "run_id": run_id,
        "kind": training["kind"],
        "as_of": training["as_of"],
        "champion_version": request["champion_version"],
        "model_version": package.version,
        "promoted": bool(verdict["promote"]),
    }
    objects.write_json(f"{folder}verdict.json", decided)
    return decided


def load_verdict(settings: Settings, objects: Objects, training: Training, decided: Mapping[str, Any]) -> list[str]:
    """Return the SQL that keeps one row for the run, whatever was there for it before."""
    best = decided["best"]
    metrics = decided["candidates"][best]
    row = [
        training["run"],
        training["as_of"],
        training["kind"],
        best,
        decided["model_version"],
        str(decided["promoted"]).lower(),
        training["as_of"],
        metrics["auc_roc"],
        metrics["average_precision"],
        metrics["card_precision"],
        decided["verdict"]["reason"][:1024],
    ]
    key = f"{layout.training(training['run'])}verdict.csv"
    text = io.StringIO()
    csv.writer(text).writerow(row)
    objects.write_text(key, text.getvalue(), "text/csv")
    return warehouse.load_run("verdicts", training["run"], settings.layout.uri(key))


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
