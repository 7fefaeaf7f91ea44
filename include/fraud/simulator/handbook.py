"""The handbook's published data set, bit for bit (chapter 3, "Transaction data simulator").

The handbook draws every customer's transactions in one loop, times and amounts from NumPy's legacy generator,
terminals from Python's ``random``, both seeded with the customer's id. Here compiled code draws the former (numba's
``np.random`` is the same generator), and the latter, Python's Mersenne Twister, is NumPy's seeded by array. Profiles,
terminals within reach and the scenarios' parameters are the production simulator's own.

The handbook sorts unstably, so transactions of one second come in the order that NumPy's sort happened to leave, and
their ids with it; so does which of a compromised card's transactions are frauds where a tie decides that. The sort is
therefore replayed too.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numba import njit
from numpy.typing import NDArray

from fraud.errors import ConfigurationError
from fraud.simulator.ordering import quicksort_order, stable_order
from fraud.simulator.population import Customers, Terminals, customers_from, terminals_from
from fraud.simulator.scenarios.compromised_card import CompromisedCard
from fraud.simulator.scenarios.compromised_terminal import CompromisedTerminal
from fraud.simulator.scenarios.high_amount import HighAmount
from fraud.simulator.terminal_grid import Reach, TerminalGrid, within
from fraud.simulator.transactions import DAY_SECONDS
from fraud.simulator.worlds import World

__all__ = ["Replay", "digest", "replay", "replay_profiles"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(slots=True, eq=False)
class Replay:
    """The data set as columns, in time order; the row number is the transaction's id.

    Attributes
    ----------
    start
        Date of day 0.
    seconds
        Since midnight of day 0.
    customer, terminal
        Ids.
    amount
        As the handbook computes it: a fraud of scenario 3 is five times an amount of whole cents, not rounded again.
    scenario
        0 for a genuine transaction, else the handbook's number of the scenario.
    """

    start: date
    seconds: Ints
    customer: Ints
    terminal: Ints
    amount: Floats
    scenario: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.seconds)

    @property
    def days(self) -> Ints:
        """Day index of every transaction."""
        return self.seconds // DAY_SECONDS

    @property
    def cents(self) -> Ints:
        """Amounts in whole cents."""
        return np.rint(self.amount * 100).astype(np.int64)

    def table(self) -> pa.Table:
        """Return the data set with the handbook's column names."""
        origin = np.datetime64(self.start, "s")
        return pa.table(
            {
                "TRANSACTION_ID": np.arange(len(self)),
                "TX_DATETIME": origin + self.seconds.astype("timedelta64[s]"),
                "CUSTOMER_ID": self.customer,
                "TERMINAL_ID": self.terminal,
                "TX_AMOUNT": self.amount,
                "TX_TIME_SECONDS": self.seconds,
                "TX_TIME_DAYS": self.days,
                "TX_FRAUD": (self.scenario > 0).astype(np.int64),
                "TX_FRAUD_SCENARIO": self.scenario.astype(np.int64),
            }
        )


def digest(data: Replay) -> str:
    """Return the SHA-256 of the data set, whatever the order of its rows.

    It is taken over a C-ordered little-endian int64 matrix, one row a transaction: TX_TIME_SECONDS, CUSTOMER_ID,
    TERMINAL_ID, amount in cents, TX_FRAUD, TX_FRAUD_SCENARIO, the rows sorted by those columns in that order.
    """
    cents = data.cents
    columns = [data.seconds, data.customer, data.terminal, cents, data.scenario > 0, data.scenario]
    # Two keys of several columns each sort faster than six.
    when_and_who = data.seconds * (data.customer.max(initial=0) + 1) + data.customer
    where_and_what = (data.terminal * (cents.max(initial=0) + 1) + cents) * 4 + data.scenario
    order = np.lexsort((where_and_what, when_and_who))
    matrix = np.stack([column.astype("<i8")[order] for column in columns], axis=1)
    return hashlib.sha256(matrix.tobytes()).hexdigest()


