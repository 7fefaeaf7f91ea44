"""What a world's runs were worth: delays, false alarms, precision lost and brought back, challengers tried.

Judged by what was injected, which only the scorer knows. Days are counted from the drift's first day, that day being 1:
the number of drifted days that had to be seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Any

from fraud.monitoring.loop.calm import levels
from fraud.monitoring.loop.history import LABEL_DELAY_DAYS
from fraud.monitoring.loop.kinds import DRIFTED_DAYS, Kind
from fraud.monitoring.loop.loop import Day, Policy, Run
from fraud.settings import DriftThresholds

__all__ = ["RECOVERY_DAYS", "REPAIRED_BY", "WorldScore", "score_world", "summarise"]

REPAIRED_BY = 24
"""Drifted days within which nine tenths of the loss have to be back."""

RECOVERY_DAYS = 14
"""Drifted days over which recovery is measured from then on."""

_SMOOTH_DAYS = 7
_RECOVERED = 0.9
_LEAST_LOSS = 0.02  # a smaller one is within the noise, and a share of it says nothing


@dataclass(frozen=True, slots=True)
class WorldScore:
    """One world. Delays are None where nothing was seen, precisions are means of daily values.

    Parameters
    ----------
    seed, start
        The world's seed; index of the drift's first day, None without drift.
    calm_days
        Scored days before the drift.
    false_alarms
        Alarms that began on calm days, by kind of alarm.
    calm
        How far calm days went towards each threshold (:func:`fraud.monitoring.loop.calm.levels`).
    noticed
        Drifted days until an alarm, by kind; ``volume`` is the notice.
    escalated
        Drifted days until a person was called.
    average_precision, card_precision
        Over the drifted days by policy, and before them (``calm``).
    recovered
        Share of the average precision lost that a policy has brought back, over 14 days from :data:`REPAIRED_BY` on:
        of the closed loop, and of weekly training without a gate, which shows what there was to be had. None where
        little was lost.
    days_to_recover
        Drifted days until a week's mean lies within a tenth of the loss of the calm level; None for never.
    tried, promoted
        Challengers of the closed loop, by what triggered them; where there is drift, those that labels of drifted days
        had a part in. What is promoted before that answers to something else.
    promotions
        Every promotion of the closed loop: ``day`` counted from the drift's first as the delays are (0 or less before
        it), ``by`` what triggered it, ``gain`` in average precision on the 14 days that followed, by the truth.
    """

    seed: int
    start: int | None
    calm_days: int
    false_alarms: dict[str, int]
    calm: dict[str, dict[str, Any]]
    noticed: dict[str, int | None]
    escalated: int | None
    average_precision: dict[str, float]
    card_precision: dict[str, float]
    recovered: dict[str, float] | None
    days_to_recover: int | None
    tried: dict[str, int]
    promoted: dict[str, int]
    promotions: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which the score can be made again."""
        return asdict(self)


def score_world(
    kind: Kind, seed: int, start: int, runs: Mapping[Policy, Run], thresholds: DriftThresholds
) -> WorldScore:
    """Score one world's runs.

    Parameters
    ----------
    kind, seed
        What was injected.
    start
        Index of the drift's first day; for a world without drift, of the day on which it would have begun.
    runs
        Runs over the same days by policy: closed, never and weekly.
    thresholds
        Those of the loop.
    """
    closed = runs["closed"]
    drifts = kind.nature != "none"
    calm = [day for day in closed.days if day.day < start or not drifts]
    drifted = [day for day in closed.days if day.day >= start]
    before = mean(day.average_precision for day in runs["never"].days if day.day < start)
    kinds = ("scheduled", "alarm")
    first = start + LABEL_DELAY_DAYS + 1 if drifts else 0
    trainings = [training for training in closed.trainings if training.as_of >= first]
    return WorldScore(
        seed=seed,
        start=start if drifts else None,
        calm_days=len(calm),
        false_alarms={alarm: _onsets(calm, alarm) for alarm in ("labels", "unlabelled")},
        calm=levels((day.metrics for day in calm if day.metrics), thresholds),
        noticed=_noticed(drifted, start, thresholds) if drifts else {},
        escalated=_first(drifted, start, lambda day: day.decision is not None and day.decision.action == "escalate"),
        average_precision=_means(runs, start, lambda day: day.average_precision),
        card_precision=_means(runs, start, lambda day: day.card_precision),
        recovered=_recovered(runs, start, before) if drifts else None,
        days_to_recover=_days_to_recover(runs, start, before) if drifts else None,
        tried={one: sum(training.kind == one for training in trainings) for one in kinds},
        promoted={one: sum(t.promoted and t.kind == one for t in trainings) for one in kinds},
        promotions=[
            {"day": one.as_of - start + 1, "by": one.kind, "gain": one.gain} for one in closed.trainings if one.promoted
        ],
    )


