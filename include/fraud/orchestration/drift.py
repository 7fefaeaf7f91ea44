"""Plans of the drift step: the report's job, the decision of each day, what is loaded, and the day's last manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from fraud import layout
from fraud.errors import MissingInputError
from fraud.orchestration import jobs, manifests
from fraud.orchestration.manifests import read_days
from fraud.orchestration.objects import Objects
from fraud.orchestration.plans import Stage
from fraud.orchestration.registry import Package
from fraud.orchestration.requests import step_days
from fraud.settings import Settings

__all__ = ["close_days", "decide_days", "load_drift", "plan_report"]

Request = Mapping[str, Any]

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
    before = [days[0] - timedelta(days=offset) for offset in range(_POOLED_DAYS, 0, -1)]
    pooled = [day for day in before if objects.exists(layout.manifest("scoring", day))]
    scored = [*read_days(objects, "scoring", pooled, "the drift report"), *scored]
    features = read_days(objects, "features", [*pooled, *days], "the drift report")
    versions = sorted({int(manifest.content["model_version"]) for manifest in scored})
    if len(versions) > _MAX_REFERENCES:
        raise MissingInputError(
            f"{len(versions)} champions scored {days[0]} to {days[-1]}, a report takes {_MAX_REFERENCES}; use a shorter range"
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
            "label_delay_days": settings.label_delay_days,
        },
    )
    return jobs.processing_job(
        settings,
        jobs.job_name(settings, f"drift-{days[-1]}", request["run"], attempt),
        ["monitor", "--start", str(days[0]), "--end", str(days[-1]), "--html", "last"],
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
        {
            "reports": uri("reports/drift/"),
            "drift_metrics": uri("monitoring/drift_metrics/"),
            "performance": uri("monitoring/performance/"),
            "summary": uri("summaries/drift/"),
        },
    )


def close_days(settings: Settings, objects: Objects, packages: Sequence[Package], request: Request) -> None:
    """Write the days' drift manifests, last of all: what scoring of the next day waits for."""
    roots = {
        "reports": "reports/drift/",
        "drift_metrics": "monitoring/drift_metrics/",
        "performance": "monitoring/performance/",
    }
    days = step_days(request, "drift")
    for manifest in read_days(objects, "scoring", days, "the drift report"):
        day = date.fromisoformat(manifest.content["date"])
        manifests.record_day(
            objects, "drift", day, layout.summary("drift", day), roots, [manifest],
            {"drift": settings.drift.model_dump()}, manifest.content["world"],
        )  # fmt: skip
