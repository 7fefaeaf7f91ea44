"""Verdicts: what becomes of a challenger, by the promotion rule, by a person's answer, or by hand.

A verdict is kept three times over: as ``training/<run>/verdict.json``, in the registry (approval and metadata of the
package), and as a row of ``fraud.verdicts``.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import fraud
from fraud import layout, warehouse
from fraud.errors import MissingInputError
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package, list_packages, package_of_run, package_of_version, register
from fraud.orchestration.requests import read_world
from fraud.orchestration.training import read_candidates
from fraud.settings import Settings

__all__ = [
    "PENDING",
    "approve",
    "conclude",
    "load_verdict",
    "question",
    "read_verdict",
    "register_best",
    "register_copy",
]

PENDING = "PendingManualApproval"

_NOT_METADATA = re.compile(r"[^A-Za-z0-9 _.:/=+\-@]")  # what SageMaker refuses in values of metadata
_LONGEST = 256
_OF_ONE_PROMOTION = ("approved_by", "refused_by", "rolled_back_from", "promoted_version")


def register_best(
    settings: Settings, objects: Objects, client: Any, training: Mapping[str, Any], *, dag_id: str, run_id: str
) -> dict[str, Any]:
    """Register the best candidate as the verdict says: approved, rejected, or pending where a person has the last word.

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
    trained = next(one for one in read_candidates(objects, training["run"]) if one["name"] == best)
    metrics = evaluation["candidates"][best]
    asks = training["approval"]
    package = register(
        client,
        settings,
        image=trained["image"],
        model_data=request["artefacts"][best],
        approval=(PENDING if asks else "Approved") if verdict["promote"] else "Rejected",
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
        "effective_from": package.effective_from,
        "champion_version": request["champion_version"],
        "model_version": package.version,
        "promoted": package.approval == "Approved",
    }
    objects.write_json(f"{folder}verdict.json", decided)
    return decided


def register_copy(
    settings: Settings, objects: Objects, client: Any, promotion: Mapping[str, Any], *, dag_id: str, run_id: str
) -> Package:
    """Register an earlier version again, to score from the day asked for on.

    A new version with the old artefact: what scored which day stays readable from the registry alone.
    """
    packages = list_packages(client, settings)
    source = package_of_version(packages, promotion["version"])
    folder = layout.training(promotion["run"])
    verdict = _required(objects, source.metadata["run"])
    back = {"rolled_back_from": str(promotion["instead_of"])} if promotion["kind"] == "rollback" else {}
    action = "put back" if back else "promoted by hand"
    reason = f"version {source.version} is {action} in place of version {promotion['instead_of']}"
    package = register(
        client,
        settings,
        image=source.image,
        model_data=source.model_data,
        approval=PENDING if promotion["approval"] else "Approved",
        description=reason,
        metadata={
            **{name: value for name, value in source.metadata.items() if name not in _OF_ONE_PROMOTION},
            "run": promotion["run"],
            "kind": promotion["kind"],
            "effective_from": promotion["effective_from"],
            "promoted_version": str(source.version),
            "verdict_uri": settings.layout.uri(f"{folder}verdict.json"),
            **back,
            **({} if promotion["approval"] else {"approved_by": _plain(promotion["user"])}),
        },
    )
    objects.write_json(
        f"{folder}verdict.json",
        {
            **verdict,
            "run": promotion["run"],
            "dag_id": dag_id,
            "run_id": run_id,
            "kind": promotion["kind"],
            "effective_from": package.effective_from,
            "model_version": package.version,
            "promoted": package.approval == "Approved",
            "verdict": {
                **verdict["verdict"],
                "promote": True,
                "reason": f"{reason}; of it was said: {verdict['verdict']['reason']}",
            },
        },
    )
    return package


