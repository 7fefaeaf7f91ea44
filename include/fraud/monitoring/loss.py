"""A loss of precision that labels have shown, carried from day to day until it is made good, over promotions.

A new champion is trained on what came after a drift, so it expects little of itself where little can be had, and its
labels would show nothing wrong. While a loss lasts it is held against what was expected before the loss as well.
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from fraud.monitoring.observation import DayMetrics
from fraud.monitoring.signals import precision_ratios
from fraud.settings import DriftThresholds

__all__ = ["Loss", "begin", "last"]


class Loss(BaseModel):
    """A loss that is not made good yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    since: date = Field(description="day on which the labels' alarm began")
    version: int = Field(description="version that these labels were about")
    expected: float = Field(description="average precision that was expected of it")


def begin(day: DayMetrics) -> Loss | None:
    """Return the loss that begins with the labels' alarm of a day; None where nothing is expected of the version."""
    about = next((one for one in day.performance.values() if one.expected is not None), None)
    if about is None or about.expected is None:
        return None
    return Loss(since=day.date, version=about.model_version, expected=about.expected)


def last(before: Loss | None, day: DayMetrics, thresholds: DriftThresholds) -> Loss | None:
    """Return the loss of the day before if it lasts; a day without evidence changes nothing.

    It ends when the longer window is back near what was expected before it, or after `loss_most_days`: then what the
    champion was promoted with is the new level.

    Parameters
    ----------
    before
        The loss at the end of the day before.
    day
        What was measured.
    thresholds
        When a loss is made good.
    """
    if before is None or (day.date - before.since).days >= thresholds.loss_most_days:
        return None
    ratios, _ = precision_ratios(day, thresholds, before.expected)
    return None if ratios.get("long", 0.0) >= thresholds.loss_over_ratio else before
