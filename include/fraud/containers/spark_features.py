"""Entry point of the Spark job that computes features: what the processing step ``features`` does, on EMR Serverless.

It reads and writes URIs, through whatever file system Spark has for them; the files and summaries of a day are those
of the step. Everything is written to a folder of the run's own first and moved once it is whole.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from fraud.containers.summary import summary_text
from fraud.days import days_between
from fraud.errors import ConfigurationError, FraudError
from fraud.features.delivery import LABEL_SOURCE
from fraud.features.spark import compute_features
from fraud.features.spark_store import days_needed, read_labels, read_transactions
from fraud.schema import IDS_PER_DAY

__all__ = ["Request", "main", "run"]

ROWS_PER_FILE = 2_000_000
"""Transactions a file, by their position in the day: which rows a file has does not depend on the cluster."""

_MOVES_AT_ONCE = 16


@dataclass(frozen=True)  # no slots: EMR's Python is 3.9
class Request:
    """What to compute, from what, and where to leave it.

    Parameters
    ----------
    start, end
        First and last day, both included.
    version
        Feature version.
    transactions, labels
        URIs of JSON lists of the delivered files (``[{"prefix": "s3://…/"}, "tx_date=…/part.parquet", …]``).
    features, scoring, summary
        Folders for feature files, scoring input and summaries.
    work
        Folder of this run's own, emptied first.
    """

    start: date
    end: date
    version: str
    transactions: str
    labels: str
    features: str
    scoring: str
    summary: str
    work: str


def run(spark: SparkSession, request: Request) -> None:
    """Compute the features of some days and write them; refuse bad input before anything is written."""
    if request.end < request.start:
        raise ConfigurationError(
            f"the range {request.start} to {request.end} ends before it starts; swap --start and --end"
        )
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    files = Files(spark)
    root, delivered = files.listed(request.transactions, "tx_date")
    labels_root, labels_delivered = files.listed(request.labels, "known_date")
    needed = days_needed(spark, root, delivered, request.start, request.end)
    transactions = read_transactions(spark, delivered, needed)
    labels = read_labels(spark, labels_root, labels_delivered, needed, transactions, LABEL_SOURCE)
    files.delete(request.work)
    features = compute_features(transactions, labels, request.start, request.end, request.version)
    work = request.work.rstrip("/")
    _in_order(features).write.parquet(f"{work}/features", partitionBy=["day", "part"], compression="zstd")
    written = spark.read.schema(features.schema).parquet(f"{work}/features").drop("part", "day")
    _in_order(written, "tx_date").write.partitionBy("day", "part").csv(f"{work}/scoring")
    days = days_between(request.start, request.end)
    rows = {row["tx_date"]: row["count"] for row in written.groupBy("tx_date").count().collect()}
    for day in days:
        if day not in rows:  # Spark writes no file without rows, but a day is a file
            written.where("false").coalesce(1).write.parquet(f"{work}/features/day={day}/part=0", compression="zstd")
            files.write_text(f"{work}/scoring/day={day}/part=0/part.csv", "")
    described: dict[date, dict[str, Any]] = {day: {} for day in days}
    for output, target in (("features", request.features), ("scoring", request.scoring)):
        published = files.publish(f"{work}/{output}", target, days)
        for (day, name), content in published.items():
            described[day][f"{output}/{name}"] = content
    for day in days:
        text = summary_text(day, {"features": rows.get(day, 0)}, described[day], feature_version=request.version)
        files.write_text(f"{request.summary.rstrip('/')}/{day}.json", text)
    files.delete(request.work)


def _in_order(features: DataFrame, *dropped: str) -> DataFrame:
    """Let every file of a day have the rows of its positions in the order of ids: the same rows give the same bytes."""
    part = F.expr(f"cast((transaction_id % {IDS_PER_DAY}L) div {ROWS_PER_FILE}L as int)")
    placed = features.withColumns({"day": F.col("tx_date"), "part": part}).drop(*dropped)
    return placed.repartition("day", "part").sortWithinPartitions("day", "part", "transaction_id")


class Files:
    """Files by URI, through Hadoop's own file systems: on S3 what Spark itself reads and writes with."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._jvm, self._configuration = spark._jvm, spark._jsc.hadoopConfiguration()

    def _at(self, uri: str) -> tuple[Any, Any]:
        path = self._jvm.org.apache.hadoop.fs.Path(uri)
        return path.getFileSystem(self._configuration), path

    def listed(self, uri: str, partition: str) -> tuple[str, dict[date, list[str]]]:
        """Read a JSON list of files; return its prefix and the files' URIs by day."""
        content = self._spark.read.text(uri, wholetext=True).head()
        prefix, *relative = json.loads(content[0]) if content else [{"prefix": uri}]
        by_day: dict[date, list[str]] = {}
        for name in sorted(relative):
            day = date.fromisoformat(name.partition(f"{partition}=")[2].partition("/")[0])
            by_day.setdefault(day, []).append(prefix["prefix"] + name)
        return prefix["prefix"], by_day

    def delete(self, uri: str) -> None:
        """Remove a folder and what is in it; none there is no error."""
        system, path = self._at(uri)
        system.delete(path, True)

    def write_text(self, uri: str, text: str) -> None:
        """Write a file whole."""
        system, path = self._at(uri)
        stream = system.create(path, True)
        stream.write(bytearray(text.encode()))
        stream.close()

    def publish(self, source: str, target: str, days: Sequence[date]) -> Mapping[tuple[date, str], dict[str, Any]]:
        """Move what Spark wrote as ``day=…/part=…/<any name>`` to ``tx_date=…/part[_n].<kind>``.

        Returns
        -------
        dict
            Size and SHA-256 of each file, by day and by name below the target.
        """
        system, _ = self._at(source)
        moves: dict[tuple[date, str], tuple[Any, Any]] = {}
        for day in days:
            _, folder = self._at(f"{source}/day={day}")
            for part in system.listStatus(folder):
                number = part.getPath().getName().partition("=")[2]
                for file in system.listStatus(part.getPath()):
                    name = file.getPath().getName()
                    if name.startswith(("_", ".")):
                        continue
                    suffix = f"_{int(number):04}" if number != "0" else ""  # after the first by name, too
                    relative = f"tx_date={day}/part{suffix}.{name.rpartition('.')[2]}"
                    moves[day, relative] = file.getPath(), self._at(f"{target.rstrip('/')}/{relative}")[1]
        with ThreadPoolExecutor(_MOVES_AT_ONCE) as pool:
            for done in [pool.submit(_move, system, *move) for move in moves.values()]:
                done.result()
        names = {place.toUri().getPath(): key for key, (_, place) in moves.items()}
        content = self._spark.read.format("binaryFile").load([str(place) for _, place in moves.values()])
        digests = content.select("path", "length", F.sha2("content", 256).alias("sha256")).collect()
        described = {}
        for row in digests:
            path = self._at(row["path"])[1].toUri().getPath()
            described[names[path]] = {"bytes": row["length"], "sha256": row["sha256"]}
        return described


def _move(system: Any, source: Any, target: Any) -> None:
    system.mkdirs(target.getParent())
    system.delete(target, False)  # a rename does not replace
    if not system.rename(source, target):
        raise OSError(f"{source} could not be moved to {target}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; return its exit code (0, or the error's own).

    An error that the input is to blame for is one line, kind and message, at the end of the driver's log; any other
    keeps its traceback, for it is a bug.
    """
    parser = argparse.ArgumentParser(prog="spark_features", description=__doc__)
    for name in Request.__annotations__:
        kind: Any = date.fromisoformat if name in ("start", "end") else str
        parser.add_argument(f"--{name}", required=True, type=kind)
    request = Request(**vars(parser.parse_args(argv)))
    spark = SparkSession.builder.getOrCreate()
    try:
        run(spark, request)
    except FraudError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return error.exit_code
    finally:
        spark.stop()
    return 0
