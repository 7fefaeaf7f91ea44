"""What the drift step leaves for the monitor page: reads what the steps left, has the objects built, writes them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from fraud import layout, warehouse
from fraud.errors import MissingInputError
from fraud.monitoring.summary import HISTORY_DAYS, card_parts, day_part, models_object, summary_object, to_json
from fraud.orchestration.manifests import ONE_DAY, read_days
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package
from fraud.orchestration.requests import step_days
from fraud.settings import Settings

__all__ = ["publish", "publish_models", "unload_outcomes"]

Request = Mapping[str, Any]

_ACTIVITY = ("alert_date", "rank", "tx_datetime", "tx_amount", "score", "verdict")
_FRAUDS = ("tx_date", "frauds", "cards", "amount")
_LATE_DAYS = 2  # chargebacks of a day are complete one day after the delay, reported the day after that


def unload_outcomes(settings: Settings, request: Request) -> list[str]:
    """Return the SQL that unloads the alerted cards' activity and the known frauds.

    Of the days of the request, and of those before them whose outcomes can have become known since.
    """
    days = step_days(request, "drift")
    start = days[0] - timedelta(days=settings.label_delay_days + _LATE_DAYS)
    end, as_of = days[-1], days[-1] + ONE_DAY
    labels = warehouse.query("known_labels", as_of=as_of, start=start - timedelta(days=HISTORY_DAYS - 1), end=end)
    staging = settings.layout.uri(f"staging/{request['run']}/")
    activity = warehouse.query("alert_activity", start=start, end=end, history_days=HISTORY_DAYS, known_labels=labels)
    frauds = warehouse.query("known_frauds", start=start, end=end, known_labels=labels)
    return [
        warehouse.unload(activity, f"{staging}activity/", "csv"),
        warehouse.unload(frauds, f"{staging}frauds/", "csv"),
    ]


def publish(
    settings: Settings,
    objects: Objects,
    packages: Sequence[Package],
    request: Request,
    decisions: Mapping[str, Mapping[str, Any]],
    *,
    dag_id: str,
    run_id: str,
) -> None:
    """Write the page's objects for the days of the request, and bring the summary up to date.

    Parameters
    ----------
    settings, objects, packages
        The deployment, its bucket, its registered models.
    request
        What the run was asked to do; its staging folder holds what :func:`unload_outcomes` unloaded.
    decisions
        The days' decisions (``Decision`` as JSON) by day.
    dag_id, run_id
        The Airflow run, for links.

    Raises
    ------
    MissingInputError
        When a day was not scored or has no metrics or alerts.
    """
    days = step_days(request, "drift")
    before = objects.read_json(layout.monitoring("summary.json"))

    def parts() -> Iterator[dict[str, Any]]:
        for day, manifest in zip(days, read_days(objects, "scoring", days, "the monitor page"), strict=True):
            part = day_part(
                day,
                scoring=manifest.content,
                metrics=_required(objects, f"{layout.drift_report(day)}metrics.json", day),
                decision=decisions[str(day)],
                alerts=_required(objects, f"{layout.alerts(day)}alerts.json", day),
                dag_id=dag_id,
                run_id=run_id,
            )
            objects.write_text(layout.monitoring(f"days/{day}.json"), to_json(part))
            yield part
        if before is None:
            yield from _closed_before(objects, days)

    def cards() -> Iterator[dict[str, Any]]:
        if before is None:
            yield from (objects.read_json(key) for key in objects.list(layout.monitoring("cards/")))
        looked_up = dict(zip(before["dates"], before["outcomes_as_of"], strict=True)) if before else {}
        activity = _rows(objects, f"staging/{request['run']}/activity/", _ACTIVITY)
        for day, part in card_parts(activity, days[-1] + ONE_DAY):
            # Running an old day again must not take back what became known since.
            if (looked_up.get(str(day)) or "") <= part["as_of"]:
                objects.write_text(layout.monitoring(f"cards/{day}.json"), to_json(part))
                yield {"date": part["date"], "as_of": part["as_of"], "outcomes": part["outcomes"]}

    summary = summary_object(
        before,
        parts(),
        cards(),
        {row["tx_date"]: row for row in _rows(objects, f"staging/{request['run']}/frauds/", _FRAUDS)},
        as_of=days[-1] + ONE_DAY,
        settings={
            "alert_budget": settings.alert_budget,
            "drift": settings.drift.model_dump(mode="json"),
            "investigation_cost": settings.investigation_cost,
            "label_delay_days": settings.label_delay_days,
        },
    )
    objects.write_text(layout.monitoring("summary.json"), to_json(summary))
    publish_models(objects, packages)


def publish_models(objects: Objects, packages: Sequence[Package]) -> None:
    """Write what the page shows of the models: each with the verdict that registered it, and who paused retraining."""
    verdicts = {}
    for run in {str(package.metadata["run"]) for package in packages if "run" in package.metadata}:
        verdict = objects.read_json(f"{layout.training(run)}verdict.json")
        if verdict is not None:
            verdicts[run] = verdict
    content = models_object([package.to_dict() for package in packages], verdicts)
    content["retraining"] = objects.read_json(layout.retraining())
    objects.write_text(layout.monitoring("models.json"), to_json(content))


def _closed_before(objects: Objects, days: Sequence[date]) -> Iterator[dict[str, Any]]:
    """Yield the parts of the other closed days: a summary that was lost is built again from them."""
    written = {layout.monitoring(f"days/{day}.json") for day in days}
    for key in objects.list(layout.monitoring("days/")):
        if key not in written:
            yield objects.read_json(key)


def _required(objects: Objects, key: str, day: date) -> Any:
    content = objects.read_json(key)
    if content is None:
        raise MissingInputError(
            f"the monitor page of {day} needs {key}, which is missing; score and report {day} again"
        )
    return content


def _rows(objects: Objects, prefix: str, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of unloaded CSV files as they are read: a long range does not fit into a worker."""
    for key in objects.list(prefix):
        yield from csv.DictReader(objects.lines(key), fieldnames=columns)
