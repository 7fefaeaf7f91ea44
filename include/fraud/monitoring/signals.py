"""Signals: what a day's measurements say when held against the thresholds, and the alarms that persistent ones make.

Three answers, not two: a day signals, is clear, or has no evidence, which is never taken for either of the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fraud.monitoring.observation import DayMetrics
from fraud.settings import DriftThresholds

__all__ = [
    "Evidence",
    "Signal",
    "column_threshold",
    "labelled",
    "notices",
    "persists",
    "precision_ratios",
    "unlabelled",
]

Window = Literal["short", "long"]


class Signal(NamedTuple):
    """A measurement beyond its threshold."""

    name: str
    value: float
    threshold: float

    def __str__(self) -> str:
        side = "above" if self.value >= self.threshold else "below"
        return f"{self.name} {self.value:.3f} ({side} {self.threshold:g})"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a day tells of one kind: its signals, and why there is less than there should be.

    Parameters
    ----------
    measured
        Whether anything could be judged at all.
    signals
        What crossed its threshold.
    missing
        Why something could not be judged.
    """

    measured: bool
    signals: tuple[Signal, ...] = ()
    missing: tuple[str, ...] = ()


def column_threshold(method: str, thresholds: DriftThresholds) -> float:
    """Return the distance from which a column signals."""
    return thresholds.night_jensenshannon if method == "jensenshannon" else thresholds.feature_wasserstein


def unlabelled(day: DayMetrics, thresholds: DriftThresholds) -> Evidence:
    """Judge what needs no labels: the features' distances and the alert-rate ratio.

    Small samples drift by chance alone (in 92 % of days at 200 rows, none at 2,000), so they are no evidence.
    """
    too_small = tuple(_too_small(day, thresholds))
    if too_small:
        return Evidence(measured=False, missing=too_small)
    signals = [
        Signal(name, drift.value, limit)
        for name, drift in day.columns.items()
        if drift.value >= (limit := column_threshold(drift.method, thresholds))
    ]
    ratio = day.alert_rate_ratio
    if ratio is not None:
        if ratio < thresholds.alert_rate_low:
            signals.append(Signal("alert-rate ratio", ratio, thresholds.alert_rate_low))
        elif ratio > thresholds.alert_rate_high:
            signals.append(Signal("alert-rate ratio", ratio, thresholds.alert_rate_high))
    missing = tuple(reason for what, reason in day.no_evidence.items() if not what.startswith("labels"))
    return Evidence(bool(day.columns) or ratio is not None, tuple(signals), missing)


def labelled(day: DayMetrics, thresholds: DriftThresholds, expected: float = 0.0) -> Evidence:
    """Judge what labels say: the average precision that was had over what was expected, over two windows.

    Parameters are those of :func:`precision_ratios`.
    """
    ratios, missing = precision_ratios(day, thresholds, expected)
    windows = {
        "short": (thresholds.ap_short_days, thresholds.ap_short_ratio),
        "long": (thresholds.ap_long_days, thresholds.ap_long_ratio),
    }
    signals = tuple(
        Signal(f"average precision over {windows[name][0]} days, of the expected,", ratio, windows[name][1])
        for name, ratio in ratios.items()
        if ratio < windows[name][1]
    )
    return Evidence(bool(ratios), signals, missing)


def precision_ratios(
    day: DayMetrics, thresholds: DriftThresholds, expected: float = 0.0
) -> tuple[dict[Window, float], tuple[str, ...]]:
    """Return the labelled average precision over the expected, by window, and why a window has none.

    Parameters
    ----------
    day, thresholds
        What was measured, and how much evidence is enough.
    expected
        Average precision that was expected before a loss that is not made good yet: a version that expects less of
        itself is held against it.
    """
    ratios: dict[Window, float] = {}
    missing = []
    windows: tuple[tuple[Window, int], ...] = (("short", thresholds.ap_short_days), ("long", thresholds.ap_long_days))
    for name, days in windows:
        window = day.performance.get(name)
        if window is None:
            missing.append(day.no_evidence.get(f"labels {name}", f"no labelled performance over {days} days"))
        elif window.frauds < thresholds.min_frauds:
            missing.append(f"{window.frauds} labelled frauds in {days} days, {thresholds.min_frauds} are needed")
        elif window.expected is None or window.expected_weeks < thresholds.min_baseline_weeks:
            missing.append(
                f"what version {window.model_version} should reach is known from {window.expected_weeks} weeks, "
                f"{thresholds.min_baseline_weeks} are needed"
            )
        else:
            ratios[name] = window.average_precision / max(window.expected, expected)
    return ratios, tuple(missing)


def notices(day: DayMetrics, thresholds: DriftThresholds) -> tuple[str, ...]:
    """Return what is worth a line but never an alarm: the volume, columns on their way, and bad data."""
    found = []
    if day.volume_ratio is not None and not thresholds.volume_low <= day.volume_ratio <= thresholds.volume_high:
        found.append(f"{day.transactions} transactions are {day.volume_ratio:.2f} of those expected")
    if not any(_too_small(day, thresholds)):
        low, high = thresholds.feature_wasserstein_warn, thresholds.feature_wasserstein
        near = [
            name for name, drift in day.columns.items() if drift.method == "wasserstein" and low <= drift.value < high
        ]
        if near:
            found.append(f"{', '.join(near)} moved by {low:g} or more")
    found += [f"{name} has {count} missing values" for name, count in day.missing_values.items() if count]
    found += [f"{name} is constant" for name in day.constant_columns]
    if day.unknown_labels:
        found.append(f"{day.unknown_labels} labels are of transactions that were not scored and are left out")
    return tuple(found)


def persists(evidence: Sequence[Evidence], thresholds: DriftThresholds) -> bool:
    """Tell whether enough of the last days that have evidence signal; days without are passed over."""
    measured = [one for one in evidence if one.measured][-thresholds.persistence_window :]
    return sum(bool(one.signals) for one in measured) >= thresholds.persistence_days


def _too_small(day: DayMetrics, thresholds: DriftThresholds) -> Iterator[str]:
    if "reference" in day.no_evidence:
        yield day.no_evidence["reference"]
    elif day.reference_rows < thresholds.min_reference_rows:
        yield f"the reference has {day.reference_rows} rows, {thresholds.min_reference_rows} are needed"
    if "predictions" in day.no_evidence:
        yield day.no_evidence["predictions"]
    elif day.current_rows < thresholds.min_current_rows:
        yield f"{day.pooled_from} to {day.date} have {day.current_rows} rows, {thresholds.min_current_rows} are needed"
