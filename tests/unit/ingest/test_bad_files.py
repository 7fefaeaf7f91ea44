"""Bad deliveries, each with the verdict that the policy promises."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fraud.ingest.delivery import DELIVERY, DeliveryRefused
from fraud.ingest.policy import CHECKS, LIMITS
from unit.ingest.days import DAY, FIRST_ID, LABELLED_FIRST, ROWS, admit, arrow, deliver, good, moment, relist

PART = "transactions/part.parquet"
Spoil = Callable[[Path], Path]


def text(content: str | bytes) -> Spoil:
    """Replace delivery.json."""

    def spoil(folder: Path) -> Path:
        deliver(folder)
        (folder / DELIVERY).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder

    return spoil


def listing(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Change the content of delivery.json."""

    def spoil(folder: Path) -> Path:
        listed = json.loads((deliver(folder) / DELIVERY).read_text())
        change(listed)
        (folder / DELIVERY).write_text(json.dumps(listed))
        return folder

    return spoil


def body(change: Callable[[bytes], bytes], name: str = PART, *, listed: bool = True) -> Spoil:
    """Change the bytes of a file; ``listed`` says whether delivery.json is written after that."""

    def spoil(folder: Path) -> Path:
        deliver(folder)
        (folder / name).write_bytes(change((folder / name).read_bytes()))
        return relist(folder) if listed else folder

    return spoil


def also_listed(name: str) -> Spoil:
    return listing(lambda d: d["files"].update({name: d["files"][PART]}))


def remove(name: str) -> Spoil:
    def spoil(folder: Path) -> Path:
        (deliver(folder) / name).unlink()
        return folder

    return spoil


def without(kind: str) -> Spoil:
    """Deliver nothing of a kind."""

    def spoil(folder: Path) -> Path:
        listing(lambda d: d["files"].pop(f"{kind}/part.parquet"))(folder)
        (folder / kind / "part.parquet").unlink()
        return folder

    return spoil


def add(name: str) -> Spoil:
    def spoil(folder: Path) -> Path:
        (deliver(folder) / name).write_bytes(b"what is this")
        return folder

    return spoil


def table(change: Callable[[pa.Table], pa.Table], kind: str = "transactions") -> Spoil:
    """Change the Arrow table of a kind before it is written."""
    return lambda folder: deliver(folder, **{kind: change})


def column(name: str, change: Callable[[pa.ChunkedArray], Any], kind: str = "transactions") -> Spoil:
    """Replace a column."""
    return table(lambda t: t.set_column(t.column_names.index(name), name, change(t[name])), kind)


def row(kind: str = "transactions", number: int = 3, **values: Any) -> Spoil:
    """Change values of one row."""

    def spoil(folder: Path) -> Path:
        tables = good()
        tables[kind][number] |= values
        return deliver(folder, tables)

    return spoil


def more(kind: str, *extra: dict[str, Any]) -> Spoil:
    """Add rows made from the last."""

    def spoil(folder: Path) -> Path:
        tables = good()
        last = tables[kind][-1]
        tables[kind] += [last | change for change in extra]
        return deliver(folder, tables)

    return spoil


def times(factor: int) -> Spoil:
    """Deliver every transaction so many times, each with an id of its own, in order."""

    def multiplied(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            row_ | {"transaction_id": FIRST_ID + (row_["transaction_id"] - FIRST_ID) * factor + n}
            for row_ in rows
            for n in range(factor)
        ]

    return rows_of("transactions", multiplied)


