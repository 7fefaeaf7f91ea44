"""``process investigate``: what the investigators find out about the alerted cards, known the next day."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow.parquet as pq

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_summary
from fraud.days import requested_days
from fraud.errors import MissingInputError
from fraud.parquet import write_parquet
from fraud.simulator.labels import investigate
from fraud.simulator.worlds import read_world

__all__ = ["run"]


def run(paths: JobPaths, start: date, end: date) -> None:
    """Investigate the alerts of the days from ``start`` to ``end``, both included; summaries carry the alert date.

    Raises
    ------
    ConfigurationError
        When the range ends before it starts.
    MissingInputError
        When a day has no alerts file, or there is no world.
    DataError
        When a day's alerts are another world's.
    """
    world = read_world(paths.input("world") / "world.json")
    days = requested_days(start, end)
    for day in days:
        alerts = paths.input("alerts") / f"alert_date={day}" / "part.parquet"
        if not alerts.is_file():
            raise MissingInputError(f"{alerts}: day {day} has no alerts; score the day first")
        customers = pq.ParquetFile(alerts).read(columns=["customer_id"])["customer_id"].to_numpy()
        labels = investigate(world, day, customers)
        folder = paths.output("labels") / f"known_date={day + timedelta(days=1)}" / "source=investigation"
        file = write_parquet(labels, folder / "part.parquet")
        write_summary(paths, day, {"label_deliveries": labels.num_rows}, [file], world=world.content_hash)
