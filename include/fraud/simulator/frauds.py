"""The day as fraud scenarios see it: its transactions, who is compromised, and how to mark, change and add."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fraud.simulator.conditions import Conditions
from fraud.simulator.population import Population, population
from fraud.simulator.scenarios import Scenario
from fraud.simulator.streams import stream
from fraud.simulator.transactions import DAY_SECONDS, Drawn, draw_times
from fraud.simulator.worlds import World, conditions

__all__ = ["Compromised", "FraudDay", "commit_frauds"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Compromised:
    """Compromises that last on a day: one row each, in the order in which they began.

    Attributes
    ----------
    slots
        Customer or terminal slots; one may be compromised several times.
    began
        For every row, the scenario as it was on the day of its beginning: an index into ``scenarios``.
    """

    slots: Ints
    began: Ints
    scenarios: tuple[Scenario, ...]

    @property
    def rows(self) -> Ints:
        """Row numbers."""
        return np.arange(len(self.slots))

    def each(self, parameter: str) -> Floats:
        """Return a parameter of the scenario for every row, as it was when the compromise began."""
        values = np.array([getattr(scenario, parameter) for scenario in self.scenarios], dtype=np.float64)
        return values[self.began]


class FraudDay:
    """One day's transactions while frauds are being committed.

    Attributes
    ----------
    cents
        Amounts; whole numbers.
    verdict
        0 for a genuine transaction, else one more than the position of its scenario in the world.
    """

    def __init__(self, world: World, residents: Population, day: int, drawn: Drawn) -> None:
        self._world, self._residents, self._day = world, residents, day
        self._genuine = len(drawn.customer)
        self.customer, self.terminal, self.seconds, self.cents = (
            drawn.customer,
            drawn.terminal,
            drawn.seconds,
            drawn.cents,
        )
        self.verdict = np.zeros(self._genuine, dtype=np.int8)
        self._codes = {scenario.name: code for code, scenario in enumerate(world.scenarios, start=1)}

    @property
    def terminal_count(self) -> int:
        """Number of terminal slots."""
        return self._world.terminals

    def stream(self, scenario: Scenario, purpose: str) -> np.random.Generator:
        """Return the day's random stream of one purpose of a scenario."""
        return stream(self._world.seed, f"{scenario.name} {purpose}", self._day)

    def compromised(self, scenario: Scenario, of: Literal["customers", "terminals"]) -> Compromised:
        """Return the compromises that last today; each began with ``per_day`` x ``intensity`` others.

        A compromise keeps the parameters of the day on which it began, and ends when its victim leaves.
        """
        world, count = self._world, getattr(self._world, of)
        slots: list[Ints] = [np.zeros(0, dtype=np.int64)]
        scenarios: list[Scenario] = [scenario]
        for begun in range(max(0, self._day + 1 - world.lasts_days(scenario.name)), self._day + 1):
            then = _scenario_on(world, begun, scenario.name)
            expected = getattr(then, "per_day", 0.0) * then.intensity
            if expected > 0 and self._day - begun < then.lasts_days:
                hit = _hit(world.seed, scenario.name, begun, expected, count)
                slots.append(self._still_there(of, hit, begun) if world.turnovers else hit)
                scenarios.append(then)
        began = np.repeat(np.arange(len(slots)), [len(hit) for hit in slots])
        return Compromised(np.concatenate(slots), began, tuple(scenarios))

    def _still_there(self, of: Literal["customers", "terminals"], slots: Ints, begun: int) -> Ints:
        now: Ints = getattr(self._residents, of).ids[slots]
        then: Ints = getattr(population(self._world, begun), of).ids[slots]
        kept: Ints = slots[now == then]
        return kept

    def at_terminals(self, terminals: Ints) -> Ints:
        """Return the rows of the transactions at terminal slots."""
        wanted = np.zeros(self.terminal_count, dtype=np.bool_)
        wanted[terminals] = True
        return wanted[self.terminal].nonzero()[0]

    def transactions_of(self, customers: Ints) -> tuple[Ints, Ints]:
        """Return the genuine transactions of customer slots: their rows, and for each the position in ``customers``."""
        own = self.customer[: self._genuine]
        first, last = np.searchsorted(own, customers, side="left"), np.searchsorted(own, customers, side="right")
        sizes = last - first
        position = np.repeat(np.arange(len(customers)), sizes)
        rows = np.arange(sizes.sum()) + np.repeat(first - np.cumsum(sizes) + sizes, sizes)
        return rows, position

    def mean_amounts(self, customers: Ints) -> Floats:
        """Return what customer slots spend on average."""
        return self._residents.customers.mean_amount[customers]

    def times(self, size: int, draw: np.random.Generator) -> Floats:
        """Draw times as customers' own are; what lies outside the day is moved to its edge."""
        return draw_times(self._world.spending, size, draw)

    def terminals_beyond(self, customers: Ints, distance: Floats, draw: np.random.Generator) -> Ints:
        """Draw for every customer slot a terminal slot farther than a distance from home (if 64 tries find one)."""
        home, place = self._residents.customers, self._residents.terminals
        drawn = draw.integers(self.terminal_count, size=len(customers))
        for _ in range(64):
            away = np.hypot(place.x[drawn] - home.x[customers], place.y[drawn] - home.y[customers])
            near = (away <= distance).nonzero()[0]
            if not len(near):
                break
            drawn[near] = draw.integers(self.terminal_count, size=len(near))
        return drawn

    def mark(self, rows: Ints, scenario: Scenario) -> None:
        """Make transactions frauds of a scenario; an earlier scenario's mark is lost, as in the handbook."""
        self.verdict[rows] = self._codes[scenario.name]

    def multiply(self, rows: Ints, factors: Floats) -> None:
        """Multiply amounts; a row that is given twice is multiplied twice, as in the handbook."""
        np.multiply.at(self.cents, rows, factors)

    def add(self, scenario: Scenario, customers: Ints, terminals: Ints, seconds: Floats, amounts: Floats) -> None:
        """Add frauds: customer and terminal slots, seconds since midnight, amounts in the currency."""
        self.customer = np.concatenate([self.customer, customers])
        self.terminal = np.concatenate([self.terminal, terminals.astype(np.int32)])
        whole = np.clip(seconds, 1, DAY_SECONDS - 1).astype(np.int64)
        self.seconds = np.concatenate([self.seconds, whole])
        self.cents = np.concatenate([self.cents, np.rint(amounts * 100)])
        code = np.full(len(customers), self._codes[scenario.name], dtype=np.int8)
        self.verdict = np.concatenate([self.verdict, code])


def commit_frauds(world: World, residents: Population, state: Conditions, day: int, drawn: Drawn) -> FraudDay:
    """Let every scenario that is awake act on a day, in the world's order; inflate the amounts."""
    if not state.frauds_inflate:
        drawn.cents *= state.amount_factor
        np.rint(drawn.cents, out=drawn.cents)
    victims = FraudDay(world, residents, day, drawn)
    for scenario in state.scenarios:
        scenario.apply(victims)
    if state.frauds_inflate:
        victims.cents *= state.amount_factor
    np.rint(victims.cents, out=victims.cents)
    return victims


@lru_cache(maxsize=4096)
def _scenario_on(world: World, day: int, name: str) -> Scenario:
    return conditions(world, day).scenario(name)


@lru_cache(maxsize=4096)
def _hit(seed: int, name: str, day: int, expected: float, slots: int) -> Ints:
    """Draw the slots whose compromise begins on a day: the expected number, its fraction a chance of one more."""
    draw = stream(seed, f"{name} hits", day)
    whole = int(expected)
    count = min(whole + int(draw.random() < expected - whole), slots)
    return draw.choice(slots, size=count, replace=False, shuffle=False)
