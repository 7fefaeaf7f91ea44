"""The monitor page's objects for tests: made-up measurements, put through the real builder."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from fraud.features.catalogue import feature_names
from fraud.monitoring.summary import card_parts, day_part, models_object, summary_object, to_json
from fraud.simulator.worlds import anchor, load_world

FIRST = date(2026, 1, 1)
SETTINGS = {
    "alert_budget": 100,
    "drift": {"feature_wasserstein": 0.1, "feature_wasserstein_warn": 0.06, "night_jensenshannon": 0.05},
    "investigation_cost": 10.0,
    "label_delay_days": 7,
}
DRIFT_FROM, PROMOTED = 75, 90  # days after the first: the demo's episode begins, a challenger takes over
REPORT = "<!doctype html><title>Report</title><h1>Drift report</h1>"


def run_of(day: date) -> str:
    """Return the Airflow run that closed a day."""
    return f"daily__{day + timedelta(days=1)}"


def performance(day: date, days: int, precision: float, draw: random.Random) -> dict[str, Any]:
    return {
        "first": str(day - timedelta(days=days - 1)),
        "last": str(day),
        "transactions": 9600 * days,
        "frauds": 60 * days,
        "average_precision": min(0.99, max(0.02, draw.gauss(precision, 0.09 / math.sqrt(days)))),
        "auc_roc": min(0.99, draw.gauss(0.6 + precision / 2.5, 0.02 / math.sqrt(days))),
        "card_precision": max(0.0, draw.gauss(precision / 2.3, 0.03 / math.sqrt(days))),
        "precision_at_budget": precision / 2,
    }


def metrics(index: int, draw: random.Random) -> dict[str, Any]:
    """Return a day's ``metrics.json``; labels reach back seven days."""
    day = FIRST + timedelta(days=index)
    drifted = DRIFT_FROM <= index < PROMOTED
    about = index - 7
    precision = 0.35 if DRIFT_FROM <= about < PROMOTED else 0.66
    labelled = day - timedelta(days=7)
    columns = {}
    for name in feature_names("v1"):
        night = name == "tx_during_night"
        value = abs(draw.gauss(0.02, 0.01)) + (0.13 if drifted and (night or "nb_tx" in name) else 0)
        columns[name] = {"method": "jensenshannon" if night else "wasserstein", "value": value}
    del columns["tx_during_weekend"]
    return {
        "date": str(day),
        "model_version": 1 if index < PROMOTED else 3,
        "feature_version": "v1",
        "transactions": 9600,
        "columns": columns,
        "score": {"method": "wasserstein", "value": abs(draw.gauss(0.06, 0.03))},
        "alert_rate_ratio": draw.gauss(1.0, 0.1) + (0.8 if drifted else 0),
        "volume_ratio": draw.gauss(1.0, 0.02),
        "performance": {
            "day": performance(labelled, 1, precision, draw),
            "long": performance(labelled, 7, precision, draw),
        }
        if index >= 7
        else {},
        "baseline_average_precision": 0.65 if index < PROMOTED else 0.68,
        "no_evidence": {} if index >= 7 else {"labels long": "no labelled day yet"},
    }


def decision(index: int) -> dict[str, Any]:
    day = FIRST + timedelta(days=index)
    alarm = "none" if not DRIFT_FROM + 2 <= index < PROMOTED else "labels" if index >= DRIFT_FROM + 9 else "unlabelled"
    action = {DRIFT_FROM + 2: "plan_challenger", DRIFT_FROM + 9: "train_now", PROMOTED - 1: "train_now"}.get(
        index, "none"
    )
    reasons = {
        "none": "features, scores and labels are as expected",
        "unlabelled": "alarm (unlabelled, on 2 of 3 days): tx_during_night 0.152 (above 0.05)",
        "labels": "alarm (labels, on 2 of 3 days): average precision over 7 days, of the expected, 0.560 (below 0.8)",
    }
    return {
        "decision_date": str(day),
        "model_version": 1,
        "action": action,
        "alarm": alarm,
        "reason": reasons[alarm],
        "signals": [],
        "notices": [],
        "due_date": str(day + timedelta(days=14)) if action == "plan_challenger" else None,
    }


def alerts(index: int, draw: random.Random, count: int) -> list[dict[str, Any]]:
    day = FIRST + timedelta(days=index)
    scores = sorted((draw.betavariate(1.2, 2.2) for _ in range(count)), reverse=True)
    names = feature_names("v1")
    return [
        {
            "alert_date": str(day),
            "rank": rank,
            "customer_id": draw.randrange(5000),
            "score": round(score, 6),
            "transaction_id": index * 10**9 + draw.randrange(9600),
            "model_version": 1 if index < PROMOTED else 3,
            "reasons": [
                {"feature": name, "value": round(draw.uniform(0, 200), 2), "contribution": round(weight, 3)}
                for name, weight in zip(draw.sample(names, 3), (2.4, 1.1, 0.4), strict=True)
            ],
        }
        for rank, score in enumerate(scores, start=1)
    ]


