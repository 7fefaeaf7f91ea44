"""Drift episodes: how a world changes over time, each kind a small declarative object.

An episode is active on the days ``start <= day < end``. Its strength grows linearly from its first day and is 1 from
``start + ramp`` on.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fraud.simulator.conditions import Conditions

__all__ = ["AnyEpisode", "Episode", "Turnover"]


class Episode(BaseModel):
    """When something changes, and how fast."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: str
    start: int = Field(ge=0, description="day index of the first day")
    ramp: int = Field(0, ge=0, le=3660, description="days from the start to full strength")
    end: int | None = Field(None, description="day index of the first day without it; never ends unless given")

    @model_validator(mode="after")
    def _ends_after_start(self) -> Episode:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end} is not after start {self.start}")
        return self

    @property
    def target(self) -> str:
        """What it acts on, where two episodes of one kind may act on different things."""
        return ""

    def strength(self, day: int) -> float:
        """Return how strong the episode is on a day, 0 to 1."""
        if day < self.start or (self.end is not None and day >= self.end):
            return 0.0
        return min(1.0, (day - self.start + 1) / (self.ramp + 1))

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Return the conditions as the episode leaves them, at a strength above 0."""
        raise TypeError(f"{type(self).__name__} does not say what it changes")


class AmountInflation(Episode):
    """All amounts are multiplied."""

    kind: Literal["amount_inflation"]
    factor: float = Field(gt=0, le=100)
    frauds_inflate: bool = Field(True, description="false: thresholds stay, so that more amounts lie above them")

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Multiply the amounts."""
        factor = conditions.amount_factor * _towards(self.factor, strength)
        return replace(conditions, amount_factor=factor, frauds_inflate=self.frauds_inflate)


class VolumeGrowth(Episode):
    """Customers make more, or fewer, transactions."""

    kind: Literal["volume_growth"]
    factor: float = Field(gt=0, le=100)

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Multiply the transaction rates."""
        return replace(conditions, rate_factor=conditions.rate_factor * _towards(self.factor, strength))


class SeasonalSwing(Episode):
    """The number of transactions swings around its mean."""

    kind: Literal["seasonal_swing"]
    amplitude: float = Field(gt=0, lt=1)
    period_days: float = Field(gt=1, le=3660)

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Multiply the transaction rates by one plus a sine."""
        phase = 2 * math.pi * (day - self.start) / self.period_days
        swing = 1 + strength * self.amplitude * math.sin(phase)
        return replace(conditions, rate_factor=conditions.rate_factor * swing)


class Turnover(Episode):
    """New customers, or terminals, take the places of old ones, spread over the ramp; nobody comes back."""

    kind: Literal["turnover"]
    of: Literal["customers", "terminals"]
    share: float = Field(gt=0, le=1, description="share replaced in the end")

    @model_validator(mode="after")
    def _never_ends(self) -> Turnover:
        if self.end is not None:
            raise ValueError(
                "end: who has left does not come back; leave `end` out and let `ramp` say how long it takes"
            )
        return self

    @property
    def target(self) -> str:
        """Customers or terminals."""
        return self.of

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Change nothing here: the population of the day is another one."""
        return conditions


class FraudRate(Episode):
    """More, or fewer, compromises begin in every scenario (a high amount can only become rarer)."""

    kind: Literal["fraud_rate"]
    factor: float = Field(ge=0, le=1000)

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Multiply the intensity of every scenario."""
        factor = _towards(self.factor, strength)
        return replace(
            conditions,
            scenarios=tuple(
                scenario.model_copy(update={"intensity": scenario.intensity * factor})
                for scenario in conditions.scenarios
            ),
        )


class _OfScenario(Episode):
    scenario: str = Field(description="name of the scenario that changes")

    @property
    def target(self) -> str:
        """Name of the scenario."""
        return self.scenario


class ScenarioStarts(_OfScenario):
    """A scenario that sleeps (intensity 0) wakes up."""

    kind: Literal["scenario_starts"]
    intensity: float = Field(1.0, gt=0, le=1000)

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Raise the scenario's intensity."""
        return conditions.with_scenario(self.scenario, intensity=self.intensity * strength)


class ScenarioStops(_OfScenario):
    """A scenario is not committed while the episode lasts."""

    kind: Literal["scenario_stops"]

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Weaken the scenario by the strength of the episode."""
        intensity = conditions.scenario(self.scenario).intensity * (1 - strength)
        return conditions.with_scenario(self.scenario, intensity=intensity)


class ScenarioChanges(_OfScenario):
    """Parameters of a scenario move to other values."""

    kind: Literal["scenario_changes"]
    to: dict[str, float] = Field(min_length=1, description="parameter: value at full strength")

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Interpolate the parameters; whole-numbered ones are rounded."""
        scenario = conditions.scenario(self.scenario)
        return conditions.with_scenario(self.scenario, **self.values(scenario, strength))

    def values(self, scenario: Any, strength: float) -> dict[str, float]:
        """Return the changed parameters at a strength."""
        changed = {}
        for name, target in self.to.items():
            base = getattr(scenario, name)
            value = base + (target - base) * strength
            changed[name] = round(value) if isinstance(base, int) else value
        return changed


class LabelDelay(Episode):
    """Chargebacks of the episode's transactions take longer, or less long."""

    kind: Literal["label_delay"]
    days: int = Field(ge=0, le=366)

    def apply(self, conditions: Conditions, strength: float, day: int) -> Conditions:
        """Move the delay towards the episode's."""
        base = conditions.label_delay_days
        return replace(conditions, label_delay_days=round(base + (self.days - base) * strength))


AnyEpisode = Annotated[
    AmountInflation
    | VolumeGrowth
    | SeasonalSwing
    | Turnover
    | FraudRate
    | ScenarioStarts
    | ScenarioStops
    | ScenarioChanges
    | LabelDelay,
    Field(discriminator="kind"),
]


def _towards(factor: float, strength: float) -> float:
    return 1 + (factor - 1) * strength