def replay_profiles(world: World) -> tuple[Customers, Terminals]:
    """Return the handbook's customers (its random state 0) and terminals (1)."""
    customers = np.random.RandomState(0).random_sample((world.customers, 4))
    terminals = np.random.RandomState(1).random_sample((world.terminals, 2))
    return (
        customers_from(customers, np.arange(world.customers), world.spending),
        terminals_from(terminals, np.arange(world.terminals)),
    )


def replay(world: World) -> Replay:
    """Generate the data set that the handbook's functions generate for a world's parameters.

    Parameters
    ----------
    world
        Usually ``load_world("handbook")``; customers, terminals, days, radius, start, spending and the parameters of
        the handbook's scenarios count. Its seed does not: the handbook's are fixed.

    Raises
    ------
    ConfigurationError
        When the world has a scenario or an episode that the handbook does not know.
    """
    _refuse_unknown(world)
    customers, terminals = replay_profiles(world)
    customer, seconds, cents = _spending(world, customers)
    terminal = _terminals(world, customers, terminals, np.bincount(customer, minlength=world.customers))
    if (terminal < 0).any():
        customer, seconds, cents, terminal = (column[terminal >= 0] for column in (customer, seconds, cents, terminal))
    order = quicksort_order(seconds)
    genuine = np.zeros(len(order), dtype=np.int8)
    data = Replay(world.start, seconds[order], customer[order], terminal[order], cents[order] / 100, genuine)
    _commit_frauds(world, data)
    return data


def _refuse_unknown(world: World) -> None:
    handbooks = HighAmount | CompromisedTerminal | CompromisedCard
    unknown = [scenario.kind for scenario in world.scenarios if not isinstance(scenario, handbooks)]
    if unknown or world.episodes:
        what = f"scenario {unknown[0]}" if unknown else f"episode {world.episodes[0].kind}"
        raise ConfigurationError(
            f"world {world.name or 'unnamed'}: the handbook has no {what}; replay a world without it"
        )


def _spending(world: World, customers: Customers) -> tuple[Ints, Ints, Ints]:
    """Return customer, second and amount of every transaction, by customer, as drawn."""
    expected = float(customers.mean_nb_tx_per_day.sum()) * world.days
    capacity = int(expected + 8 * np.sqrt(expected)) + 64
    spending = world.spending
    while True:
        customer, seconds, cents = (np.empty(capacity, dtype=np.int64) for _ in range(3))
        size = _draw_spending(
            (customers.mean_amount, customers.std_amount, customers.mean_nb_tx_per_day),
            (spending.time_mean_seconds, spending.time_deviation_seconds),
            world.days,
            (customer, seconds, cents),
        )
        if size <= capacity:
            return customer[:size], seconds[:size], cents[:size]
        capacity = size


@njit(cache=True)  # type: ignore[untyped-decorator]
def _draw_spending(
    profile: tuple[Floats, Floats, Floats], time: tuple[float, float], days: int, out: tuple[Ints, Ints, Ints]
) -> int:
    """Draw into ``out`` as far as it reaches; return how many there are.

    Compiled code has its own random state; it is seeded for every customer, so nothing leaks in or out.
    """
    mean, std, rate = profile
    customer, seconds, cents = out
    size = 0
    for who in range(len(mean)):
        np.random.seed(who)
        for day in range(days):
            for _ in range(np.random.poisson(rate[who])):
                second = int(np.random.normal(time[0], time[1]))
                if 0 < second < DAY_SECONDS:
                    amount = np.random.normal(mean[who], std[who])
                    if amount < 0:
                        amount = np.random.uniform(0, mean[who] * 2)
                    if size < len(customer):
                        customer[size] = who
                        seconds[size] = second + day * DAY_SECONDS
                        cents[size] = np.int64(np.rint(amount * 100))
                    size += 1
    return size


