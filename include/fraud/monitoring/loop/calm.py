"""How far calm days go towards each threshold: the false signals that it makes, before persistence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from fraud.monitoring.observation import DayMetrics
from fraud.settings import DriftThresholds

__all__ = ["levels", "pool"]

Level = dict[str, Any]

_Read = Callable[[DayMetrics], float | None]


def _distance(method: str) -> _Read:
    def read(day: DayMetrics) -> float | None:
        return max((column.value for column in day.columns.values() if column.method == method), default=None)

    return read


def _ratio(window: Literal["short", "long"]) -> _Read:
    def read(day: DayMetrics) -> float | None:
        found = day.performance.get(window)
        return found.average_precision / found.expected if found and found.expected else None

    return read


def _alert_rate(day: DayMetrics) -> float | None:
    return day.alert_rate_ratio


def _volume(day: DayMetrics) -> float | None:
    return day.volume_ratio


_READ: Mapping[str, tuple[_Read, Literal["above", "below"]]] = {
    "feature_wasserstein": (_distance("wasserstein"), "above"),
    "night_jensenshannon": (_distance("jensenshannon"), "above"),
    "alert_rate_low": (_alert_rate, "below"),
    "alert_rate_high": (_alert_rate, "above"),
    "ap_short_ratio": (_ratio("short"), "below"),
    "ap_long_ratio": (_ratio("long"), "below"),
    "volume_low": (_volume, "below"),
    "volume_high": (_volume, "above"),
}
"""What each threshold is held against, and on which side of it a day signals."""


def levels(days: Iterable[DayMetrics], thresholds: DriftThresholds) -> dict[str, Level]:
    """Return, for each threshold, the days that could be held against it, those beyond it, and the furthest value."""
    seen = list(days)
    found = {}
    for name, (read, side) in _READ.items():
        values = [value for value in map(read, seen) if value is not None]
        limit = getattr(thresholds, name)
        beyond = sum(value >= limit if side == "above" else value < limit for value in values)
        furthest = (max if side == "above" else min)(values, default=None)
        found[name] = {"days": len(values), "beyond": beyond, "furthest": furthest}
    return found


def pool(worlds: Sequence[Mapping[str, Level]]) -> dict[str, Level]:
    """Return the levels of several worlds together."""
    pooled = {}
    for name, (_, side) in _READ.items():
        values = [one[name]["furthest"] for one in worlds if one[name]["furthest"] is not None]
        pooled[name] = {
            "days": sum(one[name]["days"] for one in worlds),
            "beyond": sum(one[name]["beyond"] for one in worlds),
            "furthest": (max if side == "above" else min)(values, default=None),
        }
    return pooled
