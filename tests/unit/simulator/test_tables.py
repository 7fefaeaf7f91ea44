"""Days as Arrow tables: the schema's columns and types, exact amounts, UTC moments."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
from fraud.simulator.population import every_customer, every_terminal
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import customers_table, money, terminals_table, timestamps, transactions_table, truth_table
from fraud.simulator.worlds import load_world

TINY = load_world("tiny").changed(start=date(2024, 2, 29))
DAY = simulate(TINY, 0)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("transactions", transactions_table(DAY)),
        ("truth", truth_table(DAY)),
        ("customers", customers_table(every_customer(TINY))),
        ("terminals", terminals_table(every_terminal(TINY))),
    ],
)
def test_table__has_the_schemas_columns_without_nulls(name: str, table: pa.Table) -> None:
    assert table.schema.equals(arrow_schema(name))
    assert sum(column.null_count for column in table.columns) == 0
    table.validate(full=True)


def test_transactions__say_what_the_day_says() -> None:
    rows = transactions_table(DAY).to_pylist()
    assert len(rows) == len(DAY)
    for number in (0, len(DAY) // 2, len(DAY) - 1):
        seconds = int(DAY.seconds[number])
        assert rows[number] == {
            "transaction_id": number,
            "tx_date": date(2024, 2, 29),
            "tx_datetime": datetime(2024, 2, 29, seconds // 3600, seconds // 60 % 60, seconds % 60, tzinfo=UTC),
            "customer_id": int(DAY.customer_id[number]),
            "terminal_id": int(DAY.terminal_id[number]),
            "tx_amount": Decimal(int(DAY.cents[number])) / 100,
        }


def test_truth__names_the_scenario_of_every_fraud() -> None:
    table = truth_table(simulate(TINY, 80))
    names = {row["scenario"] for row in table.to_pylist() if row["is_fraud"]}
    assert names == {"compromised_terminal", "compromised_card", "card_testing"}
    assert {row["scenario"] for row in table.to_pylist() if not row["is_fraud"]} == {""}


def test_money__is_exact() -> None:
    cents = np.array([0, 1, 99, 100, 123456789, 999_999_999_999, -1, -250], dtype=np.int64)
    assert money(cents).to_pylist() == [Decimal(int(value)).scaleb(-2) for value in cents]


@pytest.mark.parametrize("day", [date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), date(2026, 12, 31)])
def test_timestamps__are_utc(day: date) -> None:
    expected = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    assert timestamps(day, np.array([86399])).to_pylist() == [expected]


def test_write_parquet__leaves_nothing_half_written(tmp_path, monkeypatch) -> None:
    path = write_parquet(transactions_table(DAY), tmp_path / "a" / "part.parquet")
    before = path.read_bytes()

    def full(table: pa.Table, where: Path, **_) -> None:
        where.write_bytes(b"PAR1")
        raise OSError("No space left on device")

    monkeypatch.setattr("fraud.parquet.pq.write_table", full)
    with pytest.raises(OSError, match="No space left"):
        write_parquet(truth_table(DAY), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["part.parquet"]
