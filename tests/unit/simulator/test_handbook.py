"""The replay: the published data set bit for bit, and what a slow twin generates for other sizes."""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from fraud.cli import app
from fraud.errors import ConfigurationError, ConflictError
from fraud.simulator.handbook import Replay, _choices, digest, replay
from fraud.simulator.handbook_files import write_replay
from fraud.simulator.worlds import load_world
from unit.simulator.handbook_twin import generate

ORACLE = json.loads((Path(__file__).parents[2] / "oracle" / "handbook.json").read_text())
PUBLISHED = json.loads((Path(__file__).parents[2] / "oracle" / "published.json").read_text())
HANDBOOK = load_world("handbook")


@pytest.fixture(scope="module")
def published() -> Replay:
    return replay(HANDBOOK)


def test_replay__digest_is_that_of_the_published_data(published: Replay) -> None:
    assert digest(published) == ORACLE["digest"]["sha256"]


def test_replay__every_value_is_the_published_one_in_its_order(published: Replay) -> None:
    anchor = PUBLISHED["transactions"]
    table = published.table()
    assert table["TRANSACTION_ID"].to_pylist() == list(range(anchor["rows"]))
    found = {name: hashlib.sha256(table[name].to_numpy().tobytes()).hexdigest() for name in anchor["sha256"]}
    assert found == anchor["sha256"]


def test_replay__every_day_is_the_published_one(published: Replay) -> None:
    days = [
        {
            "date": str(HANDBOOK.date_of(day)),
            "transactions": int(transactions),
            "frauds": int(frauds),
            "amount_cents": int(cents),
        }
        for day, (transactions, frauds, cents) in enumerate(
            zip(
                np.bincount(published.days),
                np.bincount(published.days, weights=published.scenario > 0),
                np.bincount(published.days, weights=published.cents),
                strict=True,
            )
        )
    ]
    assert days == ORACLE["days"]
    counts = {str(number): int(count) for number, count in enumerate(np.bincount(published.scenario))}
    assert counts == ORACLE["by_scenario"]


def test_digest__does_not_depend_on_the_order_of_rows_and_on_nothing_less_than_all_of_them(published: Replay) -> None:
    few = Replay(
        published.start,
        *(getattr(published, name)[:500] for name in ("seconds", "customer", "terminal", "amount", "scenario")),
    )
    backwards = Replay(
        few.start, few.seconds[::-1], few.customer[::-1], few.terminal[::-1], few.amount[::-1], few.scenario[::-1]
    )
    assert digest(backwards) == digest(few)
    for name in ("seconds", "customer", "terminal", "amount"):
        column = getattr(few, name).copy()
        column[137] += 1
        other = Replay(few.start, few.seconds, few.customer, few.terminal, few.amount, few.scenario)
        setattr(other, name, column)
        assert digest(other) != digest(few)


@pytest.mark.parametrize(
    ("customers", "terminals", "days", "radius"),
    [(60, 150, 25, 12.0), (25, 40, 40, 6.0), (5, 5, 3, 50.0), (30, 3, 16, 150.0), (40, 80, 1, 20.0)],
)
def test_replay__equals_the_slow_twin_for_other_sizes(customers: int, terminals: int, days: int, radius: float) -> None:
    fast = replay(HANDBOOK.changed(customers=customers, terminals=terminals, days=days, radius=radius))
    slow = generate(customers, terminals, days, radius)
    columns = (fast.seconds, fast.customer, fast.terminal, fast.amount, fast.scenario)
    rows = [(row.seconds, row.customer, row.terminal, row.amount, row.scenario) for row in slow]
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == rows


def test_choices__are_those_of_random_choice() -> None:
    twister = np.random.RandomState(0)
    for seed in (0, 1, 4999):
        for population in (1, 2, 3, 64, 65, 78, 10_000):
            twister.seed([seed])
            expected = random.Random(seed)
            assert _choices(twister, population, 300).tolist() == [
                expected.choice(range(population)) for _ in range(300)
            ]


def test_replay__leaves_numpys_global_state_alone() -> None:
    np.random.seed(5)
    expected = np.random.random(3).tolist()
    np.random.seed(5)
    replay(HANDBOOK.changed(customers=10, terminals=50, days=5, radius=30.0))
    assert np.random.random(3).tolist() == expected


@pytest.mark.parametrize(
    ("name", "unknown"), [("demo", "scenario card_testing"), ("volume_growth", "episode volume_growth")]
)
def test_replay__refuses_what_the_handbook_does_not_know(name: str, unknown: str) -> None:
    with pytest.raises(ConfigurationError, match=f"the handbook has no {unknown}; replay a world without it"):
        replay(load_world(name))


def test_generate__writes_the_handbooks_columns_a_file_a_day(tmp_path: Path) -> None:
    out = tmp_path / "data"
    arguments = ["--customers", "60", "--terminals", "150", "--days", "6", "--radius", "12"]
    result = CliRunner().invoke(app, ["handbook", "generate", "--out", str(out), *arguments], catch_exceptions=False)
    world = HANDBOOK.changed(customers=60, terminals=150, days=6, radius=12.0)
    assert digest(replay(world)) in result.output
    files = sorted((out / "transactions").iterdir())
    assert [file.name for file in files] == [f"2018-04-0{day}.parquet" for day in range(1, 7)]
    third = pq.ParquetFile(files[2]).read()
    assert third.column_names == [
        "TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT",
        "TX_TIME_SECONDS", "TX_TIME_DAYS", "TX_FRAUD", "TX_FRAUD_SCENARIO",
    ]  # fmt: skip
    assert set(third["TX_TIME_DAYS"].to_pylist()) == {2}
    assert {moment.date().isoformat() for moment in third["TX_DATETIME"].to_pylist()} == {"2018-04-03"}
    whole = replay(world)
    rows = sum(pq.ParquetFile(file).metadata.num_rows for file in files)
    assert rows == len(whole)
    assert third["TX_AMOUNT"].to_pylist() == whole.amount[whole.days == 2].tolist()
    assert pq.ParquetFile(out / "customers.parquet").metadata.num_rows == 60
    assert pq.ParquetFile(out / "terminals.parquet").metadata.num_rows == 150


def test_generate__refuses_to_mix_two_data_sets_in_a_folder(tmp_path: Path) -> None:
    small = HANDBOOK.changed(customers=20, terminals=50, days=2, radius=30.0)
    write_replay(small, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    with pytest.raises(ConflictError, match=r"holds days of the world .* use another prefix"):
        write_replay(small.changed(customers=21), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
    write_replay(small, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")} == before
