"""Evaluation of a training run: every candidate and the champion on the same held-out customers, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from fraud.errors import DataError
from fraud.models import promotion
from fraud.models.metrics import Ranking, alert_days, calibration, expected_cost
from fraud.models.validation import compromised
from fraud.settings import PromotionRule

__all__ = ["EvaluationRequest", "Holdout", "baseline", "evaluate"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

CHAMPION = "champion"
WEEK_DAYS = 7


class EvaluationRequest(BaseModel):
    """What is to be compared: ``request/request.json`` (other fields of the training run are left alone)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: str
    kind: str = Field(description="bootstrap, scheduled, manual or alarm: which thresholds of the rule apply")
    feature_version: str
    as_of: date
    days: tuple[date, date] = Field(description="first and last labelled day of the window")
    candidates: tuple[str, ...] = Field(min_length=1)
    champion_version: int | None = None
    loss: bool = Field(True, description="whether labels show that the champion has lost precision, or a person asked")
    rule: PromotionRule = PromotionRule()
    alert_budget: int = Field(100, ge=1, description="cards alerted a day, of all customers")
    holdout_percent: int = Field(40, ge=1, le=100, description="share of the customers that is held out")
    label_delay_days: int = Field(7, ge=0)
    compromised_days: int = Field(28, ge=1)
    investigation_cost: float = Field(10.0, ge=0, description="of one alert, in the amounts' currency")
    seed: int = Field(0, ge=0)

    @property
    def last_day(self) -> int:
        """Day number of the window's last day."""
        return (self.days[1] - self.days[0]).days

    @property
    def k(self) -> int:
        """Cards alerted a day among the held-out customers: their share of the budget, at least one."""
        return max(1, round(self.alert_budget * self.holdout_percent / 100))


@dataclass(frozen=True, slots=True)
class Holdout:
    """Labelled transactions of customers that no training run sees, shape (n,) each; day 0 is the window's first."""

    day: Integers
    customer: Integers
    amount: Floats
    is_fraud: Flags

    def rows(self, which: Flags) -> Holdout:
        """Return some of the transactions."""
        return Holdout(self.day[which], self.customer[which], self.amount[which], self.is_fraud[which])


def evaluate(request: EvaluationRequest, holdout: Holdout, scores: Mapping[str, Floats]) -> dict[str, Any]:
    """Compare the candidates, and with the champion where there is one.

    All are measured on the last days of the window (:func:`fraud.models.promotion.window_days`), without the cards
    known to be compromised by then, as in the handbook (chapter 5).

    Parameters
    ----------
    request
        What is compared and by which rule.
    holdout
        The held-out transactions of the whole window.
    scores
        Scores by candidate, and by ``champion`` when there is one, shape (n,) each.

    Returns
    -------
    dict
        ``evaluation.json``: metrics by candidate, those of the champion, the best candidate, the verdict.

    Raises
    ------
    DataError
        When the days compared hold no fraud or nothing else.
    """
    days = promotion.window_days(request.rule, request.kind)
    known = compromised(
        holdout.day,
        holdout.customer,
        holdout.is_fraud,
        delay_days=request.label_delay_days,
        memory_days=request.compromised_days,
    )
    compared = (holdout.day > request.last_day - days) & ~known
    rows = holdout.rows(compared)
    if rows.is_fraud.all() or not rows.is_fraud.any():
        raise DataError(
            f"the last {days} labelled days hold {int(rows.is_fraud.sum())} frauds among {len(rows.day)} held-out "
            "transactions; both classes are needed: evaluate over more days or hold out more customers"
        )
    metrics = {name: _metrics(request, rows, score[compared]) for name, score in scores.items()}
    candidates = {name: metrics[name] for name in request.candidates}
    precisions = {name: values["average_precision"] for name, values in candidates.items()}
    # The first of equals in the order of the request: what stands first is preferred.
    best = max(precisions, key=precisions.__getitem__)
    champion = metrics.get(CHAMPION)
    if champion is None:
        verdict = promotion.first_champion(best, precisions)
    else:
        comparison = promotion.compare(
            request.rule,
            rows.is_fraud,
            rows.customer,
            scores=(scores[CHAMPION][compared], scores[best][compared]),
            card_precisions=(champion["card_precision"], candidates[best]["card_precision"]),
            seed=request.seed,
        )
        verdict = promotion.decide(request.rule, request.kind, best, comparison, loss=request.loss)
    return {
        "run": request.run,
        "kind": request.kind,
        "as_of": str(request.as_of),
        "feature_version": request.feature_version,
        "compared": {
            "start": str(max(request.days[0], request.days[1] - timedelta(days=days - 1))),
            "end": str(request.days[1]),
            "transactions": len(rows.day),
            "frauds": int(rows.is_fraud.sum()),
            "customers": len(np.unique(rows.customer)),
            "k": request.k,
        },
        "candidates": candidates,
        "champion_version": request.champion_version,
        "champion": champion,
        "best": best,
        "verdict": verdict.to_json(),
    }


def baseline(request: EvaluationRequest, holdout: Holdout, score: Floats) -> dict[str, Any]:
    """Return the average precision that a model is expected to keep: ``baseline.json``.

    One value for each whole week of the window, counted back from its last day, over all held-out transactions: nothing
    is left out, as monitoring leaves nothing out. A week without frauds is left out.
    """
    weeks: list[dict[str, Any]] = []
    for last in range(request.last_day, WEEK_DAYS - 2, -WEEK_DAYS):
        week = (holdout.day > last - WEEK_DAYS) & (holdout.day <= last)
        is_fraud = holdout.is_fraud[week]
        if is_fraud.any() and not is_fraud.all():
            end = request.days[0] + timedelta(days=last)
            weeks.append(
                {
                    "start": str(end - timedelta(days=WEEK_DAYS - 1)),
                    "end": str(end),
                    "transactions": len(is_fraud),
                    "frauds": int(is_fraud.sum()),
                    "average_precision": Ranking(is_fraud, score[week]).average_precision(),
                }
            )
    return {
        "metric": "average_precision",
        "mean": float(np.mean([week["average_precision"] for week in weeks])) if weeks else None,
        "weeks": weeks[::-1],
        "frauds": sum(week["frauds"] for week in weeks),
        "transactions": sum(week["transactions"] for week in weeks),
    }


def _metrics(request: EvaluationRequest, rows: Holdout, score: Floats) -> dict[str, float]:
    ranking = Ranking(rows.is_fraud, score)
    alerted = alert_days(rows.day, rows.customer, rows.is_fraud, score, request.k)
    # The score of the last transaction that the same number of single investigations would reach.
    investigated = min(len(score), request.k * len(alerted.days))
    threshold = float(np.partition(score, -investigated)[-investigated])
    calibrated = calibration(rows.is_fraud, score)
    return {
        "auc_roc": ranking.auc_roc(),
        "average_precision": ranking.average_precision(),
        "card_precision": alerted.precision,
        "card_recall": alerted.recall,
        "brier": calibrated.brier,
        "calibration_error": calibrated.error,
        "expected_cost": expected_cost(
            rows.is_fraud, score, rows.amount, threshold=threshold, investigation_cost=request.investigation_cost
        ),
    }
