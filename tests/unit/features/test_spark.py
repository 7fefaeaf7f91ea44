"""The Spark twin gives the engine's numbers, writes the step's files, and refuses what the step refuses."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from fraud.containers.paths import JobPaths
from fraud.containers.steps import features as step
from fraud.errors import ConfigurationError, DataError, MissingInputError
from fraud.features.catalogue import VERSIONS, feature_names
from fraud.features.engine import compute_features
from fraud.parquet import write_parquet
from needs_spark import needs_spark
from unit.features.deliveries import (
    BAD_LABELS,
    BAD_TRANSACTIONS,
    START,
    day,
    first_id,
    labels_file,
    transactions_file,
)
from unit.features.twin import Transaction, at, tables

pytestmark = [needs_spark, pytest.mark.slow, pytest.mark.timeout(900)]

DAY_SECONDS = 86_400


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    builder = SparkSession.builder.master("local[2]").appName("tests")
    options = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    }
    for key, value in options.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def by_spark(spark: Any, folder: Path, stream: list[Transaction], start: date, end: date, version: str) -> pa.Table:
    from fraud.features.spark import compute_features as compute_on_spark

    frames = []
    for name, table in zip(("transactions", "labels"), tables(stream), strict=True):
        write_parquet(table, folder / f"{name}.parquet")
        frames.append(spark.read.parquet(str(folder / f"{name}.parquet")))
    target = folder / "features"
    compute_on_spark(*frames, start, end, version).coalesce(1).write.mode("overwrite").parquet(str(target))
    (file,) = target.glob("*.parquet")
    return pq.ParquetFile(file).read().sort_by("transaction_id")


def assert_equal(ours: pa.Table, theirs: pa.Table) -> None:
    """Hold two tables of features to each other, to the last bit."""
    assert theirs.column_names == ours.column_names
    for name in ours.column_names:
        np.testing.assert_array_equal(theirs[name].to_numpy(), ours[name].to_numpy(), err_msg=name)


def crowded_stream(seed: int) -> list[Transaction]:
    """Few cards and terminals, many ties, moments on the edges of windows, labels late, early, corrected, repeated."""
    draw = random.Random(seed)
    origin = at("2025-12-31", "23:59:59")
    stream = []
    for _ in range(3000):
        offset = draw.choice((0, 0, 1, -1)) if draw.random() < 0.5 else draw.randrange(DAY_SECONDS)
        moment = origin + timedelta(days=draw.randrange(-45, 6), seconds=offset)
        labels = {}
        for _ in range(draw.choice((0, 0, 1, 1, 2, 3))):
            delay = timedelta(days=draw.randrange(45), seconds=draw.choice((0, 0, 1, -1, draw.randrange(DAY_SECONDS))))
            labels[moment + max(delay, timedelta(0))] = draw.random() < 0.6
        cents = draw.choice((0, 1, 999_999_999_999, draw.randrange(50_000), draw.randrange(50_000)))
        stream.append(Transaction(moment, draw.randrange(40), draw.randrange(25), cents, tuple(labels.items())))
    return sorted(stream, key=lambda one: one.moment)


def test_expressions__are_of_the_sums_that_the_engine_takes() -> None:
    from fraud.features.aggregates import AGGREGATIONS
    from fraud.features.spark import EXPRESSIONS, FACTS, summed_values
    from fraud.features.streams import STREAMS

    assert set(EXPRESSIONS) == set(AGGREGATIONS)
    assert set(FACTS) == set(STREAMS)
    for name, (_, values) in AGGREGATIONS.items():
        assert summed_values(name) == sorted(values)


@pytest.mark.parametrize("seed", [1, 2])
def test_spark__equals_the_engine_on_a_crowded_stream(spark: Any, tmp_path: Path, seed: int) -> None:
    stream = crowded_stream(seed)
    for start, end in ((stream[0].moment.date(), stream[-1].moment.date()), (date(2026, 1, 1), date(2026, 1, 1))):
        ours = compute_features(*tables(stream), start, end, "v2")
        assert ours.num_rows > 30
        assert_equal(ours, by_spark(spark, tmp_path, stream, start, end, "v2"))


def test_spark__equals_the_engine_where_one_terminal_has_nearly_everything(spark: Any, tmp_path: Path) -> None:
    stream = [replace(one, terminal=7 if number % 20 else 8) for number, one in enumerate(crowded_stream(3))]
    start, end = date(2025, 12, 30), date(2026, 1, 2)
    assert_equal(
        compute_features(*tables(stream), start, end, "v2"), by_spark(spark, tmp_path, stream, start, end, "v2")
    )


def job_request(paths: JobPaths, start: date, end: date, version: str) -> Any:
    """Return the job's request for what lies in a step's input folders; outputs go to ``spark`` beside them."""
    from fraud.containers.spark_features import Request

    lists = {}
    for name in ("transactions", "labels"):
        root = paths.input(name)
        files = sorted(str(file.relative_to(root)) for file in root.rglob("*.parquet"))
        lists[name] = paths.base / f"{name}.json"
        lists[name].write_text(json.dumps([{"prefix": f"{root}/"}, *files]))
    out = paths.base / "spark"
    return Request(
        start, end, version, str(lists["transactions"]), str(lists["labels"]),
        *(f"{out / name}/" for name in ("features", "scoring", "summary", "work")),
    )  # fmt: skip


def run_job(spark: Any, paths: JobPaths, start: date, end: date, version: str = "v1") -> dict[str, bytes]:
    """Run the job and return what it wrote, by path."""
    from fraud.containers.spark_features import run

    run(spark, job_request(paths, start, end, version))
    return written(paths)


def written(paths: JobPaths) -> dict[str, bytes]:
    out = paths.base / "spark"
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("version", VERSIONS)
def test_job__writes_the_files_and_values_of_the_step(spark: Any, paths: JobPaths, version: str) -> None:
    ours = paths.base / "processing" / "output"
    step.run(paths, day(44), day(46), version)
    theirs = run_job(spark, paths, day(44), day(46), version)
    files = sorted(str(file.relative_to(ours)) for file in ours.rglob("*") if file.is_file())
    assert sorted(theirs) == files
    for one in (day(44), day(45), day(46)):
        name = f"features/tx_date={one}/part.parquet"
        table = pq.ParquetFile(paths.base / "spark" / name).read()
        assert table.schema.types == pq.ParquetFile(ours / name).schema_arrow.types
        assert_equal(pq.ParquetFile(ours / name).read(), table)
        rows = [
            pa_csv.read_csv(
                root / f"scoring/tx_date={one}/part.csv", pa_csv.ReadOptions(autogenerate_column_names=True)
            )
            for root in (ours, paths.base / "spark")
        ]
        numbers = [np.column_stack([column.to_numpy() for column in table.columns]) for table in rows]
        np.testing.assert_array_equal(*numbers)
        summaries = [json.loads((root / f"summary/{one}.json").read_text()) for root in (ours, paths.base / "spark")]
        assert [sorted(summary.pop("files")) for summary in summaries] == [
            [f"features/tx_date={one}/part.parquet", f"scoring/tx_date={one}/part.csv"]
        ] * 2
        assert summaries[0] == summaries[1]


def test_job__writes_the_same_bytes_again_alone_and_over_what_was_there(spark: Any, paths: JobPaths) -> None:
    first = run_job(spark, paths, day(45), day(46))
    assert run_job(spark, paths, day(45), day(46)) == first
    alone = run_job(spark, paths, day(46), day(46))
    assert alone == first


def test_job__describes_its_files_by_size_and_digest(spark: Any, paths: JobPaths) -> None:
    import hashlib

    found = run_job(spark, paths, day(46), day(46))
    for name, described in json.loads(found[f"summary/{day(46)}.json"])["files"].items():
        assert described == {"bytes": len(found[name]), "sha256": hashlib.sha256(found[name]).hexdigest()}


def test_job__splits_a_large_day_by_position(spark: Any, paths: JobPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run_job(spark, paths, day(46), day(46))
    expected = pq.ParquetFile(paths.base / f"spark/features/tx_date={day(46)}/part.parquet").read()
    monkeypatch.setattr("fraud.containers.spark_features.ROWS_PER_FILE", expected.num_rows // 2 + 1)
    parts = run_job(spark, paths, day(46), day(46))
    names = [name for name in parts if name.startswith("features/")]
    assert names == [f"features/tx_date={day(46)}/part{part}.parquet" for part in ("", "_0001")]
    root = paths.base / "spark"
    assert pa.concat_tables([pq.ParquetFile(root / name).read() for name in names]).equals(expected)
    csv = f"scoring/tx_date={day(46)}/part"
    assert parts[f"{csv}.csv"] + parts[f"{csv}_0001.csv"] == whole[f"{csv}.csv"]


def test_job__writes_files_without_rows_for_a_day_without_transactions(spark: Any, paths: JobPaths) -> None:
    file = transactions_file(paths, 46)
    write_parquet(pq.ParquetFile(file).read().slice(0, 0), file)
    found = run_job(spark, paths, day(45), day(46))
    table = pq.ParquetFile(paths.base / f"spark/features/tx_date={day(46)}/part.parquet").read()
    assert table.num_rows == 0
    assert table.column_names == ["transaction_id", "tx_date", *feature_names("v1")]
    assert found[f"scoring/tx_date={day(46)}/part.csv"] == b""
    assert json.loads(found[f"summary/{day(46)}.json"])["rows"] == {"features": 0}


# Spark finds columns by name, and Parquet has no time zone but UTC: neither is wrong to it.
ONLY_ARROW_SEES = {"columns out of order", "other zone"}
WORDED_OTHERWISE = {"naive timestamp": "column tx_datetime is timestamp_ntz, expected timestamp",
                    "naive moment": "column known_at is timestamp_ntz, expected timestamp"}  # fmt: skip


def refuses(spark: Any, paths: JobPaths, error: type[Exception], message: str, start: int = 46) -> None:
    with pytest.raises(error, match=message):
        run_job(spark, paths, day(start), day(46))
    assert not written(paths)


@pytest.mark.parametrize("case", sorted(set(BAD_TRANSACTIONS) - ONLY_ARROW_SEES))
def test_job__refuses_bad_transactions_and_writes_nothing(spark: Any, paths: JobPaths, case: str) -> None:
    change, message = BAD_TRANSACTIONS[case]
    file = transactions_file(paths, 30)
    pq.write_table(change(pq.ParquetFile(file).read()), file)
    refuses(spark, paths, DataError, f"{file}: .*{WORDED_OTHERWISE.get(case, message)}")


@pytest.mark.parametrize("case", BAD_LABELS)
def test_job__refuses_bad_labels_and_writes_nothing(spark: Any, paths: JobPaths, case: str) -> None:
    change, message = BAD_LABELS[case]
    file = labels_file(paths, 30)
    pq.write_table(change(pq.ParquetFile(file).read()), file)
    refuses(spark, paths, DataError, f"{file}: .*{WORDED_OTHERWISE.get(case, message)}")


@pytest.mark.parametrize("case", sorted(ONLY_ARROW_SEES))
def test_job__takes_what_means_the_same_to_spark(spark: Any, paths: JobPaths, case: str) -> None:
    expected = run_job(spark, paths, day(46), day(46))
    file = transactions_file(paths, 30)
    pq.write_table(BAD_TRANSACTIONS[case][0](pq.ParquetFile(file).read()), file)
    assert run_job(spark, paths, day(46), day(46)) == expected


def test_job__refuses_files_out_of_order(spark: Any, paths: JobPaths) -> None:
    file = transactions_file(paths, 30)
    table = pq.ParquetFile(file).read()
    file.unlink()
    write_parquet(table.slice(10), file.with_name("part-0.parquet"))
    write_parquet(table.slice(0, 10), file.with_name("part-1.parquet"))
    refuses(spark, paths, DataError, rf"part-1.parquet: row 0: transaction {first_id(30)} follows .* sort them")


def test_job__refuses_what_is_not_parquet(spark: Any, paths: JobPaths) -> None:
    transactions_file(paths, 30).write_text("transaction_id,tx_amount")
    refuses(spark, paths, DataError, f"{transactions_file(paths, 30)}: not a Parquet file")


def missing_transactions(paths: JobPaths) -> str:
    transactions_file(paths, 30).unlink()
    return f"tx_date={day(30)} holds no Parquet file.* deliver that day"


def missing_labels(paths: JobPaths) -> str:
    labels_file(paths, 30).unlink()
    return f"known_date={day(30)}/source=chargeback holds no Parquet file"


@pytest.mark.parametrize("remove", [missing_transactions, missing_labels])
def test_job__names_a_missing_day(spark: Any, paths: JobPaths, remove: Callable[[JobPaths], str]) -> None:
    refuses(spark, paths, MissingInputError, remove(paths))


def test_job__starts_with_the_world(spark: Any, paths: JobPaths) -> None:
    step.run(paths, START, day(1), "v1")
    run_job(spark, paths, START, day(1))
    name = f"features/tx_date={day(1)}/part.parquet"
    ours, theirs = (pq.ParquetFile(paths.base / root / name).read() for root in ("processing/output", "spark"))
    assert_equal(ours, theirs)
    shutil.rmtree(paths.base / "spark")
    transactions_file(paths, 0).unlink()
    with pytest.raises(MissingInputError, match=f"tx_date={day(0)} holds no Parquet file"):
        run_job(spark, paths, day(1), day(1))


def test_job__refuses_two_verdicts_at_one_moment(spark: Any, paths: JobPaths) -> None:
    file = labels_file(paths, 30)
    table = pq.ParquetFile(file).read()
    one = table.slice(0, 1).to_pylist()[0]
    other = pa.Table.from_pylist([one | {"is_fraud": not one["is_fraud"]}], table.schema)
    pq.write_table(pa.concat_tables([table, other]), file)
    refuses(spark, paths, DataError, f"transaction {one['transaction_id']} is labelled both fraud and genuine")


def test_job__refuses_bad_arguments(spark: Any, paths: JobPaths) -> None:
    refuses(spark, paths, ConfigurationError, "ends before it starts", start=47)
    with pytest.raises(ConfigurationError, match="feature version 'v3' does not exist; choose from v1, v2"):
        run_job(spark, paths, day(46), day(46), "v3")
    assert not written(paths)
