"""The closed loop's results as Markdown: noticed and repaired, a row a kind of drift; bounds; thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fraud.errors import DataError
from fraud.monitoring.loop.bounds import bounds
from fraud.monitoring.loop.calm import pool

__all__ = ["markdown", "replace_block"]

_BEGIN, _END = "<!-- evaluate-loop: begin -->", "<!-- evaluate-loop: end -->"

_NOTICED = (
    "kind", "worlds, calm days", "false alarms in 90 days: labels, unlabelled", "noticed by labels, days",
    "unlabelled, days", "volume notice, days", "missed", "escalated, days",
)  # fmt: skip
_REPAIRED = (
    "kind", "AP calm → never / weekly / closed", "closed over weekly (least)",
    "loss back after day 24: closed (least), weekly", "recovery, days",
    "CP@100 calm → never / weekly / closed", "tried: weekly, alarm", "promoted: weekly, alarm", "worse",
)  # fmt: skip

Summary = Mapping[str, Any]


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables of an ``evaluation.json``; days are medians, with the 90th percentile behind the stroke."""
    kinds = {name: one["summary"] for name, one in result["kinds"].items()}
    tables = [
        _table(_NOTICED, (_noticed(name, summary) for name, summary in kinds.items())),
        _table(_REPAIRED, (_repaired(name, summary) for name, summary in kinds.items())),
        _table(
            ("bound", "asked", "measured", "holds"),
            ((one.what, one.asked, one.measured, "yes" if one.holds else "**no**") for one in bounds(result)),
        ),
    ]
    thresholds = result["settings"]["drift"]
    # Kinds of a seed have their calm days in common: where there is a kind without drift, it has them all.
    every = result["kinds"].values()
    undrifted = [one for one in every if one["nature"] == "none"] or every
    calm = pool([world["calm"] for one in undrifted for world in one["worlds"]])
    tables.append(
        _table(
            ("threshold", "value", "furthest on a calm day", "calm days", "beyond it, of 90"),
            (_level(name, thresholds[name], level) for name, level in calm.items()),
        )
    )
    return f"Seeds {', '.join(map(str, result['seeds']))}.\n\n" + "\n\n".join(tables)


def replace_block(page: str, text: str) -> str:
    """Return a page with the text between its two markers replaced.

    Raises
    ------
    DataError
        When the page lacks a marker.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise DataError(f"the page has no place for the tables; add the lines {_BEGIN} and {_END}")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))


def _noticed(name: str, summary: Summary) -> tuple[str, ...]:
    false, noticed = summary["false_alarms_per_90_days"], summary["noticed"]
    return (
        name,
        f"{summary['worlds']}, {summary['calm_days']}",
        f"{false['labels']:.2f}, {false['unlabelled']:.2f}",
        *(_days(noticed[alarm]) if noticed else "–" for alarm in ("labels", "unlabelled", "volume")),
        str(summary["missed"]) if noticed else "–",
        _days(summary["escalated"]),
    )


def _repaired(name: str, summary: Summary) -> tuple[str, ...]:
    ratio, recovered = summary["closed_over_weekly"], summary["recovered"]
    tried, promoted = summary["tried"], summary["promoted"]
    back = "–"
    if recovered:
        closed, weekly = recovered["closed"], recovered["weekly"]
        back = f"{closed['median']:.2f} ({closed['least']:.2f}), {weekly['median']:.2f}"
    return (
        name,
        _policies(summary["average_precision"]),
        f"{ratio['mean']:.3f} ({ratio['least']:.3f})",
        back,
        _days(summary["days_to_recover"]) if recovered else "–",
        _policies(summary["card_precision"]),
        f"{tried['scheduled']:.1f}, {tried['alarm']:.1f}",
        f"{promoted['scheduled']:.1f}, {promoted['alarm']:.1f}",
        str(summary["promoted_worse"]),
    )


def _level(name: str, value: float, level: Mapping[str, Any]) -> tuple[str, ...]:
    furthest = "–" if level["furthest"] is None else f"{level['furthest']:.3f}"
    share = f"{90 * level['beyond'] / level['days']:.2f}" if level["days"] else "–"
    return f"`{name}`", f"{value:g}", furthest, str(level["days"]), share


def _policies(level: Mapping[str, float]) -> str:
    return f"{level['calm']:.3f} → {level['never']:.3f} / {level['weekly']:.3f} / {level['closed']:.3f}"


def _days(delays: Mapping[str, float | None]) -> str:
    """Return median and 90th percentile; a stroke for what never came."""
    return " / ".join("–" if delays[one] is None else f"{delays[one]:g}" for one in ("median", "p90"))
