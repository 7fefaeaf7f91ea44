"""Terminals within reach of customers, without a list per customer: terminals by grid cell, and rejection.

Cells are in row-major order, so what a circle touches in one line of cells is one run of neighbouring terminals. A
candidate is drawn uniformly from a customer's runs and kept when it lies within the radius; what is kept is uniform
over the terminals within the radius. Memory grows with customers + terminals, not with their product.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fraud.simulator.ordering import stable_order

__all__ = ["SIDE", "Reach", "TerminalGrid", "draw_within", "reaches_any", "within"]

SIDE = 100.0
"""Customers and terminals lie on a square of this side (handbook, chapter 3)."""

_CELLS_A_RADIUS = 4
_EDGE = 1e-9
"""Runs are wider by this than the circle, so that no rounding leaves a terminal out; the distance decides."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Slots = NDArray[np.int32]


class TerminalGrid(NamedTuple):
    """Terminals in the order of their cells (named tuples, for compiled code takes them whole).

    Attributes
    ----------
    terminal
        Terminal slots, cell by cell.
    place
        Their positions, x and y, in the same order; one table, for they are looked up together.
    begins
        Where each cell begins, line by line; one more than there are cells.
    cells
        Cells on a side.
    radius
        Terminals nearer than this are reached.
    """

    terminal: Slots
    place: Floats
    begins: Ints
    cells: int
    radius: float

    @classmethod
    def of(cls, x: Floats, y: Floats, radius: float) -> TerminalGrid:
        """Sort terminals into cells of a quarter of the radius, but not into more cells than there are terminals."""
        cells = max(1, min(math.ceil(SIDE / radius * _CELLS_A_RADIUS), math.isqrt(len(x))))
        cell = (y * (cells / SIDE)).astype(np.int64) * cells + (x * (cells / SIDE)).astype(np.int64)
        order = stable_order(cell)
        begins = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells * cells))])
        return cls(order.astype(np.int32), np.stack([x[order], y[order]], axis=1), begins, cells, radius)


class Reach(NamedTuple):
    """Customers, and the runs of terminals around each.

    Attributes
    ----------
    x, y
        Positions of the customer slots.
    first
        Where each run begins in the grid's order; shape (customers, lines).
    below
        Terminals in the runs before each, and in all of them; shape (customers, lines + 1).
    """

    x: Floats
    y: Floats
    first: Slots
    below: Slots

    @classmethod
    def of(cls, x: Floats, y: Floats, grid: TerminalGrid) -> Reach:
        """Find the runs around every customer."""
        return cls(x, y, *_runs(x, y, grid))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _runs(x: Floats, y: Floats, grid: TerminalGrid) -> tuple[Slots, Slots]:
    cells, scale = grid.cells, grid.cells / SIDE
    lines = min(cells, int(2 * grid.radius * scale) + 2)
    first = np.zeros((len(x), lines), dtype=np.int32)
    below = np.zeros((len(x), lines + 1), dtype=np.int32)
    for n in range(len(x)):
        lowest = int(max(0.0, (y[n] - grid.radius - _EDGE) * scale))
        for line in range(lines):
            below[n, line + 1] = below[n, line]
            low, high = (lowest + line) / scale, (lowest + line + 1) / scale
            away = max(0.0, low - y[n], y[n] - high) - _EDGE
            if away < grid.radius and lowest + line < cells:
                half = math.sqrt(grid.radius**2 - max(0.0, away) ** 2) + _EDGE
                begin = (lowest + line) * cells + int(max(0.0, (x[n] - half) * scale))
                end = (lowest + line) * cells + int(min(cells - 1.0, (x[n] + half) * scale)) + 1
                first[n, line] = grid.begins[begin]
                below[n, line + 1] += grid.begins[end] - grid.begins[begin]
    return first, below


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_near(n: int, at: int, reach: Reach, grid: TerminalGrid) -> bool:
    dx, dy = grid.place[at, 0] - reach.x[n], grid.place[at, 1] - reach.y[n]
    return math.sqrt(dx * dx + dy * dy) < grid.radius


@njit(cache=True)  # type: ignore[untyped-decorator]
def draw_within(uniform: Floats, customer: Ints, reach: Reach, grid: TerminalGrid) -> Slots:
    """Try once, for every customer given, to draw a terminal within the radius.

    Parameters
    ----------
    uniform
        One uniform number for each.
    customer
        Customer slots.
    reach, grid
        Customers and terminals.

    Returns
    -------
    ndarray
        Terminal slots; -1 where the candidate was too far away.
    """
    drawn = np.full(len(customer), -1, dtype=np.int32)
    lines = reach.first.shape[1]
    for row in range(len(customer)):
        n = customer[row]
        left = int(uniform[row] * reach.below[n, lines])
        line = 0
        while left >= reach.below[n, line + 1]:
            line += 1
        at = reach.first[n, line] + left - reach.below[n, line]
        if _is_near(n, at, reach, grid):
            drawn[row] = grid.terminal[at]
    return drawn


@njit(cache=True)  # type: ignore[untyped-decorator]
def reaches_any(reach: Reach, grid: TerminalGrid) -> NDArray[np.bool_]:
    """Tell for every customer whether there is any terminal within the radius."""
    reached = np.zeros(len(reach.x), dtype=np.bool_)
    for n in range(len(reach.x)):
        for line in range(reach.first.shape[1]):
            for left in range(reach.below[n, line + 1] - reach.below[n, line]):
                if _is_near(n, reach.first[n, line] + left, reach, grid):
                    reached[n] = True
                    break
            if reached[n]:
                break
    return reached


def within(customer: int, reach: Reach, grid: TerminalGrid) -> Slots:
    """Return the slots of all terminals within the radius of a customer, ascending."""
    sizes = np.diff(reach.below[customer])
    near = np.arange(sizes.sum()) + np.repeat(reach.first[customer] - reach.below[customer, :-1], sizes)
    x, y = grid.place[near, 0] - reach.x[customer], grid.place[near, 1] - reach.y[customer]
    return np.sort(grid.terminal[near[np.sqrt(x * x + y * y) < grid.radius]])
