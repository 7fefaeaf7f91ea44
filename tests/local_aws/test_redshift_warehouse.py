"""The warehouse's own SQL, run: loads that may be repeated, and queries held to twins in plain Python."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud import schema
from fraud import warehouse as sql
from fraud.features.catalogue import feature_names
from local_stack import LocalStack
from redshift_client import Warehouse

START = date(2025, 1, 1)
DAYS = [START + timedelta(days=number) for number in range(16)]
CUSTOMERS = range(12)
FEATURES = feature_names("v1")
EVER = datetime(1, 1, 1, tzinfo=UTC)
END = DAYS[-1]


class Transaction(NamedTuple):
    id: int
    day: date
    moment: datetime
    customer: int
    terminal: int
    amount: Decimal


class Label(NamedTuple):
    id: int
    day: date
    fraud: bool
    known: datetime
    source: str


@dataclass
class World:
    transactions: list[Transaction]
    labels: list[Label]
    scores: dict[int, float]

    def verdicts(self, until: datetime, since: datetime = EVER) -> dict[int, Label]:
        """The label of each transaction that was last known, of those that became known between two moments."""
        last: dict[int, Label] = {}
        for label in sorted(self.labels, key=lambda label: (label.known, -ord(label.source[0]))):
            if since < label.known <= until:
                last[label.id] = label
        return last


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def make_world() -> World:
    """Transactions, labels a week later, investigations the next day, some of which the chargeback contradicts."""
    draw = random.Random(7)
    transactions, labels, scores = [], [], {}
    for index, day in enumerate(DAYS):
        for position in range(30):
            identity = index * 10**9 + position
            moment = midnight(day) + timedelta(seconds=position * 2000)
            amount = Decimal(draw.randrange(100, 30000)) / 100
            transactions.append(Transaction(identity, day, moment, draw.choice(CUSTOMERS), draw.randrange(20), amount))
            fraud = draw.random() < 0.2
            labels.append(Label(identity, day, fraud, midnight(day + timedelta(days=7)), "chargeback"))
            if draw.random() < 0.3:
                seen = fraud if draw.random() < 0.8 else not fraud
                labels.append(Label(identity, day, seen, midnight(day + timedelta(days=1)), "investigation"))
            if draw.random() < 0.05:
                labels.append(Label(identity, day, not fraud, midnight(day + timedelta(days=7)), "investigation"))
            scores[identity] = draw.random()
    return World(transactions, labels, scores)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture(scope="module")
def warehouse(local_aws: LocalStack, world: World) -> Warehouse:
    warehouse = Warehouse.create(local_aws, "warehouse")
    warehouse.run(sql.create_schema())
    warehouse.run(load(warehouse, "transactions", world.transactions))
    for source in ("chargeback", "investigation"):
        warehouse.run(load_labels(warehouse, source, [label for label in world.labels if label.source == source]))
    predictions = [(one.id, one.day, 1, world.scores[one.id]) for one in world.transactions]
    warehouse.run(load(warehouse, "predictions", predictions))
    columns = {
        "transaction_id": [one.id for one in world.transactions],
        "tx_date": [one.day for one in world.transactions],
    }
    types = [pa.int64(), pa.date32(), *[pa.float64()] * len(FEATURES)]
    values = [
        [float(one.amount) if n == 0 else world.scores[one.id] * n for one in world.transactions]
        for n in range(len(FEATURES))
    ]
    table = pa.table(
        [pa.array(column, kind) for column, kind in zip([*columns.values(), *values], types, strict=True)],
        names=[*columns, *FEATURES],
    )
    warehouse.put_parquet("features.parquet", table)
    manifest = warehouse.put_manifest("features.json", ["features.parquet"])
    warehouse.run(sql.load_days("features", START, END, manifest))
    return warehouse


def stage(warehouse: Warehouse, table: str, rows: Iterable[tuple[Any, ...]]) -> str:
    """Store rows as the files that jobs write, and return their manifest's URI."""
    arrow = schema.arrow_schema(table)
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), arrow, strict=True)]
    warehouse.put_parquet(f"{table}.parquet", pa.table(columns, schema=arrow))
    return warehouse.put_manifest(f"{table}.json", [f"{table}.parquet"])


def load(
    warehouse: Warehouse, table: str, rows: Iterable[tuple[Any, ...]], start: date = START, end: date = END
) -> list[str]:
    return sql.load_days(table, start, end, stage(warehouse, table, rows))


def load_labels(warehouse: Warehouse, source: str, labels: list[Label]) -> list[str]:
    manifest = stage(warehouse, "label_deliveries", labels)
    first, last = min(label.known for label in labels), max(label.known for label in labels)
    return sql.load_days("label_deliveries", first.date(), last.date(), manifest, source)


