"""What monitoring measured of a day, the content of ``metrics.json``; :mod:`fraud.monitoring.signals` judges it.

Needs pydantic only: decisions are made on workers without numpy.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ColumnDrift", "DayMetrics", "Performance"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ColumnDrift(_Model):
    """How far a column's distribution is from the reference's."""

    method: Literal["wasserstein", "jensenshannon"] = Field(
        description="Wasserstein distance in standard deviations of the reference, or Jensen-Shannon distance"
    )
    value: float = Field(ge=0)


class Performance(_Model):
    """How good one version's scores were over some days whose labels are known."""

    model_version: int = Field(description="version that scored all these days; a champion before this one, maybe")
    first: dt.date
    last: dt.date
    transactions: int = Field(ge=1)
    frauds: int = Field(ge=1)
    average_precision: float
    auc_roc: float
    card_precision: float = Field(
        description="mean share of compromised cards among the day's alerted ones, cards found removed"
    )
    precision_at_budget: float = Field(description="share of frauds among the budget's number of highest scores a day")
    expected: float | None = Field(
        None, description="mean weekly average precision on the customers held out of the version's training"
    )
    expected_weeks: int = Field(0, ge=0, description="weeks that it is a mean of")


class DayMetrics(_Model):
    """One day, as measured. What could not be measured is absent, and ``no_evidence`` says why."""

    date: dt.date
    model_version: int = Field(ge=0, description="version that scored the day; 0 when the day has no predictions")
    feature_version: str
    transactions: int = Field(ge=0)
    pooled_from: dt.date = Field(
        description="first of the days compared with the reference; the day itself where it is large enough"
    )
    current_rows: int = Field(ge=0)
    reference_rows: int = Field(ge=0)
    columns: dict[str, ColumnDrift] = Field(default_factory=dict, description="features, by name")
    score: ColumnDrift | None = Field(None, description="shown, never an alarm: it crosses 0.1 on one calm day of six")
    alert_rate_ratio: float | None = Field(
        None, ge=0, description="share of scores above the reference's 99th percentile, over the reference's own share"
    )
    volume_ratio: float | None = Field(None, ge=0, description="transactions over those expected a day")
    performance: dict[Literal["day", "short", "long"], Performance] = Field(
        default_factory=dict, description="the newest labelled day, and the trailing windows that end with it"
    )
    baseline_average_precision: float | None = Field(
        None, description="mean weekly average precision that is expected of the day's own version"
    )
    baseline_weeks: int = Field(0, ge=0)
    missing_values: dict[str, int] = Field(default_factory=dict, description="values that are no number, by column")
    constant_columns: tuple[str, ...] = ()
    unknown_labels: int = Field(0, ge=0, description="labels left out: of transactions that were not scored")
    no_evidence: dict[str, str] = Field(default_factory=dict, description="reason, by what is missing")
