"""Processing step ``features``: a range of days' features, and the same numbers as batch-transform input."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_summary
from fraud.errors import ConfigurationError
from fraud.features.engine import compute_features
from fraud.features.store import days_needed, read_labels, read_transactions
from fraud.parquet import write_parquet

__all__ = ["run"]

LABEL_SOURCE = "chargeback"
"""Features see these labels only: they come with the deliveries, so that days can be recomputed in any order."""


def run(paths: JobPaths, start: date, end: date, version: str) -> None:
    """Compute features from the delivered days and write them; refuse bad input before anything is written.

    Parameters
    ----------
    paths
        Inputs ``transactions`` and ``labels``, outputs ``features``, ``scoring`` and ``summary``.
    start, end
        First and last day, both included.
    version
        Feature version.
    """
    if end < start:
        raise ConfigurationError(f"the range {start} to {end} ends before it starts; swap --start and --end")
    days = days_needed(paths.input("transactions"), start, end)
    transactions = read_transactions(paths.input("transactions"), days)
    labels = read_labels(paths.input("labels"), days, transactions, LABEL_SOURCE)
    table = compute_features(transactions, labels, start, end, version)
    for offset in range((end - start).days + 1):
        day = start + timedelta(days=offset)
        rows = table.filter(pc.equal(table["tx_date"], day)).combine_chunks()
        files = _write_day(paths, day, rows)
        write_summary(paths, day, {"features": rows.num_rows}, files, feature_version=version)


def _write_day(paths: JobPaths, day: date, rows: pa.Table) -> list[Path]:
    scoring = paths.output("scoring") / f"tx_date={day}" / "part.csv"
    scoring.parent.mkdir(parents=True, exist_ok=True)
    scratch = scoring.with_name(f".{scoring.name}.{os.getpid()}")
    pa_csv.write_csv(rows.drop_columns("tx_date"), scratch, pa_csv.WriteOptions(include_header=False))
    scratch.replace(scoring)
    return [write_parquet(rows, paths.output("features") / f"tx_date={day}" / "part.parquet"), scoring]
