"""What was going on in a world on a day, for monitoring to be judged by: never for features, labels or models."""

from __future__ import annotations

from typing import Any

from fraud.simulator.worlds import World, conditions

__all__ = ["episodes_truth"]


def episodes_truth(world: World, day: int) -> dict[str, Any]:
    """Return the episodes active on a day, how strong each is, and what they amount to."""
    state = conditions(world, day)
    return {
        "date": str(world.date_of(day)),
        "day": day,
        "world": world.name,
        "content_hash": world.content_hash,
        "episodes": [
            {**episode.model_dump(mode="json"), "strength": episode.strength(day)}
            for episode in world.episodes
            if episode.strength(day) > 0
        ],
        "amount_factor": state.amount_factor,
        "rate_factor": state.rate_factor,
        "label_delay_days": state.label_delay_days,
        "scenarios": [scenario.model_dump(mode="json") for scenario in state.scenarios],
    }
