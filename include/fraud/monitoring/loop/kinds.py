"""Kinds of drift that the closed loop is scored on: the handbook's world, and what happens to it from some day on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from fraud.errors import ConfigurationError
from fraud.simulator.worlds import World, load_world

__all__ = ["DEFAULT_KINDS", "KINDS", "Kind", "episode_start", "kind", "world_of"]

FIRST_SCORED = 72
"""Day from which the first champion scores: its 28 labelled days, 37 to 64, are known by then."""

DRIFTED_DAYS = 60
"""Days that are looked at from the drift's first day on."""

_CALM_DAYS = 26  # scored days before the drift, so that the trailing windows are full by then

Nature = Literal["none", "repairable", "harmless", "unrepairable"]
Episodes = Callable[[int], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of drift.

    Parameters
    ----------
    name
        What it is called on the command line.
    nature
        What a good loop does about it: nothing, repair it, see that it is harmless, or call a person.
    description
        One sentence.
    episodes
        From the first day to the world's episodes.
    """

    name: str
    nature: Nature
    description: str
    episodes: Episodes


def _changes(scenario: str, **to: float) -> Episodes:
    return lambda start: [{"kind": "scenario_changes", "scenario": scenario, "start": start, "to": to}]


def _one(episode: str, **values: Any) -> Episodes:
    return lambda start: [{"kind": episode, "start": start, **values}]


def _replaced_by(scenario: str) -> Episodes:
    return lambda start: [
        {"kind": "scenario_stops", "scenario": "high_amount", "start": start},
        {"kind": "scenario_starts", "scenario": scenario, "start": start},
    ]


_DECLARED = (
    Kind("none", "none", "nothing changes", lambda start: []),
    Kind("amounts", "repairable", "all amounts +30 %, frauds' too", _one("amount_inflation", factor=1.3)),
    Kind("card_testing", "repairable", "card testing at night replaces high amounts", _replaced_by("card_testing")),
    Kind("volume", "harmless", "half as many transactions again", _one("volume_growth", factor=1.5)),
    Kind(
        "terminal_attacks",
        "unrepairable",
        "terminals are attacked for 7 days, not 28, and three times as many",
        _changes("compromised_terminal", per_day=6.0, days=7),
    ),
    Kind(
        "amounts_gradual",
        "repairable",
        "all amounts +40 % over four weeks",
        _one("amount_inflation", factor=1.4, ramp=28),
    ),
    Kind("takeover", "repairable", "account takeover replaces high amounts", _replaced_by("account_takeover")),
    Kind(
        "amounts_fixed_threshold",
        "repairable",
        "amounts +30 %, the threshold of fraudulent amounts stays",
        _one("amount_inflation", factor=1.3, frauds_inflate=False),
    ),
    Kind("fraud_rate", "repairable", "compromises begin three times as often", _one("fraud_rate", factor=3.0)),
    Kind(
        "weaker_cards",
        "unrepairable",
        "compromised cards spend twice the usual, not five times",
        _changes("compromised_card", multiplier=2.0),
    ),
    Kind(
        "turnover",
        "harmless",
        "a third of the customers is replaced over four weeks",
        _one("turnover", of="customers", share=0.33, ramp=28),
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _DECLARED})
"""Kinds by name."""

DEFAULT_KINDS = ("none", "amounts", "card_testing", "volume", "terminal_attacks")


def kind(name: str) -> Kind:
    """Return the kind of a name.

    Raises
    ------
    ConfigurationError
        When there is none of that name.
    """
    try:
        return KINDS[name]
    except KeyError:
        raise ConfigurationError(f"drift kind {name!r} is unknown; choose from {', '.join(KINDS)}") from None


def episode_start(seed: int) -> int:
    """Return the day on which the drift begins: another weekday for each of seven seeds, as training is weekly."""
    return FIRST_SCORED + _CALM_DAYS + seed % 7


def world_of(kind: Kind, seed: int) -> World:
    """Return the handbook's world under a seed, with the kind's drift."""
    base = load_world("handbook")
    sleeping = [{"kind": "card_testing", "intensity": 0.0}, {"kind": "account_takeover", "intensity": 0.0}]
    content = base.model_dump(mode="json")
    content |= {
        "name": f"{kind.name}-{seed}",
        "seed": seed,
        "scenarios": [*content["scenarios"], *sleeping],
        "episodes": kind.episodes(episode_start(seed)),
    }
    return World.from_json(json.dumps(content), kind.name)