def summarise(scores: Sequence[WorldScore]) -> dict[str, Any]:
    """Return what a kind's worlds say together."""
    calm_days = sum(score.calm_days for score in scores)
    alarms = ("labels", "unlabelled")
    noticed = {name: _delays([score.noticed.get(name) for score in scores]) for name in (*alarms, "volume")}
    precision = [score.average_precision for score in scores]
    cards = [score.card_precision for score in scores]
    recovered = [score.recovered for score in scores if score.recovered is not None]
    ratios = [one["closed"] / one["weekly"] for one in precision]
    return {
        "worlds": len(scores),
        "calm_days": calm_days,
        "false_alarms_per_90_days": {
            alarm: 90 * sum(score.false_alarms[alarm] for score in scores) / calm_days for alarm in alarms
        },
        "noticed": noticed if scores[0].start is not None else {},
        "missed": sum(
            score.start is not None and all(score.noticed[alarm] is None for alarm in alarms) for score in scores
        ),
        "escalated": _delays([score.escalated for score in scores]),
        "average_precision": {policy: mean(one[policy] for one in precision) for policy in precision[0]},
        "card_precision": {policy: mean(one[policy] for one in cards) for policy in cards[0]},
        "closed_over_weekly": {"mean": mean(ratios), "least": min(ratios)},
        "recovered": {policy: _spread([one[policy] for one in recovered]) for policy in recovered[0]}
        if recovered
        else None,
        "days_to_recover": _delays([score.days_to_recover for score in scores]),
        "tried": {one: mean(score.tried[one] for score in scores) for one in scores[0].tried},
        "promoted": {one: mean(score.promoted[one] for score in scores) for one in scores[0].promoted},
        "promoted_worse": sum(one["gain"] < 0 for score in scores for one in score.promotions),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": median(values), "least": min(values)}


def _means(runs: Mapping[Policy, Run], start: int, value: Callable[[Day], float]) -> dict[str, float]:
    """Return means over the drifted days by policy, and over the calm ones."""
    found: dict[str, float] = {"calm": mean(value(day) for day in runs["never"].days if day.day < start)}
    for policy, run in runs.items():
        found[policy] = mean(value(day) for day in run.days if day.day >= start)
    return found


def _onsets(days: Sequence[Day], alarm: str) -> int:
    """Count the days on which an alarm begins."""
    on = [day.seen is not None and alarm in day.seen.alarms for day in days]
    return sum(now and not before for before, now in zip([False, *on], on, strict=False))


def _noticed(drifted: Sequence[Day], start: int, thresholds: DriftThresholds) -> dict[str, int | None]:
    def beyond(day: Day) -> bool:
        ratio = day.metrics.volume_ratio if day.metrics else None
        return ratio is not None and not thresholds.volume_low <= ratio <= thresholds.volume_high

    return {
        "labels": _first(drifted, start, lambda day: day.seen is not None and "labels" in day.seen.alarms),
        "unlabelled": _first(drifted, start, lambda day: day.seen is not None and "unlabelled" in day.seen.alarms),
        "volume": _first(drifted, start, beyond),
    }


def _first(drifted: Sequence[Day], start: int, holds: Callable[[Day], bool]) -> int | None:
    return next((day.day - start + 1 for day in drifted if holds(day)), None)


def _window(run: Run, first: int, days: int) -> float:
    return mean(day.average_precision for day in run.days if first <= day.day < first + days)


def _recovered(runs: Mapping[Policy, Run], start: int, before: float) -> dict[str, float] | None:
    level = {policy: _window(run, start + REPAIRED_BY, RECOVERY_DAYS) for policy, run in runs.items()}
    lost = before - level["never"]
    if lost < _LEAST_LOSS:
        return None
    return {policy: (level[policy] - level["never"]) / lost for policy in ("closed", "weekly")}


def _days_to_recover(runs: Mapping[Policy, Run], start: int, before: float) -> int | None:
    lost = before - _window(runs["never"], start, DRIFTED_DAYS)
    if lost < _LEAST_LOSS:
        return None
    last = runs["closed"].days[-1].day - _SMOOTH_DAYS + 1
    enough = before - (1 - _RECOVERED) * lost
    below = False
    for day in range(start, last + 1):
        level = _window(runs["closed"], day, _SMOOTH_DAYS)
        below = below or level < enough
        if below and level >= enough:
            return day - start + 1
    return None


def _delays(delays: Sequence[int | None]) -> dict[str, float | int | None]:
    """Return median and 90th percentile (nearest rank), a delay that never ended counting as longer than any."""
    ordered = sorted(float("inf") if delay is None else delay for delay in delays)
    middle, late = median(ordered), ordered[max(0, -(-9 * len(ordered) // 10) - 1)]
    return {
        "median": None if middle == float("inf") else middle,
        "p90": None if late == float("inf") else late,
        "never": sum(delay is None for delay in delays),
    }
