"""``process collect``: the batch transform's output becomes the days' predictions and alerts."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from fraud.containers.paths import JobPaths
from fraud.containers.rows import parse_rows
from fraud.containers.summary import write_summary, write_text
from fraud.days import requested_days
from fraud.errors import ConfigurationError, DataError, MissingInputError
from fraud.models import alerts, artefact
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema

__all__ = ["run"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

KEYS = ("transaction_id", "tx_date")


def run(paths: JobPaths, start: date, end: date, model_version: int, alert_budget: int) -> None:
    """Write predictions and alerts of the days from ``start`` to ``end``, both included.

    Raises
    ------
    ConfigurationError
        When the range ends before it starts, or the budget is not positive.
    MissingInputError
        When a day lacks its scores, features or transactions, or there is no model.
    DataError
        When a day has not exactly one score from 0 to 1 for each transaction.
    """
    days = requested_days(start, end)
    if alert_budget < 1:
        raise ConfigurationError(f"--alert-budget is {alert_budget}, expected at least 1")
    model = artefact.load(paths.input("model") / "model.tar.gz")
    compromised = _read_compromised(paths.input("compromised"))
    for day in days:
        _collect(
            paths,
            day,
            model,
            compromised=compromised.get(day, np.empty(0, np.int64)),
            model_version=model_version,
            alert_budget=alert_budget,
        )


def _collect(
    paths: JobPaths, day: date, model: artefact.Model, *, compromised: Integers, model_version: int, alert_budget: int
) -> None:
    features = _read_day(paths, "features", day)
    names = [name for name in features.column_names if name not in KEYS]
    model.require(names, f"model version {model_version}")
    transaction = features["transaction_id"].to_numpy()
    score = _read_scores(paths.input("transform") / f"tx_date={day}", day, transaction)
    customer = _customers(_read_day(paths, "transactions", day), day, transaction)
    chosen = alerts.most_suspicious(transaction, customer, score, alert_budget, compromised=compromised)
    explained = features.select(names).take(chosen)
    matrix = np.column_stack([column.to_numpy() for column in explained.columns])
    predictions = {
        "transaction_id": transaction,
        "tx_date": [day] * len(transaction),
        "model_version": np.full(len(transaction), model_version, np.int32),
        "score": score,
    }
    alerted = {
        "alert_date": [day] * len(chosen),
        "rank": np.arange(1, len(chosen) + 1, dtype=np.int32),
        "customer_id": customer[chosen],
        "score": score[chosen],
        "transaction_id": transaction[chosen],
        "model_version": np.full(len(chosen), model_version, np.int32),
        "reasons": alerts.reasons(model, matrix, names) if len(chosen) else [],
    }
    alert_table = pa.table(alerted, schema=arrow_schema("alerts"))
    files = [
        write_parquet(
            pa.table(predictions, schema=arrow_schema("predictions")),
            paths.output("predictions") / f"tx_date={day}" / "part.parquet",
        ),
        write_parquet(alert_table, paths.output("alerts") / f"alert_date={day}" / "part.parquet"),
        _write_json(alert_table, paths.output("alerts") / f"alert_date={day}" / "alerts.json"),
    ]
    write_summary(
        paths, day, {"alerts": len(chosen), "predictions": len(transaction)}, files, model_version=model_version
    )


def _write_json(table: pa.Table, path: Path) -> Path:
    """Write the alerts once more for the monitor page: the workers that publish it read no Parquet."""
    rows = [
        {**row, "alert_date": str(row["alert_date"]), "reasons": json.loads(row["reasons"])}
        for row in table.to_pylist()
    ]
    write_text(path, json.dumps(rows, sort_keys=True) + "\n")
    return path


def _read_day(paths: JobPaths, name: str, day: date) -> pa.Table:
    folder = paths.input(name) / f"tx_date={day}"
    files = sorted(folder.glob("[!.]*.parquet"))
    if not files:
        raise MissingInputError(
            f"{name} of {day} are missing ({folder}); run the step that writes them for {day} first"
        )
    # partitioning=None: the day is a column already, the folder's name must not become a second one.
    return pa.concat_tables(pq.read_table(file, partitioning=None) for file in files)


def _read_scores(folder: Path, day: date, transaction: Integers) -> Floats:
    """Return the score of each transaction, in the transactions' order; one each or an error."""
    files = sorted(folder.glob("*.out"))
    if not files:
        raise MissingInputError(
            f"the transform left no .out file for {day} in {folder}; run the transform of {day} again"
        )
    rows = np.concatenate([parse_rows(path.read_bytes(), 2, f"{folder.name}/{path.name}") for path in files])
    identifier, score = rows[:, 0].astype(np.int64), rows[:, 1]
    outside = np.flatnonzero((score < 0) | (score > 1))
    if len(outside):
        raise DataError(f"{day}: transaction {identifier[outside[0]]} has score {score[outside[0]]}, expected 0 to 1")
    order = np.argsort(identifier, kind="stable")
    identifier = identifier[order]
    repeated = np.flatnonzero(identifier[1:] == identifier[:-1])
    missing, unknown = np.setdiff1d(transaction, identifier), np.setdiff1d(identifier, transaction)
    for fault, ids in (
        ("is scored twice", identifier[repeated]),
        ("has no score", missing),
        ("is scored but has no features", unknown),
    ):
        if len(ids):
            raise DataError(
                f"{day}: transaction {ids[0]} {fault} ({len(ids)} in all); run the transform of {day} again"
            )
    scores: Floats = score[order][np.searchsorted(identifier, transaction)]
    return scores


def _customers(transactions: pa.Table, day: date, transaction: Integers) -> Integers:
    identifier, customer = (transactions[name].to_numpy() for name in ("transaction_id", "customer_id"))
    missing = np.setdiff1d(transaction, identifier)
    if len(missing):
        raise DataError(
            f"{day}: transaction {missing[0]} has features but was not delivered; compute {day}'s features again"
        )
    order = np.argsort(identifier)
    customers: Integers = customer[order][np.searchsorted(identifier[order], transaction)]
    return customers


def _read_compromised(folder: Path) -> dict[date, Integers]:
    """Return the customers that are not alerted, by day; Redshift unloads no file at all when there are none."""
    found: dict[date, list[int]] = {}
    for path in sorted(folder.rglob("*.parquet")) if folder.is_dir() else ():
        table = pq.read_table(path, columns=["alert_date", "customer_id"], partitioning=None)
        for day, customer in zip(table["alert_date"].to_pylist(), table["customer_id"].to_pylist(), strict=True):
            found.setdefault(day, []).append(customer)
    return {day: np.array(customers, np.int64) for day, customers in found.items()}
