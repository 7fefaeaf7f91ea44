"""Training runs of the closed loop in memory: the split, the fit, the comparison and the reference of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from fraud.containers.steps.evaluate import REFERENCE_ROWS
from fraud.features.catalogue import LOOK_BACK_DAYS
from fraud.models.artefact import Model
from fraud.models.evaluation import CHAMPION, EvaluationRequest, Holdout, baseline, evaluate
from fraud.models.promotion import Verdict
from fraud.models.training import fit
from fraud.monitoring.distances import Distances
from fraud.monitoring.loop.history import FEATURE_VERSION, LABEL_DELAY_DAYS, NAMES, History
from fraud.monitoring.measure import SCORE, Reference
from fraud.settings import Settings

__all__ = ["Challenger", "Trainer", "held_out"]


class Challenger(NamedTuple):
    """A trained model with what its days would be compared with, and its scores of the customers held out."""

    model: Model
    reference: Reference
    distances: Distances
    held_out: npt.NDArray[np.float64]


class Trainer:
    """Trains as of a day, once, however often it is asked.

    Of the deployment's candidates it trains the first alone; a real run trains them all and takes the best.

    Parameters
    ----------
    history
        The world, lived through.
    settings
        The deployment's: promotion rule, training defaults.
    trained
        Challengers by the day as of which they were trained, of a world that is the same up to their last labelled day.
    """

    def __init__(self, history: History, settings: Settings, trained: Mapping[int, Challenger] | None = None) -> None:
        self._history, self._settings = history, settings
        self._candidate = settings.training.candidates[0]
        self._held_out = held_out(history.customer, settings.training.holdout_percent)
        self._trained = dict(trained or {})

    def challenger(self, as_of: int) -> Challenger:
        """Return the model trained on the labels known before a day.

        Parameters
        ----------
        as_of
            Day index: the first day that the model may score.
        """
        if as_of not in self._trained:
            self._trained[as_of] = self._train(as_of)
        return self._trained[as_of]

    def trained(self, last_day: int) -> dict[int, Challenger]:
        """Return the challengers so far that learnt from labels of days up to this one."""
        return {as_of: one for as_of, one in self._trained.items() if self._days(as_of)[1] <= last_day}

    def compare(self, as_of: int, kind: Literal["scheduled", "alarm"], champion: Model, *, loss: bool) -> Verdict:
        """Compare the challenger as of a day with the champion, by the promotion rule."""
        rows = self._window(as_of, hold_out=True)
        scores = {
            self._candidate: self.challenger(as_of).held_out,
            CHAMPION: champion.predict_proba(self._history.features[rows]),
        }
        result = evaluate(self._request(as_of, kind, loss=loss), self._holdout(as_of, rows), scores)["verdict"]
        return Verdict(bool(result["promote"]), str(result["reason"]))

    def _train(self, as_of: int) -> Challenger:
        history = self._history
        rows = self._window(as_of, hold_out=False)
        model = fit(
            self._candidate,
            history.features[rows],
            history.is_fraud[rows],
            feature_names=NAMES,
            seed=self._settings.training.seed,
        )
        rows = self._window(as_of, hold_out=True)
        features = history.features[rows]
        score = model.predict_proba(features)
        expected = baseline(self._request(as_of, "scheduled"), self._holdout(as_of, rows), score)
        step = -(-len(rows) // REFERENCE_ROWS)
        columns = {name: features[::step, position] for position, name in enumerate(NAMES)} | {SCORE: score[::step]}
        weeks = len(expected["weeks"])
        per_day = expected["transactions"] / (weeks * 7) * 100 / self._settings.training.holdout_percent
        return Challenger(model, Reference(columns, expected["mean"], weeks, per_day), Distances(columns), score)

    def _days(self, as_of: int) -> tuple[int, int]:
        """Return the first and the last labelled day of a training run, as ``training_request`` chooses them."""
        last = as_of - 1 - LABEL_DELAY_DAYS
        return max(last - self._settings.training.window_days + 1, LOOK_BACK_DAYS), last

    def _window(self, as_of: int, *, hold_out: bool) -> npt.NDArray[np.int64]:
        rows = self._history.rows(*self._days(as_of))
        chosen: npt.NDArray[np.int64] = rows.start + np.flatnonzero(self._held_out[rows] == hold_out)
        return chosen

    def _holdout(self, as_of: int, rows: npt.NDArray[np.int64]) -> Holdout:
        history = self._history
        first = self._days(as_of)[0]
        amount = history.features[rows, NAMES.index("tx_amount")]
        return Holdout(history.day[rows] - first, history.customer[rows], amount, history.is_fraud[rows])

    def _request(self, as_of: int, kind: str, *, loss: bool = True) -> EvaluationRequest:
        settings, history = self._settings, self._history
        first, last = self._days(as_of)
        return EvaluationRequest(
            run=f"{kind}-{as_of}",
            kind=kind,
            feature_version=FEATURE_VERSION,
            as_of=history.date(as_of),
            days=(history.date(first), history.date(last)),
            candidates=(self._candidate,),
            champion_version=1,
            loss=loss,
            rule=settings.promotion,
            alert_budget=settings.alert_budget,
            holdout_percent=settings.training.holdout_percent,
            label_delay_days=LABEL_DELAY_DAYS,
            compromised_days=settings.compromised_days,
            seed=settings.training.seed,
        )


def held_out(customer: npt.NDArray[np.int64], percent: int) -> npt.NDArray[np.bool_]:
    """Return whose customers' transactions are never trained on: the hash of ``queries/training_set.sql``."""
    hashed: npt.NDArray[np.bool_] = customer * 2654435761 % 2**32 < 2**32 * percent // 100
    return hashed
