"""How fast features are computed, beside other engines: ``python -m benchmarks.features``.

Every engine gets its data in memory and in its own form, and is run once before it is timed. Wall time is what counts;
processor time is what a busy machine leaves comparable.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from benchmarks.document import machine, write_section
from benchmarks.feature_engines import Result, duckdb_ranges, pandas_rolling, polars_rolling

from fraud.containers.paths import JobPaths
from fraud.containers.steps.features import run as features_step
from fraud.features.catalogue import LOOK_BACK_DAYS, feature_names
from fraud.features.engine import compute_features
from fraud.features.handbook import engine_tables
from fraud.parquet import write_parquet
from fraud.simulator.handbook import replay
from fraud.simulator.labels import chargebacks
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import World, load_world

RUNS = 5
BLOCK_DAYS = 4


class Timing(NamedTuple):
    """Seconds of the best run."""

    wall: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-handbook", action="store_true", help="leave out the pandas formulation, over a minute")
    parser.add_argument(
        "--large", type=int, default=0, metavar="ROWS", help="stream a world of about this many rows too"
    )
    options = parser.parse_args()
    where = machine()
    large = ["", *streamed(options.large)] if options.large else []  # first: the others' memory is not its own
    text = "\n".join([f"{where}.", "", *engines(options.skip_handbook), "", *daily(), *large])
    print(text)
    write_section("Features", text)


def engines(skip_handbook: bool) -> list[str]:
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
    if not skip_handbook:
        runs["pandas, the handbook's formulation"] = (pandas_rolling(data), 1)
    lines = [
        f"The fourteen features of the handbook's {data.num_rows:,} transactions: best of {RUNS} warm runs (pandas 1).",
        "",
        "| engine | seconds | times ours | processor seconds | rows that differ by more than 1e-9 |",
        "| --- | --- | --- | --- | --- |",
    ]
    expected, base = ours(), None
    for name, (run, count) in runs.items():
        result, timing = measured(run, count)
        base = base or timing
        differs = np.zeros(data.num_rows, bool)
        for column in expected:
            differs |= np.abs(np.asarray(result[column]) - expected[column]) > 1e-9
        lines.append(
            f"| {name} | {timing.wall:.2f} | {timing.wall / base.wall:.1f} | {timing.processor:.2f} | {differs.sum()} |"
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


def streamed(rows: int) -> list[str]:
    """Compute the features of a large world day by day, holding no more than its look-back."""
    handbook = load_world("handbook")
    factor = rows / 1_754_155
    world = handbook.changed(
        customers=round(handbook.customers * factor),
        terminals=round(handbook.terminals * factor),
        radius=handbook.radius / factor**0.5,
    )
    held: deque[tuple[pa.Table, pa.Table]] = deque(maxlen=LOOK_BACK_DAYS + BLOCK_DAYS)
    computed, spent = 0, 0.0
    for index in range(world.days):
        held.append((transactions_table(simulate(world, index)), known_frauds(world, index)))
        if (index + 1) % BLOCK_DAYS and index + 1 < world.days:
            continue
        block = index % BLOCK_DAYS
        begin = time.perf_counter()
        together, known = (pa.concat_tables(tables) for tables in zip(*held, strict=True))
        first = world.start + timedelta(days=index - block)
        computed += compute_features(together, known, first, first + timedelta(days=block), "v1").num_rows
        spent += time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [
        f"{computed:,} transactions of {world.customers:,} cards and {world.terminals:,} terminals, {BLOCK_DAYS} days "
        f"at a time with their look-back: {spent:.0f} s ({computed / spent / 1e6:.1f} million rows a second), peak "
        f"memory of the process {peak:.1f} GiB, simulator included.",
    ]


def known_frauds(world: World, index: int) -> pa.Table:
    """Return the fraud labels that become known on a day."""
    labels = chargebacks(world, index).select(["transaction_id", "is_fraud", "known_at"])
    return labels.filter(labels["is_fraud"])


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
