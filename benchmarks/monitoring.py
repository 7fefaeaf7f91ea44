"""A day's monitoring job at the handbook's size: ``python -m benchmarks.monitoring``.

The job runs as it does in production, a process of its own over files. Its imports alone are a second process; what the
whole job takes longer than that is the work.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from benchmarks.document import machine, write_section

from fraud.containers.paths import JobPaths
from fraud.monitoring.loop.history import LABEL_DELAY_DAYS, NAMES, History, live
from fraud.monitoring.loop.kinds import FIRST_SCORED, kind, world_of
from fraud.monitoring.loop.training import Challenger, Trainer
from fraud.monitoring.measure import POOLED_DAYS
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
from fraud.settings import Settings

DAY = FIRST_SCORED + 20
RUNS = 3
VERSION = 1
BOUNDS = {"seconds after imports": 10, "seconds": 25, "megabytes": 1024}


class Cost(NamedTuple):
    """Wall seconds, processor seconds and peak megabytes of a process."""

    wall: float
    processor: float
    megabytes: float


def main() -> None:
    where = machine()
    settings = Settings()
    history = live(world_of(kind("none"), 1), DAY + 1)
    champion = Trainer(history, settings).challenger(FIRST_SCORED)
    today = history.date(DAY)
    arguments = ["monitor", "--start", str(today), "--end", str(today), "--html", "last"]
    with tempfile.TemporaryDirectory() as folder:
        paths = JobPaths(Path(folder))
        write_inputs(paths, history, champion, settings)
        environment = {**os.environ, "SAGEMAKER_BASE_DIR": folder}
        imports, job = (
            median([run(command, environment) for _ in range(RUNS)])
            for command in (
                ["-c", "import fraud.containers.process, fraud.containers.steps.monitor"],
                ["-m", "fraud.containers.process", *arguments],
            )
        )
        page = (paths.output("reports") / f"date={today}" / "report.html").stat().st_size
    rows = history.rows(DAY, DAY)
    lines = [
        f"`python -m benchmarks.monitoring`, {where}. Median of {RUNS} runs of one day: {rows.stop - rows.start:,} "
        f"transactions, a reference of {len(champion.reference.columns['score']):,}, labels of a week, with the page "
        f"({page / 1e6:.1f} MB).",
        "",
        "| what | wall s | processor s | peak MB | bound |",
        "| --- | --- | --- | --- | --- |",
        row("imports", imports, ""),
        row(
            "the work after them",
            Cost(job.wall - imports.wall, job.processor - imports.processor, job.megabytes),
            f"{BOUNDS['seconds after imports']} s",
        ),
        row("the whole job", job, f"{BOUNDS['seconds']} s, {BOUNDS['megabytes']} MB"),
    ]
    text = "\n".join(lines)
    print(text)
    write_section("Monitoring", text)


def write_inputs(paths: JobPaths, history: History, champion: Challenger, settings: Settings) -> None:
    """Write what the task before the job puts in place: scored days, labels, the champion's reference, the request."""
    for day in range(DAY - POOLED_DAYS + 1, DAY + 1):
        rows = history.rows(day, day)
        partition = f"tx_date={history.date(day)}/part.parquet"
        features = history.features[rows]
        days = pa.array([history.date(day)] * len(features), pa.date32())
        identity = {"transaction_id": history.transaction_id[rows], "tx_date": days}
        columns = {name: features[:, position] for position, name in enumerate(NAMES)}
        write_parquet(pa.table(identity | columns), paths.input("features") / partition)
        scores = {"model_version": np.full(len(features), VERSION), "score": champion.model.predict_proba(features)}
        predictions = pa.table(identity | scores).cast(arrow_schema("predictions"))
        write_parquet(predictions, paths.input("predictions") / partition)
    write_parquet(labels(history, champion, settings), paths.input("labelled") / "part.parquet")
    reference = paths.input("reference") / f"version={VERSION}"
    write_parquet(pa.table(dict(champion.reference.columns)), reference / "reference.parquet")
    week = {"feature_version": "v1", "mean": champion.reference.baseline, "weeks": [{}] * 4, "transactions": 100_000}
    (reference / "baseline.json").write_text(json.dumps(week))
    request = paths.input("request") / "request.json"
    request.parent.mkdir(parents=True)
    request.write_text(json.dumps({"drift": settings.drift.model_dump()}))


def labels(history: History, champion: Challenger, settings: Settings) -> pa.Table:
    """Return the labelled transactions of the longest window, as the warehouse unloads them."""
    last = DAY - LABEL_DELAY_DAYS
    rows = history.rows(last - settings.drift.ap_long_days + 1, last)
    days = [history.date(int(day)) for day in history.day[rows]]
    count = len(days)
    return pa.table(
        {
            "report_date": pa.array([history.date(DAY)] * count, pa.date32()),
            "transaction_id": history.transaction_id[rows],
            "tx_date": pa.array(days, pa.date32()),
            "customer_id": history.customer[rows],
            "score": champion.model.predict_proba(history.features[rows]),
            "model_version": np.full(count, VERSION, np.int32),
            "is_fraud": history.is_fraud[rows],
        }
    )


def run(command: list[str], environment: dict[str, str]) -> Cost:
    """Run a Python command, and return what it cost."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed with status {status}")
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median(costs: list[Cost]) -> Cost:
    """Return the medians."""
    return Cost(*(statistics.median(values) for values in zip(*costs, strict=True)))


def row(what: str, cost: Cost, bound: str) -> str:
    return f"| {what} | {cost.wall:.1f} | {cost.processor:.1f} | {cost.megabytes:.0f} | {bound} |"


if __name__ == "__main__":
    main()
