"""Genuine transactions of one day (handbook, chapter 3, "Generation of transactions"), drawn as vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraud.simulator.conditions import Conditions
from fraud.simulator.population import BLOCK, Population
from fraud.simulator.streams import stream
from fraud.simulator.worlds import Spending, World

__all__ = ["DAY_SECONDS", "Drawn", "draw_times", "genuine_transactions"]

DAY_SECONDS = 86400


@dataclass(slots=True, eq=False)
class Drawn:
    """Transactions as columns, in no order that matters outside: by customer slot, then as drawn.

    Attributes
    ----------
    customer, terminal
        Slots.
    seconds
        Since midnight, whole.
    cents
        Amounts.
    """

    customer: NDArray[np.int64]
    terminal: NDArray[np.int32]
    seconds: NDArray[np.int64]
    cents: NDArray[np.float64]


def draw_times(spending: Spending, size: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Draw seconds since midnight from the handbook's normal distribution; some lie outside the day."""
    times = draw.standard_normal(size)
    times *= spending.time_deviation_seconds
    times += spending.time_mean_seconds
    return times


def genuine_transactions(world: World, residents: Population, state: Conditions, day: int) -> Drawn:
    """Draw the day's genuine transactions.

    A customer makes Poisson(rate) attempts. As in the handbook, an attempt outside the day is dropped, and so are all
    of a customer who reaches no terminal; an amount below zero is drawn again, uniformly from 0 to twice the mean.
    """
    blocks = [_block(world, residents, state, day, block) for block in range(-(-world.customers // BLOCK))]
    if len(blocks) == 1:
        return blocks[0]
    return Drawn(
        np.concatenate([block.customer for block in blocks]),
        np.concatenate([block.terminal for block in blocks]),
        np.concatenate([block.seconds for block in blocks]),
        np.concatenate([block.cents for block in blocks]),
    )


def _block(world: World, residents: Population, state: Conditions, day: int, block: int) -> Drawn:
    def purpose(name: str) -> np.random.Generator:
        return stream(world.seed, name, day, block)

    slots = slice(block * BLOCK, min((block + 1) * BLOCK, world.customers))
    customers, spending = residents.customers, world.spending
    rates = customers.mean_nb_tx_per_day[slots] * residents.reaches[slots] * state.rate_factor
    attempts = purpose("count").poisson(rates)
    customer = np.repeat(np.arange(slots.start, slots.stop), attempts)

    times = draw_times(spending, len(customer), purpose("time"))
    inside = (times >= 1) & (times < DAY_SECONDS)
    customer, seconds = customer[inside], times[inside].astype(np.int64)

    draw = purpose("amount")
    mean = customers.mean_amount[customer]
    amounts = draw.standard_normal(len(customer))
    amounts *= customers.std_amount[customer]
    amounts += mean
    negative = (amounts < 0).nonzero()[0]
    amounts[negative] = draw.random(len(negative)) * 2 * mean[negative]

    terminal = residents.draw_terminals(customer, purpose("terminal"))
    amounts *= 100
    return Drawn(customer, terminal, seconds, np.rint(amounts, out=amounts))
