"""The decision of a day: what is done about what was seen. Pure, and light enough for an Airflow worker.

=================  ====================================================================================
action             when
=================  ====================================================================================
`train_now`        the labels' alarm persists, or a planned challenger is due
`plan_challenger`  an alarm without labels: labels of what came after the drift have to come in first
`escalate`         the labels' alarm persists though several challengers were refused, or though others took over
                   long enough ago: a person must look
`none`             nothing is wrong, there is no evidence, or something else has to be waited for
=================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from fraud.errors import ConfigurationError
from fraud.monitoring.loss import Loss, begin, last
from fraud.monitoring.observation import DayMetrics
from fraud.monitoring.signals import Evidence, labelled, notices, persists, unlabelled
from fraud.settings import DriftThresholds

__all__ = ["HISTORY_DAYS", "PAST_DAYS", "Decision", "Seen", "State", "decide", "look"]

HISTORY_DAYS = 14
"""Days of metrics, the decided one included, that a decision looks at; older ones are left aside."""

PAST_DAYS = 60
"""Days of earlier decisions that a decision should be given."""

Action = Literal["none", "train_now", "plan_challenger", "escalate"]
Alarm = Literal["none", "unlabelled", "labels"]


class Decision(BaseModel):
    """One day's decision: a row of the table ``decisions``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    decision_date: date
    model_version: int
    action: Action
    alarm: Alarm
    reason: str = Field(description="one sentence with the numbers")
    signals: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    due_date: date | None = Field(None, description="day whose decision trains the planned challenger")
    train_as_of: date | None = Field(None, description="labels known before this day may be used; `train_now` only")
    run_id: str = Field("", description="training run that the decision triggers; empty for none")
    loss: Loss | None = Field(None, description="loss that labels have shown and that is not made good yet")
    verdict: Literal["", "pending", "promoted", "refused"] = Field(
        "", description="what became of the training that the decision triggered; empty while there is none"
    )

    def row(self) -> list[Any]:
        """Return the values of the columns of the table ``decisions``, in order, none of them null."""
        return [
            str(self.decision_date),
            self.model_version,
            self.action,
            self.alarm,
            "; ".join(self.signals)[:1024],
            "; ".join(self.notices)[:1024],
            self.reason[:1024],
            str(self.due_date or ""),
            self.run_id,
        ]


