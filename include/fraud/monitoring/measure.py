"""Measuring a day: arrays in, :class:`~fraud.monitoring.observation.DayMetrics` out.

What cannot be measured is left out, with the reason. Nothing here refuses a day: monitoring that fails on bad data is
blind when it is needed most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fraud.monitoring.observation import ColumnDrift, DayMetrics
from fraud.monitoring.performance import Expectation, Labelled, labelled_performance
from fraud.settings import DriftThresholds

__all__ = ["EXCLUDED", "POOLED_DAYS", "SCORE", "DayRows", "Measured", "Reference", "alert_rate_ratio", "measure"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Columns = Mapping[str, Floats]
Compare = Callable[[Columns, Sequence[str]], dict[str, ColumnDrift]]
"""Distances of the named columns of a day from those of the reference."""

SCORE = "score"
"""Name of the scores among the columns."""

EXCLUDED = ("tx_during_weekend",)
"""Features that are never compared: a single day always differs from a month in them."""

POOLED_DAYS = 7
"""Most days that are compared together where one has few transactions."""

ALERT_PERCENTILE = 99.0
"""Percentile of the reference's scores above which a score counts for the alert rate."""


@dataclass(frozen=True, slots=True)
class DayRows:
    """A scored day: transaction ids, features by name and the score, and the version that scored.

    ``problem`` says why the day cannot be used; then there may be ids only.
    """

    transaction_id: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    columns: Columns = field(default_factory=dict)
    version: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a champion's days are compared with: customers held out of its training, over its training window.

    Parameters
    ----------
    columns
        Features by name and the score, shape (n,) each.
    baseline
        Mean weekly average precision there; None where none is known.
    baseline_weeks
        Weeks that it is a mean of.
    expected_per_day
        Transactions a day of all customers, estimated from the held-out share; None where unknown.
    problem
        Why there is nothing to compare with.
    """

    columns: Columns = field(default_factory=dict)
    baseline: float | None = None
    baseline_weeks: int = 0
    expected_per_day: float | None = None
    problem: str = ""


class Measured(NamedTuple):
    """A day's metrics, and the columns and names that were compared, for the report to show."""

    metrics: DayMetrics
    current: Columns
    names: tuple[str, ...]


def measure(
    day: date,
    days: Mapping[date, DayRows],
    references: Mapping[int, Reference],
    labelled: Labelled,
    *,
    compare: Mapping[int, Compare],
    thresholds: DriftThresholds,
    feature_version: str,
    alert_budget: int,
    label_delay_days: int,
) -> Measured:
    """Measure a day.

    Parameters
    ----------
    day
        The day reported on.
    days
        Scored days by date: the day itself and those that it may be pooled with.
    references
        References by version: of the one that scored the day, and of those that scored the labelled days.
    labelled
        Labels known at the end of the day, of the days of the longest window at least.
    compare
        Distances from each reference: Evidently's, or :class:`fraud.monitoring.distances.Distances`.
    thresholds
        Lengths of windows and sizes of samples.
    feature_version
        Feature set that the deployment computes.
    alert_budget
        Cards alerted a day.
    label_delay_days
        Days until labels are known.
    """
    rows = days.get(day, DayRows(problem=f"{day} has no predictions"))
    unknown = Reference(problem=f"version {rows.version} has no reference" if rows.version else "")
    reference = references.get(rows.version, unknown)
    missing = {"predictions": rows.problem, "reference": reference.problem}
    pooled = _pool(day, days, thresholds.min_current_rows)
    current = {name: np.concatenate([one.columns[name] for one in pooled]) for name in rows.columns} if pooled else {}
    names: tuple[str, ...] = ()
    if pooled and reference.columns:
        names = _comparable(current, reference.columns, thresholds.max_missing_share, missing)
    distances = compare[rows.version](current, names) if names else {}
    score = distances.pop(SCORE, None)
    performance, reasons = labelled_performance(
        labelled,
        day - timedelta(days=label_delay_days),
        {"day": 1, "short": thresholds.ap_short_days, "long": thresholds.ap_long_days},
        {version: Expectation(one.baseline, one.baseline_weeks) for version, one in references.items()},
        alert_budget,
    )
    missing |= {f"labels {window}": reason for window, reason in reasons.items()}
    transactions, expected = len(rows.transaction_id), reference.expected_per_day
    metrics = DayMetrics(
        date=day,
        model_version=rows.version,
        feature_version=feature_version,
        transactions=transactions,
        pooled_from=day - timedelta(days=max(len(pooled) - 1, 0)),
        current_rows=len(current.get(SCORE, ())),
        reference_rows=len(reference.columns.get(SCORE, ())),
        columns=distances,
        score=score,
        alert_rate_ratio=alert_rate_ratio(reference.columns[SCORE], current[SCORE]) if score else None,
        volume_ratio=transactions / expected if expected and not rows.problem else None,
        performance=performance,
        baseline_average_precision=reference.baseline,
        baseline_weeks=reference.baseline_weeks,
        missing_values={name: int(lost) for name, values in current.items() if (lost := (~np.isfinite(values)).sum())},
        constant_columns=tuple(sorted(set(_constant(current)) - set(EXCLUDED))),
        unknown_labels=_unknown(labelled),
        no_evidence={what: reason for what, reason in missing.items() if reason},
    )
    return Measured(metrics, current, names)


def alert_rate_ratio(reference: Floats, current: Floats) -> float:
    """Return how many times more often scores reach the reference's 99th percentile than in the reference.

    Trees give many equal scores, so the reference's own share is counted too instead of taken for 1 %.
    """
    reference, current = reference[np.isfinite(reference)], current[np.isfinite(current)]
    bound = np.percentile(reference, ALERT_PERCENTILE)
    return float(np.mean(current >= bound) / np.mean(reference >= bound))


def _pool(day: date, days: Mapping[date, DayRows], least: int) -> list[DayRows]:
    """Return the day and as many days before it, of the same version and without a gap, as make up enough rows."""
    pooled: list[DayRows] = []
    for offset in range(POOLED_DAYS):
        one = days.get(day - timedelta(days=offset))
        if one is None or one.problem or (pooled and one.version != pooled[0].version):
            break
        pooled.append(one)
        if sum(len(each.transaction_id) for each in pooled) >= least:
            break
    return pooled


def _comparable(current: Columns, reference: Columns, most_missing: float, missing: dict[str, str]) -> tuple[str, ...]:
    """Return the columns whose distances mean something; the reasons of the others go into ``missing``."""
    constant_before, constant_now = _constant(reference), _constant(current)
    names = []
    for name in current:
        if name in EXCLUDED:
            continue
        if name not in reference:
            missing[f"column {name}"] = f"{name} is not in the reference"
        elif name in constant_before:
            missing[f"column {name}"] = f"{name} is constant in the reference"
        elif name in constant_now:
            missing[f"column {name}"] = f"{name} is constant"
        elif (lost := float(np.mean(~np.isfinite(current[name])))) > most_missing:
            missing[f"column {name}"] = f"{name} is missing in {lost:.0%} of the transactions"
        else:
            names.append(name)
    return tuple(names)


def _constant(columns: Columns) -> list[str]:
    finite = ((name, values[np.isfinite(values)]) for name, values in columns.items())
    return [name for name, values in finite if not values.size or values.min() == values.max()]


def _unknown(labelled: Labelled) -> int:
    """Count labels of transactions that were not scored though others of their day were."""
    unscored = labelled.day[labelled.version == 0]
    return int(np.isin(unscored, labelled.day[labelled.version != 0]).sum())