def activity(index: int, known: bool, draw: random.Random, scores: list[float]) -> Iterator[dict[str, str]]:
    """Yield the rows of ``queries/alert_activity.sql`` of one alert date."""
    day = FIRST + timedelta(days=index)
    for rank, score in enumerate(scores, start=1):
        rows = sorted(
            [(draw.randrange(29), draw.randrange(86400)) for _ in range(draw.randrange(20, 70))]
            + [(29, draw.randrange(86400)) for _ in range(draw.randrange(1, 4))]
        )
        for offset, second in rows:
            fraud = offset == 29 and draw.random() < score
            moment = datetime.combine(day - timedelta(days=29 - offset), datetime.min.time()) + timedelta(
                seconds=second
            )
            verdict = "" if offset == 29 and not known else str(int(fraud)) if offset == 29 or offset < 22 else ""
            yield {
                "alert_date": str(day),
                "rank": str(rank),
                "tx_datetime": str(moment),
                "tx_amount": f"{draw.lognormvariate(3.6, 0.7) * (3 if fraud else 1):.2f}",
                "score": f"{score if offset == 29 else draw.random() / 20:.6f}" if offset > 5 else "",
                "verdict": verdict,
            }


def model(version: int, kind: str, as_of: int, candidate: str, approval: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a package and the verdict that registered it."""
    day = FIRST + timedelta(days=as_of)
    promoted = approval == "Approved"
    run = {"bootstrap": "manual-bootstrap", "alarm": f"drift-{day - timedelta(days=1)}"}.get(kind, f"weekly-{day}")
    mine = {
        "average_precision": 0.66,
        "auc_roc": 0.87,
        "card_precision": 0.29,
        "card_recall": 0.5,
        "brier": 0.004,
        "calibration_error": 0.001,
        "expected_cost": 0.41,
    }
    package = {
        "version": version,
        "approval": approval,
        "effective_from": str(day),
        "arn": f"package-{version}",
        "metadata": {
            "run": run,
            "kind": kind,
            "candidate": candidate,
            "as_of": str(day),
            "effective_from": str(day),
            "window_start": str(day - timedelta(days=35)),
            "window_end": str(day - timedelta(days=8)),
            "feature_version": "v1",
            "code_version": "0.1.0",
            "world": "0123456789abcdef",
            "auc_roc": "0.871000",
            "average_precision": "0.662000",
            "card_precision": "0.291000",
        },
    }
    gain = 0.21 if promoted else 0.004
    paired = {"gain": gain, "gain_percentile": gain - 0.05, "card_precision_change": 0.09, "frauds": 214}
    verdict = {
        "run": run,
        "kind": kind,
        "as_of": str(day),
        "best": candidate,
        "champion_version": 1 if version > 1 else None,
        "compared": {
            "start": str(day - timedelta(days=10)),
            "end": str(day - timedelta(days=8)),
            "transactions": 11520,
            "frauds": 214,
            "customers": 1980,
            "k": 40,
        },
        "candidates": {candidate: mine, "logistic_regression": {**mine, "average_precision": 0.61}},
        "champion": {**mine, "average_precision": 0.45, "card_precision": 0.2} if version > 1 else None,
        "verdict": {
            "promote": promoted,
            "reason": f"{candidate} is {'' if promoted else 'not '}promoted: average precision {gain:+.3f}",
            **(paired if version > 1 else {}),
        },
        "model_version": version,
        "promoted": promoted,
        "dag_id": "fraud_training",
        "run_id": run,
    }
    return package, verdict


def page_objects(days: int = 100, *, detailed: int = 3, cards: int = 100, seed: int = 1) -> dict[str, str]:
    """Return the objects that a deployment of so many closed days has, by key; the last days only in detail."""
    draw = random.Random(seed)
    found: dict[str, str] = {}
    parts, outcomes, frauds = [], [], {}
    for index in range(days):
        day = FIRST + timedelta(days=index)
        part = day_part(
            day,
            scoring={
                "model_version": 1 if index < PROMOTED else 3,
                "rows": {"predictions": 9600 + draw.randrange(-200, 200)},
            },
            metrics=metrics(index, draw),
            decision=decision(index),
            alerts=alerts(index, draw, cards if index >= days - detailed else 0),
            dag_id="fraud_daily" if index >= 30 else "fraud_history",
            run_id=run_of(day) if index >= 30 else "manual__bootstrap",
        )
        parts.append(part)
        as_of = FIRST + timedelta(days=days)
        if index >= days - detailed:
            found[f"monitoring/days/{day}.json"] = to_json(part)
            rows = activity(index, index < days - 1, draw, [alert["score"] for alert in part["alerts"]])
            for about, content in card_parts(rows, as_of):
                found[f"monitoring/cards/{about}.json"] = to_json(content)
                outcomes.append(content)
        elif index < days - 1:
            caught = draw.randrange(8, 20) if DRIFT_FROM <= index < PROMOTED else draw.randrange(25, 40)
            known = {
                str(rank): [1, draw.randrange(4000, 20000)] if rank <= caught else [0, 0] for rank in range(1, 101)
            }
            outcomes.append({"date": str(day), "as_of": str(as_of), "outcomes": known})
        frauds[str(day)] = {"frauds": "80", "cards": "55", "amount": "7400.50"}
    registered = [
        model(1, "bootstrap", -10, "xgboost_builtin", "Approved"),
        model(2, "scheduled", 40, "xgboost", "Rejected"),
        *([model(3, "alarm", PROMOTED, "xgboost_builtin", "Approved")] if days > PROMOTED else []),
    ]
    found["monitoring/models.json"] = to_json(
        models_object([package for package, _ in registered], {verdict["run"]: verdict for _, verdict in registered})
    )
    summary = summary_object(
        None, parts, outcomes, frauds, as_of=FIRST + timedelta(days=days), settings=SETTINGS
    )  # fmt: skip
    found["monitoring/summary.json"] = to_json(summary)
    found["world/world.json"] = anchor(load_world("demo"), FIRST + timedelta(days=85)).to_json()
    found[f"reports/drift/date={FIRST + timedelta(days=days - 1)}/report.html"] = REPORT
    return found
