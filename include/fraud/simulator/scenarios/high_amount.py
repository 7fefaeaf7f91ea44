"""Scenario 1 of the handbook: amounts that nobody spends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fraud.simulator.scenarios.base import Scenario

if TYPE_CHECKING:
    from fraud.simulator.frauds import FraudDay


class HighAmount(Scenario):
    """Every transaction above a threshold is a fraud; below an intensity of 1, that share of them."""

    kind: Literal["high_amount"]
    threshold: float = Field(220.0, gt=0, lt=1e9)

    def apply(self, day: FraudDay) -> None:
        """Mark what lies above the threshold."""
        rows = (day.cents > round(self.threshold * 100)).nonzero()[0]
        if self.intensity < 1:
            rows = rows[day.stream(self, "share").random(len(rows)) < self.intensity]
        day.mark(rows, self)
