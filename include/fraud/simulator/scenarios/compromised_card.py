"""Scenario 3 of the handbook: card data stolen (card not present)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fraud.simulator.scenarios.base import Scenario

if TYPE_CHECKING:
    from fraud.simulator.frauds import FraudDay


class CompromisedCard(Scenario):
    """Every day some cards are compromised; a share of their transactions are frauds of a multiplied amount.

    The handbook marks exactly a third, rounded down, of the transactions of all of a day's cards; here every
    transaction is a fraud with that probability, so that a day needs no other day.
    """

    kind: Literal["compromised_card"]
    per_day: float = Field(3.0, ge=0, lt=1e6)
    days: int = Field(14, ge=1, le=366)
    share: float = Field(1 / 3, ge=0, le=1)
    multiplier: float = Field(5.0, gt=0, lt=1e4)

    def apply(self, day: FraudDay) -> None:
        """Multiply and mark a share of the compromised cards' transactions."""
        cards = day.compromised(self, "customers")
        rows, card = day.transactions_of(cards.slots)
        taken = day.stream(self, "share").random(len(rows)) < cards.each("share")[card]
        day.multiply(rows[taken], cards.each("multiplier")[card[taken]])
        day.mark(rows[taken], self)
