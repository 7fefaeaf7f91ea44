"""Delivered days of a small world, and what can be wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from fraud.containers.paths import JobPaths
from fraud.parquet import write_parquet
from fraud.simulator.labels import chargebacks
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import load_world

Change = Callable[[pa.Table], pa.Table]

WORLD = load_world("tiny")
START = WORLD.start
DAYS = 48


def transactions_file(paths: JobPaths, index: int) -> Path:
    return paths.input("transactions") / f"tx_date={START + timedelta(days=index)}" / "part.parquet"


def labels_file(paths: JobPaths, index: int) -> Path:
    known = START + timedelta(days=index)
    return paths.input("labels") / f"known_date={known}" / "source=chargeback" / "part.parquet"


def day(index: int) -> date:
    return START + timedelta(days=index)


def deliver(paths: JobPaths) -> None:
    """Write the world's first days as a job finds them."""
    for index in range(DAYS):
        write_parquet(transactions_table(simulate(WORLD, index)), transactions_file(paths, index))
        write_parquet(chargebacks(WORLD, index), labels_file(paths, index))


def replaced(column: str, row: int, value: object) -> Change:
    def change(table: pa.Table) -> pa.Table:
        values = table[column].to_pylist()
        values[row] = value
        field = table.schema.field(column).with_nullable(True)
        return table.set_column(table.schema.get_field_index(column), field, pa.array(values, field.type))

    return change


def retyped(column: str, kind: pa.DataType) -> Change:
    return lambda table: table.set_column(
        table.schema.get_field_index(column), column, table[column].cast(kind, safe=False)
    )


def first_id(index: int) -> int:
    return index * 10**9


BAD_TRANSACTIONS: dict[str, tuple[Change, str]] = {
    "null amount": (replaced("tx_amount", 3, None), "row 3: tx_amount is None, expected a value"),
    "negative amount": (replaced("tx_amount", 3, -1), r"row 3: tx_amount is -1.00, expected 0 or more"),
    "naive timestamp": (retyped("tx_datetime", pa.timestamp("us")), r"tx_datetime is timestamp\[us\], expected"),
    "other zone": (retyped("tx_datetime", pa.timestamp("us", "Europe/Brussels")), "tx_datetime is .*Brussels"),
    "float amount": (retyped("tx_amount", pa.float64()), "column tx_amount is double, expected decimal"),
    "unknown column": (lambda t: t.append_column("tx_fraud", t["customer_id"]), r"unexpected columns \(tx_fraud\)"),
    "missing column": (lambda t: t.drop_columns("terminal_id"), r"unexpected columns \(terminal_id\)"),
    "columns out of order": (lambda t: t.select(t.column_names[::-1]), r"unexpected columns \(order\)"),
    "repeated row": (lambda t: t.take([0, 1, 1]), f"row 2: transaction {first_id(30) + 1} is there twice"),
    "id of the day before": (
        replaced("transaction_id", 0, first_id(29)), f"row 0: transaction {first_id(29)} is there twice",
    ),
    "rows out of order": (lambda t: t.take([1, 0]), f"row 1: transaction {first_id(30)} follows"),
    "rows of another day": (replaced("tx_date", 2, date(2020, 1, 1)), "row 2: tx_date is 2020-01-01"),
}  # fmt: skip


BAD_LABELS: dict[str, tuple[Change, str]] = {
    "unknown transaction": (
        replaced("transaction_id", 1, first_id(23) + 999_999), "row 1: transaction_id is .* that was delivered",
    ),
    "other source": (replaced("source", 1, "investigation"), "row 1: source is investigation, expected"),
    "null verdict": (replaced("is_fraud", 1, None), "row 1: is_fraud is None, expected a value"),
    "naive moment": (retyped("known_at", pa.timestamp("us")), r"known_at is timestamp\[us\], expected"),
}  # fmt: skip
