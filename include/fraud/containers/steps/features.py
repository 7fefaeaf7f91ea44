"""Processing step ``features``: a range of days' features, and the same numbers as batch-transform input."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_summary
from fraud.errors import ConfigurationError
from fraud.features.catalogue import LOOK_BACK_DAYS
from fraud.features.delivery import LABEL_SOURCE
from fraud.features.engine import compute_features
from fraud.features.store import day_blocks, days_needed, read_labels, read_transactions
from fraud.parquet import write_parquet

__all__ = ["run"]

BLOCK_ROWS = 4_000_000
"""Transactions whose features are held at once, besides their look-back: bounds the memory of a long range."""


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
    needed = days_needed(paths.input("transactions"), start, end)
    blocks = day_blocks(paths.input("transactions"), [day for day in needed if day >= start], BLOCK_ROWS)
    if len(blocks) > 1:  # everything is checked before anything is written; a single block is checked as it is read
        for block in blocks:
            _read(paths, needed, block)
    for block in blocks:
        table = compute_features(*_read(paths, needed, block), block[0], block[-1], version)
        for day in block:
            rows = table.filter(pc.equal(table["tx_date"], day)).combine_chunks()
            write_summary(
                paths, day, {"features": rows.num_rows}, _write_day(paths, day, rows), feature_version=version
            )


def _read(paths: JobPaths, needed: Sequence[date], block: Sequence[date]) -> tuple[pa.Table, pa.Table]:
    since = block[0] - timedelta(days=LOOK_BACK_DAYS)
    days = [day for day in needed if since <= day <= block[-1]]
    transactions = read_transactions(paths.input("transactions"), days)
    return transactions, read_labels(paths.input("labels"), days, transactions, LABEL_SOURCE)


def _write_day(paths: JobPaths, day: date, rows: pa.Table) -> list[Path]:
    scoring = paths.output("scoring") / f"tx_date={day}" / "part.csv"
    scoring.parent.mkdir(parents=True, exist_ok=True)
    scratch = scoring.with_name(f".{scoring.name}.{os.getpid()}")
    pa_csv.write_csv(rows.drop_columns("tx_date"), scratch, pa_csv.WriteOptions(include_header=False))
    scratch.replace(scoring)
    return [write_parquet(rows, paths.output("features") / f"tx_date={day}" / "part.parquet"), scoring]
