"""What the monitor page shows, built from what the daily steps left: standard library only, for it runs on workers.

Objects below ``monitoring/`` (see docs/architecture.md):

- ``days/<date>.json``: what does not change about a closed day: alerts and reasons, drift, performance, decision;
- ``cards/<date>.json``: the alerted cards' last 30 days and outcomes, written again as labels become known;
- ``summary.json``: one row a day for the whole range, as columns, small enough to open three years at once;
- ``models.json``: every model package with the verdict that registered it.

Amounts are whole cents. A number that is not known (no label yet, too little evidence) is null, never 0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

__all__ = ["HISTORY_DAYS", "card_parts", "day_part", "models_object", "summary_object", "to_json"]

HISTORY_DAYS = 30
"""Days of a card's transactions beside its alert, the alert's own day included."""

Part = Mapping[str, Any]

_METRICS = ("average_precision", "auc_roc", "card_precision")

_DAY_COLUMNS = (
    "model_version",
    "transactions",
    "alerts",
    "labelled_day",
    *(f"{window}_{metric}" for window in ("day", "long") for metric in _METRICS),
    "baseline_average_precision",
    "alert_rate_ratio",
    "volume_ratio",
    "alarm",
    "action",
    "due_date",
    "dag_id",
    "run_id",
)
_OUTCOME_COLUMNS = (
    "outcomes_as_of",
    "investigated",
    "caught_cards",
    "caught_cents",
    "frauds",
    "fraud_cards",
    "fraud_cents",
)


def day_part(
    day: date,
    *,
    scoring: Part,
    metrics: Part,
    decision: Part,
    alerts: Sequence[Part],
    dag_id: str,
    run_id: str,
) -> dict[str, Any]:
    """Return ``days/<date>.json``: what the page shows of one closed day.

    Parameters
    ----------
    day
        The day.
    scoring
        The day's scoring manifest (``rows``, ``model_version``).
    metrics
        ``metrics.json`` of the day's drift report (:class:`fraud.monitoring.observation.DayMetrics`).
    decision
        The day's decision (:class:`fraud.monitoring.decision.Decision`) as JSON.
    alerts
        The day's alerts as in ``alerts.json``, most suspicious first.
    dag_id, run_id
        The Airflow run that closed the day.
    """
    return {
        "date": str(day),
        "model_version": int(scoring["model_version"]),
        "transactions": int(scoring["rows"]["predictions"]),
        "alerts": list(alerts),
        "metrics": dict(metrics),
        "decision": dict(decision),
        "dag_id": dag_id,
        "run_id": run_id,
    }


def card_parts(activity: Iterable[Mapping[str, str]], as_of: date) -> Iterator[tuple[date, dict[str, Any]]]:
    """Return ``cards/<date>.json`` of each alert date: the alerted cards' transactions and what became of the alerts.

    Parameters
    ----------
    activity
        Rows of ``queries/alert_activity.sql`` as text, in its order; read one day at a time.
    as_of
        Labels known before this day (00:00 UTC) are in the rows.

    Yields
    ------
    tuple of date and dict
        Alert date and part. ``cards`` holds, by rank, a list a transaction: minutes since the history's first
        midnight, cents, score (null before there were scores) and verdict (1 fraud, 0 genuine, null unknown).
        ``outcomes`` holds, by rank, frauds and cents of frauds on the alert's own day; a card is left out until a
        fraud or the verdict on all its transactions of that day is known.
    """
    for text, rows in groupby(activity, key=lambda row: row["alert_date"]):
        day = date.fromisoformat(text)
        first = datetime.combine(day - timedelta(days=HISTORY_DAYS - 1), datetime.min.time())
        last_midnight = (HISTORY_DAYS - 1) * 24 * 60
        cards: dict[str, list[list[Any]]] = {}
        for row in rows:
            moment = datetime.fromisoformat(row["tx_datetime"]).replace(tzinfo=None)
            cards.setdefault(row["rank"], []).append(
                [
                    int((moment - first).total_seconds() // 60),
                    int(Decimal(row["tx_amount"]) * 100),
                    round(float(row["score"]), 4) if row["score"] else None,
                    int(row["verdict"]) if row["verdict"] else None,
                ]
            )
        outcomes = {}
        for rank, transactions in cards.items():
            todays = [(cents, verdict) for minute, cents, _, verdict in transactions if minute >= last_midnight]
            frauds = [cents for cents, verdict in todays if verdict == 1]
            if frauds or all(verdict is not None for _, verdict in todays):
                outcomes[rank] = [len(frauds), sum(frauds)]
        yield day, {"date": text, "as_of": str(as_of), "cards": cards, "outcomes": outcomes}


def models_object(packages: Iterable[Part], verdicts: Mapping[str, Part]) -> dict[str, Any]:
    """Return ``models.json``: every package, oldest first, with the verdict of the run that registered it.

    Parameters
    ----------
    packages
        ``Package.to_dict()`` of every registered package.
    verdicts
        ``training/<run>/verdict.json`` by run.
    """
    return {
        "models": [
            {
                "version": package["version"],
                "approval": package["approval"],
                "effective_from": package["effective_from"],
                "metadata": dict(package["metadata"]),
                "verdict": verdicts.get(package["metadata"].get("run", "")),
            }
            for package in sorted(packages, key=lambda package: int(package["version"]))
        ]
    }


def summary_object(
    before: Part | None,
    parts: Iterable[Part],
    cards: Iterable[Part],
    frauds: Mapping[str, Mapping[str, str]],
    *,
    as_of: date,
    settings: Part,
) -> dict[str, Any]:
    """Return ``summary.json``: the one before with some days' rows replaced.

    Parameters
    ----------
    before
        The summary so far; None when there is none.
    parts
        Parts of the days that were closed now.
    cards
        Card parts of the days whose outcomes were looked up now.
    frauds
        Rows of ``queries/known_frauds.sql`` by day; a day of ``cards`` without one has no known fraud.
    as_of
        Labels known before this day were looked at.
    settings
        What the page explains its figures with: ``investigation_cost`` (of one alert, in the amounts' currency),
        ``alert_budget``, ``label_delay_days``, and ``drift``, the thresholds.
    """
    rows = _rows(before) if before else {}
    methods = dict(before["methods"]) if before else {}
    last = before["last"] if before else None
    for part in parts:
        methods |= {name: column["method"] for name, column in _columns(part["metrics"]).items()}
        if last is None or last["decision_date"] <= part["date"]:
            last = {**part["decision"], "decision_date": part["date"]}
        known = {name: rows.get(part["date"], {}).get(name) for name in _OUTCOME_COLUMNS}
        rows[part["date"]] = {**known, **_day_row(part)}
    for part in cards:
        row = rows.get(part["date"])
        if row is not None and (row["outcomes_as_of"] or "") <= part["as_of"]:
            row.update(_outcome_row(part, frauds.get(part["date"])))
    days = sorted(rows)
    features = sorted({name for row in rows.values() for name in row["drift"]})
    return {
        "as_of": max(str(as_of), before["as_of"] if before else ""),
        "settings": dict(settings),
        "dates": days,
        **{name: [rows[day].get(name) for day in days] for name in (*_DAY_COLUMNS, *_OUTCOME_COLUMNS)},
        "drift": {name: [rows[day]["drift"].get(name) for day in days] for name in features},
        "methods": methods,
        "last": last,
    }


def to_json(content: Part) -> str:
    """Return the objects' text: compact, sorted keys, so that the same content gives the same bytes."""
    return json.dumps(content, separators=(",", ":"), sort_keys=True, allow_nan=False) + "\n"


def _rows(summary: Part) -> dict[str, dict[str, Any]]:
    return {
        day: {
            **{name: summary[name][position] for name in (*_DAY_COLUMNS, *_OUTCOME_COLUMNS)},
            "drift": {name: values[position] for name, values in summary["drift"].items()},
        }
        for position, day in enumerate(summary["dates"])
    }


def _outcome_row(part: Part, known: Mapping[str, str] | None) -> dict[str, Any]:
    outcomes = part["outcomes"].values()
    return {
        "outcomes_as_of": part["as_of"],
        "investigated": len(outcomes),
        "caught_cards": sum(frauds > 0 for frauds, _ in outcomes),
        "caught_cents": sum(cents for _, cents in outcomes),
        "frauds": int(known["frauds"]) if known else 0,
        "fraud_cards": int(known["cards"]) if known else 0,
        "fraud_cents": int(Decimal(known["amount"]) * 100) if known else 0,
    }


def _columns(metrics: Part) -> dict[str, Part]:
    score = metrics.get("score")
    return {**metrics["columns"], **({"score": score} if score else {})}


def _day_row(part: Part) -> dict[str, Any]:
    metrics, decision = part["metrics"], part["decision"]
    performance = metrics["performance"]
    newest = performance.get("day") or performance.get("long")
    return {
        "model_version": part["model_version"],
        "transactions": part["transactions"],
        "alerts": len(part["alerts"]),
        "labelled_day": newest["last"] if newest else None,
        **{
            f"{window}_{metric}": _rounded(performance.get(window, {}).get(metric))
            for window in ("day", "long")
            for metric in _METRICS
        },
        "baseline_average_precision": _rounded(metrics.get("baseline_average_precision")),
        "alert_rate_ratio": _rounded(metrics.get("alert_rate_ratio")),
        "volume_ratio": _rounded(metrics.get("volume_ratio")),
        "alarm": None if decision["alarm"] == "none" else decision["alarm"],
        "action": None if decision["action"] == "none" else decision["action"],
        "due_date": decision["due_date"],
        "dag_id": part["dag_id"],
        "run_id": part["run_id"],
        "drift": {name: _rounded(column["value"]) for name, column in _columns(metrics).items()},
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
