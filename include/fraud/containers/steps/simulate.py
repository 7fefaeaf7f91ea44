"""``process simulate``: what a card processor delivers in a range of days, and beside it what the simulator knows.

The delivery goes through the same gate as one from outside (``fraud.ingest``).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from fraud.containers.admission import Admission
from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_text
from fraud.days import requested_days
from fraud.ingest.delivery import write_delivery
from fraud.parquet import write_parquet
from fraud.simulator.labels import chargebacks
from fraud.simulator.population import every_customer, every_terminal
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import customers_table, terminals_table, transactions_table, truth_table
from fraud.simulator.truth import episodes_truth
from fraud.simulator.worlds import read_world

__all__ = ["run"]


def run(paths: JobPaths, start: date, end: date) -> None:
    """Simulate the days from ``start`` to ``end``, both included.

    Raises
    ------
    ConfigurationError
        When the range ends before it starts.
    MissingInputError
        When there is no world, or it begins after ``start``.
    ConflictError
        When the output holds days of another world.
    """
    world = read_world(paths.input("world") / "world.json")
    days = requested_days(start, end)
    first = world.day_index(start)
    for written in sorted(paths.output("summary").glob("*.json")):
        world.refuse_other(json.loads(written.read_text(encoding="utf-8"))["world"], str(written))

    admission = Admission(paths, world)
    with tempfile.TemporaryDirectory() as scratch:
        people = [
            write_parquet(customers_table(every_customer(world)), Path(scratch) / "customers.parquet"),
            write_parquet(terminals_table(every_terminal(world)), Path(scratch) / "terminals.parquet"),
        ]
        for index, day in enumerate(days, start=first):
            folder = Path(scratch) / f"tx_date={day}"
            result = simulate(world, index)
            transactions = transactions_table(result)
            _deliver(folder, day, transactions, chargebacks(world, index), people)
            left = admission.erased.keep(transactions)["transaction_id"]
            truth = truth_table(result)
            known = paths.output("truth") / "labels" / f"tx_date={day}" / "part.parquet"
            episodes = paths.output("truth") / "episodes" / f"{day}.json"
            write_text(episodes, json.dumps(episodes_truth(world, index), indent=1, sort_keys=True) + "\n")
            if len(left) < truth.num_rows:
                truth = truth.filter(pc.is_in(truth["transaction_id"], left.combine_chunks()))
            admission.admit(folder, day, [write_parquet(truth, known), episodes])
            shutil.rmtree(folder)


def _deliver(folder: Path, day: date, transactions: pa.Table, labels: pa.Table, people: list[Path]) -> None:
    files = [
        write_parquet(transactions, folder / "transactions" / "part.parquet"),
        write_parquet(labels, folder / "labels" / "part.parquet"),
    ]
    for profiles in people:
        files.append(folder / profiles.stem / "part.parquet")
        files[-1].parent.mkdir()
        os.link(profiles, files[-1])
    write_delivery(folder, day, files)
