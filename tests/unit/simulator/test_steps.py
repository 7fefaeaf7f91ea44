"""The simulate and investigate steps: what they write, that it is always the same, and what they refuse."""

import hashlib
import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud.containers.paths import JobPaths
from fraud.containers.process import main
from fraud.containers.steps import investigate, simulate
from fraud.errors import ConfigurationError, ConflictError, DataError, MissingInputError
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
from fraud.simulator.worlds import World, anchor, load_world

WORLD = anchor(load_world("tiny"), date(2026, 1, 1))


def job(folder: Path, world: World = WORLD) -> JobPaths:
    paths = JobPaths(folder)
    paths.input("world").mkdir(parents=True)
    (paths.input("world") / "world.json").write_text(world.to_json())
    return paths


def contents(paths: JobPaths) -> dict[str, str]:
    root = paths.base / "processing" / "output"
    files = [path for path in sorted(root.rglob("*")) if path.is_file()]
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> JobPaths:
    paths = job(tmp_path_factory.mktemp("week"))
    simulate.run(paths, date(2025, 12, 29), date(2026, 1, 4))
    return paths


def test_simulate__writes_the_files_of_every_day_with_the_schemas_types(week: JobPaths) -> None:
    written = set(contents(week))
    for day in ("2025-12-29", "2026-01-04"):
        assert {
            f"transactions/tx_date={day}/part.parquet",
            f"labels/known_date={day}/source=chargeback/part.parquet",
            f"quarantine/date={day}/part.parquet",
            f"truth/labels/tx_date={day}/part.parquet",
            f"truth/episodes/{day}.json",
            f"summary/{day}.json",
        } <= written
    assert len(written) == 7 * 6 + 2
    for folder, table in (("transactions", "transactions"), ("labels", "label_deliveries"), ("customers", "customers")):
        for path in week.output(folder).rglob("*.parquet"):
            file = pq.ParquetFile(path)
            assert file.schema_arrow.equals(arrow_schema(table))
            assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_simulate__summary_has_rows_files_and_the_world(week: JobPaths) -> None:
    summary = json.loads((week.output("summary") / "2026-01-01.json").read_text())
    assert summary["world"] == WORLD.content_hash
    assert (summary["quarantined"], summary["warnings"]) == ({}, [])
    assert {re.sub("part-[0-9a-f]{16}", "part-DIGEST", name) for name in summary["files"]} == {
        "customers/part-DIGEST.parquet",
        "labels/known_date=2026-01-01/source=chargeback/part.parquet",
        "quarantine/date=2026-01-01/part.parquet",
        "terminals/part-DIGEST.parquet",
        "transactions/tx_date=2026-01-01/part.parquet",
        "truth/episodes/2026-01-01.json",
        "truth/labels/tx_date=2026-01-01/part.parquet",
    }
    transactions = week.output("transactions") / "tx_date=2026-01-01" / "part.parquet"
    assert summary["rows"]["transactions"] == pq.ParquetFile(transactions).metadata.num_rows
    assert summary["rows"]["customers"] == 400


def test_simulate__writes_the_same_bytes_alone_and_again(week: JobPaths, tmp_path: Path) -> None:
    alone = job(tmp_path)
    simulate.run(alone, date(2026, 1, 2), date(2026, 1, 2))
    once = contents(alone)
    simulate.run(alone, date(2026, 1, 2), date(2026, 1, 2))
    assert contents(alone) == once
    assert once.items() <= contents(week).items()


def test_simulate__truth_reaches_no_delivered_file(week: JobPaths) -> None:
    for path in [*week.output("transactions").rglob("*.parquet"), *week.output("customers").rglob("*.parquet")]:
        assert not {"is_fraud", "scenario"} & set(pq.ParquetFile(path).schema_arrow.names)
    for path in week.output("labels").rglob("*.parquet"):
        assert "scenario" not in pq.ParquetFile(path).schema_arrow.names


def test_simulate__labels_are_known_on_the_day_of_their_folder(week: JobPaths) -> None:
    for path in week.output("labels").rglob("*.parquet"):
        table = pq.ParquetFile(path).read()
        day = date.fromisoformat(path.parts[-3].removeprefix("known_date="))
        assert {moment.date() for moment in table["known_at"].to_pylist()} == {day}
        assert {(day - about).days for about in table["tx_date"].to_pylist()} == {7}


