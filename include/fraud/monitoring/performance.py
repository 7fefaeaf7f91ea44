"""Labelled performance: how good the champion's scores turned out, over trailing windows of labelled days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fraud.models.metrics import Ranking, alert_days
from fraud.monitoring.observation import Performance

__all__ = ["Expectation", "Labelled", "labelled_performance", "precision_at_budget"]

Window = Literal["day", "short", "long"]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Labelled(NamedTuple):
    """Labelled transactions, shape (n,) each.

    Days are proleptic ordinals (``date.toordinal``); the version is 0 where a transaction was not scored.
    """

    transaction_id: Integers
    day: Integers
    customer: Integers
    score: Floats
    version: Integers
    is_fraud: Flags

    def rows(self, which: Flags) -> Labelled:
        """Return some of the transactions."""
        return Labelled(
            self.transaction_id[which],
            self.day[which],
            self.customer[which],
            self.score[which],
            self.version[which],
            self.is_fraud[which],
        )


class Expectation(NamedTuple):
    """The average precision that a version should keep: a mean over weeks, on customers held out of its training."""

    average_precision: float | None
    weeks: int


def labelled_performance(
    labelled: Labelled, last: date, windows: dict[Window, int], expected: Mapping[int, Expectation], alert_budget: int
) -> tuple[dict[Window, Performance], dict[Window, str]]:
    """Measure the scores that were given over windows of labelled days.

    A window is measured when one version scored all of it, be it the present champion or one before: a part of a window
    would vary more than the thresholds allow for, and two versions have two expectations.

    Parameters
    ----------
    labelled
        Labelled transactions of the longest window, at least.
    last
        Newest day whose labels are known: the end of every window.
    windows
        Length in days by name.
    expected
        What is expected of each version; versions may be missing.
    alert_budget
        Cards alerted a day.

    Returns
    -------
    tuple of dict
        Performance by window, and why a window could not be measured.
    """
    known = labelled.rows(labelled.version != 0)
    found: dict[Window, Performance] = {}
    reasons: dict[Window, str] = {}
    for name, days in windows.items():
        first = last - timedelta(days=days - 1)
        rows = known.rows((known.day >= first.toordinal()) & (known.day <= last.toordinal()))
        reason = _unusable(rows, days)
        if reason:
            reasons[name] = f"{first} to {last}: {reason}" if days > 1 else f"{last}: {reason}"
            continue
        version = int(rows.version[0])
        expectation = expected.get(version, Expectation(None, 0))
        ranking = Ranking(rows.is_fraud, rows.score)
        cards = alert_days(rows.day, rows.customer, rows.is_fraud, rows.score, alert_budget)
        found[name] = Performance(
            model_version=version,
            first=first,
            last=last,
            transactions=len(rows.day),
            frauds=int(rows.is_fraud.sum()),
            average_precision=ranking.average_precision(),
            auc_roc=ranking.auc_roc(),
            card_precision=cards.precision,
            precision_at_budget=precision_at_budget(rows, alert_budget),
            expected=expectation.average_precision,
            expected_weeks=expectation.weeks,
        )
    return found, reasons


def _unusable(rows: Labelled, days: int) -> str:
    """Return why a window of labelled transactions says nothing; empty when it does."""
    present, versions, frauds = len(np.unique(rows.day)), np.unique(rows.version), int(rows.is_fraud.sum())
    if present < days:
        return f"{present} of {days} days were scored and have labels"
    if len(versions) > 1:
        return f"scored by versions {' and '.join(map(str, versions))}"
    if frauds in (0, len(rows.is_fraud)):
        return f"the labels hold {'no frauds' if not frauds else 'frauds only'}"
    lost = int((~np.isfinite(rows.score)).sum())
    return f"{lost} scores are no numbers" if lost else ""


def precision_at_budget(rows: Labelled, budget: int) -> float:
    """Return the mean over the days of the share of frauds among the day's ``budget`` highest scores.

    Transactions, where card precision counts cards. Ties go to the lower transaction id.
    """
    tops = []
    for day in np.unique(rows.day):
        today = np.flatnonzero(rows.day == day)
        score = rows.score[today]
        if len(score) > budget:  # what scores below the budget's last is never among them
            today = today[score >= np.partition(score, -budget)[-budget]]
        order = np.lexsort((rows.transaction_id[today], -rows.score[today]))
        tops.append(rows.is_fraud[today[order[:budget]]].sum() / budget)
    return float(np.mean(tops))