def unloaded(warehouse: Warehouse, select: str) -> list[tuple[Any, ...]]:
    """Rows of a query as a job would get them."""
    warehouse.run(sql.unload(select, "s3://warehouse/out/", "parquet"))
    (key,) = warehouse.keys("out/")
    table = pq.read_table(io.BytesIO(warehouse.get(key)))
    return [tuple(row.values()) for row in table.to_pylist()]


def held_out(customer: int, threshold: int) -> bool:
    return customer * 2654435761 % 4294967296 < threshold


def test_schema__created_again_keeps_what_is_there(warehouse: Warehouse, world: World) -> None:
    warehouse.run(sql.create_schema())
    assert warehouse.rows("SELECT COUNT(*) FROM fraud.transactions") == [(len(world.transactions),)]


def test_load_days__repeated_or_for_one_day_changes_nothing(warehouse: Warehouse, world: World) -> None:
    everything = "SELECT * FROM fraud.transactions ORDER BY transaction_id"
    before = warehouse.rows(everything)
    assert len(before) == len({row[0] for row in before}) == len(world.transactions)
    warehouse.run(load(warehouse, "transactions", world.transactions))
    of_one = [one for one in world.transactions if one.day == DAYS[3]]
    warehouse.run(load(warehouse, "transactions", of_one, DAYS[3], DAYS[3]))
    assert warehouse.rows(everything) == before


def test_load_days__a_day_that_does_not_load_stays_as_it_was(warehouse: Warehouse) -> None:
    warehouse.put("broken.parquet", b"not Parquet")
    manifest = warehouse.put_manifest("broken.json", ["broken.parquet"])
    count = "SELECT COUNT(*) FROM fraud.transactions"
    before = warehouse.rows(count)
    error = warehouse.error(sql.load_days("transactions", DAYS[0], DAYS[5], manifest))
    assert "s3://warehouse/broken.parquet is not a valid Parquet file" in error
    assert warehouse.rows(count) == before


def test_load_entities__replaces_the_delivered_and_keeps_the_others(warehouse: Warehouse) -> None:
    first = [(number, 1.0, 2.0) for number in range(4)]
    for rows in (first, first, [(2, 9.0, 9.0), (7, 7.0, 7.0)]):
        manifest = stage(warehouse, "terminals", rows)
        warehouse.run(sql.load_entities("terminals", "terminal_id", manifest))
    assert warehouse.rows("SELECT * FROM fraud.terminals ORDER BY 1") == [
        (0, 1.0, 2.0), (1, 1.0, 2.0), (2, 9.0, 9.0), (3, 1.0, 2.0), (7, 7.0, 7.0),
    ]  # fmt: skip


def test_load_run__replaces_what_the_run_left(warehouse: Warehouse) -> None:
    row = '{run},2025-01-01,alarm,xgboost,2,True,2025-01-02,0.9,0.5,0.25,"gains 0.1, more than 0.05"\n'
    for run in ("run-1", "run-2", "run-1"):
        uri = warehouse.put("verdict.csv", row.format(run=run).encode())
        warehouse.run(sql.load_run("verdicts", run, uri))
    assert warehouse.rows("SELECT run_id, promoted, average_precision, reason FROM fraud.verdicts ORDER BY 1") == [
        ("run-1", True, 0.5, "gains 0.1, more than 0.05"),
        ("run-2", True, 0.5, "gains 0.1, more than 0.05"),
    ]


def test_labels_view__has_each_verdict_once_at_its_earliest_known_time(warehouse: Warehouse, world: World) -> None:
    earliest: dict[tuple[int, bool], Label] = {}
    for label in sorted(world.labels, key=lambda label: (label.known, label.source)):
        earliest.setdefault((label.id, label.fraud), label)
    rows = warehouse.rows("SELECT transaction_id, is_fraud, known_at::DATE, source FROM fraud.labels ORDER BY 1, 2")
    assert rows == [
        (label.id, label.fraud, str(label.known.date()), label.source) for _, label in sorted(earliest.items())
    ]


@pytest.mark.parametrize("as_of", [DAYS[5], DAYS[9], DAYS[15]])
def test_known_labels__are_those_last_known_by_then(warehouse: Warehouse, world: World, as_of: date) -> None:
    verdicts = world.verdicts(midnight(as_of))
    rows = warehouse.rows(sql.query("known_labels", as_of=as_of, start=DAYS[1], end=DAYS[8]))
    expected = [(one.id, str(one.day), one.fraud) for one in verdicts.values() if DAYS[1] <= one.day <= DAYS[8]]
    assert sorted(rows) == sorted(expected)
    assert rows