class State(BaseModel):
    """What a decision depends on beside the measurements."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    effective_from: date = Field(description="first day that the present champion scored")
    past: tuple[Decision, ...] = Field((), description="earlier decisions with their verdicts, in any order")
    drift_retrain: Literal["now", "when_labelled"] = "when_labelled"
    acting: bool = Field(True, description="false: only say what would be done (the past, a re-run of an old day)")


class Seen(NamedTuple):
    """What the last day of a history shows, and which alarms its days make together.

    ``labelled_version`` is the one whose scores the labels are about: labels come late, so it may have been replaced.
    """

    labels: Evidence
    unlabelled: Evidence
    alarms: frozenset[Alarm]
    labelled_version: int

    @property
    def alarm(self) -> Alarm:
        """The alarm that is acted on: labels say what it costs."""
        return "labels" if "labels" in self.alarms else "unlabelled" if self.alarms else "none"


def look(history: Sequence[DayMetrics], thresholds: DriftThresholds, loss: Loss | None = None) -> Seen:
    """Judge the last day of a history; parameters and errors as of :func:`decide`.

    During a loss the labels of all versions are held against what was expected before it, so they make one alarm
    together; otherwise a version's labels make their own.
    """
    _check_order(history)
    today = history[-1]
    recent = [day for day in history if day.date > today.date - timedelta(days=HISTORY_DAYS)]
    about = [next((one.model_version for one in day.performance.values()), 0) for day in recent]
    version = next((one for one in reversed(about) if one), today.model_version)
    expected = loss.expected if loss else 0.0
    labels = [
        labelled(day, thresholds, expected)
        for day, one in zip(recent, about, strict=True)
        if loss or one in (0, version)
    ]
    others = [unlabelled(day, thresholds) for day in recent if day.model_version == today.model_version]
    kinds: tuple[tuple[Alarm, list[Evidence]], ...] = (("labels", labels), ("unlabelled", others))
    alarms = frozenset(kind for kind, evidence in kinds if persists(evidence, thresholds))
    return Seen(labels[-1], others[-1], alarms, version)


def decide(history: Sequence[DayMetrics], state: State, thresholds: DriftThresholds) -> Decision:
    """Decide on the last day of the history.

    Parameters
    ----------
    history
        The day's metrics, and those of the days before it, in the order of the days; more than
        :data:`HISTORY_DAYS` are not looked at. Days that another version scored say nothing of this champion.
    state
        The champion and the earlier decisions.
    thresholds
        When a signal is one, and how long is waited.

    Raises
    ------
    ConfigurationError
        When the history is empty or not in the order of the days.
    """
    _check_order(history)
    today = history[-1]
    past = sorted((one for one in state.past if one.decision_date < today.date), key=lambda one: one.decision_date)
    loss = last(past[-1].loss if past else None, today, thresholds)
    seen = look(history, thresholds, loss)
    labels, others, alarm = seen.labels, seen.unlabelled, seen.alarm
    if loss is None and "labels" in seen.alarms and labels.signals:
        loss = begin(today)
    rules = _Rules(today, seen, loss, state, tuple(past), thresholds)
    action, why, due = rules.decide()
    if not state.acting and action != "none":
        action, why, due = "none", f"not acted on, the day lies in the past: {why}", None
    train = action == "train_now"
    return Decision(
        decision_date=today.date,
        model_version=today.model_version,
        action=action,
        alarm=alarm,
        reason=why,
        signals=tuple(str(signal) for evidence in (labels, others) for signal in evidence.signals),
        notices=(
            *notices(today, thresholds),
            *(f"no evidence: {reason}" for reason in _missing(labels, others)),
        ),
        due_date=due,
        train_as_of=today.date + timedelta(days=1) if train else None,
        run_id=f"drift__{today.date}" if train else "",
        loss=loss,
    )


@dataclass(frozen=True, slots=True)
class _Rules:
    """The rules; the first that applies wins."""

    day: DayMetrics
    seen: Seen
    loss: Loss | None
    state: State
    past: tuple[Decision, ...]
    thresholds: DriftThresholds

    @property
    def today(self) -> date:
        """The day decided on."""
        return self.day.date

    def decide(self) -> tuple[Action, str, date | None]:
        """Return the action, the reason, and the day on which a planned challenger is due."""
        plan = self._plan()
        due = plan is not None and (plan.due_date or self.today) <= self.today
        if not self.seen.alarms and not due:
            return "none", self._calm(), None
        beyond_repair, waiting = self._beyond_repair(), self._waiting()
        if beyond_repair:
            return "escalate", f"retraining does not help: {self._alarms()}; {beyond_repair}", None
        if waiting:
            return "none", f"{self._alarms()}, but {waiting}", None
        return self._on_alarm(plan, due=due)

    def _on_alarm(self, plan: Decision | None, *, due: bool) -> tuple[Action, str, date | None]:
        replaced = self.seen.labelled_version != self.day.model_version
        if "labels" in self.seen.alarms and self.seen.labels.measured and not replaced:
            return self._on_labels()
        if plan is not None and due:
            return "train_now", f"the challenger planned on {plan.decision_date} is due; {self._alarms()}", None
        if "unlabelled" in self.seen.alarms and self.seen.unlabelled.measured:
            return self._on_drift(plan)
        why = f"today brought no evidence: {self._why_not()}"
        if self.seen.labels.measured and replaced:
            why = f"that is version {self.seen.labelled_version}, which was replaced"
        return "none", f"{self._alarms()}, but {why}", None

    def _on_labels(self) -> tuple[Action, str, date | None]:
        escalated = next((one for one in self._since_alarm() if one.action == "escalate"), None)
        if escalated:
            return "none", f"{self._alarms()}; escalated on {escalated.decision_date}: retraining does not help", None
        return "train_now", self._alarms(), None

    def _beyond_repair(self) -> str:
        """Return why retraining does not help, if it does not and no person was told yet."""
        since = self._since_alarm()
        if "labels" not in self.seen.alarms or not self.seen.labels.signals:
            return ""
        if any(one.action == "escalate" or one.verdict == "pending" for one in since):
            return ""
        refused = [one for one in since if one.verdict == "refused"]
        if len(refused) >= self.thresholds.max_refusals:
            return f"challengers were refused on {', '.join(str(one.decision_date) for one in refused)}"
        loss = self.loss
        if loss is None or self.seen.labelled_version == loss.version:
            return ""  # nothing took over since then, or nothing that labels are about
        if (self.today - loss.since).days < self.thresholds.escalate_after_days:
            return ""
        return f"{loss.expected:.3f} was expected before the alarm of {loss.since}, and is not back"

    def _on_drift(self, plan: Decision | None) -> tuple[Action, str, date | None]:
        if plan is not None:
            return "none", f"{self._alarms()}; a challenger is planned for {plan.due_date}", None
        refused = self._last("refused")
        if refused:
            again = refused.decision_date + timedelta(days=self.thresholds.cooldown_unlabelled_days)
            if self.today < again:
                return (
                    "none",
                    f"{self._alarms()}, but a challenger was refused on {refused.decision_date}: wait until {again}",
                    None,
                )
        if self.state.drift_retrain == "now":
            return "train_now", self._alarms(), None
        due = self.today + timedelta(days=self.thresholds.planned_after_days)
        return "plan_challenger", f"{self._alarms()}: train a challenger on {due}, when what followed is labelled", due

    def _waiting(self) -> str:
        """Return what has to be waited for before anything is trained, if anything."""
        rested = self.state.effective_from + timedelta(days=self.thresholds.cooldown_promoted_days)
        if self.today < rested:
            return f"the champion took over on {self.state.effective_from}: wait until {rested}"
        pending = next((one for one in self.past if one.verdict == "pending"), None)
        if pending:
            return f"the challenger of {pending.decision_date} still waits for its approval"
        refused = self._last("refused")
        if refused:
            again = refused.decision_date + timedelta(days=self.thresholds.cooldown_refused_days)
            if self.today <= again:
                return f"a challenger was refused on {refused.decision_date}: wait until {again} is over"
        return ""

    def _plan(self) -> Decision | None:
        """Return the latest plan that no training since its day carried out and no newer champion has overtaken."""
        done = max((one.decision_date for one in self.past if one.action == "train_now"), default=date.min)
        for one in reversed(self.past):
            if one.due_date and one.due_date > done and one.decision_date >= self.state.effective_from:
                return one
        return None

    def _since_alarm(self) -> list[Decision]:
        """Return the decisions since the loss that still lasts became an alarm."""
        return [one for one in self.past if self.loss and one.decision_date >= self.loss.since]

    def _last(self, verdict: str) -> Decision | None:
        return next((one for one in reversed(self.past) if one.verdict == verdict), None)

    def _alarms(self) -> str:
        """Return the alarms that are on with today's numbers."""
        evidence = {"labels": self.seen.labels, "unlabelled": self.seen.unlabelled}
        said = []
        for alarm in (name for name in evidence if name in self.seen.alarms):
            shown = ", ".join(map(str, evidence[alarm].signals[:4]))
            said.append(f"alarm ({alarm}, {self._often()})" + (f": {shown}" if shown else ""))
        return "; ".join(said) or "no alarm is on"

    def _calm(self) -> str:
        labels, others = self.seen.labels, self.seen.unlabelled
        signals = [*labels.signals, *others.signals]
        if signals:
            return f"{', '.join(map(str, signals[:4]))}: not yet {self._often()}"
        if not labels.measured and not others.measured:
            return f"no evidence: {self._why_not()}"
        if not labels.measured:
            return f"no drift without labels; no evidence from labels: {'; '.join(labels.missing)}"
        if not others.measured:
            return f"labels show no loss; no evidence from features and scores: {'; '.join(others.missing)}"
        return "features, scores and labels are as expected"

    def _often(self) -> str:
        return f"on {self.thresholds.persistence_days} of {self.thresholds.persistence_window} days"

    def _why_not(self) -> str:
        return "; ".join(_missing(self.seen.labels, self.seen.unlabelled)) or "nothing was measured"


def _missing(*evidence: Evidence) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for one in evidence for reason in one.missing))


def _check_order(history: Sequence[DayMetrics]) -> None:
    if not history:
        raise ConfigurationError("a decision needs the day's metrics, got none; run the drift report of the day first")
    for earlier, later in pairwise(history):
        if later.date <= earlier.date:
            raise ConfigurationError(
                f"metrics of {later.date} come after those of {earlier.date}; give each day once, in the order of days"
            )
