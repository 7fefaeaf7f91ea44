"""How fast the simulator is: ``python -m benchmarks.simulator``.

Every measurement has a process of its own, so that its peak memory is its own; compiled code is warmed up on a small
world first. Wall time is what counts; processor time is what a busy machine leaves comparable. ``--handbook FILE`` also
times the handbook's own functions (a Python file that defines ``generate_dataset`` and ``add_frauds``, as in its
chapter 3).
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import multiprocessing
import resource
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.document import machine, write_section

from fraud.containers.paths import JobPaths
from fraud.containers.steps.simulate import run
from fraud.parquet import write_parquet
from fraud.simulator import population
from fraud.simulator.handbook import replay
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import load_world

RUNS = 5


@dataclass(frozen=True)
class Timing:
    """The fastest of some runs: seconds by the wall and of the processor, rows made, and the process's peak memory."""

    wall: float
    cpu: float
    rows: int
    peak_mb: float


def fastest(work: Callable[[], int], runs: int = RUNS) -> Timing:
    """Time some work that returns how many rows it made."""
    walls, cpus = [], []
    for _ in range(runs):
        wall, cpu = time.perf_counter(), time.process_time()
        rows = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Timing(min(walls), min(cpus), rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def warm_up() -> None:
    simulate(load_world("tiny"), 80)


def replay_published() -> Timing:
    world = load_world("handbook")
    replay(world.changed(customers=10, terminals=100, days=3, radius=30.0))
    return fastest(lambda: len(replay(world)), 3)


def handbooks_own(path: str) -> Timing:
    specification = importlib.util.spec_from_file_location("handbook_functions", path)
    if specification is None or specification.loader is None:
        raise SystemExit(f"{path}: not a Python file")
    book = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(book)

    def work() -> int:
        with redirect_stdout(StringIO()):
            customers, terminals, transactions = book.generate_dataset(5000, 10000, 183, "2018-04-01", 5)
            return len(book.add_frauds(customers, terminals, transactions))

    return fastest(work, 1)


def handbook_days() -> Timing:
    warm_up()
    world = load_world("handbook")
    simulate(world, 59)
    return fastest(lambda: sum(len(simulate(world, day)) for day in range(60, 120)))


def large_day() -> Timing:
    warm_up()
    world = load_world("large")

    def work() -> int:
        population._population.cache_clear()
        return len(simulate(world, 40))

    return fastest(work, 3)


def year_of_parquet() -> Timing:
    warm_up()
    world = load_world("handbook")

    def work() -> int:
        rows = 0
        with TemporaryDirectory() as folder:
            for index in range(365):
                day = simulate(world, index)
                path = Path(folder) / f"tx_date={world.date_of(index)}" / "part.parquet"
                write_parquet(transactions_table(day), path)
                rows += len(day)
        return rows

    return fastest(work, 2)


def month_of_the_job() -> Timing:
    warm_up()
    world = load_world("demo")

    def work() -> int:
        with TemporaryDirectory() as folder:
            paths = JobPaths(Path(folder))
            paths.input("world").mkdir(parents=True)
            (paths.input("world") / "world.json").write_text(world.to_json())
            run(paths, world.date_of(40), world.date_of(40) + timedelta(days=29))
        return 30

    return fastest(work, 2)


def day_of_size(customers: int) -> Timing:
    """A day of a town of any size, with as many terminals within reach of a customer as in the handbook's."""
    warm_up()
    grown = customers / 5000
    base = load_world("handbook")
    scenarios = tuple(
        scenario.model_copy(update={"intensity": grown} if scenario.kind != "high_amount" else {})
        for scenario in base.scenarios
    )
    terminals = round(1.6 * customers)
    radius = base.radius * math.sqrt(base.terminals / terminals)
    world = base.changed(customers=customers, terminals=terminals, radius=radius, scenarios=scenarios)
    simulate(world, 60)
    return fastest(lambda: len(simulate(world, 60)), RUNS if customers < 1_000_000 else 2)


def measure(task: Callable[..., Timing], *arguments: object) -> Timing:
    """Run a measurement in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(task, arguments)


def row(what: str, timing: Timing, figure: str, bound: str) -> str:
    return f"| {what} | {timing.wall:.2f} | {timing.cpu:.2f} | {timing.peak_mb:.0f} | {figure} | {bound} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--handbook", help="Python file with the handbook's own functions, to be timed too")
    parser.add_argument("--largest", type=int, default=5_120_000, help="customers of the largest world of the exponent")
    options = parser.parse_args()
    where = machine()

    lines = [
        f"`python -m benchmarks.simulator`, {where}. Compiled code warm; each line a process of its own, fastest run.",
        "",
        "| what | wall s | processor s | peak MB | figure | bound |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    replayed = measure(replay_published)
    book = measure(handbooks_own, options.handbook) if options.handbook else None
    faster = f"{book.cpu / replayed.cpu:.0f} times faster" if book else f"{replayed.rows:,} transactions"
    lines.append(row("replay of the published data, frauds included", replayed, faster, "100 times faster; 600 MB"))
    if book:
        lines.append(row("the handbook's own functions", book, f"{book.rows:,} transactions", ""))
    days = measure(handbook_days)
    lines.append(
        row(
            "60 days of `handbook` in memory", days, f"{days.rows / days.cpu / 1e6:.1f} million/s a core", "4 million/s"
        )
    )
    large = measure(large_day)
    lines.append(row("a day of `large`, profiles included", large, f"{large.rows:,} transactions", "2 s; 1500 MB"))
    year = measure(year_of_parquet)
    lines.append(row("a year of `handbook` as daily Parquet", year, f"{year.rows:,} transactions", "5 s"))
    month = measure(month_of_the_job)
    figure = f"{month.cpu / month.rows * 1000:.0f} ms a day"
    lines.append(row("30 days of `demo` by the job: all files, digests", month, figure, ""))

    lines += ["", "Cost of one day by size, as many terminals within reach of a customer as in the handbook:", ""]
    lines += ["| transactions | processor s | million/s |", "| --- | --- | --- |"]
    sizes = [customers for customers in (5_000 * 4**power for power in range(6)) if customers <= options.largest]
    found = [measure(day_of_size, customers) for customers in sizes]
    lines += [f"| {timing.rows:,} | {timing.cpu:.4f} | {timing.rows / timing.cpu / 1e6:.1f} |" for timing in found]
    exponent = slope([math.log(t.rows) for t in found], [math.log(t.cpu) for t in found])
    lines += ["", f"Exponent of a fit of seconds to transactions: {exponent:.3f} (1 is linear)."]
    text = "\n".join(lines)
    print(text)
    write_section("Simulator", text)


def slope(x: list[float], y: list[float]) -> float:
    """Return the slope of the least-squares line."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - mean_x) ** 2 for a in x)


if __name__ == "__main__":
    main()
