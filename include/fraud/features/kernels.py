"""The one compiled loop: what is active, per entity, at each of a row of moments."""

from __future__ import annotations

import numpy as np
from numba import njit, types

__all__ = ["sum_active"]

# Arrow's arrays are read-only, NumPy's are not: one signature that takes both is compiled once, not once a mixture.
_TIMES = types.Array(types.int64, 1, "C", readonly=True)
_CODES = types.Array(types.int32, 1, "C", readonly=True)
_EVENTS = (_TIMES, _CODES, _TIMES, types.int64)
_STATE = types.int64[::1]


@njit(types.int64[::1](_TIMES, _CODES, *_EVENTS, *_EVENTS, _STATE, _STATE), cache=True, nogil=True)
def sum_active(  # type: ignore[no-untyped-def]
    moment, code, begin, begin_code, begin_value, begin_shift, end, end_code, end_value, end_shift, totals, done
):
    """Sum, for each moment, the values of its entity's events that have begun and not yet ended.

    One sweep over time: every event is added once and taken away once, so the cost is linear, and integers make the
    sums exact, whatever was added and taken away before. ``totals`` and ``done`` are changed: called again with later
    moments, the sweep goes on where it was.

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
    totals : int64 array
        The sum of each entity so far.
    done : int64 array of length 2
        Number of events that have begun, and that have ended, so far.

    Returns
    -------
    int64 array of length n
    """
    sums = np.empty(moment.size, np.int64)
    begun, ended = done
    for row in range(moment.size):
        now = moment[row]
        while begun < begin.size and begin[begun] + begin_shift <= now:
            totals[begin_code[begun]] += begin_value[begun]
            begun += 1
        while ended < end.size and end[ended] + end_shift <= now:
            totals[end_code[ended]] -= end_value[ended]
            ended += 1
        sums[row] = totals[code[row]]
    done[0] = begun
    done[1] = ended
    return sums
