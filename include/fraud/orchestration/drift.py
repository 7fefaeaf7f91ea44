"""Plans of the drift step: the report's job, the decision of each day, what is loaded, and the day's last manifest."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from fraud import layout, warehouse
from fraud.days import days_between
from fraud.errors import MissingInputError
from fraud.monitoring.decision import HISTORY_DAYS, PAST_DAYS, Decision, State, decide
from fraud.monitoring.loss import Loss
from fraud.monitoring.observation import DayMetrics
from fraud.orchestration import deliveries, jobs, manifests
from fraud.orchestration.manifests import ONE_DAY, read_days
from fraud.orchestration.objects import Objects
from fraud.orchestration.plans import Stage
from fraud.orchestration.registry import Package, champion_of, package_of_run
from fraud.orchestration.requests import run_folder, step_days
from fraud.orchestration.training_requests import retraining_paused
from fraud.settings import Settings

__all__ = ["close_days", "decide_days", "load_drift", "loss_before", "plan_report"]

logger = logging.getLogger(__name__)

Request = Mapping[str, Any]

ROOTS = {
    "reports": "reports/drift/",
    "drift_metrics": "monitoring/drift_metrics/",
    "performance": "monitoring/performance/",
}
"""Key prefix of each output of the drift report's job."""

_POOLED_DAYS = 6  # days before the first that a report may pool with, where a day alone is a small sample
_MAX_REFERENCES = 5  # a processing job takes ten inputs


def plan_report(
    settings: Settings, objects: Objects, packages: Sequence[Package], request: Request, attempt: int
) -> dict[str, Any]:
    """Plan the job that reports the days' drift against each champion's own reference.

    Raises
    ------
    MissingInputError
        When a day was not scored, or more champions scored the range than a job has inputs for.
    """
    days = step_days(request, "drift")
    scored = read_days(objects, "scoring", days, "the drift report")
    pooled = manifests.written_days(
        objects, "scoring", days[0] - timedelta(days=_POOLED_DAYS), days[0] - timedelta(days=1)
    )
    scored = [*read_days(objects, "scoring", pooled, "the drift report"), *scored]
    features = read_days(objects, "features", [*pooled, *days], "the drift report")
    # Labels come late: those of this range are also about champions that scored days well before it.
    labelled = days_between(
        days[0] - timedelta(days=settings.label_delay_days + settings.drift.ap_long_days), days[0] - timedelta(days=1)
    )
    earlier = _read_range(objects, partial(layout.manifest, "scoring"), labelled[0], labelled[-1])
    versions = sorted(
        {int(manifest.content["model_version"]) for manifest in scored}
        | {int(content["model_version"]) for content in earlier.values()}
    )
    if len(versions) > _MAX_REFERENCES:
        raise MissingInputError(
            f"{len(versions)} champions scored {days[0]} to {days[-1]}, a report takes {_MAX_REFERENCES}; "
            "use a shorter range"
        )
    references = {
        package.version: package.metadata["reference_uri"] for package in packages if package.version in versions
    }
    uri = settings.layout.uri
    stage = Stage(objects, request)
    objects.write_json(
        f"staging/{request['run']}/monitor/request.json",
        {
            "drift": settings.drift.model_dump(),
            "alert_budget": settings.alert_budget,
            "feature_version": settings.feature_version,
            "holdout_percent": settings.training.holdout_percent,
            "label_delay_days": settings.label_delay_days,
        },
    )
    return jobs.processing_job(
        settings,
        jobs.job_name(settings, f"drift-{days[-1]}", request["run"], attempt),
        ["monitor", "--start", str(days[0]), "--end", str(days[-1]), "--html", "all"],
        [
            jobs.Input("request", uri(f"staging/{request['run']}/monitor/")),
            *(
                jobs.Input(f"reference/version={version}", reference)
                for version, reference in sorted(references.items())
            ),
            stage.input("features", f"features/version={settings.feature_version}/", features),
            stage.input("predictions", "predictions/", scored),
            *stage.unloaded("labelled"),
        ],
        {**{output: uri(root) for output, root in ROOTS.items()}, "summary": uri("summaries/drift/")},
        jobs.labels(request["run"], str(days[0]), str(days[-1])),
    )


