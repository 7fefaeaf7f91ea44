"""Sorting columns of small whole numbers, several times faster than NumPy's stable sort."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["stable_order"]


def stable_order(column: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the stable order of a column of numbers from 0 to below 2^63 / its length.

    Value and row number make one key, which any sort sorts stably.
    """
    rows = max(1, len(column))
    order: NDArray[np.int64] = np.sort(column * rows + np.arange(len(column))) % rows
    return order
