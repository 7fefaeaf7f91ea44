"""Terminals within reach of customers, without a list per customer: terminals by grid cell, and rejection.

Cells are in row-major order, so the cells that a circle touches in one row hold neighbouring terminals: a candidate is
drawn uniformly from those runs, and kept when it lies within the radius. What is kept is uniform over the terminals
within the radius.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["SIDE", "TerminalGrid", "draw_within", "reaches_any", "within"]

SIDE = 100.0
"""Customers and terminals lie on a square of this side (handbook, chapter 3)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class TerminalGrid(NamedTuple):
    """Terminals in the order of their cells (a named tuple: compiled code takes it whole).

    Attributes
    ----------
    terminal
        Terminal slots, cell by cell.
    x, y
        Their positions, in the same order.
    begins
        Where each cell begins, row by row; one more than there are cells.
    cells
        Cells on a side.
    radius
        Terminals nearer than this are reached.
    """

    terminal: NDArray[np.int32]
    x: Floats
    y: Floats
    begins: Ints
    cells: int
    radius: float

    @classmethod
    def of(cls, x: Floats, y: Floats, radius: float) -> TerminalGrid:
        """Sort terminals into cells of half a radius, but not into many more cells than there are terminals."""
        cells = max(1, min(math.ceil(SIDE / (radius / 2)), math.ceil(math.sqrt(len(x)))))
        cell = (y * (cells / SIDE)).astype(np.int64) * cells + (x * (cells / SIDE)).astype(np.int64)
        order = np.argsort(cell, kind="stable")
        begins = np.searchsorted(cell[order], np.arange(cells * cells + 1))
        return cls(order.astype(np.int32), x[order], y[order], begins, cells, radius)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _distance(dx: float, dy: float) -> float:
    return math.sqrt(dx * dx + dy * dy)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _cells_touched(x: float, y: float, radius: float, cells: int) -> tuple[int, int, int, int]:
    scale = cells / SIDE
    low_x, high_x = int(max(0.0, (x - radius) * scale)), int(min(cells - 1.0, (x + radius) * scale))
    low_y, high_y = int(max(0.0, (y - radius) * scale)), int(min(cells - 1.0, (y + radius) * scale))
    return low_x, high_x, low_y, high_y


@njit(cache=True)  # type: ignore[untyped-decorator]
def draw_within(uniform: Floats, x: Floats, y: Floats, grid: TerminalGrid) -> NDArray[np.int32]:
    """Try once, for every place, to draw a terminal within the radius of it.

    Parameters
    ----------
    uniform
        One uniform number a place.
    x, y
        The places.
    grid
        The terminals.

    Returns
    -------
    ndarray
        A terminal slot a place, -1 where the candidate was too far away.
    """
    drawn = np.full(len(uniform), -1, dtype=np.int32)
    for n in range(len(uniform)):
        low_x, high_x, low_y, high_y = _cells_touched(x[n], y[n], grid.radius, grid.cells)
        candidates = 0
        for line in range(low_y * grid.cells, (high_y + 1) * grid.cells, grid.cells):
            candidates += grid.begins[line + high_x + 1] - grid.begins[line + low_x]
        left = int(uniform[n] * candidates)
        for line in range(low_y * grid.cells, (high_y + 1) * grid.cells, grid.cells):
            first = grid.begins[line + low_x]
            size = grid.begins[line + high_x + 1] - first
            if left < size:
                if _distance(grid.x[first + left] - x[n], grid.y[first + left] - y[n]) < grid.radius:
                    drawn[n] = grid.terminal[first + left]
                break
            left -= size
    return drawn


@njit(cache=True)  # type: ignore[untyped-decorator]
def reaches_any(x: Floats, y: Floats, grid: TerminalGrid) -> NDArray[np.bool_]:
    """Tell for every place whether there is any terminal within the radius."""
    reached = np.zeros(len(x), dtype=np.bool_)
    for n in range(len(x)):
        low_x, high_x, low_y, high_y = _cells_touched(x[n], y[n], grid.radius, grid.cells)
        for line in range(low_y * grid.cells, (high_y + 1) * grid.cells, grid.cells):
            for at in range(grid.begins[line + low_x], grid.begins[line + high_x + 1]):
                if _distance(grid.x[at] - x[n], grid.y[at] - y[n]) < grid.radius:
                    reached[n] = True
                    break
            if reached[n]:
                break
    return reached


def within(x: float, y: float, grid: TerminalGrid) -> NDArray[np.int32]:
    """Return the slots of all terminals within the radius of a place, ascending."""
    low_x, high_x, low_y, high_y = _cells_touched(x, y, grid.radius, grid.cells)
    lines = range(low_y * grid.cells, (high_y + 1) * grid.cells, grid.cells)
    runs = [np.arange(grid.begins[line + low_x], grid.begins[line + high_x + 1]) for line in lines]
    near = np.concatenate(runs)
    near = near[np.sqrt(np.square(grid.x[near] - x) + np.square(grid.y[near] - y)) < grid.radius]
    return np.sort(grid.terminal[near])
