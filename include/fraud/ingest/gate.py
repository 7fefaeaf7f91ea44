"""The rows of a delivered day: admitted to the pipeline, or quarantined with the check that they failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fraud.erasure.erased import Erased
from fraud.ingest.delivery import SCHEMAS, Delivered, Delivery, DeliveryRefused
from fraud.ingest.policy import CHECKS, LIMITS
from fraud.schema import IDS_PER_DAY, arrow_schema

__all__ = ["QUARANTINE", "Admitted", "Gate"]

_MICROSECONDS = 1_000_000
_EPOCH = date(1970, 1, 1)

QUARANTINE = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("check", pa.string(), nullable=False),
        pa.field("content", pa.string(), nullable=False),
    ]
)
"""Rows set aside: where they came from (rows of a file counted from 0), the check they failed, themselves as JSON."""

Mask = NDArray[np.bool_]
IdsOf = Callable[[date], NDArray[np.int64] | None]
"""Returns the sorted ids of the admitted transactions of a day, or None for a day that is not at hand."""


@dataclass(frozen=True)
class Admitted:
    """What of a delivered day goes on.

    Attributes
    ----------
    tables
        Admitted rows by folder of the delivery, in the promised order and types.
    digests
        What names the files of customers and terminals: the same delivered files, the same digest.
    quarantine
        Rows set aside (:data:`QUARANTINE`).
    findings
        For the day's manifest: ``quarantined`` (rows by table and check) and ``warnings``.
    """

    tables: dict[str, pa.Table]
    digests: dict[str, str]
    quarantine: pa.Table
    findings: dict[str, Any]


class Gate:
    """Checks the days of one world.

    Parameters
    ----------
    start
        Date of the world's day 0, from which transaction ids count days.
    ids_of
        The transactions that were admitted on other days, for labels.
    erased
        Cards and transactions that were erased on request: their rows are left out, before anything else is looked at.
    """

    def __init__(self, start: date, ids_of: IdsOf, erased: Erased | None = None) -> None:
        self._start, self._ids_of, self._erased = start, ids_of, erased or Erased()
        self._profiles: dict[tuple[str, str], tuple[_Rows, NDArray[np.int64]]] = {}

    def admit(self, delivery: Delivery) -> Admitted:
        """Check the rows of a delivered day.

        Raises
        ------
        DeliveryRefused
            When so much is wrong that the day as a whole cannot be trusted.
        """
        tables = {kind: delivered.without(self._erased) for kind, delivered in delivery.tables.items()}
        customers, known_customers = self._profile("customers", "customer_id", tables["customers"])
        terminals, known_terminals = self._profile("terminals", "terminal_id", tables["terminals"])
        transactions = self._transactions(delivery.day, tables["transactions"], known_customers, known_terminals)
        labels = self._labels(delivery.day, tables["labels"], transactions)
        checked = {"customers": customers, "terminals": terminals, "transactions": transactions, "labels": labels}
        problems = [problem for kind, rows in checked.items() for problem in rows.too_many(kind)]
        volume = _volume(transactions, customers)
        # What is left of a table that is mostly wrong says nothing more.
        problems = problems or [
            *_order(transactions),
            *(problem for problem in volume if CHECKS[problem[0]].verdict == "refuse"),
        ]
        if problems:
            raise DeliveryRefused(delivery.day, problems)
        warnings = [*delivery.warnings, *volume]
        return Admitted(
            {kind: rows.table.cast(arrow_schema(SCHEMAS[kind])) for kind, rows in checked.items()},
            {kind: tables[kind].digest for kind in ("customers", "terminals")},
            pa.Table.from_pylist([row for kind, rows in checked.items() for row in rows.set_aside(kind)], QUARANTINE),
            {
                "quarantined": {
                    kind: dict(sorted(rows.counts.items())) for kind, rows in checked.items() if rows.counts
                },
                "warnings": [f"{check}: {what}" for check, what in warnings],
            },
        )

    def _profile(self, kind: str, key: str, delivered: Delivered) -> tuple[_Rows, NDArray[np.int64]]:
        """Check customers or terminals; the same files on another day are not checked again."""
        found = self._profiles.get((kind, delivered.digest))
        if found is None:
            rows = _Rows(delivered)
            rows.reject("null", rows.nulls())
            for column in rows.table.column_names:
                if column != key:
                    values = rows.array(column)
                    bound = 100.0 if column.endswith("_location") else np.inf
                    rows.reject("profile", ~(np.isfinite(values) & (values >= 0) & (values <= bound)))
            rows.reject_duplicates([key])
            rows.sort([key])
            found = rows, rows.array(key)
            self._profiles = {name: kept for name, kept in self._profiles.items() if name[0] != kind}
            self._profiles[kind, delivered.digest] = found
        return found

    def _transactions(
        self, day: date, delivered: Delivered, customers: NDArray[np.int64], terminals: NDArray[np.int64]
    ) -> _Rows:
        rows = _Rows(delivered)
        today = (day - _EPOCH).days
        first = self._first_id(day)
        rows.reject("null", rows.nulls())
        moment = _moments(rows, "tx_datetime") // (86_400 * _MICROSECONDS)
        rows.reject("late", (_days(rows, "tx_date") < today) & (moment < today))
        moment = _moments(rows, "tx_datetime") // (86_400 * _MICROSECONDS)
        rows.reject("wrong_day", (_days(rows, "tx_date") != today) | (moment != today))
        rows.reject("whole_seconds", _moments(rows, "tx_datetime") % _MICROSECONDS != 0)
        ids = rows.array("transaction_id")
        rows.reject("identity", (ids < first) | (ids >= first + IDS_PER_DAY))
        amount = rows.table["tx_amount"]
        wrong = pc.or_(pc.less(amount, 0), pc.greater(amount, LIMITS.amount))
        rows.reject("amount", wrong.to_numpy(zero_copy_only=False))
        rows.reject("unknown_customer", ~_among(rows.array("customer_id"), customers))
        rows.reject("unknown_terminal", ~_among(rows.array("terminal_id"), terminals))
        rows.reject_duplicates(["transaction_id"])
        rows.sort(["transaction_id"])
        return rows

    def _labels(self, day: date, delivered: Delivered, transactions: _Rows) -> _Rows:
        rows = _Rows(delivered)
        today = (day - _EPOCH).days
        rows.reject("null", rows.nulls())
        rows.reject("label_source", pc.not_equal(rows.table["source"], "chargeback").to_numpy(zero_copy_only=False))
        rows.reject("label_day", _moments(rows, "known_at") // (86_400 * _MICROSECONDS) != today)
        rows.reject("label_before", _days(rows, "tx_date") > today)
        ids, of_day = rows.array("transaction_id"), _days(rows, "tx_date").astype(np.int64)
        start = (self._start - _EPOCH).days
        rows.reject("label_identity", (ids < 0) | (ids // IDS_PER_DAY != of_day - start))
        rows.reject("label_transaction", self._unknown(rows, day, transactions))
        rows.reject_duplicates(["transaction_id", "known_at"])
        rows.sort(["transaction_id", "known_at"])
        return rows

    def _unknown(self, rows: _Rows, day: date, transactions: _Rows) -> Mask:
        """Mark labels of transactions that a day at hand does not have."""
        ids, of_day = rows.array("transaction_id"), _days(rows, "tx_date")
        unknown = np.zeros(len(ids), bool)
        for number in np.unique(of_day):
            about = date.fromordinal(_EPOCH.toordinal() + int(number))
            known = transactions.array("transaction_id") if about == day else self._ids_of(about)
            if known is not None:
                there = of_day == number
                unknown[there] = ~_among(ids[there], known)
        return unknown

    def _first_id(self, day: date) -> int:
        return (day - self._start).days * IDS_PER_DAY


class _Rows:
    """The rows of a delivered table that passed so far, and those that did not."""

    def __init__(self, delivered: Delivered) -> None:
        self._delivered = delivered
        self.table = delivered.rows
        self._position = np.arange(self.table.num_rows)
        self._rejected: list[tuple[str, NDArray[np.int64]]] = []

    @property
    def counts(self) -> Counter[str]:
        """Rejected rows by check."""
        counts: Counter[str] = Counter()
        for check, positions in self._rejected:
            counts[check] += len(positions)
        return counts

    def array(self, column: str) -> NDArray[Any]:
        """Return a column without nulls as NumPy has it."""
        values: NDArray[Any] = self.table[column].to_numpy()
        return values

    def nulls(self) -> Mask:
        """Mark rows with a null anywhere."""
        found = np.zeros(self.table.num_rows, bool)
        for column in self.table.columns:
            if column.null_count:
                found |= column.is_null().to_numpy()
        return found

    def reject(self, check: str, wrong: Mask) -> None:
        """Take the marked rows out."""
        if wrong.any():
            self._rejected.append((check, self._position[wrong]))
            self.table, self._position = self.table.filter(pa.array(~wrong)), self._position[~wrong]

    def reject_duplicates(self, key: Sequence[str]) -> None:
        """Take out rows that come again, and all rows of a key that contradict each other."""
        columns = [self._number(name) for name in key]
        order = np.lexsort(columns[::-1])
        same = np.ones(max(len(order) - 1, 0), bool)
        for column in columns:
            same &= column[order[1:]] == column[order[:-1]]
        if not same.any():
            return
        twice = np.zeros(len(order), bool)
        twice[order[1:][same]] = twice[order[:-1][same]] = True
        again, torn = np.zeros(len(order), bool), np.zeros(len(order), bool)
        groups: dict[tuple[Any, ...], list[tuple[int, dict[str, Any]]]] = {}
        suspects = twice.nonzero()[0]
        for position, row in zip(suspects.tolist(), self.table.take(pa.array(suspects)).to_pylist(), strict=True):
            groups.setdefault(tuple(row[name] for name in key), []).append((position, row))
        for group in groups.values():
            alike = all(row == group[0][1] for _, row in group)
            for position, _ in group[1:] if alike else group:
                (again if alike else torn)[position] = True
        self.reject("repeated", again)
        self.reject("contradicted", torn[~again])

    def _number(self, name: str) -> NDArray[np.int64]:
        column = self.table[name]
        moments = pa.types.is_timestamp(column.type)
        numbers: NDArray[np.int64] = (column.cast(pa.int64()) if moments else column).to_numpy()
        return numbers

    def sort(self, key: Sequence[str]) -> None:
        """Put the rows in the order of a key."""
        columns = [self._number(name) for name in key]
        order = np.lexsort(columns[::-1])
        if not np.array_equal(order, np.arange(len(order))):
            self.table, self._position = self.table.take(pa.array(order)), self._position[order]

    def too_many(self, kind: str) -> list[tuple[str, str]]:
        """Return the problem that too many rows were rejected, if they were."""
        bad, all_rows = sum(self.counts.values()), self._delivered.rows.num_rows
        if bad <= LIMITS.quarantined_share * all_rows:
            return []
        check, positions = max(self._rejected, key=lambda one: len(one[1]))
        file, row = self._delivered.place(int(positions[0]))
        what = f"{bad} of {all_rows} rows of {kind} fail a check, most of them {check}, the first in {file}, row {row}"
        return [("share", what)]

    def set_aside(self, kind: str) -> list[dict[str, Any]]:
        """Return the rejected rows, in the order in which they were delivered."""
        found = []
        for check, positions in self._rejected:
            rows = _as_text(self._delivered.rows.take(pa.array(positions)))
            for position, row in zip(positions.tolist(), rows.to_pylist(), strict=True):
                file, number = self._delivered.place(position)
                place = {"table": kind, "file": file, "row": number, "check": check}
                found.append((position, place | {"content": json.dumps(row)}))
        return [row for _, row in sorted(found, key=lambda one: one[0])]


def _as_text(table: pa.Table) -> pa.Table:
    """Return a table's values as text: Python has no dates before the year 1 or after 9999, files may."""
    columns = []
    for column in table.columns:
        # Without the zone, which is UTC: writing it would need a database of zones.
        plain = column.cast(pa.int64()).cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column
        columns.append(plain.cast(pa.string()))
    return pa.Table.from_arrays(columns, names=table.column_names)


