"""Stolen card numbers tried out: bursts of small amounts at night, over terminals everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fraud.simulator.scenarios.base import Scenario

if TYPE_CHECKING:
    from fraud.simulator.frauds import FraudDay


class CardTesting(Scenario):
    """Every night some cards are tried out, each in one burst of additional transactions."""

    kind: Literal["card_testing"]
    per_day: float = Field(10.0, ge=0, lt=1e6, description="cards tried out in a night")
    transactions: float = Field(10.0, ge=1, le=1000, description="mean transactions of a burst")
    max_amount: float = Field(5.0, gt=0.5, lt=1e6, description="amounts are uniform from 0.50 to this")
    until_hour: float = Field(5.0, gt=0, le=23, description="bursts begin uniformly from midnight to this hour")
    minutes: float = Field(60.0, gt=0, le=60, description="a burst's transactions are uniform over this time")

    def apply(self, day: FraudDay) -> None:
        """Add the bursts."""
        cards = day.compromised(self, "customers").slots
        draw = day.stream(self, "bursts")
        begins = draw.random(len(cards)) * self.until_hour * 3600
        sizes = 1 + draw.poisson(self.transactions - 1, len(cards))
        total = int(sizes.sum())
        day.add(
            self,
            customers=cards.repeat(sizes),
            terminals=draw.integers(day.terminal_count, size=total),
            seconds=begins.repeat(sizes) + draw.random(total) * self.minutes * 60,
            amounts=0.5 + draw.random(total) * (self.max_amount - 0.5),
        )
