"""The closed loop over a world: score, measure, decide, train, promote, with the code that does it every day."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from fraud.models.metrics import alert_days, average_precision
from fraud.monitoring.decision import HISTORY_DAYS, Decision, Seen, State, decide, look
from fraud.monitoring.loop.history import FEATURE_VERSION, LABEL_DELAY_DAYS, NAMES, History
from fraud.monitoring.loop.training import Challenger, Trainer
from fraud.monitoring.measure import POOLED_DAYS, SCORE, DayRows, measure
from fraud.monitoring.observation import DayMetrics
from fraud.monitoring.performance import Labelled
from fraud.settings import Settings

__all__ = ["JUDGED_DAYS", "Day", "Loop", "Policy", "Run", "Training"]

Policy = Literal["closed", "never", "weekly"]
"""``closed``: decide daily, train weekly and on alarms, promote by the rule. ``never``: keep the first champion.
``weekly``: train weekly and promote whatever comes."""

JUDGED_DAYS = 14
"""Days over which a promoted challenger is held against the champion that it replaced, by the truth."""


@dataclass(frozen=True, slots=True)
class Day:
    """A scored day: who scored it, how well by the truth, and what monitoring made of it (closed loop only)."""

    day: int
    version: int
    average_precision: float
    card_precision: float
    metrics: DayMetrics | None = None
    seen: Seen | None = None
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """A challenger that was tried: as of which day, why, what the rule said, and what it was worth afterwards.

    ``gain`` is the average precision over the 14 days that followed, minus that of the champion at the time on the
    same transactions; by the truth, which no rule knew.
    """

    as_of: int
    kind: Literal["scheduled", "alarm"]
    promoted: bool
    reason: str
    gain: float


@dataclass(slots=True)
class Run:
    """What a policy made of a world."""

    days: list[Day] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)

    def before(self, day: int) -> Run:
        """Return the part of the run that was over when a day began."""
        return Run([one for one in self.days if one.day < day], [one for one in self.trainings if one.as_of <= day])


class Loop:
    """One world under several policies; what they have in common is trained once.

    Parameters
    ----------
    history
        The world, lived through to :data:`JUDGED_DAYS` after the last day.
    settings
        The deployment's: thresholds, promotion rule, training defaults.
    first, last
        First and last day scored.
    trainer
        One that may know some challengers already.
    """

    def __init__(
        self, history: History, settings: Settings, first: int, last: int, trainer: Trainer | None = None
    ) -> None:
        self._history, self._settings = history, settings
        self._first, self._last = first, last
        self._trainer = trainer or Trainer(history, settings)

    def run(self, policy: Policy, begun: Run | None = None) -> Run:
        """Live through the days under a policy.

        Parameters
        ----------
        policy
            Who scores.
        begun
            The run's first days, lived through in a world that is the same until they end.
        """
        run = Run()
        served = {1: self._trainer.challenger(self._first)}
        effective = self._first
        score = np.full(len(self._history.day), np.nan)
        versions = np.zeros(len(self._history.day), np.int64)
        for one in begun.trainings if begun else ():
            # What it was worth shows in the days after it, which need not be the same.
            gain = self._gain(one.as_of, served[max(served)]) if one.promoted else 0.0
            run.trainings.append(replace(one, gain=gain))
            if one.promoted:
                served[max(served) + 1], effective = self._trainer.challenger(one.as_of), one.as_of
        for scored in begun.days if begun else ():
            rows = self._history.rows(scored.day, scored.day)
            score[rows] = served[scored.version].model.predict_proba(self._history.features[rows])
            versions[rows] = scored.version
            run.days.append(scored)
        for day in range(self._first + len(run.days), self._last + 1):
            version, champion = max(served), served[max(served)]
            rows = self._history.rows(day, day)
            score[rows] = champion.model.predict_proba(self._history.features[rows])
            versions[rows] = version
            scored = self._by_truth(day, version, score)
            kind: Literal["scheduled", "alarm"] | None = "scheduled" if self._is_weekly(day) else None
            if policy == "closed":
                scored = self._watch(scored, run, served, effective, score, versions)
                if scored.decision and scored.decision.action == "train_now":
                    kind = "alarm"
            if policy != "never" and kind:
                loss = scored.decision is not None and scored.decision.loss is not None
                training = self._train(day + 1, kind, champion, gated=policy == "closed", loss=loss)
                run.trainings.append(training)
                if training.promoted:
                    served[version + 1], effective = self._trainer.challenger(day + 1), day + 1
            run.days.append(scored)
        return run

    def _by_truth(self, day: int, version: int, score: npt.NDArray[np.float64]) -> Day:
        history, rows = self._history, self._history.rows(day, day)
        truth = history.is_fraud[rows]
        cards = alert_days(history.day[rows], history.customer[rows], truth, score[rows], self._settings.alert_budget)
        return Day(day, version, average_precision(truth, score[rows]), cards.precision)

    def _watch(
        self,
        scored: Day,
        run: Run,
        served: dict[int, Challenger],
        effective: int,
        score: npt.NDArray[np.float64],
        versions: npt.NDArray[np.int64],
    ) -> Day:
        """Measure and decide, as the drift step does at the end of the day."""
        history, settings, today = self._history, self._settings, scored.day
        labelled = history.rows(today - LABEL_DELAY_DAYS - settings.drift.ap_long_days + 1, today - LABEL_DELAY_DAYS)
        metrics = measure(
            history.date(today),
            {
                history.date(day): self._scored(day, score, versions)
                for day in range(max(self._first, today - POOLED_DAYS + 1), today + 1)
            },
            {number: one.reference for number, one in served.items()},
            Labelled(
                history.transaction_id[labelled],
                history.day[labelled] + history.world.start.toordinal(),
                history.customer[labelled],
                score[labelled],
                versions[labelled],
                history.is_fraud[labelled],
            ),
            compare={number: one.distances for number, one in served.items()},
            thresholds=settings.drift,
            feature_version=FEATURE_VERSION,
            alert_budget=settings.alert_budget,
            label_delay_days=LABEL_DELAY_DAYS,
        ).metrics
        before = [day.metrics for day in run.days[-HISTORY_DAYS + 1 :] if day.metrics]
        state = State(
            effective_from=history.date(effective),
            past=self._past(run),
            drift_retrain=settings.drift_retrain,
        )
        decision = decide([*before, metrics], state, settings.drift)
        seen = look([*before, metrics], settings.drift, decision.loss)
        return Day(today, scored.version, scored.average_precision, scored.card_precision, metrics, seen, decision)

    def _scored(self, day: int, score: npt.NDArray[np.float64], versions: npt.NDArray[np.int64]) -> DayRows:
        rows = self._history.rows(day, day)
        features = self._history.features[rows]
        columns = {name: features[:, position] for position, name in enumerate(NAMES)} | {SCORE: score[rows]}
        return DayRows(self._history.transaction_id[rows], columns, int(versions[rows.start]))

    def _past(self, run: Run) -> tuple[Decision, ...]:
        """Return the decisions with the verdicts of what they triggered."""
        verdicts = {
            self._history.date(one.as_of): "promoted" if one.promoted else "refused"
            for one in run.trainings
            if one.kind == "alarm"
        }
        past = []
        for day in run.days:
            if day.decision:
                verdict = verdicts.get(day.decision.decision_date + timedelta(days=1), "")
                past.append(day.decision.model_copy(update={"verdict": verdict}))
        return tuple(past)

    def _is_weekly(self, day: int) -> bool:
        return (day + 1 - self._first) % 7 == 0

    def _train(
        self, as_of: int, kind: Literal["scheduled", "alarm"], champion: Challenger, *, gated: bool, loss: bool
    ) -> Training:
        promoted, reason = True, "promoted whatever it is worth"
        if gated:
            verdict = self._trainer.compare(as_of, kind, champion.model, loss=loss)
            promoted, reason = verdict.promote, verdict.reason
        return Training(as_of, kind, promoted, reason, self._gain(as_of, champion) if promoted else 0.0)

    def _gain(self, as_of: int, champion: Challenger) -> float:
        """Return what the challenger as of a day is worth beside the champion, by the truth of the days that follow."""
        rows = self._history.rows(as_of, as_of + JUDGED_DAYS - 1)
        truth, features = self._history.is_fraud[rows], self._history.features[rows]
        new, old = (one.model.predict_proba(features) for one in (self._trainer.challenger(as_of), champion))
        return average_precision(truth, new) - average_precision(truth, old)
