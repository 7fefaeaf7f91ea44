"""``process simulate``: what a card processor delivers in a range of days, and beside it what the simulator knows."""

from __future__ import annotations

import json
from datetime import date, timedelta

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_summary, write_text
from fraud.errors import ConfigurationError
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
    if end < start:
        raise ConfigurationError(
            f"--end {end}: before --start {start}; give a range that ends where it starts, or later"
        )
    first = world.day_index(start)
    for written in sorted(paths.output("summary").glob("*.json")):
        world.refuse_other(json.loads(written.read_text(encoding="utf-8"))["world"], str(written))

    customers, terminals = customers_table(every_customer(world)), terminals_table(every_terminal(world))
    people = [
        write_parquet(customers, paths.output("customers") / "part.parquet"),
        write_parquet(terminals, paths.output("terminals") / "part.parquet"),
    ]
    for offset in range((end - start).days + 1):
        day = start + timedelta(days=offset)
        result = simulate(world, first + offset)
        tables = {
            f"transactions/tx_date={day}": transactions_table(result),
            f"labels/known_date={day}/source=chargeback": chargebacks(world, first + offset),
            f"truth/labels/tx_date={day}": truth_table(result),
        }
        root = paths.output("truth").parent
        files = [write_parquet(table, root / folder / "part.parquet") for folder, table in tables.items()]
        episodes = paths.output("truth") / "episodes" / f"{day}.json"
        write_text(episodes, json.dumps(episodes_truth(world, first + offset), indent=1, sort_keys=True) + "\n")
        transactions, labels, _ = tables.values()
        rows = {
            "transactions": transactions.num_rows,
            "label_deliveries": labels.num_rows,
            "customers": customers.num_rows,
            "terminals": terminals.num_rows,
        }
        write_summary(paths, day, rows, [*people, *files, episodes], world=world.content_hash)
