"""Days and people as the Arrow tables of :mod:`fraud.schema`."""

from __future__ import annotations

from datetime import date, datetime, time

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fraud.schema import arrow_schema
from fraud.simulator.population import Customers, Terminals
from fraud.simulator.simulation import DayResult

__all__ = ["customers_table", "dates", "money", "terminals_table", "timestamps", "transactions_table", "truth_table"]

_MICROSECONDS = 1_000_000
_EPOCH = date(1970, 1, 1)


def transactions_table(day: DayResult) -> pa.Table:
    """Return a day's transactions as a card processor delivers them."""
    today = day.world.date_of(day.day)
    columns = [
        day.transaction_id,
        dates(today, len(day)),
        timestamps(today, day.seconds),
        day.customer_id,
        day.terminal_id,
        money(day.cents),
    ]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=arrow_schema("transactions"))


def truth_table(day: DayResult) -> pa.Table:
    """Return what the simulator knows of a day's transactions."""
    names = pa.array(["", *(scenario.name for scenario in day.world.scenarios)])
    columns = [
        pa.array(day.transaction_id),
        dates(day.world.date_of(day.day), len(day)),
        pa.array(day.is_fraud),
        names.take(pa.array(day.verdict)),
    ]
    return pa.Table.from_arrays(columns, schema=arrow_schema("truth"))


def customers_table(customers: Customers) -> pa.Table:
    """Return customer profiles."""
    columns = [
        customers.ids,
        customers.x,
        customers.y,
        customers.mean_amount,
        customers.std_amount,
        customers.mean_nb_tx_per_day,
    ]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=arrow_schema("customers"))


def terminals_table(terminals: Terminals) -> pa.Table:
    """Return terminal profiles."""
    columns = [terminals.ids, terminals.x, terminals.y]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=arrow_schema("terminals"))


def dates(day: date, size: int) -> pa.Array:
    """Return one date, repeated."""
    return pa.array(np.full(size, (day - _EPOCH).days, dtype=np.int32)).cast(pa.date32())


def timestamps(day: date, seconds: NDArray[np.int64]) -> pa.Array:
    """Return moments, given in seconds since a day's midnight, UTC."""
    midnight = (datetime.combine(day, time()) - datetime.combine(_EPOCH, time())).days * 86400
    return pa.array((midnight + seconds) * _MICROSECONDS).cast(pa.timestamp("us", tz="UTC"))


def money(cents: NDArray[np.int64]) -> pa.Array:
    """Return amounts as decimals with two places.

    The buffer is filled here, low and high 64 bits of each: Arrow has no cast from an unscaled integer.
    """
    words = np.empty((len(cents), 2), dtype="<i8")
    words[:, 0] = cents
    words[:, 1] = cents >> 63
    return pa.Array.from_buffers(pa.decimal128(12, 2), len(cents), [None, pa.py_buffer(words.tobytes())])
