"""One day of a world, from nothing but the world and the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from fraud.schema import IDS_PER_DAY
from fraud.simulator.frauds import FraudDay, commit_frauds
from fraud.simulator.ordering import sort_pairs
from fraud.simulator.population import Population, population
from fraud.simulator.transactions import genuine_transactions
from fraud.simulator.worlds import MAX_IDS, World, conditions

__all__ = ["DayResult", "simulate"]

_ID_BITS = MAX_IDS.bit_length() - 1
_VERDICT_BITS = 7


@dataclass(frozen=True, slots=True, eq=False)
class DayResult:
    """A day's transactions in time order (ties by customer, then terminal), and what the simulator knows of them.

    Attributes
    ----------
    world, day
        Whose day it is; the day's index.
    seconds
        Since midnight UTC.
    customer_id, terminal_id
        Ids.
    cents
        Amounts.
    verdict
        0 for a genuine transaction, else one more than the position of its scenario in the world.
    """

    world: World
    day: int
    seconds: NDArray[np.int64]
    customer_id: NDArray[np.int64]
    terminal_id: NDArray[np.int64]
    cents: NDArray[np.int64]
    verdict: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def transaction_id(self) -> NDArray[np.int64]:
        """Ids, ascending in time."""
        return np.arange(self.day * IDS_PER_DAY, self.day * IDS_PER_DAY + len(self))

    @property
    def is_fraud(self) -> NDArray[np.bool_]:
        """The truth."""
        return self.verdict > 0


def simulate(world: World, day: date | int) -> DayResult:
    """Simulate one day of a world.

    The result depends on nothing else: not on other days, their order, or the process.

    Parameters
    ----------
    world
        The world.
    day
        A date, or a day index counted from the world's ``start``.

    Raises
    ------
    MissingInputError
        When the day is before the world begins.
    ConfigurationError
        When no customer reaches any terminal.
    """
    index = world.day_index(day)
    residents, state = population(world, index), conditions(world, index)
    drawn = genuine_transactions(world, residents, state, index)
    return _in_time_order(world, index, residents, commit_frauds(world, residents, state, index, drawn))


def _in_time_order(world: World, day: int, residents: Population, victims: FraudDay) -> DayResult:
    # One key of 17 + 23 + 23 bits sorts several times faster than three columns, and holds them all; what else there is
    # goes along in one number. In place: a large day's columns do not fit into a cache.
    key = victims.seconds << _ID_BITS
    key += residents.customers.ids[victims.customer]
    key <<= _ID_BITS
    key += residents.terminals.ids[victims.terminal]
    value = victims.cents.astype(np.int64)
    value <<= _VERDICT_BITS
    value += victims.verdict
    key, value = sort_pairs(key, value)
    return DayResult(
        world,
        day,
        seconds=key >> 2 * _ID_BITS,
        customer_id=key >> _ID_BITS & MAX_IDS - 1,
        terminal_id=key & MAX_IDS - 1,
        cents=value >> _VERDICT_BITS,
        verdict=(value & (1 << _VERDICT_BITS) - 1).astype(np.int8),
    )