def test_simulate__refuses_to_mix_two_worlds(tmp_path: Path) -> None:
    paths = job(tmp_path)
    simulate.run(paths, date(2026, 1, 1), date(2026, 1, 1))
    before = contents(paths)
    (paths.input("world") / "world.json").write_text(WORLD.changed(seed=99).to_json())
    with pytest.raises(ConflictError, match=r"summary/2026-01-01\.json: holds days of the world .* use another prefix"):
        simulate.run(paths, date(2026, 1, 2), date(2026, 1, 2))
    assert contents(paths) == before


@pytest.mark.parametrize(
    ("start", "end", "error", "reason"),
    [
        (date(2026, 1, 2), date(2026, 1, 1), ConfigurationError, "--end 2026-01-01 is before --start 2026-01-02"),
        (date(2024, 1, 1), date(2026, 1, 1), MissingInputError, "day 2024-01-01: world tiny begins on 2025-10-08"),
    ],
)
def test_simulate__refuses_a_range_before_writing_anything(tmp_path, start, end, error, reason) -> None:
    paths = job(tmp_path)
    with pytest.raises(error, match=reason):
        simulate.run(paths, start, end)
    assert contents(paths) == {}


def test_simulate__without_a_world_fails_with_the_reason_in_the_message_file(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert main(["simulate", "--start", "2026-01-01", "--end", "2026-01-01"]) == MissingInputError.exit_code
    assert "world.json: no world here; bootstrap the environment first" in (tmp_path / "output" / "message").read_text()
    assert "no world here" in capsys.readouterr().err


def alerts(paths: JobPaths, day: str, customers: list[int]) -> None:
    table = pa.table(
        {"alert_date": [date.fromisoformat(day)] * len(customers), "customer_id": pa.array(customers, pa.int64())}
    )
    write_parquet(table, paths.input("alerts") / f"alert_date={day}" / "part.parquet")


def test_investigate__writes_the_labels_of_the_next_day(week: JobPaths, tmp_path: Path) -> None:
    paths = job(tmp_path)
    day = pq.ParquetFile(week.output("transactions") / "tx_date=2026-01-01" / "part.parquet").read()
    chosen = np.unique(day["customer_id"].to_numpy())[:4].tolist()
    alerts(paths, "2026-01-01", chosen)
    alerts(paths, "2026-01-02", [])
    investigate.run(paths, date(2026, 1, 1), date(2026, 1, 2))
    first = paths.output("labels") / "known_date=2026-01-02" / "source=investigation" / "part.parquet"
    labels = pq.ParquetFile(first).read()
    mine = set(day.filter(pa.array(np.isin(day["customer_id"].to_numpy(), chosen)))["transaction_id"].to_pylist())
    assert set(labels["transaction_id"].to_pylist()) == mine
    assert {str(moment) for moment in labels["known_at"].to_pylist()} == {"2026-01-02 18:00:00+00:00"}
    summary = json.loads((paths.output("summary") / "2026-01-01.json").read_text())
    assert summary["rows"] == {"label_deliveries": len(mine)}
    assert list(summary["files"]) == ["labels/known_date=2026-01-02/source=investigation/part.parquet"]
    empty = paths.output("labels") / "known_date=2026-01-03" / "source=investigation" / "part.parquet"
    assert pq.ParquetFile(empty).read().num_rows == 0


def test_investigate__refuses_a_day_without_alerts_and_alerts_of_strangers(tmp_path: Path) -> None:
    paths = job(tmp_path)
    with pytest.raises(MissingInputError, match=r"day 2026-01-01 has no alerts; score the day first"):
        investigate.run(paths, date(2026, 1, 1), date(2026, 1, 1))
    alerts(paths, "2026-01-01", [123456])
    with pytest.raises(DataError, match="customer 123456 made no transaction that day"):
        investigate.run(paths, date(2026, 1, 1), date(2026, 1, 1))
    with pytest.raises(ConfigurationError, match="is before --start"):
        investigate.run(paths, date(2026, 1, 2), date(2026, 1, 1))
