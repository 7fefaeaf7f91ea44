"""What every fraud scenario is: validated parameters, and what it does to a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from fraud.simulator.frauds import FraudDay

__all__ = ["Scenario"]


class Scenario(BaseModel):
    """One way in which frauds are committed.

    Subclasses state their parameters as fields and do their work on a :class:`~fraud.simulator.frauds.FraudDay`, which
    brings the day's transactions and everything that needs numpy: these modules are also read where there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    kind: str
    name: str = Field(
        "", max_length=32, pattern=r"^[a-z0-9_]*$", description="told in the truth; the kind unless given"
    )
    intensity: float = Field(1.0, ge=0, le=1000, description="multiplies how many are hit; 0 is a scenario that sleeps")

    @model_validator(mode="before")
    @classmethod
    def _name_after_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("name"):
            return {**values, "name": values.get("kind", "")}
        return values

    @property
    def lasts_days(self) -> int:
        """Days that one compromise lasts, the day of its beginning included."""
        return int(getattr(self, "days", 1))

    def apply(self, day: FraudDay) -> None:
        """Commit the day's frauds."""
        raise TypeError(f"{type(self).__name__} does not say what it does to a day")