def _order(transactions: _Rows) -> list[tuple[str, str]]:
    """Return the problem that an id is before another and its moment is not, if there is such a pair."""
    moments = _moments(transactions, "tx_datetime")
    back = (moments[1:] < moments[:-1]).nonzero()[0]
    if not len(back):
        return []
    ids = transactions.array("transaction_id")
    return [("order", f"transaction {ids[back[0] + 1]} is earlier than {ids[back[0]]}")]


def _volume(transactions: _Rows, customers: _Rows) -> list[tuple[str, str]]:
    """Return what is odd about the number of transactions."""
    expected = float(customers.array("mean_nb_tx_per_day").sum())
    count = transactions.table.num_rows
    what = f"{count} transactions where the customers' rates promise {expected:.0f}"
    if expected < LIMITS.volume_rows:
        return [] if count else [("volume_unusual", what)]
    for check, (low, high) in (("volume", LIMITS.volume), ("volume_unusual", LIMITS.volume_unusual)):
        if not low * expected <= count <= high * expected:
            return [(check, what)]
    return []


def _days(rows: _Rows, column: str) -> NDArray[np.int32]:
    days: NDArray[np.int32] = rows.table[column].cast(pa.int32()).to_numpy()
    return days


def _moments(rows: _Rows, column: str) -> NDArray[np.int64]:
    moments: NDArray[np.int64] = rows.table[column].cast(pa.int64()).to_numpy()
    return moments


def _among(values: NDArray[np.int64], known: NDArray[np.int64]) -> Mask:
    """Mark the values that a sorted array has."""
    if not len(known):
        return np.zeros(len(values), bool)
    found: Mask = known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values
    return found
