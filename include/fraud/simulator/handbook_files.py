"""The replayed data set as files: a Parquet file a day, like the published ones, and the profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from fraud.containers.summary import write_text
from fraud.parquet import write_parquet
from fraud.simulator.handbook import Replay, replay, replay_profiles
from fraud.simulator.worlds import World, read_world

__all__ = ["write_replay"]


def write_replay(world: World, folder: Path) -> Replay:
    """Replay a world and write it: ``transactions/<date>.parquet``, ``customers.parquet``, ``terminals.parquet``.

    The columns have the handbook's names. ``world.json`` says what the files are of; it is written first, so that a
    folder never holds days of two worlds.

    Raises
    ------
    ConflictError
        When the folder holds another world's data.
    ConfigurationError
        When the handbook does not know something of the world.
    """
    if (folder / "world.json").is_file():
        world.refuse_other(read_world(folder / "world.json").content_hash, str(folder))
    data = replay(world)
    write_text(folder / "world.json", world.to_json())
    customers, terminals = replay_profiles(world)
    write_parquet(
        pa.table(
            {
                "CUSTOMER_ID": customers.ids,
                "x_customer_id": customers.x,
                "y_customer_id": customers.y,
                "mean_amount": customers.mean_amount,
                "std_amount": customers.std_amount,
                "mean_nb_tx_per_day": customers.mean_nb_tx_per_day,
            }
        ),
        folder / "customers.parquet",
    )
    write_parquet(
        pa.table({"TERMINAL_ID": terminals.ids, "x_terminal_id": terminals.x, "y_terminal_id": terminals.y}),
        folder / "terminals.parquet",
    )
    table = data.table()
    begins = np.searchsorted(data.days, np.arange(world.days + 1))
    for day in range(world.days):
        rows = table.slice(begins[day], begins[day + 1] - begins[day])
        write_parquet(rows, folder / "transactions" / f"{world.date_of(day)}.parquet")
    return data
