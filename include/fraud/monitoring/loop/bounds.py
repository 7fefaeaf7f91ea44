"""What the closed loop has to keep on the default kinds of drift, held against what an evaluation measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from fraud.monitoring.loop.kinds import DEFAULT_KINDS

__all__ = ["Bound", "bounds"]

FALSE_ALARMS = 0.5
NOTICED_DAYS = {"unlabelled": 4, "labels": 10}
RECOVERED = 0.9
OF_WEEKLY = 0.97
ESCALATED_DAYS = 35


class Bound(NamedTuple):
    """One bound on one kind of drift: what is bounded, what was asked, what was measured, whether it holds."""

    what: str
    asked: str
    measured: str
    holds: bool


def bounds(result: Mapping[str, Any]) -> tuple[Bound, ...]:
    """Return the bounds of the default kinds in an ``evaluation.json``, by their nature, and that of all kinds."""
    judges = {"none": _calm, "repairable": _repairable, "harmless": _harmless, "unrepairable": _unrepairable}
    found: list[Bound] = []
    for name, one in result["kinds"].items():
        if name in DEFAULT_KINDS:
            found += judges[one["nature"]](name, one)
    worse = sum(one["summary"]["promoted_worse"] for one in result["kinds"].values())
    return (*found, Bound("challengers promoted that were worse", "0", str(worse), worse == 0))


def _calm(name: str, kind: Mapping[str, Any]) -> Iterator[Bound]:
    for alarm, value in kind["summary"]["false_alarms_per_90_days"].items():
        what = f"{name}: false alarms ({alarm}) in 90 days"
        yield Bound(what, f"at most {FALSE_ALARMS:g}", f"{value:.2f}", value <= FALSE_ALARMS)


def _repairable(name: str, kind: Mapping[str, Any]) -> Iterator[Bound]:
    summary = kind["summary"]
    medians = {alarm: summary["noticed"][alarm]["median"] for alarm in NOTICED_DAYS}
    yield Bound(
        f"{name}: days until noticed, median",
        " or ".join(f"{days} ({alarm})" for alarm, days in NOTICED_DAYS.items()),
        " or ".join(f"{'never' if days is None else f'{days:g}'} ({alarm})" for alarm, days in medians.items()),
        any(days is not None and days <= NOTICED_DAYS[alarm] for alarm, days in medians.items()),
    )
    yield Bound(f"{name}: worlds missed", "0", str(summary["missed"]), summary["missed"] == 0)
    if summary["recovered"]:
        back = summary["recovered"]["closed"]["median"]
        what = f"{name}: share of the loss back after day 24, median"
        yield Bound(what, f"at least {RECOVERED:g}", f"{back:.2f}", back >= RECOVERED)
    ratio = summary["closed_over_weekly"]["mean"]
    what = f"{name}: average precision over that of weekly training without a gate"
    yield Bound(what, f"at least {OF_WEEKLY:g}", f"{ratio:.3f}", ratio >= OF_WEEKLY)


def _harmless(name: str, kind: Mapping[str, Any]) -> Iterator[Bound]:
    worlds = kind["worlds"]
    unseen = sum(all(days is None for days in world["noticed"].values()) for world in worlds)
    yield Bound(f"{name}: worlds in which nothing was noticed", "0", str(unseen), unseen == 0)
    promoted = sum(sum(world["promoted"].values()) for world in worlds)
    yield Bound(f"{name}: challengers promoted", "0", str(promoted), promoted == 0)


def _unrepairable(name: str, kind: Mapping[str, Any]) -> Iterator[Bound]:
    delays = [world["escalated"] for world in kind["worlds"]]
    late = sum(days is None or days > ESCALATED_DAYS for days in delays)
    yield Bound(f"{name}: worlds not escalated by day {ESCALATED_DAYS}", "0", str(late), late == 0)
