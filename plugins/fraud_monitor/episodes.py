"""Drift episodes of a simulated world, for the charts to mark: what monitoring is judged by, never what it uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

_FRAME = ("kind", "start", "ramp", "end")


def episodes_of(world: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the world's episodes by date: kind, first day, day of full strength, last day, and what they act on.

    Parameters
    ----------
    world
        Content of ``world/world.json``: episodes by day index, counted from ``start``.
    """
    first = date.fromisoformat(world["start"])

    def on(day: int) -> str:
        return str(first + timedelta(days=day))

    return [
        {
            "kind": episode["kind"],
            "start": on(episode["start"]),
            "full": on(episode["start"] + (episode.get("ramp") or 0)),
            "end": on(episode["end"] - 1) if episode.get("end") is not None else None,
            "details": {name: value for name, value in episode.items() if name not in _FRAME},
        }
        for episode in world.get("episodes", [])
    ]
