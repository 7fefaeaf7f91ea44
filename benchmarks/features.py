"""How fast features are computed, beside other engines: ``python -m benchmarks.features [PART …]``.

``engines``
    The handbook's whole data set by this engine, polars, DuckDB and pandas: speed, and whether they agree. Every engine
    gets its data in memory and in its own form, and is run once before it is timed. ``--handbook FILE`` runs the
    handbook's own functions too (a Python file that defines ``get_customer_spending_behaviour_features`` and
    ``get_count_risk_rolling_window``, as in its chapter 3); the pandas formulation is ours, of the same windows.
``daily``
    One day from its look-back: the engine alone, and the whole step with its files.
``large``
    A world of 100 million transactions, delivered to disk, read back, computed and written a few days at a time.
``spark``
    The Spark job on one day of a world of 30,000 cards, on this machine.

Wall time is what counts; processor time is what a busy machine leaves comparable.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import resource
import shutil
import time
import traceback
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
from benchmarks.document import machine, write_section
from benchmarks.feature_engines import Result, duckdb_ranges, handbook_functions, pandas_rolling, polars_rolling

from fraud.containers.paths import JobPaths
from fraud.containers.steps.features import run as features_step
from fraud.features.catalogue import LOOK_BACK_DAYS, feature_names
from fraud.features.engine import compute_features
from fraud.features.handbook import engine_tables
from fraud.features.store import days_needed, read_labels, read_transactions
from fraud.parquet import write_parquet
from fraud.simulator.handbook import replay
from fraud.simulator.labels import chargebacks
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import World, load_world

RUNS = 5
BLOCK_DAYS = 8
BYTES_A_ROW = 60
SPARK_CARDS = 30_000


class Timing(NamedTuple):
    """Seconds of the best run."""

    wall: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["engines", "daily", "large", "spark"], metavar="PART")
    parser.add_argument("--handbook", type=Path, metavar="FILE", help="a file with the handbook's own functions")
    parser.add_argument("--rows", type=int, default=100_000_000, help="size of the large world")
    parser.add_argument("--days", type=int, help="days of it, from its first; all 183 otherwise")
    parser.add_argument("--scratch", type=Path, help="folder for the large world's files; the system's otherwise")
    options = parser.parse_args()
    parts: dict[str, tuple[str, Callable[[], list[str]]]] = {
        "engines": ("Features", lambda: engines(options.handbook)),
        "daily": ("Features of a day", daily),
        "large": ("Features of a large world", lambda: large(options.rows, options.days, options.scratch)),
        "spark": ("Features on Spark", on_spark),
    }
    for name in options.parts:
        title, run = parts[name]
        text = "\n".join([f"`python -m benchmarks.features {name}`, {machine()}.", "", *run()])
        print(f"{title}\n{text}\n", flush=True)
        write_section(title, text)


def engines(handbook: Path | None) -> list[str]:
    """Compute the handbook's features by every engine; compare speed and values."""
    data = replay(load_world("handbook")).table()
    transactions, labels = engine_tables(data)
    days = transactions["tx_date"]
    names = feature_names("v1")[1:]

    def ours() -> Result:
        table = compute_features(transactions, labels, days[0].as_py(), days[-1].as_py(), "v1")
        return {name.upper(): table[name].to_numpy() for name in names}

    runs: dict[str, tuple[Callable[[], Result], int]] = {
        "this engine": (ours, RUNS),
        "polars, rolling expressions": (polars_rolling(data), RUNS),
        "DuckDB, RANGE windows": (duckdb_ranges(data), RUNS),
    }
    runs["pandas, the book's windows as we write them"] = (pandas_rolling(data), 1)
    if handbook:
        runs["the handbook's own functions"] = (handbook_functions(data, functions_of(handbook)), 1)
    lines = [
        f"The fourteen features of the handbook's {data.num_rows:,} transactions: best of {RUNS} warm runs, pandas "
        "one. Bounds, by the wall on two cores: polars 2 times ours, DuckDB 5, the handbook's own functions 150. The "
        "rows that differ share card and second with another.",
        "",
        "| engine | seconds | times ours | processor seconds | times ours | rows that differ by more than 1e-9 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    expected, base = ours(), None
    for name, (run, count) in runs.items():
        result, timing = measured(run, count)
        base = base or timing
        differs = np.zeros(data.num_rows, bool)
        for column in expected:
            differs |= np.abs(np.asarray(result[column]) - expected[column]) > 1e-9
        lines.append(
            f"| {name} | {timing.wall:.2f} | {timing.wall / base.wall:.1f} | {timing.processor:.2f} "
            f"| {timing.processor / base.processor:.1f} | {differs.sum()} |"
        )
    return lines


def daily() -> list[str]:
    """Time one day of the handbook's world: the engine alone, and the whole step with its files."""
    world = load_world("handbook")
    last = world.start + timedelta(days=LOOK_BACK_DAYS)
    with TemporaryDirectory() as folder:
        paths = JobPaths(Path(folder))
        tables, labels = [], []
        for index in range(LOOK_BACK_DAYS + 1):
            day = world.start + timedelta(days=index)
            tables.append(transactions_table(simulate(world, index)))
            labels.append(chargebacks(world, index))
            write_parquet(tables[-1], paths.input("transactions") / f"tx_date={day}" / "part.parquet")
            write_parquet(
                labels[-1], paths.input("labels") / f"known_date={day}" / "source=chargeback" / "part.parquet"
            )
        together, known = pa.concat_tables(tables), pa.concat_tables(labels)
        _, engine = measured(lambda: compute_features(together, known, last, last, "v1"), RUNS)
        _, step = measured(lambda: features_step(paths, last, last, "v1"), RUNS)
    return [
        f"A day of the handbook's world ({tables[-1].num_rows:,} transactions) from its {LOOK_BACK_DAYS} days of "
        f"look-back ({together.num_rows:,} rows): {engine.wall:.3f} s ({engine.processor:.3f} s processor); with "
        f"files read, checked and written {step.wall:.2f} s ({step.processor:.2f} s).",
    ]


def large(rows: int, days: int | None, scratch: Path | None) -> list[str]:
    """Compute the features of a large world a few days at a time, holding no more than these and their look-back."""
    world = large_world(rows, days)
    with TemporaryDirectory(dir=scratch) as folder:
        free, needed = shutil.disk_usage(folder).free, rows * BYTES_A_ROW
        if free < needed:
            raise SystemExit(f"{folder} has {free / 1e9:.0f} GB free, {needed / 1e9:.0f} are needed; give --scratch")
        delivered = apart(deliver, world, Path(folder))
        return [large_line(world, delivered, *apart(compute, world, Path(folder)))]


def large_world(rows: int, days: int | None) -> World:
    """Return the handbook's world with more cards and terminals, as many of these within reach of a card as there."""
    handbook = load_world("handbook")
    factor = rows / 1_754_155
    return handbook.changed(
        customers=round(handbook.customers * factor),
        terminals=round(handbook.terminals * factor),
        radius=handbook.radius / factor**0.5,
        days=days or handbook.days,
    )


def large_line(world: World, delivered: int, computed: int, seconds: float, peak: float) -> str:
    return (
        f"{computed:,} transactions, {world.days} days of {world.customers:,} cards at {world.terminals:,} terminals, "
        f"delivered as daily Parquet ({delivered / 1e9:.1f} GB); read, checked, computed and written {BLOCK_DAYS} days "
        f"at a time, with their look-back, by one process: {seconds:.0f} s ({computed / seconds / 1e3:.0f} thousand "
        f"rows a second), peak memory {peak:.2f} GiB (bound: 4)."
    )


def apart(task: Callable[..., Any], *arguments: Any) -> Any:
    """Run a task in a process of its own, so that its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(told, (task, *arguments))


def told(task: Callable[..., Any], *arguments: Any) -> Any:
    """Run a task; let an error travel as text, for those of Java cannot travel between processes."""
    try:
        return task(*arguments)
    except Exception:
        raise RuntimeError(traceback.format_exc()) from None


def deliver(world: World, folder: Path) -> int:
    """Write all days of a world as they are delivered; return the bytes written."""
    paths, written = JobPaths(folder), 0
    for index in range(world.days):
        day = world.start + timedelta(days=index)
        file = paths.input("transactions") / f"tx_date={day}" / "part.parquet"
        written += write_parquet(transactions_table(simulate(world, index)), file).stat().st_size
        file = paths.input("labels") / f"known_date={day}" / "source=chargeback" / "part.parquet"
        written += write_parquet(chargebacks(world, index), file).stat().st_size
    return written


def compute(world: World, folder: Path) -> tuple[int, float, float]:
    """Compute a delivered world's features; return rows, seconds, and the process's peak memory in GiB."""
    paths, rows, begin = JobPaths(folder), 0, time.perf_counter()
    pool = pa.default_memory_pool()
    for offset in range(0, world.days, BLOCK_DAYS):
        start = world.start + timedelta(days=offset)
        end = min(start + timedelta(days=BLOCK_DAYS), world.start + timedelta(days=world.days)) - timedelta(days=1)
        rows += compute_block(paths, start, end)
        pool.release_unused()
        print(f"{end}: {rows:,} rows, {time.perf_counter() - begin:.0f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return rows, time.perf_counter() - begin, peak


def compute_block(paths: JobPaths, start: date, end: date) -> int:
    days = days_needed(paths.input("transactions"), start, end)
    transactions = read_transactions(paths.input("transactions"), days)
    labels = read_labels(paths.input("labels"), days, transactions, "chargeback")
    table = compute_features(transactions, labels, start, end, "v1")
    del transactions, labels
    for offset in range((end - start).days + 1):
        day = start + timedelta(days=offset)
        of_day = table.filter(pc.equal(table["tx_date"], day))
        write_parquet(of_day, paths.output("features") / f"tx_date={day}" / "part.parquet").unlink()
    return table.num_rows


def on_spark() -> list[str]:
    """Time the Spark job on one day of a larger world, and the step of one machine on the same files."""
    handbook = load_world("handbook")
    factor = SPARK_CARDS / handbook.customers
    world = handbook.changed(
        customers=SPARK_CARDS,
        terminals=round(handbook.terminals * factor),
        radius=handbook.radius / factor**0.5,
        days=LOOK_BACK_DAYS + 1,
    )
    last = world.start + timedelta(days=LOOK_BACK_DAYS)
    with TemporaryDirectory() as folder:
        apart(deliver, world, Path(folder))
        rows, seconds, again, processor = apart(run_spark, Path(folder), last)
        step = apart(run_step, Path(folder), last)
    return [
        f"A day of {SPARK_CARDS:,} cards from its look-back ({rows:,} rows): the Spark job {seconds:.0f} s at first, "
        f"{again:.0f} s in the same session, {processor:.0f} s of processors "
        f"({rows / processor / 1e3:.0f} thousand rows a second and core); the step of one machine {step:.1f} s.",
    ]


def run_spark(folder: Path, day: date) -> tuple[int, float, float, float]:
    """Run the job twice; return the rows that it reads, the seconds of both runs, the second's processor seconds."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  (not everywhere)

    from fraud.containers.spark_features import Request, run  # noqa: PLC0415

    lists = {}
    for name in ("transactions", "labels"):
        root = JobPaths(folder).input(name)
        files = sorted(str(file.relative_to(root)) for file in root.rglob("*.parquet"))
        lists[name] = folder / f"{name}.json"
        lists[name].write_text(json.dumps([{"prefix": f"{root}/"}, *files]))
    outputs = [f"{folder}/spark/{name}/" for name in ("features", "scoring", "summary", "work")]
    builder = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false")
    local = {"spark.driver.memory": "4g", "spark.driver.bindAddress": "127.0.0.1", "spark.local.dir": str(folder)}
    spark = builder.config(map={**local, "spark.sql.shuffle.partitions": "8"}).getOrCreate()
    seconds = []
    for _ in range(2):
        begin, processor = time.perf_counter(), spark_processor()
        run(spark, Request(day, day, "v1", str(lists["transactions"]), str(lists["labels"]), *outputs))
        seconds.append(time.perf_counter() - begin)
    processor = spark_processor() - processor
    rows = spark.read.parquet(str(JobPaths(folder).input("transactions"))).count()
    spark.stop()
    return rows, seconds[0], seconds[1], processor


def spark_processor() -> float:
    """Return the processor seconds that this process's Java has used so far."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(one.user + one.system for one in times)


def run_step(folder: Path, day: date) -> float:
    """Return the seconds of the step of one machine, compiled code warm."""
    return measured(lambda: features_step(JobPaths(folder), day, day, "v1"), 2)[1].wall


def functions_of(file: Path) -> Any:
    """Load a Python file as a module."""
    specification = importlib.util.spec_from_file_location("handbook_functions", file)
    if specification is None or specification.loader is None:
        raise SystemExit(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def measured(run: Callable[[], Any], count: int) -> tuple[Any, Timing]:
    """Run something once, then time it; return its result and the best time."""
    result = run() if count > 1 else None
    walls, processors = [], []
    for _ in range(count):
        wall, processor = time.perf_counter(), time.process_time()
        result = run()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return result, Timing(min(walls), min(processors))


if __name__ == "__main__":
    main()
