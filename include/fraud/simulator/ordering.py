"""Sorting columns of whole numbers: faster than NumPy's stable sort, and as its quicksort once did."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["quicksort_order", "sort_pairs", "stable_order"]

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


@njit(cache=True)  # type: ignore[untyped-decorator]
def quicksort_order(column: Ints) -> Ints:
    """Return the order that NumPy's quicksort gave a column when the handbook's data was published.

    Median of three, the smaller part first, insertion sort up to 16 values: `numpy.argsort` before its vectorised
    sorts, whose order of equal values depends on the processor. NumPy's way out of quadratic cost (heap sort) is left
    out: times of transactions never lead there.
    """
    order = np.arange(len(column))
    parts = [(0, len(column) - 1)]
    while parts:
        left, right = parts.pop()
        while right - left > 15:
            middle = _partition(column, order, left, right)
            if middle - left < right - middle:
                parts.append((middle + 1, right))
                right = middle - 1
            else:
                parts.append((left, middle - 1))
                left = middle + 1
        for i in range(left + 1, right + 1):
            row, j = order[i], i
            while j > left and column[row] < column[order[j - 1]]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = row
    return order


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _partition(column: Ints, order: Ints, left: int, right: int) -> int:
    """Divide ``order[left : right + 1]`` by the median of its first, middle and last; return where that lies."""
    middle = left + ((right - left) >> 1)
    for low, high in ((left, middle), (middle, right), (left, middle)):
        if column[order[high]] < column[order[low]]:
            order[low], order[high] = order[high], order[low]
    pivot = column[order[middle]]
    order[middle], order[right - 1] = order[right - 1], order[middle]
    i, j = left, right - 1
    while True:
        i += 1
        while column[order[i]] < pivot:
            i += 1
        j -= 1
        while pivot < column[order[j]]:
            j -= 1
        if i >= j:
            break
        order[i], order[j] = order[j], order[i]
    order[i], order[right - 1] = order[right - 1], order[i]
    return i
