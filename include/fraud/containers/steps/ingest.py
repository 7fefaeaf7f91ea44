"""``process ingest``: days delivered from outside, checked and admitted."""

from __future__ import annotations

from datetime import date, timedelta

from fraud.containers.admission import Admission
from fraud.containers.paths import JobPaths
from fraud.errors import ConfigurationError
from fraud.simulator.worlds import read_world

__all__ = ["run"]


def run(paths: JobPaths, start: date, end: date) -> None:
    """Admit the delivered days from ``start`` to ``end``, both included.

    Parameters
    ----------
    paths
        Inputs ``world/world.json``, ``landing/tx_date=…/`` and, for labels, ``transactions/tx_date=…/`` of days
        admitted before; outputs as of :class:`fraud.containers.admission.Admission`.
    start, end
        First and last day.

    Raises
    ------
    ConfigurationError
        When the range ends before it starts.
    MissingInputError
        When there is no world, or it begins after ``start``.
    DeliveryRefused
        For the first day of which nothing may be loaded.
    """
    world = read_world(paths.input("world") / "world.json")
    if end < start:
        raise ConfigurationError(
            f"--end {end}: before --start {start}; give a range that ends where it starts, or later"
        )
    world.day_index(start)
    admission = Admission(paths, world)
    for offset in range((end - start).days + 1):
        day = start + timedelta(days=offset)
        admission.admit(paths.input("landing") / f"tx_date={day}", day)