def test_training_and_holdout_sets__split_the_labelled_by_card(warehouse: Warehouse, world: World) -> None:
    as_of, threshold = DAYS[12], 4294967296 * 40 // 100
    labels = sql.query("known_labels", as_of=as_of, start=DAYS[0], end=DAYS[6])
    values: dict[str, Any] = {
        "known_labels": labels,
        "start": DAYS[0],
        "end": DAYS[6],
        "features": list(FEATURES),
        "features_table": sql.features_table("v1"),
        "holdout_threshold": threshold,
    }
    verdicts = world.verdicts(midnight(as_of))
    chosen = [one for one in world.transactions if one.day <= DAYS[6] and one.id in verdicts]
    training = unloaded(warehouse, sql.query("training_set", **values))
    assert [(row[0], row[1]) for row in training] == [
        (int(verdicts[one.id].fraud), float(one.amount)) for one in chosen if not held_out(one.customer, threshold)
    ]
    holdout = unloaded(warehouse, sql.query("holdout_set", **values))
    assert [row[:2] + row[3:5] for row in holdout] == [
        (one.id, one.day, one.customer, verdicts[one.id].fraud) for one in chosen if held_out(one.customer, threshold)
    ]
    assert training
    assert holdout


def planted(warehouse: Warehouse, select: Callable[[], list[tuple[Any, ...]]], label: Label) -> bool:
    """Whether a query gives something else once a label lies in the warehouse, which is then taken out again."""
    before = select()
    verdict = "TRUE" if label.fraud else "FALSE"
    values = f"({label.id}, '{label.day}', {verdict}, '{label.known.replace(tzinfo=None)}', 'investigation')"
    warehouse.run(f"INSERT INTO fraud.label_deliveries VALUES {values}")
    try:
        return select() != before
    finally:
        warehouse.run(f"DELETE FROM fraud.label_deliveries WHERE known_at = '{label.known.replace(tzinfo=None)}'")


def test_known_labels__a_label_from_the_future_changes_nothing(warehouse: Warehouse, world: World) -> None:
    as_of = DAYS[9]
    select = sql.query("known_labels", as_of=as_of, start=DAYS[0], end=DAYS[1]) + " ORDER BY transaction_id"
    other = not world.verdicts(midnight(as_of))[world.transactions[0].id].fraud
    label = Label(world.transactions[0].id, DAYS[0], other, midnight(as_of) + timedelta(seconds=1), "investigation")
    assert not planted(warehouse, lambda: warehouse.rows(select), label)
    earlier = label._replace(known=midnight(as_of) - timedelta(seconds=1))
    assert planted(warehouse, lambda: warehouse.rows(select), earlier)


def test_compromised_cards__have_a_fraud_that_became_known_lately(warehouse: Warehouse, world: World) -> None:
    days, window = DAYS[3:12], 4
    customer = {one.id: one.customer for one in world.transactions}
    expected = {
        (day, customer[label.id])
        for day in days
        for label in world.verdicts(
            midnight(day + timedelta(days=1)), midnight(day + timedelta(days=1 - window))
        ).values()
        if label.fraud
    }
    rows = unloaded(warehouse, sql.query("compromised_cards", start=days[0], end=days[-1], compromised_days=window))
    assert rows == sorted(expected)
    assert rows


def test_labelled_predictions__are_the_trailing_days_whose_delay_has_passed(warehouse: Warehouse, world: World) -> None:
    delay, trailing, days = 7, 3, DAYS[9:13]
    expected = []
    for day in days:
        verdicts = world.verdicts(midnight(day + timedelta(days=1)))
        for one in world.transactions:
            age = (day - one.day).days
            if delay <= age < delay + trailing and one.id in verdicts:
                expected.append(
                    (day, one.id, one.day, one.customer, one.amount, world.scores[one.id], 1, verdicts[one.id].fraud)
                )
    select = sql.query(
        "labelled_predictions", start=days[0], end=days[-1], label_delay_days=delay, trailing_days=trailing
    )
    rows = unloaded(warehouse, select)
    assert rows == sorted(expected)
    assert rows


def test_labelled_predictions__without_a_score_are_there_with_nulls(warehouse: Warehouse, world: World) -> None:
    delay, day = 7, DAYS[10]
    labelled = [one for one in world.transactions if one.day == day - timedelta(days=delay)]
    unscored = labelled[3]
    select = sql.query("labelled_predictions", start=day, end=day, label_delay_days=delay, trailing_days=1)
    try:
        warehouse.run(f"DELETE FROM fraud.predictions WHERE transaction_id = {unscored.id}")
        rows = unloaded(warehouse, select)
    finally:
        values = f"{unscored.id}, '{unscored.day}', 1, {world.scores[unscored.id]!r}"
        warehouse.run(f"INSERT INTO fraud.predictions VALUES ({values})")
    assert [row[1] for row in rows] == [one.id for one in labelled]
    assert {row[1]: row[5:7] for row in rows if None in row} == {unscored.id: (None, None)}


