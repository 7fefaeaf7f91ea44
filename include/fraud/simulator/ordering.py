"""Sorting columns of whole numbers, several times faster than NumPy's stable sort."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sort_pairs", "stable_order"]

Ints = NDArray[np.int64]


def stable_order(column: Ints) -> Ints:
    """Return the stable order of a column of numbers from 0 to below 2^63 / its length.

    Value and row number make one key, which any sort sorts stably.
    """
    rows = max(1, len(column))
    order: Ints = np.sort(column * rows + np.arange(len(column))) % rows
    return order


def sort_pairs(key: Ints, value: Ints) -> tuple[Ints, Ints]:
    """Return keys in ascending order, and the value of each; equal keys by their values.

    Fast where few keys are equal.
    """
    order = np.argsort(key)
    key, value = key[order], value[order]
    same = key[1:] == key[:-1]
    if same.any():
        tied = (np.append(same, False) | np.append(False, same)).nonzero()[0]
        value[tied] = value[tied][np.lexsort((value[tied], key[tied]))]
    return key, value
