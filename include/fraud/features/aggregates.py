"""How a feature's value follows from windowed sums: one function an aggregation, with the sums that it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fraud.features.catalogue import Feature
from fraud.features.streams import DAY, Integers, Sum

__all__ = ["AGGREGATIONS", "Floats", "Rows", "sums_of", "values_of"]

Floats = npt.NDArray[np.float64]

_HOUR = DAY // 24
_SECOND = 1_000_000
_CENTS = 100.0
_NIGHT_ENDS_HOUR = 7
_THURSDAY = 3  # 1970-01-01, Monday being 0
_SATURDAY = 5


class Rows(NamedTuple):
    """The transactions whose features are wanted."""

    moment: Integers
    cents: Integers


def _amount(rows: Rows, feature: Feature) -> Floats:
    return rows.cents / _CENTS


def _weekend(rows: Rows, feature: Feature) -> Floats:
    return ((rows.moment // DAY + _THURSDAY) % 7 >= _SATURDAY).astype(np.float64)


def _night(rows: Rows, feature: Feature) -> Floats:
    return (rows.moment % DAY < _NIGHT_ENDS_HOUR * _HOUR).astype(np.float64)


def _count(rows: Rows, feature: Feature, count: Integers) -> Floats:
    return count.astype(np.float64)


def _mean(rows: Rows, feature: Feature, count: Integers, cents: Integers) -> Floats:
    # A single rounding: both operands are exact, so every engine gets the same number.
    return cents / (_CENTS * count)


def _risk(rows: Rows, feature: Feature, count: Integers, frauds: Integers) -> Floats:
    return frauds / np.maximum(count, 1)


def _std(rows: Rows, feature: Feature, count: Integers, cents: Integers, squared_cents: Integers) -> Floats:
    # Sum of squared distances from the whole cent below the mean: integers, so nothing cancels.
    centre, rest = np.divmod(cents, count)
    distances = squared_cents - centre * (centre * count + 2 * rest)
    deviation: Floats = np.sqrt((distances - rest * (rest / count)) / count) / _CENTS
    return deviation


def _distinct(rows: Rows, feature: Feature, terminals: Integers) -> Floats:
    return terminals.astype(np.float64)


def _recency(rows: Rows, feature: Feature, last_moment: Integers) -> Floats:
    return np.where(last_moment > 0, rows.moment - last_moment, feature.window_days * DAY) / _SECOND


def _ratio(rows: Rows, feature: Feature, count: Integers, cents: Integers) -> Floats:
    return np.where(cents > 0, rows.cents * count / np.maximum(cents, 1), 1.0)


AGGREGATIONS: dict[str, tuple[Callable[..., Floats], tuple[str, ...]]] = {
    "amount": (_amount, ()),
    "weekend": (_weekend, ()),
    "night": (_night, ()),
    "count": (_count, ("transactions",)),
    "mean": (_mean, ("transactions", "cents")),
    "risk": (_risk, ("transactions", "frauds")),
    "std": (_std, ("transactions", "capped_cents", "squared_cents")),
    "distinct": (_distinct, ("terminals",)),
    "recency": (_recency, ("last_moment",)),
    "ratio": (_ratio, ("transactions", "cents")),
}
"""Functions by name, each with the streams whose sums it takes, in order."""


def sums_of(feature: Feature) -> tuple[Sum, ...]:
    """Return the windowed sums that a feature is made of."""
    values = AGGREGATIONS[feature.aggregation][1]
    return tuple(Sum(feature.entity, value, feature.window_days, feature.delay_days) for value in values)


def values_of(feature: Feature, rows: Rows, sums: dict[Sum, Integers]) -> Floats:
    """Return a feature's value for each row."""
    aggregate: Callable[..., Floats] = AGGREGATIONS[feature.aggregation][0]
    return aggregate(rows, feature, *(sums[wanted] for wanted in sums_of(feature)))
