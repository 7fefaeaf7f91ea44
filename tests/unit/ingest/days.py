"""A small delivered day, right in everything, and ways to spoil it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fraud.ingest.delivery import DELIVERY, SCHEMAS, Delivery, read_delivery, write_delivery
from fraud.ingest.gate import Admitted, Gate
from fraud.schema import arrow_schema

START = date(2026, 1, 1)
DAY = date(2026, 3, 1)
INDEX = (DAY - START).days
FIRST_ID = INDEX * 10**9
LABELLED = DAY - timedelta(days=7)
LABELLED_FIRST = (LABELLED - START).days * 10**9
ROWS, CUSTOMERS, TERMINALS = 200, 80, 40

Rows = list[dict[str, Any]]
Tables = dict[str, Rows]


def moment(day: date, seconds: float) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=seconds)


def good() -> Tables:
    """Return the rows of a day that passes every check: 200 transactions, 200 labels of the day a week before."""
    return {
        "customers": [
            {
                "customer_id": number, "x_location": 1.0 + number, "y_location": 50.0, "mean_amount": 20.0,
                "std_amount": 10.0, "mean_nb_tx_per_day": 2.5,
            }
            for number in range(CUSTOMERS)
        ],
        "terminals": [{"terminal_id": n, "x_location": 1.0 + n, "y_location": 50.0} for n in range(TERMINALS)],
        "transactions": [
            {
                "transaction_id": FIRST_ID + n, "tx_date": DAY, "tx_datetime": moment(DAY, 400 * n),
                # the last customers and the last terminal have no transactions
                "customer_id": n % (CUSTOMERS - 2), "terminal_id": n % (TERMINALS - 1),
                "tx_amount": Decimal(n * 7 % 300) + Decimal("0.25"),
            }
            for n in range(ROWS)
        ],
        "labels": [
            {
                "transaction_id": LABELLED_FIRST + n, "tx_date": LABELLED, "is_fraud": n % 50 == 0,
                "known_at": moment(DAY, 400 * n), "source": "chargeback",
            }
            for n in range(ROWS)
        ],
    }  # fmt: skip


def arrow(kind: str, rows: Rows) -> pa.Table:
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(SCHEMAS[kind])])
    return pa.Table.from_pylist(rows, schema)


def deliver(folder: Path, tables: Tables | None = None, **changed: Callable[[pa.Table], pa.Table]) -> Path:
    """Write a day's files and their delivery.json; ``changed`` may change the Arrow table of a kind."""
    files = []
    for kind, rows in (good() if tables is None else tables).items():
        path = folder / kind / "part.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(changed.get(kind, lambda table: table)(arrow(kind, rows)), path)
        files.append(path)
    write_delivery(folder, DAY, files)
    return folder


def relist(folder: Path, **entry: Any) -> Path:
    """Write delivery.json anew for the files as they are now, with entries of the transactions' file changed."""
    listed = json.loads((folder / DELIVERY).read_text())
    for name, described in listed["files"].items():
        if (folder / name).exists():
            body = (folder / name).read_bytes()
            described |= {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    listed["files"]["transactions/part.parquet"] |= entry
    (folder / DELIVERY).write_text(json.dumps(listed))
    return folder


def gate(known: dict[date, np.ndarray] | None = None) -> Gate:
    admitted = {LABELLED: LABELLED_FIRST + np.arange(ROWS)} if known is None else known
    return Gate(START, admitted.get)


def admit(folder: Path) -> Admitted:
    delivery: Delivery = read_delivery(folder, DAY)
    return gate().admit(delivery)
