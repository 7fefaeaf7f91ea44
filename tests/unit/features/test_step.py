from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fraud.containers.paths import JobPaths
from fraud.containers.steps.features import run
from fraud.errors import ConfigurationError, DataError, MissingInputError
from fraud.features.catalogue import feature_names
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
from unit.features.deliveries import (
    BAD_LABELS,
    BAD_TRANSACTIONS,
    START,
    day,
    first_id,
    labels_file,
    transactions_file,
)


def outputs(paths: JobPaths) -> dict[str, bytes]:
    root = paths.base / "processing" / "output"
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


def test_step__writes_features_scoring_input_and_summary(paths: JobPaths) -> None:
    run(paths, day(45), day(46), "v1")
    root = paths.base / "processing" / "output"
    assert sorted(outputs(paths)) == sorted(
        f"{name}" for d in (day(45), day(46))
        for name in (f"features/tx_date={d}/part.parquet", f"scoring/tx_date={d}/part.csv", f"summary/{d}.json")
    )  # fmt: skip
    table = pq.ParquetFile(root / f"features/tx_date={day(45)}/part.parquet").read()
    delivered = pq.ParquetFile(transactions_file(paths, 45)).read()
    assert table.column_names == ["transaction_id", "tx_date", *feature_names("v1")]
    assert table["transaction_id"].equals(delivered["transaction_id"])
    assert set(table["tx_date"].to_pylist()) == {day(45)}
    summary = json.loads((root / f"summary/{day(45)}.json").read_text())
    assert summary["rows"] == {"features": table.num_rows}
    assert summary["feature_version"] == "v1"
    assert len(summary["files"]) == 2


def test_step__scoring_input_holds_the_values_that_training_reads(paths: JobPaths) -> None:
    run(paths, day(45), day(45), "v2")
    root = paths.base / "processing" / "output"
    table = pq.ParquetFile(root / f"features/tx_date={day(45)}/part.parquet").read()
    with (root / f"scoring/tx_date={day(45)}/part.csv").open(newline="") as stream:
        rows = [[float(value) for value in row] for row in csv.reader(stream)]
    stored = np.column_stack([table[name].to_numpy() for name in ["transaction_id", *feature_names("v2")]])
    np.testing.assert_array_equal(np.array(rows), stored)


def test_step__risk_rises_above_zero_where_frauds_are_known(paths: JobPaths) -> None:
    run(paths, day(40), day(47), "v1")
    root = paths.base / "processing" / "output" / "features"
    risk = pa.concat_tables([pq.ParquetFile(file).read() for file in root.rglob("*.parquet")])
    assert pc.max(risk["terminal_id_risk_30day_window"]).as_py() > 0


def test_step__writes_the_same_bytes_alone_and_in_a_range(paths: JobPaths, tmp_path: Path) -> None:
    run(paths, START, day(47), "v2")
    whole = outputs(paths)
    for index in (0, 5, 37, 38, 47):
        alone = JobPaths(tmp_path / f"alone{index}")
        for name in ("transactions", "labels"):
            alone.input(name).parent.mkdir(parents=True, exist_ok=True)
            alone.input(name).symlink_to(paths.input(name))
        run(alone, day(index), day(index), "v2")
        assert outputs(alone).items() <= whole.items()


