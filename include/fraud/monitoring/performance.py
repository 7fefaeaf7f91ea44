"""Labelled performance: how good the champion's scores turned out, over trailing windows of labelled days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fraud.models.metrics import Ranking, alert_days
from fraud.monitoring.observation import Performance

__all__ = ["Labelled", "labelled_performance", "precision_at_budget"]

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


def labelled_performance(
    labelled: Labelled, last: date, windows: dict[Window, int], *, version: int, alert_budget: int
) -> tuple[dict[Window, Performance], dict[Window, str]]:
    """Measure a version's scores over windows of labelled days.

    Only days that this version scored count, and a window with a day missing is not measured: a part of it would vary
    more than the thresholds allow for.

    Parameters
    ----------
    labelled
        Labelled transactions of the longest window, at least.
    last
        Newest day whose labels are known: the end of every window.
    windows
        Length in days by name.
    version
        The model version to measure.
    alert_budget
        Cards alerted a day.

    Returns
    -------
    tuple of dict
        Performance by window, and why a window could not be measured.
    """
    own = labelled.rows((labelled.version == version) & (labelled.version != 0))
    found: dict[Window, Performance] = {}
    reasons: dict[Window, str] = {}
    for name, days in windows.items():
        first = last - timedelta(days=days - 1)
        rows = own.rows((own.day >= first.toordinal()) & (own.day <= last.toordinal()))
        present, frauds = len(np.unique(rows.day)), int(rows.is_fraud.sum())
        span = f"{first} to {last}" if days > 1 else str(last)
        if present < days:
            reasons[name] = f"{span}: labels of {present} of {days} days that version {version} scored"
        elif frauds in (0, len(rows.is_fraud)):
            reasons[name] = f"{span}: the labels hold {'no frauds' if not frauds else 'frauds only'}"
        elif not np.isfinite(rows.score).all():
            reasons[name] = f"{span}: {int((~np.isfinite(rows.score)).sum())} scores are no numbers"
        else:
            ranking = Ranking(rows.is_fraud, rows.score)
            cards = alert_days(rows.day, rows.customer, rows.is_fraud, rows.score, alert_budget)
            found[name] = Performance(
                first=first,
                last=last,
                transactions=len(rows.day),
                frauds=frauds,
                average_precision=ranking.average_precision(),
                auc_roc=ranking.auc_roc(),
                card_precision=cards.precision,
                precision_at_budget=precision_at_budget(rows, alert_budget),
            )
    return found, reasons


def precision_at_budget(rows: Labelled, budget: int) -> float:
    """Return the mean over the days of the share of frauds among the day's ``budget`` highest scores.

    Transactions, where card precision counts cards. Ties go to the lower transaction id.
    """
    order = np.lexsort((rows.transaction_id, -rows.score, rows.day))
    _, starts = np.unique(rows.day[order], return_index=True)
    is_fraud = rows.is_fraud[order]
    ends = np.append(starts[1:], len(is_fraud))
    tops = [is_fraud[start : min(start + budget, end)].sum() / budget for start, end in zip(starts, ends, strict=True)]
    return float(np.mean(tops))