def _terminals(world: World, customers: Customers, terminals: Terminals, sizes: Ints) -> Ints:
    """Choose a terminal within reach for every transaction, as ``random.choice`` does; -1 where there is none."""
    grid = TerminalGrid.of(terminals.x, terminals.y, world.radius)
    reach = Reach.of(customers.x, customers.y, grid)
    twister = np.random.RandomState(0)
    chosen = np.full(int(sizes.sum()), -1)
    last = 0
    for who, size in enumerate(sizes):
        first, last = last, last + size
        available = within(who, reach, grid)
        if size and len(available):
            twister.seed([who])
            chosen[first:last] = available[_choices(twister, len(available), size)]
    return chosen


def _choices(twister: np.random.RandomState, population: int, size: int) -> Ints:
    """Return what ``random.choice`` draws: as many bits as the population's size has, again where that is too many."""
    bits = population.bit_length()
    accepted = np.empty(0, dtype=np.int64)
    while len(accepted) < size:
        words = twister.randint(0, 2**32, size=(size - len(accepted)) * 2**bits // population + 16, dtype=np.uint32)
        drawn = (words >> np.uint32(32 - bits)).astype(np.int64)
        accepted = np.concatenate([accepted, drawn[drawn < population]])
    return accepted[:size]


def _commit_frauds(world: World, data: Replay) -> None:
    """Commit the frauds, scenario by scenario (handbook, chapter 3, "Fraud scenarios generation")."""
    for scenario in world.scenarios:
        if isinstance(scenario, HighAmount):
            _high_amounts(scenario, data)
        elif isinstance(scenario, CompromisedTerminal):
            _compromised_terminals(scenario, world, data)
        elif isinstance(scenario, CompromisedCard):
            _compromised_cards(scenario, world, data)


class _Rows:
    """Rows of the data set by one of its columns."""

    def __init__(self, data: Replay, column: Ints, size: int) -> None:
        self._days = data.days
        self._rows = stable_order(column)
        self._begins = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=size))])

    def between(self, values: Ints, day: int, end: int) -> Ints:
        """Return the rows that have one of the values, on the days from ``day`` to before ``end``, in time order."""
        found = []
        for value in values:
            rows = self._rows[self._begins[value] : self._begins[value + 1]]
            first, last = np.searchsorted(self._days[rows], [day, end])
            found.append(rows[first:last])
        return np.sort(np.concatenate(found))


def _fraud_days(data: Replay) -> range:
    """Return the days on which compromises begin: all but the last, as in the handbook."""
    return range(int(data.seconds[-1]) // DAY_SECONDS if len(data) else 0)


def _sample(population: int, size: float, day: int) -> Ints:
    """Return what pandas' ``sample(n=size, random_state=day)`` draws from a range."""
    return np.random.RandomState(day).permutation(population)[: int(size)]


def _high_amounts(scenario: HighAmount, data: Replay) -> None:
    data.scenario[data.amount > scenario.threshold] = 1


def _compromised_terminals(scenario: CompromisedTerminal, world: World, data: Replay) -> None:
    rows = _Rows(data, data.terminal, world.terminals)
    for day in _fraud_days(data):
        victims = _sample(world.terminals, scenario.per_day, day)
        data.scenario[rows.between(victims, day, day + scenario.days)] = 2


def _compromised_cards(scenario: CompromisedCard, world: World, data: Replay) -> None:
    rows = _Rows(data, data.customer, world.customers)
    for day in _fraud_days(data):
        candidates = rows.between(_sample(world.customers, scenario.per_day, day), day, day + scenario.days)
        count = int(len(candidates) * scenario.share)
        taken = candidates[random.Random(day).sample(range(len(candidates)), count)]  # noqa: S311  (the handbook's)
        data.amount[taken] *= scenario.multiplier
        data.scenario[taken] = 3
