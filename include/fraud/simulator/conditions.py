"""What holds in a world on one day: the state that drift episodes change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from fraud.simulator.scenarios import Scenario

__all__ = ["Conditions"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """One day's values of everything that an episode can change."""

    scenarios: tuple[Scenario, ...]
    label_delay_days: int
    rate_factor: float = 1.0
    amount_factor: float = 1.0
    frauds_inflate: bool = True
    """Whether thresholds of fraud scenarios grow with the amounts (frauds are drawn before the inflation)."""

    def scenario(self, name: str) -> Scenario:
        """Return the scenario of that name as it is on the day."""
        return next(scenario for scenario in self.scenarios if scenario.name == name)

    def with_scenario(self, name: str, **changes: Any) -> Conditions:
        """Return the conditions with some parameters of one scenario changed."""
        return replace(
            self,
            scenarios=tuple(
                scenario.model_copy(update=changes) if scenario.name == name else scenario
                for scenario in self.scenarios
            ),
        )
