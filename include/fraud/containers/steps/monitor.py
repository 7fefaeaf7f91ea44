"""``process monitor``: drift and labelled performance of a range of days, each against its champion's own reference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_summary, write_text
from fraud.days import days_between, requested_days
from fraud.errors import ConfigurationError, MissingInputError
from fraud.features.catalogue import feature_names
from fraud.monitoring.measure import POOLED_DAYS, Reference, measure
from fraud.monitoring.report import EvidentlyDistances, render
from fraud.monitoring.store import Labels, read_day, read_reference
from fraud.monitoring.tables import drift_table, performance_table
from fraud.parquet import write_parquet
from fraud.settings import DriftThresholds

__all__ = ["MonitorRequest", "run"]


class MonitorRequest(BaseModel):
    """What the measurements depend on: ``request/request.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drift: DriftThresholds = DriftThresholds()
    alert_budget: int = Field(100, ge=1)
    feature_version: str = "v1"
    label_delay_days: int = Field(7, ge=0)
    holdout_percent: int = Field(40, ge=1, le=100, description="share of the customers that the reference is made of")


def run(paths: JobPaths, start: date, end: date, html: str = "last") -> None:
    """Report the days from ``start`` to ``end``, both included.

    Bad data is reported, not refused: a day without evidence is written too, and says so.

    Parameters
    ----------
    paths
        Inputs ``request``, ``reference`` (of every version that scored the days or the labelled days before them),
        ``features``, ``predictions``, ``labelled``; outputs ``reports``,
        ``drift_metrics``, ``performance`` and ``summary``.
    start, end
        First and last day.
    html
        Of which days a page is written, ``all``, ``last`` or ``none``: a page has 4 to 5 MB.

    Raises
    ------
    ConfigurationError
        When the range ends before it starts, ``html`` is none of the three, or the request is wrong.
    """
    requested = requested_days(start, end)
    if html not in ("all", "last", "none"):
        raise ConfigurationError(f"--html is {html!r}, expected all, last or none")
    request = _read_request(paths.input("request") / "request.json")
    names = feature_names(request.feature_version)
    first = start - timedelta(days=POOLED_DAYS - 1)
    days = {
        day: read_day(paths.input("features"), paths.input("predictions"), day, names)
        for day in days_between(first, end)
    }
    labels = Labels(paths.input("labelled"))
    references = _references(paths.input("reference"), request, names)
    compare = {
        version: EvidentlyDistances(reference.columns, request.drift)
        for version, reference in references.items()
        if not reference.problem
    }
    for day in requested:
        metrics, current, compared = measure(
            day,
            days,
            references,
            labels.known_on(day),
            compare=compare,
            thresholds=request.drift,
            feature_version=request.feature_version,
            alert_budget=request.alert_budget,
            label_delay_days=request.label_delay_days,
        )
        folder = paths.output("reports") / f"date={day}"
        write_text(folder / "metrics.json", _json(metrics.model_dump(mode="json")))
        tables = {"drift_metrics": drift_table(metrics, request.drift), "performance": performance_table(metrics)}
        files = [folder / "metrics.json"]
        files += [
            write_parquet(table, paths.output(name) / f"date={day}" / "part.parquet") for name, table in tables.items()
        ]
        if html == "all" or (html == "last" and day == end):
            widgets = compare[metrics.model_version].report(current, compared) if compared else []
            write_text(folder / "report.html", render(metrics, widgets, request.drift))
            files.append(folder / "report.html")
        rows = {name: table.num_rows for name, table in tables.items()}
        write_summary(paths, day, rows, files, model_version=metrics.model_version)


def _references(folder: Path, request: MonitorRequest, names: Sequence[str]) -> dict[int, Reference]:
    versions = [int(path.name.removeprefix("version=")) for path in folder.glob("version=*")]
    return {
        version: read_reference(folder / f"version={version}", request.feature_version, names, request.holdout_percent)
        for version in sorted(versions)
    }


def _read_request(path: Path) -> MonitorRequest:
    try:
        return MonitorRequest.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInputError(
            f"{path.name} cannot be read ({error.strerror}); the task before the job writes it"
        ) from None
    except ValidationError as error:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"]) or "the file"
        raise ConfigurationError(f"{path.name}: {field}: {fault['msg']}; correct the drift settings") from None


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
