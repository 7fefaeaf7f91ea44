"""What windows sum: events that belong to an entity and count from a beginning to an end.

A transaction counts for a window of w days from its own moment (plus the delay) until w days later, and so does every
other value here, unless something ends it earlier or begins it later. Adding a kind of value is one function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fraud.features.catalogue import DAY, MAX_SQUARED_CENTS, Sum

__all__ = ["DAY", "STREAMS", "Events", "History", "Integers", "Sum", "Verdicts"]

Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


class Verdicts(NamedTuple):
    """Changes of mind: at ``known_at`` the transaction in ``row`` becomes a fraud (+1) or stops being one (−1)."""

    row: Integers
    known_at: Integers
    change: Integers


class Events(NamedTuple):
    """Events by ascending beginning and by ascending end; shifts are added to the times."""

    begin: Integers
    begin_code: Codes
    begin_value: Integers
    begin_shift: int
    end: Integers
    end_code: Codes
    end_value: Integers
    end_shift: int


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Transactions in time order as arrays of one length, and what is known about them.

    ``once`` is all ones; ``codes`` and ``entities`` give, by entity, each row's dense number and how many there are.
    """

    moment: Integers
    cents: Integers
    once: Integers
    codes: dict[str, Codes]
    entities: dict[str, int]
    verdicts: Verdicts


def _every(values: Callable[[History], Integers]) -> Callable[[History, Sum], Events]:
    """Make the stream in which every transaction has a value and counts for the whole window."""

    def stream(history: History, wanted: Sum) -> Events:
        code, value = history.codes[wanted.entity], values(history)
        delay = wanted.delay_days * DAY
        until = delay + wanted.window_days * DAY
        return Events(history.moment, code, value, delay, history.moment, code, value, until)

    return stream


def _frauds(history: History, wanted: Sum) -> Events:
    """Count a transaction from when it is known as a fraud, never before it lies in the window."""
    row, known_at, change = history.verdicts
    moment, code = history.moment[row], history.codes[wanted.entity][row]
    begin = np.maximum(moment + wanted.delay_days * DAY, known_at)
    end = moment + (wanted.delay_days + wanted.window_days) * DAY
    return _between(begin, end, code, change)


def _terminals(history: History, wanted: Sum) -> Events:
    """Count a card's terminal from each use until its next use by the card or until the use leaves the window."""
    pair = history.codes["customer"].astype(np.int64) * history.entities["terminal"] + history.codes["terminal"]
    end = np.minimum(_next_moment(history.moment, pair), history.moment + wanted.window_days * DAY)
    return _between(history.moment, end, history.codes[wanted.entity], history.once)


def _last_moment(history: History, wanted: Sum) -> Events:
    """Let each moment count from just after it until just after the entity's next one: the last before t counts."""
    code = history.codes[wanted.entity]
    end = np.minimum(_next_moment(history.moment, code) + 1, history.moment + wanted.window_days * DAY)
    return _between(history.moment + 1, end, code, history.moment)


def _capped(history: History) -> Integers:
    """Cap amounts, as what is squared must be."""
    return np.minimum(history.cents, MAX_SQUARED_CENTS)


STREAMS: dict[str, Callable[[History, Sum], Events]] = {
    "transactions": _every(lambda history: history.once),
    "cents": _every(lambda history: history.cents),
    "capped_cents": _every(_capped),
    "squared_cents": _every(lambda history: _capped(history) ** 2),
    "frauds": _frauds,
    "terminals": _terminals,
    "last_moment": _last_moment,
}
"""Streams by the name of their value."""


def _between(begin: Integers, end: Integers, code: Codes, value: Integers) -> Events:
    """Order events that have their own ends; those that end before they begin never count."""
    lasting = np.flatnonzero(begin < end)
    by_begin = lasting[np.argsort(begin[lasting], kind="stable")]
    by_end = lasting[np.argsort(end[lasting], kind="stable")]
    return Events(begin[by_begin], code[by_begin], value[by_begin], 0, end[by_end], code[by_end], value[by_end], 0)


def _next_moment(moment: Integers, group: npt.NDArray[np.integer]) -> Integers:
    """Return the moment of the next row of the same group, or the end of time; moments ascend."""
    order = np.argsort(group, kind="stable")
    same = group[order[1:]] == group[order[:-1]]
    following = np.full(moment.size, np.iinfo(np.int64).max - 1)
    following[order[:-1][same]] = moment[order[1:][same]]
    return following


def encode(ids: pa.ChunkedArray) -> tuple[Codes, int]:
    """Number ids densely, in order of appearance."""
    encoded = pc.dictionary_encode(ids).combine_chunks()
    return encoded.indices.to_numpy(), len(encoded.dictionary)
