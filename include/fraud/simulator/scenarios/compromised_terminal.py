"""Scenario 2 of the handbook: terminals taken over (phishing, skimming)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fraud.simulator.scenarios.base import Scenario

if TYPE_CHECKING:
    from fraud.simulator.frauds import FraudDay


class CompromisedTerminal(Scenario):
    """Every day some terminals are compromised; all their transactions are frauds while it lasts."""

    kind: Literal["compromised_terminal"]
    per_day: float = Field(2.0, ge=0, lt=1e6)
    days: int = Field(28, ge=1, le=366)

    def apply(self, day: FraudDay) -> None:
        """Mark the transactions at the compromised terminals."""
        day.mark(day.at_terminals(day.compromised(self, "terminals").slots), self)
