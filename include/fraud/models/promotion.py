"""Champion against challenger: when a new model takes over (docs/monitoring.md has the measurements behind the rule).

One week holds about 370 frauds, and average precision moves by 0.03 between weeks of the same model: only a comparison
on the same transactions means anything, and only one on cards that neither model was trained on is honest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fraud.models.metrics import Ranking
from fraud.settings import PromotionRule

__all__ = ["Comparison", "Verdict", "compare", "decide", "first_champion", "paired_bootstrap", "window_days"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_BLOCK = 50  # samples of a bootstrap at a time: their weights of every customer are in memory


@dataclass(frozen=True, slots=True)
class Comparison:
    """A challenger beside the champion on the same transactions.

    Parameters
    ----------
    gain
        Average precision of the challenger minus that of the champion.
    gain_percentile
        The rule's percentile of that gain under a bootstrap of the customers.
    card_precision_change
        Card precision@k of the challenger minus that of the champion.
    frauds
        Fraudulent transactions compared on.
    """

    gain: float
    gain_percentile: float
    card_precision_change: float
    frauds: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger takes over, and why in one sentence; the comparison is None for a first champion."""

    promote: bool
    reason: str
    comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as plain values, the comparison's numbers beside ``promote`` and ``reason``."""
        return {"promote": self.promote, "reason": self.reason, **(asdict(self.comparison) if self.comparison else {})}


def window_days(rule: PromotionRule, kind: str) -> int:
    """Return how many labelled days, counted back from the last, a comparison uses."""
    return rule.alarm_days if kind == "alarm" else rule.scheduled_days


def paired_bootstrap(
    is_fraud: Flags, champion: Floats, challenger: Floats, customer: Integers, *, samples: int, seed: int
) -> Floats:
    """Return the gain in average precision under resampled customers.

    A sample draws as many customers as there are, with replacement, and keeps each one's transactions together: they
    are not independent. Both models are measured on the same draw, so what they share cancels out (Efron and
    Tibshirani 1993).

    Parameters
    ----------
    is_fraud, champion, challenger, customer
        Label, both scores and customer id of each transaction, shape (n,).
    samples
        Number of draws.
    seed
        Seed of the draws.

    Returns
    -------
    ndarray
        Shape (samples,): challenger minus champion; a draw without frauds counts as no gain.
    """
    customers, index = np.unique(customer, return_inverse=True)
    rankings = Ranking(is_fraud, champion), Ranking(is_fraud, challenger)
    generator = np.random.default_rng(seed)
    gains = np.empty(samples)
    for first in range(0, samples, _BLOCK):
        drawn = [generator.integers(len(customers), size=len(customers)) for _ in gains[first : first + _BLOCK]]
        weights = np.stack([np.bincount(one, minlength=len(customers)) for one in drawn]).astype(np.float64)
        before, after = (ranking.resampled_average_precision(index, weights) for ranking in rankings)
        gains[first : first + _BLOCK] = after - before
    return gains


def compare(
    rule: PromotionRule,
    is_fraud: Flags,
    customer: Integers,
    *,
    scores: tuple[Floats, Floats],
    card_precisions: tuple[float, float],
    seed: int,
) -> Comparison:
    """Compare a challenger with the champion.

    Parameters
    ----------
    rule
        The bootstrap's size and percentile.
    is_fraud, customer
        Label and customer id of each compared transaction, shape (n,).
    scores, card_precisions
        The champion's and the challenger's, in this order.
    seed
        Seed of the bootstrap.
    """
    champion, challenger = scores
    gains = paired_bootstrap(is_fraud, champion, challenger, customer, samples=rule.bootstrap_samples, seed=seed)
    return Comparison(
        gain=Ranking(is_fraud, challenger).average_precision() - Ranking(is_fraud, champion).average_precision(),
        gain_percentile=float(np.percentile(gains, rule.bootstrap_percentile)),
        card_precision_change=card_precisions[1] - card_precisions[0],
        frauds=int(is_fraud.sum()),
    )


def first_champion(best: str, average_precisions: Mapping[str, float]) -> Verdict:
    """Return the verdict where there is no champion yet: the candidate of the highest average precision becomes it."""
    others = ", ".join(f"{name} {value:.3f}" for name, value in average_precisions.items() if name != best)
    beaten = f", ahead of {others}" if others else ""
    return Verdict(
        True,
        f"{best} becomes the first champion with average precision {average_precisions[best]:.3f} on held-out customers"
        + beaten,
    )


def decide(rule: PromotionRule, kind: str, challenger: str, comparison: Comparison, *, loss: bool = True) -> Verdict:
    """Apply the promotion rule to a comparison.

    Parameters
    ----------
    rule
        The thresholds.
    kind
        ``alarm`` when a drift alarm triggered the training, else anything.
    challenger
        Name of the challenger, for the sentence.
    comparison
        What was measured over :func:`window_days`.
    loss
        Whether labels show that the champion has lost precision. Where they do not, a challenger has to be better by
        far: what is well need not be replaced, and small gains measured in calm days are mostly noise.
    """
    alarm = kind == "alarm"
    least_gain = rule.alarm_min_gain if alarm else rule.scheduled_min_gain
    if not loss:
        least_gain = max(least_gain, rule.unneeded_min_gain)
    least_frauds = rule.alarm_min_frauds if alarm else rule.scheduled_min_frauds
    measured = comparison
    percentile = f"percentile {rule.bootstrap_percentile:g} of the paired bootstrap"
    refusals = [
        sentence
        for refused, sentence in (
            (
                measured.frauds < least_frauds,
                f"only {measured.frauds} frauds to compare on, at least {least_frauds} needed",
            ),
            (
                measured.gain < least_gain,
                f"average precision gains {measured.gain:+.3f}, at least {least_gain:+.3f} needed"
                + ("" if loss else " while labels show no loss"),
            ),
            (measured.gain_percentile <= 0, f"the {percentile} is {measured.gain_percentile:+.3f}, not above 0"),
            (
                measured.card_precision_change < -rule.max_card_precision_loss,
                f"card precision changes by {measured.card_precision_change:+.3f}, "
                f"at most {rule.max_card_precision_loss:.3f} may be lost",
            ),
        )
        if refused
    ]
    over = f"over the last {window_days(rule, kind)} labelled days"
    if refusals:
        return Verdict(False, f"{challenger} is not promoted {over}: {'; '.join(refusals)}", comparison)
    return Verdict(
        True,
        f"{challenger} is promoted: average precision {measured.gain:+.3f} {over} on {measured.frauds} frauds, "
        f"{percentile} {measured.gain_percentile:+.3f}, card precision {measured.card_precision_change:+.3f}",
        comparison,
    )
