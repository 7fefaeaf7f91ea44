"""Fuzzed deliveries: whatever is in them, they are refused, or what is admitted is right; nothing else can happen."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraud.ingest.delivery import DELIVERY, DeliveryRefused
from fraud.ingest.policy import CHECKS, LIMITS
from fraud.schema import arrow_schema
from unit.ingest.days import CUSTOMERS, DAY, FIRST_ID, TERMINALS, admit, deliver, good, moment, relist

NAMES = ["transactions/part.parquet", "labels/part.parquet", "customers/part.parquet", "terminals/part.parquet"]
SCRATCH = tempfile.TemporaryDirectory()
GOOD = deliver(Path(SCRATCH.name))
BODIES = {name: (GOOD / name).read_bytes() for name in NAMES}
LISTED = (GOOD / DELIVERY).read_bytes()

fuzz = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def right(admitted) -> None:
    """Hold what was admitted to its promises, one row at a time."""
    transactions = admitted.tables["transactions"]
    assert transactions.schema.equals(arrow_schema("transactions"))
    customers = set(admitted.tables["customers"]["customer_id"].to_pylist())
    terminals = set(admitted.tables["terminals"]["terminal_id"].to_pylist())
    before = (-1, moment(DAY, -1))
    for row in transactions.to_pylist():
        assert None not in row.values()
        assert row["tx_date"] == row["tx_datetime"].date() == DAY
        assert 0 <= row["tx_amount"] <= LIMITS.amount
        assert row["customer_id"] in customers
        assert row["terminal_id"] in terminals
        assert FIRST_ID <= row["transaction_id"] < FIRST_ID + 10**9
        assert row["transaction_id"] > before[0]
        assert row["tx_datetime"] >= before[1]
        before = row["transaction_id"], row["tx_datetime"]
    for row in admitted.tables["labels"].to_pylist():
        assert None not in row.values()
        assert row["known_at"].date() == DAY
        assert row["source"] == "chargeback"
        assert row["tx_date"] <= DAY


def outcome(folder: Path) -> set[str]:
    try:
        right(admit(folder))
    except DeliveryRefused as refused:
        return {*refused.checks, *(CHECKS[check].verdict for check in refused.checks)} - {"refuse"}
    return set()


@pytest.mark.slow
@fuzz
@given(st.sampled_from(NAMES), st.data())
def test_file__with_bytes_changed_is_refused_by_its_digest(name: str, data) -> None:
    body = bytearray(BODIES[name])
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as scratch:
        folder = deliver(Path(scratch))
        (folder / name).write_bytes(body)
        assert outcome(folder) == {"content"}


@pytest.mark.slow
@fuzz
@given(st.sampled_from(NAMES), st.data())
def test_file__that_is_listed_as_it_is_never_crashes_the_gate(name: str, data) -> None:
    """Broken by its sender, so that digest and size are right: cut, overwritten, shifted, or random altogether."""
    body = bytearray(BODIES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["cut", "overwrite", "insert", "random", "tail"]))
        at = data.draw(st.integers(0, max(len(body) - 1, 0)))
        some = data.draw(st.binary(min_size=1, max_size=64))
        if kind == "cut":
            del body[at:]
        elif kind == "overwrite":
            body[at : at + len(some)] = some
        elif kind == "insert":
            body[at:at] = some
        elif kind == "tail":  # the footer is at the end
            body[-min(len(body), at % 400 + 1) :] = some
        else:
            body = bytearray(some)
    with tempfile.TemporaryDirectory() as scratch:
        folder = deliver(Path(scratch))
        (folder / name).write_bytes(body)
        outcome(relist(folder))


@pytest.mark.slow
@fuzz
@given(st.binary(max_size=300), st.integers(0, len(LISTED)))
def test_delivery_json__of_any_bytes_is_refused(some: bytes, at: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = deliver(Path(scratch))
        (folder / DELIVERY).write_bytes(LISTED[:at] + some)
        refused = outcome(folder)
        assert refused <= {"manifest", "manifest_date", "listed", "content", "row_count", "complete"}
        assert refused or (LISTED[:at] + some).rstrip() == LISTED.rstrip()


odd_rows = st.fixed_dictionaries(
    {},
    optional={
        "transaction_id": st.one_of(
            st.none(), st.integers(FIRST_ID - 2, FIRST_ID + 205), st.integers(-(2**63), 2**63 - 1)
        ),
        "tx_date": st.one_of(st.none(), st.dates(DAY - timedelta(days=2), DAY + timedelta(days=2)), st.dates()),
        "tx_datetime": st.one_of(
            st.none(),
            st.floats(-90_000, 180_000).map(lambda s: moment(DAY, s)),
            st.integers(0, 86_399).map(lambda s: moment(DAY, s)),
        ),
        "customer_id": st.one_of(st.none(), st.integers(-1, CUSTOMERS)),
        "terminal_id": st.one_of(st.none(), st.integers(-1, TERMINALS)),
        "tx_amount": st.one_of(st.none(), st.decimals(-10, 2 * LIMITS.amount, places=2)),
    },
)  # fmt: skip


def verdict(row) -> str | None:  # noqa: PLR0911
    """Say which check a transaction fails on its own: the gate's twin, one row at a time."""
    if None in row.values():
        return "null"
    day = row["tx_datetime"].date()
    if row["tx_date"] < DAY and day < DAY:
        return "late"
    if row["tx_date"] != DAY or day != DAY:
        return "wrong_day"
    if row["tx_datetime"].microsecond:
        return "whole_seconds"
    if not FIRST_ID <= row["transaction_id"] < FIRST_ID + 10**9:
        return "identity"
    if not 0 <= row["tx_amount"] <= Decimal(LIMITS.amount):
        return "amount"
    if not 0 <= row["customer_id"] < CUSTOMERS:
        return "unknown_customer"
    return None if 0 <= row["terminal_id"] < TERMINALS else "unknown_terminal"


