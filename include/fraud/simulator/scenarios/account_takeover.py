"""Accounts taken over: spending more than the customer does, at terminals far from the customer's home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from fraud.simulator.scenarios.base import Scenario

if TYPE_CHECKING:
    from fraud.simulator.frauds import FraudDay


class AccountTakeover(Scenario):
    """Every day some accounts are taken over; while it lasts they also spend far from home."""

    kind: Literal["account_takeover"]
    per_day: float = Field(3.0, ge=0, lt=1e6, description="accounts taken over in a day")
    days: int = Field(5, ge=1, le=366)
    transactions: float = Field(3.0, ge=0, le=1000, description="mean additional transactions of a day")
    multiplier: float = Field(2.0, gt=0, lt=1e4, description="mean amount, in the customer's own means")
    min_distance: float = Field(20.0, ge=0, le=50, description="least distance from home, grid units")

    def apply(self, day: FraudDay) -> None:
        """Add the far-away spending, spread over the day as the customer's own is."""
        taken = day.compromised(self, "customers")
        draw = day.stream(self, "spending")
        sizes = draw.poisson(taken.each("transactions"))
        customers, account = taken.slots.repeat(sizes), taken.rows.repeat(sizes)
        typical = day.mean_amounts(customers) * taken.each("multiplier")[account]
        day.add(
            self,
            customers=customers,
            terminals=day.terminals_beyond(customers, taken.each("min_distance")[account], draw),
            seconds=day.times(len(customers), draw),
            amounts=typical * (0.5 + draw.random(len(customers))),
        )
