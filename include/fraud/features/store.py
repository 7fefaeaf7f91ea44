"""Day files of the features step: transactions and labels, read and checked.

A file that does not have the promised form is refused by name, with the column and the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fraud.features import delivery
from fraud.schema import arrow_schema

__all__ = ["day_blocks", "days_needed", "read_labels", "read_transactions"]


def days_needed(transactions: Path, start: date, end: date) -> list[date]:
    """Return the days that the features of some days are made of: these and their look-back, as far as the world goes.

    Parameters
    ----------
    transactions
        Folder of the delivered days, ``tx_date=…/*.parquet``.
    start, end
        First and last day whose features are wanted.

    Raises
    ------
    MissingInputError
        Naming the first day that should be there. Whether the world begins within the look-back is told by the
        transaction ids, which count days from its start.
    """
    present = {day for day in delivery.days_with_look_back(start, end) if _files(transactions / f"tx_date={day}")}
    return delivery.needed_days(str(transactions), start, end, present, _world_start(transactions, sorted(present)))


def day_blocks(transactions: Path, days: Sequence[date], rows: int) -> list[list[date]]:
    """Split days into runs of about as many transactions as given, at least one day each."""
    runs: list[list[date]] = []
    size = 0
    for day in days:
        of_day = sum(pq.read_metadata(file).num_rows for file in _files(transactions / f"tx_date={day}"))
        if not runs or size + of_day > rows:
            runs.append([])
            size = 0
        runs[-1].append(day)
        size += of_day
    return runs


def read_transactions(transactions: Path, days: Sequence[date]) -> pa.Table:
    """Read the transactions of some days and check them: form, nulls, amounts, day, order.

    Raises
    ------
    DataError
        Naming file, column and row.
    """
    tables: list[pa.Table] = []
    for day in days:
        for file in _files(transactions / f"tx_date={day}"):
            table = _read(file, "transactions")
            moment_day = table["tx_datetime"].cast(pa.date32())
            _refuse(file, table, "tx_amount", pc.less(table["tx_amount"], 0), "0 or more")
            _refuse(file, table, "tx_date", pc.not_equal(table["tx_date"], day), f"the folder's day {day}")
            _refuse(file, table, "tx_datetime", pc.not_equal(moment_day, day), f"a moment of {day}, UTC")
            _check_order(file, table, tables)
            tables.append(table)
    return pa.concat_tables(tables)


def read_labels(labels: Path, days: Sequence[date], transactions: pa.Table, source: str) -> pa.Table:
    """Read the labels of one source that became known on some days and check them against the transactions.

    Parameters
    ----------
    labels
        Folder of the delivered days, ``known_date=…/source=…/*.parquet``; a day without labels has a file without rows.
    days
        The days that ``transactions`` holds.
    transactions
        What :func:`read_transactions` returned.
    source
        Whose labels.

    Returns
    -------
    pyarrow.Table
        ``transaction_id``, ``is_fraud``, ``known_at``.

    Raises
    ------
    MissingInputError
        When a day has no file.
    DataError
        Naming file, column and row, or the transaction that a label contradicts.
    """
    tables = [arrow_schema("label_deliveries").empty_table()]
    ids = transactions["transaction_id"].to_numpy()
    for day in days:
        folder = labels / f"known_date={day}" / f"source={source}"
        files = _files(folder)
        if not files:
            raise delivery.no_labels(str(folder))
        for file in files:
            table = _read(file, "label_deliveries")
            known_day = table["known_at"].cast(pa.date32())
            labelled = table["transaction_id"].to_numpy()
            unknown = np.searchsorted(ids, labelled) == np.searchsorted(ids, labelled, side="right")
            unknown = pc.and_(pa.array(unknown), pc.greater_equal(table["tx_date"], days[0]))
            _refuse(file, table, "source", pc.not_equal(table["source"], source), f"the folder's source {source}")
            _refuse(file, table, "known_at", pc.not_equal(known_day, day), f"a moment of {day}, UTC")
            _refuse(file, table, "transaction_id", unknown, f"a transaction that was delivered since {days[0]}")
            tables.append(table)
    together = pa.concat_tables(tables).select(["transaction_id", "is_fraud", "known_at"])
    _check_consistent(labels, together)
    return together


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.parquet"))


def _world_start(transactions: Path, present: Sequence[date]) -> date:
    """Return the world's first day as told by the earliest id there is; without any, the earliest day there is."""
    for day in present:
        for file in _files(transactions / f"tx_date={day}"):
            ids = _read(file, "transactions")["transaction_id"]
            if len(ids):
                return delivery.world_start(day, ids[0].as_py())
    return min(present, default=date.min)


def _read(file: Path, table: str) -> pa.Table:
    expected = arrow_schema(table)
    try:
        content = pq.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise delivery.unreadable(str(file), error) from None
    if content.column_names != expected.names:
        raise delivery.wrong_columns(str(file), content.column_names, expected.names)
    for field in expected:
        found = content.schema.field(field.name).type
        if found != field.type:
            raise delivery.wrong_type(str(file), field.name, found, field.type)
        _refuse(file, content, field.name, content[field.name].is_null(), "a value")
    return content.cast(expected)


def _refuse(file: Path, table: pa.Table, column: str, wrong: pa.ChunkedArray, expected: str) -> None:
    row = pc.index(wrong, pa.scalar(True)).as_py()
    if row >= 0:
        raise delivery.wrong_value(str(file), row, column, table[column][row].as_py(), expected)


def _check_order(file: Path, table: pa.Table, earlier: Sequence[pa.Table]) -> None:
    """Refuse a transaction id that was there before, and rows that are not in the order of ids and of time."""
    before = next((one.slice(one.num_rows - 1) for one in reversed(earlier) if one.num_rows), None)
    rows = table if before is None else pa.concat_tables([before, table])
    falling = np.zeros(rows.num_rows, bool)
    ids, moment = rows["transaction_id"].to_numpy(), rows["tx_datetime"].cast(pa.int64()).to_numpy()
    falling[1:] = (ids[1:] <= ids[:-1]) | (moment[1:] < moment[:-1])
    if not falling.any():
        return
    row = int(falling.argmax())
    delivered = pa.concat_tables([*earlier, table])["transaction_id"].to_numpy()
    position = len(delivered) - rows.num_rows + row
    row_of_file = row - (before is not None)
    if ids[row] in delivered[:position]:
        raise delivery.delivered_twice(str(file), row_of_file, ids[row])
    raise delivery.out_of_order(str(file), row_of_file, ids[row], ids[row - 1])


def _check_consistent(labels: Path, table: pa.Table) -> None:
    """Refuse two verdicts on one transaction at one moment: neither is the later one."""
    frauds = table.filter(table["is_fraud"])["transaction_id"]
    suspects = table.filter(pc.is_in(table["transaction_id"], value_set=frauds.combine_chunks()))
    verdicts = suspects.group_by(["transaction_id", "known_at"]).aggregate([("is_fraud", "min"), ("is_fraud", "max")])
    torn = verdicts.filter(pc.not_equal(verdicts["is_fraud_min"], verdicts["is_fraud_max"]))
    if torn.num_rows:
        one = torn.slice(0, 1).to_pylist()[0]
        raise delivery.torn_verdict(str(labels), one["transaction_id"], one["known_at"])
