"""Plans of the transactions step: days are simulated, or taken from where they were delivered, and always checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

from fraud import layout, warehouse
from fraud.errors import MissingInputError
from fraud.features.catalogue import LOOK_BACK_DAYS
from fraud.orchestration import jobs, manifests
from fraud.orchestration.manifests import ONE_DAY, read_days, written_days
from fraud.orchestration.objects import Objects
from fraud.orchestration.plans import Stage
from fraud.orchestration.requests import read_world, step_days
from fraud.settings import Settings

__all__ = ["notices", "plan_transactions", "record_transactions"]

Request = Mapping[str, Any]

ROOTS = {
    "transactions": "raw/transactions/",
    "labels": "raw/labels/",
    "customers": "raw/customers/",
    "terminals": "raw/terminals/",
    "quarantine": "quarantine/",
    "truth": "truth/",
}
"""Key prefix of each output of the step's job; only a simulated day has its truth."""


def plan_transactions(settings: Settings, objects: Objects, request: Request, attempt: int) -> dict[str, Any]:
    """Plan the job that brings the days' transactions and the labels that became known, through the gate.

    Raises
    ------
    MissingInputError
        When days come from outside and one of them was not delivered.
    """
    days = step_days(request, "transactions")
    uri = settings.layout.uri
    delivered = _delivered(objects, request, days) if settings.delivered else []
    if objects.exists(layout.erased()):
        delivered.append(jobs.Input("erasures", uri(layout.erasures())))
    outputs = {output: uri(root) for output, root in ROOTS.items() if output != "truth" or not settings.delivered}
    return jobs.processing_job(
        settings,
        jobs.job_name(settings, f"transactions-{days[-1]}", request["run"], attempt),
        ["ingest" if settings.delivered else "simulate", "--start", str(days[0]), "--end", str(days[-1])],
        [jobs.Input("world", uri("world/")), *delivered],
        {**outputs, "summary": uri("summaries/transactions/")},
        jobs.labels(request["run"], str(days[0]), str(days[-1])),
    )


def _delivered(objects: Objects, request: Request, days: Sequence[date]) -> list[jobs.Input]:
    """Stage what was delivered, and the days before it that labels can be about."""
    stage = Stage(objects, request)
    files: list[str] = []
    for day in days:
        found = objects.list(layout.landing(day))
        if layout.delivery(day) not in found:
            raise MissingInputError(
                f"{layout.delivery(day)} is missing, so {day} was not delivered; deliver it, then clear this task"
            )
        files += [key.removeprefix("landing/") for key in found]
    uri = manifests.input_manifest(objects, f"{stage.folder}inputs/landing.json", "landing/", files)
    first = max(read_world(objects).start, days[0] - timedelta(days=LOOK_BACK_DAYS))
    before = written_days(objects, "transactions", first, days[0] - ONE_DAY)
    known = read_days(objects, "transactions", before, f"the delivery of {days[0]}")
    looked_at = [stage.input("transactions", "raw/transactions/", known)] if known else []
    return [jobs.Input("landing", uri, manifest=True), *looked_at]


def record_transactions(settings: Settings, objects: Objects, request: Request) -> list[str]:
    """Record the admitted days; return the SQL that loads transactions, labels, customers and terminals."""
    days = step_days(request, "transactions")
    world = read_world(objects)
    recorded = manifests.record_days(
        objects,
        "transactions",
        days,
        partial(layout.summary, "transactions"),
        ROOTS,
        lambda _: [],
        {"world": world.name},
        world.content_hash,
    )
    stage = Stage(objects, request)
    statements = warehouse.load_days(
        "transactions", days[0], days[-1], stage.copy("transactions", recorded, "raw/transactions/")
    )
    labels = stage.copy("labels", recorded, "raw/labels/")
    statements += warehouse.load_days("label_deliveries", days[0], days[-1], labels, "chargeback")
    for table, key in (("customers", "customer_id"), ("terminals", "terminal_id")):
        # Every day brings all of them: the last day's are the ones that count.
        statements += warehouse.load_entities(table, key, stage.copy(table, recorded[-1:], f"raw/{table}/"))
    return statements


def notices(objects: Objects, day: date) -> list[str]:
    """Return what the gate found odd about a day: its warnings, and how many rows it set aside for which check."""
    manifest = objects.read_json(layout.manifest("transactions", day)) or {}
    aside = [
        f"{rows} rows of {table} quarantined: {check}"
        for table, checks in manifest.get("quarantined", {}).items()
        for check, rows in checks.items()
    ]
    return [*manifest.get("warnings", []), *aside]
