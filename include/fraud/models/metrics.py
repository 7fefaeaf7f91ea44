"""How good a score is: the handbook's three metrics (chapter 4), and what an operator asks besides.

Everywhere ``is_fraud`` and ``score`` have shape (n,), one row a transaction, and equal scores count as one threshold.

References
----------
Le Borgne, Siblini, Lebichot, Bontempi: Reproducible Machine Learning for Credit Card Fraud Detection, chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fraud.errors import DataError

__all__ = [
    "Alerts",
    "Calibration",
    "Ranking",
    "alert_days",
    "auc_roc",
    "average_precision",
    "calibration",
    "card_precision_at_k",
    "expected_cost",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Ranking:
    """Transactions by falling score, sorted once so that many weightings can be measured (a bootstrap's samples).

    Parameters
    ----------
    is_fraud
        Labels, both classes present.
    score
        Scores, finite.

    Raises
    ------
    DataError
        When one class is missing or a score is not finite.
    """

    def __init__(self, is_fraud: Flags, score: Floats) -> None:
        if not np.isfinite(score).all():
            raise DataError(f"score {np.flatnonzero(~np.isfinite(score))[0]} is not finite; metrics need finite scores")
        if is_fraud.all() or not is_fraud.any():
            raise DataError(f"{len(is_fraud)} transactions hold one class only; metrics need frauds and genuine ones")
        self._order = np.argsort(-score, kind="stable")
        self._fraud = is_fraud[self._order]
        # Last transaction of each run of equal scores: the only places where a threshold can lie.
        falling = score[self._order]
        self._ends = np.append(np.flatnonzero(falling[:-1] != falling[1:]), len(falling) - 1)

    def _counts(self, weight: Floats | None) -> tuple[Floats, Floats]:
        weights = np.ones(len(self._fraud)) if weight is None else weight[self._order]
        caught = np.cumsum(weights * self._fraud)[self._ends]
        return caught, np.cumsum(weights)[self._ends]

    def average_precision(self, weight: Floats | None = None) -> float:
        """Return the average precision; with weights, that of transactions repeated so many times."""
        caught, selected = self._counts(weight)
        if caught[-1] == 0:
            return 0.0
        precision = np.divide(caught, selected, out=np.zeros_like(caught), where=selected > 0)
        return float(np.sum(np.diff(caught, prepend=0.0) * precision) / caught[-1])

    def resampled_average_precision(self, group: Integers, weights: Floats) -> Floats:
        """Return the average precision of many samples of groups of transactions, shape (samples,).

        Recall is gained at the frauds' scores alone, so transactions are counted by group and by the fraud's score that
        they reach next: a few hundred columns, where transactions are tens of thousands.

        Parameters
        ----------
        group
            Group (customer) of each transaction, from 0 on, shape (n,).
        weights
            How often each group was drawn, shape (samples, groups).

        Returns
        -------
        ndarray
            One value a sample; 0 for a sample without frauds.
        """
        from scipy.sparse import csr_matrix  # noqa: PLC0415  (half a second, and only training compares models)

        steps = self._ends[np.unique(np.searchsorted(self._ends, np.flatnonzero(self._fraud)))]
        column = np.searchsorted(steps, np.arange(steps[-1] + 1))  # what ranks below the last fraud counts nowhere
        groups, shape = group[self._order][: len(column)], (weights.shape[1], len(steps))
        selected, caught = (
            np.cumsum(csr_matrix((counted.astype(float), (groups, column)), shape).T @ weights.T, axis=0)
            for counted in (np.ones(len(column)), self._fraud[: len(column)])
        )
        precision = np.divide(caught, selected, out=np.zeros_like(caught), where=selected > 0)
        gained = np.sum(np.diff(caught, axis=0, prepend=0.0) * precision, axis=0)
        found: Floats = np.divide(gained, caught[-1], out=np.zeros(len(weights)), where=caught[-1] > 0)
        return found

    def auc_roc(self, weight: Floats | None = None) -> float:
        """Return the area under the ROC curve; with weights, that of transactions repeated so many times."""
        caught, selected = self._counts(weight)
        wrong = selected - caught
        area = np.sum(np.diff(wrong, prepend=0.0) * (caught + np.concatenate(([0.0], caught[:-1]))) / 2)
        return float(area / (caught[-1] * wrong[-1]))

    def curves(self) -> tuple[Floats, Floats, Floats]:
        """Return false-positive rate, recall and precision at each threshold, by falling threshold."""
        caught, selected = self._counts(None)
        wrong = selected - caught
        return wrong / wrong[-1], caught / caught[-1], caught / selected


def auc_roc(is_fraud: Flags, score: Floats) -> float:
    """Return the area under the ROC curve: how often a fraud scores above a genuine transaction, ties counting half.

    Raises
    ------
    DataError
        When one class is missing or a score is not finite.
    """
    return Ranking(is_fraud, score).auc_roc()


def average_precision(is_fraud: Flags, score: Floats) -> float:
    """Return the average precision: the sum over thresholds of precision times the recall gained there.

    Raises
    ------
    DataError
        When one class is missing or a score is not finite.
    """
    return Ranking(is_fraud, score).average_precision()


@dataclass(frozen=True, slots=True)
class Alerts:
    """What k alerted cards a day were worth, one entry a day in the order of the days.

    Parameters
    ----------
    days
        The days, shape (d,).
    found
        Compromised cards among the day's k, shape (d,).
    compromised
        Cards with at least one fraud on the day, shape (d,).
    k
        Cards alerted a day.
    """

    days: Integers
    found: Integers
    compromised: Integers
    k: int

    @property
    def precision(self) -> float:
        """Mean over the days of the share of the k alerted cards that were compromised."""
        return float(np.mean(self.found / self.k))

    @property
    def recall(self) -> float:
        """Share of all compromised cards (counted once a day) that were alerted on their day."""
        total = self.compromised.sum()
        return float(self.found.sum() / total) if total else 0.0


def alert_days(
    day: Integers, customer: Integers, is_fraud: Flags, score: Floats, k: int, *, remove_detected: bool = True
) -> Alerts:
    """Alert the k most suspicious cards of each day, and see which were compromised.

    A card's score is the highest of its transactions of the day; it is compromised when any of them is a fraud. Ties
    are broken by customer id (the handbook leaves them to the sort).

    Parameters
    ----------
    day
        Day number of each transaction, shape (n,).
    customer
        Customer id, shape (n,).
    is_fraud, score
        Label and score, shape (n,).
    k
        Cards that can be looked at in a day.
    remove_detected
        Leave a card out from the day after it was found, as the handbook does: it is blocked.

    Raises
    ------
    DataError
        When there are no transactions.
    """
    if not len(day):
        raise DataError("card precision needs at least one transaction, got none")
    order = np.lexsort((customer, day))
    starts = np.flatnonzero(
        np.append(True, (np.diff(day[order]) != 0) | (np.diff(customer[order]) != 0))  # first row of each (day, card)
    )
    card_day, card = day[order][starts], customer[order][starts]
    card_score = np.maximum.reduceat(score[order], starts)
    card_fraud = np.logical_or.reduceat(is_fraud[order], starts)
    days = np.unique(card_day)
    found, compromised = np.zeros(len(days), np.int64), np.zeros(len(days), np.int64)
    detected = np.empty(0, np.int64)
    for number, today in enumerate(days):
        here = np.flatnonzero(card_day == today)
        here = here[~np.isin(card[here], detected)]
        top = here[np.lexsort((card[here], -card_score[here]))[:k]]
        caught = card[top][card_fraud[top]]
        found[number], compromised[number] = len(caught), card_fraud[here].sum()
        if remove_detected:
            detected = np.append(detected, caught)
    return Alerts(days, found, compromised, k)


def card_precision_at_k(day: Integers, customer: Integers, is_fraud: Flags, score: Floats, k: int) -> float:
    """Return the handbook's card precision@k: the mean daily share of compromised cards among the k alerted ones.

    Cards found on one day are left out of the next ones. See :func:`alert_days` for the parameters and the ties.
    """
    return alert_days(day, customer, is_fraud, score, k).precision


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far scores are from probabilities.

    Parameters
    ----------
    brier
        Mean squared difference of score and outcome (Brier 1950).
    error
        Expected calibration error: mean over the bins, weighted by their size, of |share of frauds - mean score|.
    mean_score, fraud_share, count
        The reliability curve, one entry a bin that is not empty.
    """

    brier: float
    error: float
    mean_score: Floats
    fraud_share: Floats
    count: Integers


def calibration(is_fraud: Flags, score: Floats, bins: int = 10) -> Calibration:
    """Compare scores with what happened, in bins that hold about equally many transactions each.

    Equal widths would put nearly everything into the first bin: frauds are rare.
    """
    edges = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    # A score equal to an edge belongs below it, so equal scores share a bin.
    which = np.searchsorted(edges, score, side="left")
    count = np.bincount(which, minlength=len(edges) + 1)
    used = count > 0
    mean_score = np.bincount(which, weights=score, minlength=len(count))[used] / count[used]
    share = np.bincount(which, weights=is_fraud, minlength=len(count))[used] / count[used]
    error = float(np.sum(count[used] * np.abs(share - mean_score)) / len(score))
    return Calibration(float(np.mean((score - is_fraud) ** 2)), error, mean_score, share, count[used])


def expected_cost(
    is_fraud: Flags, score: Floats, amount: Floats, *, threshold: float, investigation_cost: float
) -> float:
    """Return the mean cost of a transaction when those with at least the threshold's score are investigated.

    The cost matrix (chapter 6, cost-sensitive learning): an investigated transaction costs ``investigation_cost``
    whether it is a fraud or not, and a fraud that is investigated costs nothing more; a missed fraud costs its amount;
    a genuine transaction that passes costs nothing.

    Parameters
    ----------
    is_fraud, score, amount
        Label, score and amount (account's currency), shape (n,).
    threshold
        Lowest score that is investigated.
    investigation_cost
        Cost of one investigation, in the amounts' currency.
    """
    investigated = score >= threshold
    missed = amount[is_fraud & ~investigated].sum()
    return float((investigated.sum() * investigation_cost + missed) / len(score))