def test_known_frauds__count_each_day_once(warehouse: Warehouse, world: World) -> None:
    as_of = DAYS[12]
    verdicts = world.verdicts(midnight(as_of))
    labels = sql.query("known_labels", as_of=as_of, start=START, end=END)
    rows = warehouse.rows(sql.query("known_frauds", start=START, end=END, known_labels=labels))
    expected = []
    for day in DAYS:
        frauds = [one for one in world.transactions if one.day == day and one.id in verdicts and verdicts[one.id].fraud]
        if frauds:
            total = f"{sum(one.amount for one in frauds):.2f}"
            expected.append((str(day), len(frauds), len({one.customer for one in frauds}), total))
    assert rows == expected


def test_alert_activity__shows_the_cards_days_up_to_the_alert(warehouse: Warehouse, world: World) -> None:
    day, history = DAYS[10], 3
    alerts = [(day, rank, customer, 0.9, 1, 1, "[]") for rank, customer in enumerate((3, 8), start=1)]
    warehouse.run(load(warehouse, "alerts", alerts, day, day))
    verdicts = world.verdicts(midnight(day))
    labels = sql.query("known_labels", as_of=day, start=START, end=END)
    rows = warehouse.rows(sql.query("alert_activity", start=day, end=day, history_days=history, known_labels=labels))
    expected = []
    for _, rank, customer, *_ in alerts:
        for one in world.transactions:
            if one.customer == customer and 0 <= (day - one.day).days < history:
                verdict = int(verdicts[one.id].fraud) if one.id in verdicts else None
                moment = str(one.moment.replace(tzinfo=None))
                expected.append((str(day), rank, moment, f"{one.amount:.2f}", world.scores[one.id], verdict))
    assert rows == expected
    assert rows


def test_erasing__deletes_a_cards_rows_from_every_table_and_no_other(local_aws: LocalStack, world: World) -> None:
    warehouse = Warehouse.create(local_aws, "erasing")
    warehouse.run(sql.create_schema())
    warehouse.run(load(warehouse, "transactions", world.transactions))
    warehouse.run(load_labels(warehouse, "chargeback", [one for one in world.labels if one.source == "chargeback"]))
    warehouse.run(
        load(warehouse, "predictions", [(one.id, one.day, 1, world.scores[one.id]) for one in world.transactions])
    )
    warehouse.run([f"INSERT INTO fraud.customers VALUES ({customer}, 1, 1, 1, 1, 1)" for customer in CUSTOMERS])
    gone = [one.id for one in world.transactions if one.customer == 3]
    # The last one's row is not there any more, what was made of it still is.
    warehouse.run(f"DELETE FROM fraud.transactions WHERE transaction_id = {gone[-1]}")
    uris = []
    for name, ids in (("customers", [3]), ("transactions", gone)):
        body = "".join(f"{number}\n" for number in ids).encode()
        local_aws.client("s3").put_object(Bucket=warehouse.bucket, Key=f"erasures/{name}.csv", Body=body)
        uris.append(f"s3://{warehouse.bucket}/erasures/{name}.csv")
    left = f"s3://{warehouse.bucket}/left/"

    def counts() -> dict[str, int]:
        warehouse.run(sql.count_erased(*uris, left))
        key = local_aws.client("s3").list_objects_v2(Bucket=warehouse.bucket, Prefix="left/")["Contents"][0]["Key"]
        text = local_aws.client("s3").get_object(Bucket=warehouse.bucket, Key=key)["Body"].read().decode()
        return {table: int(rows) for table, rows in (line.split(",") for line in text.split())}

    assert set(counts()) == {
        "transactions", "customers", "label_deliveries", "predictions", "rescores", "alerts", "features", "features_v2",
    }  # fmt: skip
    assert {table: n for table, n in counts().items() if n} == {
        "transactions": len(gone) - 1, "customers": 1, "label_deliveries": len(gone), "predictions": len(gone),
    }  # fmt: skip
    warehouse.run(sql.erase(*uris))
    assert set(counts().values()) == {0}
    kept = warehouse.rows("SELECT COUNT(*) AS n FROM fraud.predictions")[0][0]
    assert kept == len(world.transactions) - len(gone)
