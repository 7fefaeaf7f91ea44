"""The closed loop's results as a Markdown table, one row a kind of drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["markdown"]

_HEAD = (
    "kind", "worlds", "false alarms / 90 d (labels, unlabelled)",
    "noticed (labels, unlabelled, volume): median / p90 d",
    "missed", "escalated: median d", "AP calm → never / weekly / closed", "CP@100 never / weekly / closed",
    "closed / weekly", "recovered by day 24: median (least)", "recovery: median d", "tried / promoted (worse)",
)  # fmt: skip


def markdown(result: Mapping[str, Any]) -> str:
    """Return the table of an ``evaluation.json``."""
    rows = [_HEAD, ("---",) * len(_HEAD), *(_row(name, one["summary"]) for name, one in result["kinds"].items())]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(name: str, summary: Mapping[str, Any]) -> tuple[str, ...]:
    false, noticed = summary["false_alarms_per_90_days"], summary["noticed"]
    precision, cards = summary["average_precision"], summary["card_precision"]
    recovered = summary["recovered"]
    return (
        name,
        str(summary["worlds"]),
        f"{false['labels']:.2f}, {false['unlabelled']:.2f}",
        ", ".join(f"{_days(one['median'])} / {_days(one['p90'])}" for one in noticed.values()) or "–",
        str(summary["missed"]) if noticed else "–",
        _days(summary["escalated"]["median"]),
        f"{precision['calm']:.3f} → {precision['never']:.3f} / {precision['weekly']:.3f} / {precision['closed']:.3f}",
        f"{cards['never']:.3f} / {cards['weekly']:.3f} / {cards['closed']:.3f}",
        f"{summary['closed_over_weekly']['mean']:.3f}",
        f"{recovered['median']:.2f} ({recovered['least']:.2f})" if recovered else "–",
        _days(summary["days_to_recover"]["median"]),
        f"{summary['tried_per_world']:.1f} / {summary['promoted_per_world']:.1f} ({summary['promoted_worse']})",
    )


def _days(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"