def decide_days(
    settings: Settings, objects: Objects, packages: Sequence[Package], request: Request
) -> list[dict[str, Any]]:
    """Decide on each day, in order, and keep the decisions; a day that was decided stays decided.

    So a task that runs again, and a range over days of the schedule, never trains today's model for a past day. While
    retraining is paused, a decision says what it would have trained, and trains nothing.
    """
    paused = retraining_paused(objects)
    days = step_days(request, "drift")
    manifests.check_days(objects, "drift", days, partial(layout.summary, "drift"), ROOTS)
    metrics = _read_range(objects, layout.drift_metrics, days[0] - timedelta(days=HISTORY_DAYS - 1), days[-1])
    decided = _read_range(objects, layout.decision, days[0] - timedelta(days=PAST_DAYS), days[-1])
    for day in days:
        if day not in decided:
            decision = _decide(settings, packages, metrics, decided, day, acting=request["act"])
            if paused and decision.action == "train_now":
                held = {"action": "none", "reason": f"retraining is paused: {decision.reason}", "run_id": ""}
                decision = decision.model_copy(update={**held, "train_as_of": None})
            found = (*decision.notices, *deliveries.notices(objects, day))
            decision = decision.model_copy(update={"notices": found})
            decided[day] = decision.model_dump(mode="json")
            objects.write_json(layout.decision(day), decided[day])
        # An alarm of the deployment counts these lines (deploy/watch.yaml).
        logger.info("drift decision of %s: alarm %s, action %s", day, decided[day]["alarm"], decided[day]["action"])
    return [decided[day] for day in days]


def loss_before(objects: Objects, day: date) -> Loss | None:
    """Return the loss that lasted at the end of the last decided day before a day, within a decision's history."""
    decided = _read_range(objects, layout.decision, day - timedelta(days=HISTORY_DAYS), day - ONE_DAY)
    return Decision.model_validate(decided[max(decided)]).loss if decided else None


def load_drift(objects: Objects, request: Request) -> list[str]:
    """Return the SQL that loads the days' metrics, labelled performance and decisions."""
    days = step_days(request, "drift")
    checked = manifests.check_days(objects, "drift", days, partial(layout.summary, "drift"), ROOTS)
    stage = Stage(objects, request)
    statements = []
    for table in ("drift_metrics", "performance"):
        if stage.has(checked, ROOTS[table]):
            statements += warehouse.load_days(table, days[0], days[-1], stage.copy(table, checked, ROOTS[table]))
    text = io.StringIO()
    csv.writer(text).writerows(Decision.model_validate(objects.read_json(layout.decision(day))).row() for day in days)
    key = f"staging/{request['run']}/copy/decisions.csv"
    objects.write_text(key, text.getvalue(), "text/csv")
    return statements + warehouse.load_days("decisions", days[0], days[-1], objects.layout.uri(key))


def close_days(settings: Settings, objects: Objects, request: Request) -> None:
    """Write the days' drift manifests, last of all: what scoring of the next day waits for."""
    days = step_days(request, "drift")
    scored = {m.content["date"]: m for m in read_days(objects, "scoring", days, "the drift report")}
    manifests.record_days(
        objects,
        "drift",
        days,
        partial(layout.summary, "drift"),
        ROOTS,
        lambda day: [scored[str(day)]],
        {"drift": settings.drift.model_dump()},
        scored[str(days[0])].content["world"],
    )


def _read_range(objects: Objects, key_of: Callable[[date], str], first: date, last: date) -> dict[date, Any]:
    """Return the JSON objects of those days of a range that have one."""
    keys = {key_of(day): day for day in days_between(first, last)}
    found = objects.sizes(key_of(first), key_of(last))
    return {keys[key]: objects.read_json(key) for key in found if key in keys}


def _decide(
    settings: Settings,
    packages: Sequence[Package],
    metrics: Mapping[date, Any],
    decided: Mapping[date, Any],
    day: date,
    *,
    acting: bool,
) -> Decision:
    trailing = [day - timedelta(days=offset) for offset in range(HISTORY_DAYS - 1, -1, -1)]
    history = [DayMetrics.model_validate(metrics[one]) for one in trailing if one in metrics]
    past = tuple(
        Decision.model_validate({**stored, "verdict": _verdict(packages, stored["run_id"])})
        for one, stored in sorted(decided.items())
        if day - timedelta(days=PAST_DAYS) <= one < day
    )
    effective_from = next(
        (package.effective_from for package in packages if package.version == history[-1].model_version),
        champion_of(day, packages).effective_from,
    )
    state = State(
        effective_from=date.fromisoformat(effective_from),
        past=past,
        drift_retrain=settings.drift_retrain,
        acting=acting,
    )
    return decide(history, state, settings.drift)


def _verdict(packages: Sequence[Package], run_id: str) -> str:
    package = package_of_run(packages, run_folder(run_id)) if run_id else None
    names = {"Approved": "promoted", "Rejected": "refused", "PendingManualApproval": "pending"}
    return names[package.approval] if package else ""