def question(verdict: Mapping[str, Any]) -> dict[str, str]:
    """Return subject and body of what a person is asked."""
    best = verdict["best"]
    rows = {best: verdict["candidates"][best], "champion": verdict.get("champion")}
    names = ("average_precision", "auc_roc", "card_precision", "expected_cost")
    table = ["| model | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for name, metrics in rows.items():
        if metrics:
            table.append(f"| {name} | " + " | ".join(f"{metrics[one]:.4f}" for one in names if one in metrics) + " |")
    return {
        "subject": f"Model version {verdict['model_version']} ({best}): may it take over?",
        "body": "\n".join(
            [
                f"{verdict['verdict']['reason']}.",
                "",
                *table,
                "",
                "Approved, it scores from the day of the answer on. Rejected, or not answered in time, no change.",
            ]
        ),
    }


def approve(settings: Settings, client: Any, run: str, answer: Mapping[str, Any] | None) -> Package:
    """Approve a pending package as a person said; it takes over no earlier than on the day of the answer.

    What was scored before stays as it is, so it must not look as if the new version had been due then.

    Raises
    ------
    MissingInputError
        When nobody answered.
    """
    package = _package(client, settings, run)
    if package.approval != PENDING:
        return package
    if not answer:
        raise MissingInputError(
            f"nobody approved model version {package.version}; clear approve_promotion to ask again"
        )
    answered = str(answer["responded_at"])[:10]
    effective_from = max(package.effective_from, str(date.fromisoformat(answered)))
    client.update_model_package(
        ModelPackageArn=package.arn,
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"approved_by": _who(answer), "effective_from": effective_from},
    )
    return _package(client, settings, run)


def conclude(
    settings: Settings, objects: Objects, client: Any, run: str, answer: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Keep what became of a version that a person was asked about, or that was promoted by hand.

    A version that is still pending was not approved: it is rejected, and the champion stays.
    """
    package = _package(client, settings, run)
    if package.approval == PENDING:
        refused = f"refused by {_who(answer)}" if answer and not answer.get("timedout") else "not approved in time"
        client.update_model_package(
            ModelPackageArn=package.arn,
            ModelApprovalStatus="Rejected",
            ApprovalDescription=f"{refused}: the champion stays",
            CustomerMetadataProperties={"refused_by": _who(answer)},
        )
        package = _package(client, settings, run)
        said = f"{refused}, the champion stays"
    else:
        by = package.metadata.get("approved_by")
        said = f"approved by {by}" if by else ""
    verdict = _required(objects, run)
    reason = str(verdict["verdict"]["reason"]).partition("; in the end: ")[0]
    decided = {
        **verdict,
        "effective_from": package.effective_from,
        "promoted": package.approval == "Approved",
        "verdict": {**verdict["verdict"], "reason": f"{reason}; in the end: {said}" if said else reason},
    }
    objects.write_json(f"{layout.training(run)}verdict.json", decided)
    return decided


def load_verdict(settings: Settings, objects: Objects, decided: Mapping[str, Any]) -> list[str]:
    """Return the SQL that keeps one row for the run, whatever was there for it before."""
    best = decided["best"]
    metrics = decided["candidates"][best]
    row = [
        decided["run"],
        decided["as_of"],
        decided["kind"],
        best,
        decided["model_version"],
        str(decided["promoted"]).lower(),
        decided["effective_from"],
        metrics["auc_roc"],
        metrics["average_precision"],
        metrics["card_precision"],
        decided["verdict"]["reason"][:1024],
    ]
    key = f"{layout.training(decided['run'])}verdict.csv"
    text = io.StringIO()
    csv.writer(text).writerow(row)
    objects.write_text(key, text.getvalue(), "text/csv")
    return warehouse.load_run("verdicts", decided["run"], settings.layout.uri(key))


def read_verdict(objects: Objects, run: str) -> dict[str, Any] | None:
    """Return the verdict of a run, or None when it has none."""
    found: dict[str, Any] | None = objects.read_json(f"{layout.training(run)}verdict.json")
    return found


def _required(objects: Objects, run: str) -> dict[str, Any]:
    verdict = read_verdict(objects, run)
    if verdict is None:
        raise MissingInputError(f"{layout.training(run)}verdict.json is missing; clear register_best of that run")
    return verdict


def _package(client: Any, settings: Settings, run: str) -> Package:
    package = package_of_run(list_packages(client, settings), run)
    if package is None:
        raise MissingInputError(f"run {run} registered no model; clear the task before to register it")
    return package


def _who(answer: Mapping[str, Any] | None) -> str:
    user = (answer or {}).get("responded_by_user") or {}
    return _plain(user.get("name") or user.get("id"))


def _plain(text: str | None) -> str:
    return _NOT_METADATA.sub("_", text or "")[:_LONGEST] or "nobody"
