"""The one compiled loop: what is active, per entity, at each of a row of moments."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["sum_active"]


@njit(cache=True, nogil=True)
def sum_active(  # type: ignore[no-untyped-def]  # noqa: PLR0917  (numba binds by position)
    moment, code, begin, begin_code, begin_value, begin_shift, end, end_code, end_value, end_shift, entities
):
    """Sum, for each moment, the values of its entity's events that have begun and not yet ended.

    One sweep over time: every event is added once and taken away once, so the cost is linear, and integers make the
    sums exact, whatever was added and taken away before.

    Parameters
    ----------
    moment, code : int64 array, int32 array of length n
        When and for which entity the sum is wanted; moments ascending.
    begin, begin_code, begin_value : arrays of length m
        Events by ascending beginning; an event counts from ``begin + begin_shift`` on, that moment included.
    end, end_code, end_value : arrays of length m
        The same events by ascending end; an event counts until ``end + end_shift``, that moment excluded.
    begin_shift, end_shift : int
        Added to the times, so that one array serves windows of every length.
    entities : int
        Number of entities.

    Returns
    -------
    int64 array of length n
    """
    totals = np.zeros(entities, np.int64)
    sums = np.empty(moment.size, np.int64)
    begun = 0
    ended = 0
    for row in range(moment.size):
        now = moment[row]
        while begun < begin.size and begin[begun] + begin_shift <= now:
            totals[begin_code[begun]] += begin_value[begun]
            begun += 1
        while ended < end.size and end[ended] + end_shift <= now:
            totals[end_code[ended]] -= end_value[ended]
            ended += 1
        sums[row] = totals[code[row]]
    return sums
