"""Who lives in a world on a day: customers and terminals, their profiles, and which customers reach a terminal.

Every customer and terminal has a *slot*. A turnover episode puts new ones into some slots; then the slot's occupant has
another id: ``slot + slots x number of the episode``. Where nobody leaves, ids are slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fraud.errors import ConfigurationError
from fraud.simulator.streams import stream
from fraud.simulator.terminal_grid import SIDE, Reach, TerminalGrid, draw_within, reaches_any
from fraud.simulator.worlds import Spending, World

__all__ = [
    "Customers",
    "Population",
    "Terminals",
    "customers_from",
    "every_customer",
    "every_terminal",
    "population",
    "terminals_from",
]

BLOCK = 65536
"""Customers (or terminals) whose numbers come from one stream."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Customers:
    """Customer profiles as columns (handbook, chapter 3, "Customer profiles generation")."""

    ids: Ints
    x: Floats
    y: Floats
    mean_amount: Floats
    std_amount: Floats
    mean_nb_tx_per_day: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Terminals:
    """Terminal profiles as columns (handbook, chapter 3, "Terminal profiles generation")."""

    ids: Ints
    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Occupants of the slots on a day.

    Attributes
    ----------
    customers, terminals
        Row ``n`` is the occupant of slot ``n``.
    grid, reach
        The terminals by place, and where around each customer to look for them.
    reaches
        Whether a customer has a terminal within the radius; those who have none make no transactions.
    """

    customers: Customers
    terminals: Terminals
    grid: TerminalGrid
    reach: Reach
    reaches: Bools

    def draw_terminals(self, customer: Ints, draw: np.random.Generator) -> NDArray[np.int32]:
        """Draw a terminal slot within the radius for every customer slot given, each of which must reach one."""
        drawn: NDArray[np.int32] = draw_within(draw.random(len(customer)), customer, self.reach, self.grid)
        rows = (drawn < 0).nonzero()[0]
        while len(rows):
            drawn[rows] = draw_within(draw.random(len(rows)), customer[rows], self.reach, self.grid)
            rows = rows[drawn[rows] < 0]
        return drawn


def customers_from(uniform: Floats, ids: Ints, spending: Spending) -> Customers:
    """Make customer profiles from four uniform numbers each.

    Parameters
    ----------
    uniform
        Of shape (customers, 4): x, y, mean amount, transactions per day; the handbook draws them in this order.
    """
    (low, high), (rarely, often) = spending.mean_amount, spending.transactions_per_day
    mean = low + (high - low) * uniform[:, 2]
    rate = rarely + (often - rarely) * uniform[:, 3]
    return Customers(ids, SIDE * uniform[:, 0], SIDE * uniform[:, 1], mean, mean * spending.deviation, rate)


def terminals_from(uniform: Floats, ids: Ints) -> Terminals:
    """Make terminal profiles from two uniform numbers each, of shape (terminals, 2)."""
    return Terminals(ids, SIDE * uniform[:, 0], SIDE * uniform[:, 1])


def population(world: World, day: int) -> Population:
    """Return who lives in the world on a day.

    Raises
    ------
    ConfigurationError
        When no customer reaches any terminal.
    """
    return _population(world, tuple(episode.strength(day) for episode in world.turnovers))


def every_customer(world: World) -> Customers:
    """Return all customers that ever live in the world, in the order of their ids."""
    uniform, ids = _everybody(world, "customers", world.customers, 4)
    return customers_from(uniform, ids, world.spending)


def every_terminal(world: World) -> Terminals:
    """Return all terminals that ever stand in the world, in the order of their ids."""
    return terminals_from(*_everybody(world, "terminals", world.terminals, 2))


@lru_cache(maxsize=4)
def _population(world: World, strengths: tuple[float, ...]) -> Population:
    customers = customers_from(*_occupants(world, "customers", world.customers, 4, strengths), world.spending)
    terminals = terminals_from(*_occupants(world, "terminals", world.terminals, 2, strengths))
    grid = TerminalGrid.of(terminals.x, terminals.y, world.radius)
    reach = Reach.of(customers.x, customers.y, grid)
    reaches = reaches_any(reach, grid)
    if not reaches.any():
        raise ConfigurationError(
            f"world {world.name or 'unnamed'}: radius: {world.radius} reaches no terminal from any of the "
            f"{world.customers:,} customers; make it larger, or add terminals"
        )
    return Population(customers, terminals, grid, reach, reaches)


def _occupants(world: World, kind: str, slots: int, width: int, strengths: tuple[float, ...]) -> tuple[Floats, Ints]:
    """Return profile numbers and ids of the slots' occupants, under turnover episodes of these strengths."""
    uniform, ids = _uniform(world.seed, kind, 0, slots, width), np.arange(slots)
    for number, (episode, strength) in enumerate(zip(world.turnovers, strengths, strict=True), start=1):
        if episode.of == kind and strength > 0:
            new = _leaving(world, kind, number, slots) < episode.share * strength
            uniform[new] = _uniform(world.seed, kind, number, slots, width)[new]
            ids[new] = new.nonzero()[0] + slots * number
    return uniform, ids


def _everybody(world: World, kind: str, slots: int, width: int) -> tuple[Floats, Ints]:
    uniform, ids = [_uniform(world.seed, kind, 0, slots, width)], [np.arange(slots)]
    for number, episode in enumerate(world.turnovers, start=1):
        if episode.of == kind:
            new = (_leaving(world, kind, number, slots) < episode.share).nonzero()[0]
            uniform.append(_uniform(world.seed, kind, number, slots, width)[new])
            ids.append(new + slots * number)
    return np.concatenate(uniform), np.concatenate(ids)


def _leaving(world: World, kind: str, number: int, slots: int) -> Floats:
    """Return when each slot's occupant leaves: once the episode's share times its strength is above this."""
    return _uniform(world.seed, f"{kind} leaving", number, slots, 1)[:, 0]


def _uniform(seed: int, purpose: str, number: int, rows: int, width: int) -> Floats:
    blocks = range(-(-rows // BLOCK))
    drawn = [stream(seed, purpose, number, block).random((min(BLOCK, rows - block * BLOCK), width)) for block in blocks]
    return np.concatenate(drawn)