@pytest.mark.slow
@fuzz
@given(st.lists(st.tuples(st.integers(0, 199), odd_rows), min_size=1, max_size=9))
def test_rows__are_judged_as_by_a_twin_that_looks_at_one_at_a_time(changes) -> None:
    tables = good()
    for number, change in changes:
        tables["transactions"].append(tables["transactions"][number] | change)
    expected: Counter[str] = Counter()
    groups: dict[int, list[dict]] = {}
    for row in tables["transactions"]:
        failed = verdict(row)
        if failed:
            expected[failed] += 1
        else:
            groups.setdefault(row["transaction_id"], []).append(row)
    kept = []
    for group in groups.values():
        alike = all(row == group[0] for row in group)
        expected["repeated"] += len(group) - 1 if alike else 0
        expected["contradicted"] += 0 if alike else len(group)
        kept += group[:1] if alike else []
    kept.sort(key=lambda row: row["transaction_id"])
    in_order = all(a["tx_datetime"] <= b["tx_datetime"] for a, b in pairwise(kept))
    few = sum(expected.values()) <= LIMITS.quarantined_share * len(tables["transactions"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = deliver(Path(scratch), tables)
        if not few or not in_order:
            assert outcome(folder) == {"order" if few else "share"}
            return
        admitted = admit(folder)
        right(admitted)
        assert admitted.tables["transactions"].to_pylist() == kept
        assert Counter(admitted.findings["quarantined"].get("transactions", {})) == +expected
        assert admitted.quarantine.num_rows == sum(expected.values())
        for row in admitted.quarantine.to_pylist():
            file = pq.ParquetFile(folder / row["file"]).read()
            assert row["row"] < file.num_rows


def test_days__of_leap_years_and_year_ends_are_days_like_any_other(tmp_path) -> None:
    from fraud.ingest.delivery import read_delivery, write_delivery
    from fraud.ingest.gate import Gate
    from unit.ingest.days import arrow

    start = date(2023, 12, 1)
    for day in (date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 29), date(2024, 3, 31), date(2024, 10, 27)):
        tables = good()
        index = (day - start).days
        labelled = day - timedelta(days=7)
        for number, row in enumerate(tables["transactions"]):
            # the last second of the day too, and the hour that daylight saving skips or repeats elsewhere
            seconds = 86_399 if number == 199 else number * 400
            row |= {"transaction_id": index * 10**9 + number, "tx_date": day, "tx_datetime": moment(day, seconds)}
        for number, row in enumerate(tables["labels"]):
            row |= {
                "transaction_id": (index - 7) * 10**9 + number,
                "tx_date": labelled,
                "known_at": moment(day, 86_399),
            }
        folder = tmp_path / str(day)
        for kind, rows in tables.items():
            (folder / kind).mkdir(parents=True)
            pq.write_table(arrow(kind, rows), folder / kind / "part.parquet")
        write_delivery(folder, day, sorted(folder.rglob("*.parquet")))
        admitted = Gate(start, lambda _: None).admit(read_delivery(folder, day))
        assert admitted.findings == {"quarantined": {}, "warnings": []}
        assert admitted.tables["transactions"].num_rows == admitted.tables["labels"].num_rows == 200