def rows_of(kind: str, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Spoil:
    def spoil(folder: Path) -> Path:
        tables = good()
        tables[kind] = change(tables[kind])
        return deliver(folder, tables)

    return spoil


def second_file(change: Callable[[pa.Table], pa.Table], kind: str = "transactions") -> Spoil:
    """Deliver a further file of a kind."""

    def spoil(folder: Path) -> Path:
        from fraud.ingest.delivery import write_delivery

        deliver(folder)
        pq.write_table(change(arrow(kind, good()[kind])), folder / kind / "second.parquet")
        write_delivery(folder, DAY, sorted(folder.rglob("*.parquet")))
        return folder

    return spoil


def invalid_text(column_: pa.ChunkedArray) -> pa.Array:
    broken = pa.array([b"charge\xff\xfeback"] * len(column_), pa.binary())
    return pa.Array.from_buffers(pa.string(), len(broken), broken.buffers())


def claim(**entry: Any) -> Spoil:
    return lambda folder: relist(deliver(folder), **entry)


def flip(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


NAN = float("nan")
FAR_AWAY = pa.array([2**31 - 1], pa.int32()).cast(pa.date32())
REFUSED: dict[str, tuple[Spoil, str]] = {
    # delivery.json
    "no delivery.json": (remove(DELIVERY), "manifest"),
    "an empty delivery.json": (text(""), "manifest"),
    "half a delivery.json": (text('{"date": "2026-03-01", "files": {'), "manifest"),
    "a delivery.json that is not UTF-8": (text(b'{"date": "\xff\xfe"}'), "manifest"),
    "a delivery.json that is a list": (text("[]"), "manifest"),
    "a delivery.json without files": (listing(lambda d: d.pop("files")), "manifest"),
    "a delivery.json without a date": (listing(lambda d: d.pop("date")), "manifest"),
    "a date that is none": (listing(lambda d: d.update(date="2026-02-30")), "manifest"),
    "a negative number of rows": (claim(rows=-1), "manifest"),
    "a number of rows as text": (claim(rows="200"), "manifest"),
    "a digest that is none": (claim(sha256="abc"), "manifest"),
    "a path out of the folder": (also_listed("../other.parquet"), "manifest"),
    "an absolute path": (also_listed("/etc/passwd"), "manifest"),
    "a folder that is no table": (also_listed("cards/a.parquet"), "manifest"),
    "a file that is no Parquet by name": (also_listed("labels/a.csv"), "manifest"),
    "the day before's delivery": (listing(lambda d: d.update(date="2026-02-28")), "manifest_date"),
    "next year's delivery": (listing(lambda d: d.update(date="2027-03-01")), "manifest_date"),
    # the files
    "a missing file": (remove(PART), "listed"),
    "a missing file of customers": (remove("customers/part.parquet"), "listed"),
    "a file nobody listed": (add("transactions/late.parquet"), "listed"),
    "a stray file": (add("notes.txt"), "listed"),
    "no terminals": (without("terminals"), "complete"),
    "no labels": (without("labels"), "complete"),
    "a file cut off": (body(lambda b: b[:-100], listed=False), "content"),
    "a file with a changed byte": (body(lambda b: flip(b, 200), listed=False), "content"),
    "a file with a byte too many": (body(lambda b: b + b"\0", listed=False), "content"),
    "another file under the name": (body(lambda b: b[::-1], listed=False), "content"),
    "a file cut off and listed so": (body(lambda b: b[: len(b) // 2]), "parquet"),
    "a file of no bytes": (body(lambda b: b""), "parquet"),
    "a CSV file": (body(lambda b: b"transaction_id,tx_date\n1,2026-03-01\n"), "parquet"),
    "a gzip file": (body(lambda b: b"\x1f\x8b\x08" + b), "parquet"),
    "a file of zeros": (body(lambda b: bytes(4096)), "parquet"),
    "a footer that lies about its length": (body(lambda b: b[:-8] + b"\xff\xff\xff\x7f" + b"PAR1"), "parquet"),
    "an encrypted footer": (body(lambda b: b"PARE" + b[4:-4] + b"PARE"), "parquet"),
    "fewer rows than listed": (claim(rows=ROWS + 1), "row_count"),
    "more rows than listed": (claim(rows=ROWS - 1), "row_count"),
    # the columns
    "a missing column": (table(lambda t: t.drop_columns("tx_amount")), "missing_column"),
    "a renamed column": (table(lambda t: t.rename_columns({"tx_amount": "amount"})), "missing_column"),
    "a column in capitals": (table(lambda t: t.rename_columns({"tx_amount": "TX_AMOUNT"})), "missing_column"),
    "a column name with a byte order mark": (
        table(lambda t: t.rename_columns({"transaction_id": "\ufefftransaction_id"})),
        "missing_column",
    ),
    "a column twice": (table(lambda t: t.append_column("tx_amount", t["tx_amount"])), "missing_column"),
    "a file without columns": (table(lambda t: t.select([])), "missing_column"),
    "ids as text": (column("transaction_id", lambda c: c.cast(pa.string())), "type"),
    "ids as binary fractions": (column("transaction_id", lambda c: c.cast(pa.float64())), "type"),
    "ids too large": (column("customer_id", lambda c: pa.array([2**63] * len(c), pa.uint64())), "type"),
    "amounts as binary fractions": (column("tx_amount", lambda c: c.cast(pa.float64())), "type"),
    "amounts as whole numbers": (column("tx_amount", lambda c: pa.array([100] * len(c))), "type"),
    "amounts as text": (column("tx_amount", lambda c: c.cast(pa.string())), "type"),
    "amounts with a tenth of a cent": (
        column("tx_amount", lambda c: pa.array([Decimal("1.005")] * len(c), pa.decimal128(12, 3))),
        "type",
    ),
    "moments without a zone": (column("tx_datetime", lambda c: c.cast(pa.timestamp("us"))), "type"),
    "moments as text": (column("tx_datetime", lambda c: pa.array(["2026-03-01 00:00:00"] * len(c))), "type"),
    "moments as numbers": (column("tx_datetime", lambda c: c.cast(pa.int64())), "type"),
    "moments finer than microseconds": (
        column("tx_datetime", lambda c: pa.array([1] * len(c)).cast(pa.timestamp("ns", tz="UTC"))),
        "type",
    ),
    "dates as text": (column("tx_date", lambda c: c.cast(pa.string())), "type"),
    "a column of nothing": (column("terminal_id", lambda c: pa.nulls(len(c))), "type"),
    "a column of lists": (column("terminal_id", lambda c: pa.array([[1]] * len(c))), "type"),
    "verdicts as numbers": (column("is_fraud", lambda c: c.cast(pa.int8()), "labels"), "type"),
    "verdicts as text": (column("is_fraud", lambda c: pa.array(["yes"] * len(c)), "labels"), "type"),
    "text that is not UTF-8": (column("source", invalid_text, "labels"), "encoding"),
    # too much of it
    "every amount negative": (
        column("tx_amount", lambda c: pc.subtract(c, Decimal("1000.00")).cast(pa.decimal128(12, 2))),
        "share",
    ),
    "all of it yesterday's": (
        column("tx_date", lambda c: pa.array([DAY - timedelta(days=1)] * len(c))),
        "share",
    ),
    "the whole file twice": (second_file(lambda t: t), "share"),
    "a tenth of the customers unknown": (rows_of("customers", lambda r: r[:-12]), "share"),
    "customers without a rate": (
        column("mean_nb_tx_per_day", lambda c: pa.nulls(len(c), pa.float64()), "customers"),
        "share",
    ),
    "labels of transactions nobody delivered": (
        column("transaction_id", lambda c: pc.add(c, ROWS), "labels"),
        "share",
    ),
    "labels of tomorrow": (
        column("known_at", lambda c: pa.array([moment(DAY, 86_400)] * len(c)), "labels"),
        "share",
    ),
    # the day
    "hardly any transactions": (rows_of("transactions", lambda r: r[:10]), "volume"),
    "no transactions": (rows_of("transactions", lambda r: []), "volume"),
    "ten times as many": (times(10), "volume"),
    "ids against the order of time": (
        rows_of(
            "transactions",
            lambda r: [one | {"transaction_id": 2 * FIRST_ID + ROWS - 1 - one["transaction_id"]} for one in r],
        ),
        "order",
    ),
}  # fmt: skip

QUARANTINED: dict[str, tuple[Spoil, str, str, int]] = {
    "a missing customer": (row(customer_id=None), "transactions", "null", 1),
    "a missing amount": (row(tx_amount=None), "transactions", "null", 1),
    "a missing moment": (row(tx_datetime=None), "transactions", "null", 1),
    "a missing verdict": (row("labels", is_fraud=None), "labels", "null", 1),
    "a negative amount": (row(tx_amount=Decimal("-0.01")), "transactions", "amount", 1),
    "an amount above the limit": (row(tx_amount=Decimal(LIMITS.amount) + Decimal("0.01")), "transactions", "amount", 1),
    "a transaction of yesterday": (
        row(tx_date=DAY - timedelta(days=1), tx_datetime=moment(DAY, -60)),
        "transactions", "late", 1,
    ),
    "a transaction of a leap day two years ago": (
        row(tx_date=date(2024, 2, 29), tx_datetime=moment(date(2024, 2, 29), 0)),
        "transactions", "late", 1,
    ),
    "a transaction of tomorrow": (
        row(tx_date=DAY + timedelta(days=1), tx_datetime=moment(DAY, 86_400)),
        "transactions", "wrong_day", 1,
    ),
    "a date that is not the moment's": (row(tx_date=DAY + timedelta(days=1)), "transactions", "wrong_day", 1),
    "a moment that is not the date's": (row(tx_datetime=moment(DAY, -1)), "transactions", "wrong_day", 1),
    "a date beyond the calendar": (
        column("tx_date", lambda c: pa.chunked_array([FAR_AWAY, c[1:].chunk(0)])),
        "transactions", "wrong_day", 1,
    ),
    "half a second": (row(tx_datetime=moment(DAY, 1200.5)), "transactions", "whole_seconds", 1),
    "an id of another day": (row(transaction_id=FIRST_ID - 1), "transactions", "identity", 1),
    "an id of tomorrow": (row(transaction_id=FIRST_ID + 10**9), "transactions", "identity", 1),
    "a negative id": (row(transaction_id=-1), "transactions", "identity", 1),
    "an unknown customer": (row(customer_id=4711), "transactions", "unknown_customer", 1),
    "an unknown terminal": (row(terminal_id=-4711), "transactions", "unknown_terminal", 1),
    "a row twice": (more("transactions", {}), "transactions", "repeated", 1),
    "a row three times": (more("transactions", {}, {}), "transactions", "repeated", 2),
    "a row again in another file": (second_file(lambda t: t.slice(7, 2)), "transactions", "repeated", 2),
    "two amounts for one id": (more("transactions", {"tx_amount": Decimal("1.00")}), "transactions", "contradicted", 2),
    "two customers for one id, in two files": (
        second_file(lambda t: t.slice(7, 1).set_column(3, "customer_id", pa.array([1]))),
        "transactions", "contradicted", 2,
    ),
    "a customer off the grid": (row("customers", 79, x_location=101.0), "customers", "profile", 1),
    "a customer nowhere": (row("customers", 79, x_location=NAN), "customers", "profile", 1),
    "a customer who spends a negative amount": (row("customers", 79, mean_amount=-1.0), "customers", "profile", 1),
    "a customer without end": (row("customers", 79, mean_nb_tx_per_day=float("inf")), "customers", "profile", 1),
    "a customer twice, alike": (more("customers", {}), "customers", "repeated", 1),
    "a customer twice, different": (more("customers", {"x_location": 9.5}), "customers", "contradicted", 2),
    "a terminal below the grid": (row("terminals", 39, y_location=-0.5), "terminals", "profile", 1),
    "a label of investigators": (row("labels", source="investigation"), "labels", "label_source", 1),
    "a label of nobody": (row("labels", source=""), "labels", "label_source", 1),
    "a label known yesterday": (row("labels", known_at=moment(DAY, -1)), "labels", "label_day", 1),
    "a label known tomorrow": (row("labels", known_at=moment(DAY, 86_400)), "labels", "label_day", 1),
    "a label before its transaction": (
        row("labels", tx_date=DAY + timedelta(days=1), transaction_id=FIRST_ID + 10**9),
        "labels", "label_before", 1,
    ),
    "a label with another day's date": (row("labels", tx_date=DAY - timedelta(days=8)), "labels", "label_identity", 1),
    "a label of an unknown transaction": (
        row("labels", transaction_id=LABELLED_FIRST + ROWS), "labels", "label_transaction", 1,
    ),
    "a label of a transaction of today that is not there": (
        row("labels", tx_date=DAY, transaction_id=FIRST_ID + ROWS), "labels", "label_transaction", 1,
    ),
    "a label twice": (more("labels", {}), "labels", "repeated", 1),
    "two verdicts at one moment": (more("labels", {"is_fraud": True}), "labels", "contradicted", 2),
}  # fmt: skip

WARNED: dict[str, tuple[Spoil, str]] = {
    "another column": (table(lambda t: t.append_column("channel", pa.array(["web"] * len(t)))), "extra_column"),
    "another column of labels": (table(lambda t: t.append_column("by", t["source"]), "labels"), "extra_column"),
    "a third of the transactions": (rows_of("transactions", lambda r: r[:70]), "volume_unusual"),
    "three times as many": (times(3), "volume_unusual"),
}  # fmt: skip

ACCEPTED: dict[str, Spoil] = {
    "a day as it should be": deliver,
    "columns in another order": table(lambda t: t.select(t.column_names[::-1])),
    "rows in another order": table(lambda t: t.take(pa.array(range(ROWS))[::-1])),
    "ids in fewer bits": column("customer_id", lambda c: c.cast(pa.int16())),
    "moments in milliseconds": column("tx_datetime", lambda c: c.cast(pa.timestamp("ms", tz="UTC"))),
    "moments of another zone": column("tx_datetime", lambda c: c.cast(pa.timestamp("us", tz="America/New_York"))),
    "amounts with more digits": column("tx_amount", lambda c: c.cast(pa.decimal128(18, 4))),
    "long text": column("source", lambda c: c.cast(pa.large_string()), "labels"),
    "an empty second file": second_file(lambda t: t.slice(0, 0)),
    "no labels yet": rows_of("labels", lambda r: []),
    "a corrected verdict later on the day": more("labels", {"is_fraud": True, "known_at": moment(DAY, 86_399)}),
    "an amount of nothing": row(tx_amount=Decimal(0)),
}


def test_table__has_sixty_bad_files_and_every_check() -> None:
    assert len(REFUSED) + len(QUARANTINED) + len(WARNED) >= 60
    failed = {check for _, check in REFUSED.values()} | {case[2] for case in QUARANTINED.values()}
    assert failed | {check for _, check in WARNED.values()} == set(CHECKS) - {"size"}


@pytest.mark.parametrize("what", REFUSED)
def test_delivery__is_refused_and_says_which_check_and_what_to_do(tmp_path, what) -> None:
    spoil, check = REFUSED[what]
    assert CHECKS[check].verdict == "refuse"
    with pytest.raises(
        DeliveryRefused, match=r"the delivery of 2026-03-01 is refused: .* deliver the day again"
    ) as caught:
        admit(spoil(tmp_path))
    assert set(caught.value.checks) == {check}
    assert CHECKS[check].meaning in str(caught.value)


@pytest.mark.parametrize("what", QUARANTINED)
def test_row__is_quarantined_with_its_place_and_the_rest_goes_on(tmp_path, what) -> None:
    spoil, kind, check, count = QUARANTINED[what]
    assert CHECKS[check].verdict == "quarantine"
    admitted = admit(spoil(tmp_path))
    assert admitted.findings["quarantined"] == {kind: {check: count}}
    assert admitted.findings["warnings"] == []
    aside = admitted.quarantine.to_pylist()
    assert [(row_["table"], row_["check"]) for row_ in aside] == [(kind, check)] * count
    for row_ in aside:
        delivered = pq.ParquetFile(tmp_path / row_["file"]).read()
        content = json.loads(row_["content"])
        assert list(content) == delivered.column_names
        key = delivered.column_names[0]
        assert content[key] == (
            None if delivered[key][row_["row"]].as_py() is None else str(delivered[key][row_["row"]])
        )
    total = sum(pq.read_metadata(path).num_rows for path in (tmp_path / kind).glob("*.parquet"))
    assert admitted.tables[kind].num_rows == total - count


@pytest.mark.parametrize("what", WARNED)
def test_delivery__goes_on_with_a_warning(tmp_path, what) -> None:
    spoil, check = WARNED[what]
    assert CHECKS[check].verdict == "warn"
    admitted = admit(spoil(tmp_path))
    assert [warning.partition(":")[0] for warning in admitted.findings["warnings"]] == [check]
    assert admitted.quarantine.num_rows == 0


@pytest.mark.parametrize("what", ACCEPTED)
def test_delivery__is_admitted_whole(tmp_path, what) -> None:
    admitted = admit(ACCEPTED[what](tmp_path))
    assert admitted.findings == {"quarantined": {}, "warnings": []}
    if what != "an amount of nothing":
        assert admitted.tables["transactions"].to_pylist() == good()["transactions"]


def test_file__that_unpacks_to_too_much_is_refused_before_it_is_read(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("fraud.ingest.delivery.LIMITS", LIMITS._replace(file_bytes=1000))
    with pytest.raises(DeliveryRefused) as caught:
        admit(deliver(tmp_path))
    assert set(caught.value.checks) == {"size"}


def test_refusal__names_every_file_that_is_wrong_and_no_more_than_five(tmp_path) -> None:
    deliver(tmp_path)
    for number in range(9):
        (tmp_path / f"stray-{number}").write_text("")
    with pytest.raises(DeliveryRefused, match="and 4 more"):
        admit(tmp_path)
