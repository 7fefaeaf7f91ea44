"""Verdicts as they become known: investigations on the next day, chargebacks late, corrections later still."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fraud.errors import DataError
from fraud.schema import arrow_schema
from fraud.simulator.simulation import simulate
from fraud.simulator.streams import stream
from fraud.simulator.tables import dates, timestamps
from fraud.simulator.worlds import World, conditions

__all__ = ["chargebacks", "investigate"]

CHARGEBACK, INVESTIGATION = "chargeback", "investigation"


def chargebacks(world: World, day: date | int) -> pa.Table:
    """Return the labels, fraud and genuine, that the card processor delivers on a day.

    A transaction's verdict is known ``delay_days`` after it, to the second. Of the frauds ``missed_share`` are first
    delivered as genuine, and again, as frauds, ``correction_days`` later.

    Parameters
    ----------
    world
        The world.
    day
        The day on which the labels become known (date or day index).

    Returns
    -------
    pyarrow.Table
        Rows of ``label_deliveries``, by transaction id; empty while nothing is due.
    """
    known = world.day_index(day)
    parts = [_verdicts(world, about, known, corrected=False) for about in _due(world, known, 0)]
    if world.labels.missed_share > 0:
        due = _due(world, known, world.labels.correction_days)
        parts += [_verdicts(world, about, known, corrected=True) for about in due]
    labels = pa.concat_tables([arrow_schema("label_deliveries").empty_table(), *parts])
    return labels.sort_by("transaction_id") if len(parts) > 1 else labels.combine_chunks()


def investigate(world: World, alert_date: date, customers: NDArray[np.int64]) -> pa.Table:
    """Return what investigators find out: the verdict on every transaction of the alerted cards on that day.

    Parameters
    ----------
    world
        The world, which knows.
    alert_date
        Day of the alerts; the verdicts are known on the next day, at the world's ``investigation_hour``.
    customers
        Ids of the alerted cards' customers.

    Raises
    ------
    DataError
        When a customer made no transaction that day: the alerts are of another world.
    """
    today = simulate(world, alert_date)
    strangers = np.setdiff1d(customers, today.customer_id)
    if len(strangers):
        raise DataError(
            f"alerts of {alert_date}: customer {strangers[0]} made no transaction that day in the world "
            f"{world.name or 'unnamed'}; the alerts are of another world or day: score the day again"
        )
    rows = np.isin(today.customer_id, customers).nonzero()[0]
    hours = world.labels.investigation_hour * 3600
    known_at = timestamps(alert_date + timedelta(days=1), np.full(len(rows), hours))
    return _table(today.transaction_id[rows], alert_date, today.is_fraud[rows], known_at, INVESTIGATION)


def _due(world: World, known: int, later: int) -> list[int]:
    """Return the days whose labels become known on a day, ``later`` days after the usual delay."""
    first = max(0, known - later - world.longest_delay_days)
    return [day for day in range(first, known + 1) if day + conditions(world, day).label_delay_days + later == known]


def _verdicts(world: World, about: int, known: int, corrected: bool) -> pa.Table:
    """Return the labels of a day's transactions: the first ones, or the corrections."""
    day = simulate(world, about)
    missed = day.is_fraud & (stream(world.seed, "missed", about).random(len(day)) < world.labels.missed_share)
    rows = missed.nonzero()[0] if corrected else np.arange(len(day))
    verdict = day.is_fraud[rows] if corrected else day.is_fraud & ~missed
    known_at = timestamps(world.date_of(known), day.seconds[rows])
    return _table(day.transaction_id[rows], world.date_of(about), verdict, known_at, CHARGEBACK)


def _table(
    ids: NDArray[np.int64], about: date, verdict: NDArray[np.bool_], known_at: pa.Array, source: str
) -> pa.Table:
    columns = [pa.array(ids), dates(about, len(ids)), pa.array(verdict), known_at, pa.repeat(source, len(ids))]
    return pa.Table.from_arrays(columns, schema=arrow_schema("label_deliveries"))
