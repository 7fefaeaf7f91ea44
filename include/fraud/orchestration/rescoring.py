"""Re-scoring: what another model version says about days that were scored before.

Scores go to the table ``rescores`` and, like the alerts they would have made, below ``rescores/version=N/``. Nothing
that was delivered changes: neither the alerts, nor the labels that investigators found, nor what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fraud import layout, warehouse
from fraud.orchestration import plans
from fraud.orchestration.objects import Objects
from fraud.orchestration.plans import Stage, Target
from fraud.orchestration.registry import Package, package_of_version
from fraud.orchestration.requests import step_days
from fraud.settings import Settings

__all__ = ["plan_collection", "plan_transform", "record", "unload_compromised"]

Request = Mapping[str, Any]


def unload_compromised(settings: Settings, request: Request) -> str:
    """Return the SQL that unloads the cards that are left out of alerts."""
    days = step_days(request, "rescore")
    select = warehouse.query(
        "compromised_cards", start=days[0], end=days[-1], compromised_days=settings.compromised_days
    )
    return warehouse.unload(select, settings.layout.uri(f"staging/{_within(request)['run']}/compromised/"), "parquet")


def plan_transform(
    settings: Settings, objects: Objects, packages: Sequence[Package], request: Request, attempt: int
) -> list[dict[str, Any]]:
    """Plan the transform of the whole range by the version asked for."""
    days: list[date] = step_days(request, "rescore")
    package = package_of_version(packages, request["model_version"])
    return [plans.plan_segment(settings, objects, _within(request), package, days, 0, attempt)]


def plan_collection(
    settings: Settings, objects: Objects, request: Request, segments: Sequence[Mapping[str, Any]], attempt: int
) -> list[dict[str, Any]]:
    """Plan the job that turns the transform's output into predictions and the alerts that they would have made."""
    return plans.plan_collection(settings, objects, _within(request), segments, attempt, _target(request))


def record(settings: Settings, objects: Objects, request: Request) -> list[str]:
    """Record the scores; return the SQL that loads them."""
    days, target = step_days(request, "rescore"), _target(request)
    recorded = plans.record_target(settings, objects, days, target)
    copy = Stage(objects, _within(request)).copy("rescores", recorded, target.roots["predictions"])
    return warehouse.load_days("rescores", days[0], days[-1], copy, version=request["model_version"])


def _target(request: Request) -> Target:
    folder = layout.rescores(request["model_version"])
    return Target(folder.rstrip("/"), folder)


def _within(request: Request) -> Request:
    """Return the request with a staging folder and job names of its own: one run may score and re-score."""
    return {**request, "run": f"{request['run']}/rescore"}