def test_step__writes_the_same_bytes_block_by_block(paths: JobPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    run(paths, day(30), day(47), "v1")
    whole = outputs(paths)
    monkeypatch.setattr("fraud.containers.steps.features.BLOCK_ROWS", 1)
    run(paths, day(30), day(47), "v1")
    assert outputs(paths) == whole


def test_step__checks_the_last_block_before_it_writes_the_first(
    paths: JobPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fraud.containers.steps.features.BLOCK_ROWS", 1)
    file = transactions_file(paths, 47)
    pq.write_table(pq.ParquetFile(file).read().take([1, 0]), file)
    with pytest.raises(DataError, match=f"{file}: row 1"):
        run(paths, day(45), day(47), "v1")
    assert not outputs(paths)


def test_step__does_not_read_days_outside_the_look_back(paths: JobPaths) -> None:
    for index in (8, 47):
        transactions_file(paths, index).write_bytes(b"not read")
        labels_file(paths, index).write_bytes(b"not read")
    run(paths, day(46), day(46), "v1")
    assert outputs(paths)


def test_step__reads_a_day_delivered_in_several_files(paths: JobPaths) -> None:
    run(paths, day(46), day(46), "v1")
    expected = outputs(paths)
    file = transactions_file(paths, 30)
    table = pq.ParquetFile(file).read()
    file.unlink()
    write_parquet(table.slice(0, 10), file.with_name("part-0.parquet"))
    write_parquet(table.slice(10), file.with_name("part-1.parquet"))
    run(paths, day(46), day(46), "v1")
    assert outputs(paths) == expected


@pytest.mark.parametrize("case", BAD_TRANSACTIONS)
def test_step__refuses_bad_transactions_and_writes_nothing(paths: JobPaths, case: str) -> None:
    change, message = BAD_TRANSACTIONS[case]
    file = transactions_file(paths, 30)
    pq.write_table(change(pq.ParquetFile(file).read()), file)
    with pytest.raises(DataError, match=f"{file}: .*{message}"):
        run(paths, day(46), day(46), "v1")
    assert not outputs(paths)


def test_step__refuses_the_file_of_another_day(paths: JobPaths) -> None:
    transactions_file(paths, 30).write_bytes(transactions_file(paths, 31).read_bytes())
    with pytest.raises(DataError, match=f"tx_date={day(30)}/part.parquet: row 0: tx_date is {day(31)}"):
        run(paths, day(46), day(46), "v1")
    assert not outputs(paths)


def test_step__refuses_files_out_of_order(paths: JobPaths) -> None:
    file = transactions_file(paths, 30)
    table = pq.ParquetFile(file).read()
    file.unlink()
    write_parquet(table.slice(10), file.with_name("part-0.parquet"))
    write_parquet(table.slice(0, 10), file.with_name("part-1.parquet"))
    with pytest.raises(DataError, match=rf"part-1.parquet: row 0: transaction {first_id(30)} follows .* sort them"):
        run(paths, day(46), day(46), "v1")
    assert not outputs(paths)


def test_step__refuses_what_is_not_parquet(paths: JobPaths) -> None:
    transactions_file(paths, 30).write_text("transaction_id,tx_amount")
    with pytest.raises(DataError, match=f"{transactions_file(paths, 30)}: not a Parquet file"):
        run(paths, day(46), day(46), "v1")


@pytest.mark.parametrize("index", [9, 30, 46])
def test_step__names_a_missing_day_of_the_look_back(paths: JobPaths, index: int) -> None:
    transactions_file(paths, index).unlink()
    with pytest.raises(MissingInputError, match=f"tx_date={day(index)} holds no Parquet file.* deliver that day"):
        run(paths, day(46), day(46), "v1")
    assert not outputs(paths)


def test_step__names_a_missing_first_day_of_the_world(paths: JobPaths) -> None:
    transactions_file(paths, 0).unlink()
    with pytest.raises(MissingInputError, match=f"tx_date={day(0)} holds no Parquet file"):
        run(paths, day(3), day(3), "v1")


def test_step__names_a_day_before_the_world_begins(paths: JobPaths) -> None:
    with pytest.raises(MissingInputError, match=f"tx_date={day(-2)} holds no Parquet file"):
        run(paths, day(-2), day(3), "v1")
    assert not outputs(paths)


def test_step__names_missing_labels(paths: JobPaths) -> None:
    labels_file(paths, 30).unlink()
    with pytest.raises(MissingInputError, match=rf"known_date={day(30)}/source=chargeback holds no Parquet file"):
        run(paths, day(46), day(46), "v1")
    assert not outputs(paths)


def test_step__refuses_when_nothing_was_delivered(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="holds no Parquet file"):
        run(JobPaths(tmp_path), day(46), day(46), "v1")


@pytest.mark.parametrize("case", BAD_LABELS)
def test_step__refuses_bad_labels_and_writes_nothing(paths: JobPaths, case: str) -> None:
    change, message = BAD_LABELS[case]
    file = labels_file(paths, 30)
    pq.write_table(change(pq.ParquetFile(file).read()), file)
    with pytest.raises(DataError, match=f"{file}: .*{message}"):
        run(paths, day(46), day(46), "v1")
    assert not outputs(paths)


def test_step__refuses_two_verdicts_at_one_moment(paths: JobPaths) -> None:
    file = labels_file(paths, 30)
    table = pq.ParquetFile(file).read()
    other = table.slice(0, 1).set_column(2, "is_fraud", pc.invert(table["is_fraud"].slice(0, 1)))
    pq.write_table(pa.concat_tables([table, other.cast(arrow_schema("label_deliveries"))]), file)
    with pytest.raises(DataError, match=f"transaction {table['transaction_id'][0]} is labelled both fraud and genuine"):
        run(paths, day(46), day(46), "v1")
    assert not outputs(paths)


def test_step__takes_a_label_delivered_twice(paths: JobPaths) -> None:
    run(paths, day(46), day(46), "v1")
    expected = outputs(paths)
    file = labels_file(paths, 30)
    table = pq.ParquetFile(file).read()
    pq.write_table(pa.concat_tables([table, table]), file)
    run(paths, day(46), day(46), "v1")
    assert outputs(paths) == expected


@pytest.mark.parametrize(
    ("end", "version", "message"),
    [(45, "v1", "ends before it starts"), (46, "v3", "feature version 'v3' does not exist; choose from v1, v2")],
)
def test_step__refuses_bad_arguments(paths: JobPaths, end: int, version: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        run(paths, day(46), day(end), version)
    assert not outputs(paths)
