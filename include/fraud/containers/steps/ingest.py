"""``process ingest``: days delivered from outside, checked and admitted."""

from __future__ import annotations

from datetime import date

from fraud.containers.admission import Admission
from fraud.containers.paths import JobPaths
from fraud.days import requested_days
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
    days = requested_days(start, end)
    world.day_index(start)
    admission = Admission(paths, world)
    for day in days:
        admission.admit(paths.input("landing") / f"tx_date={day}", day)
