"""Plots of closed-loop runs: average precision over time with the drift, the alarms and the promotions marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fraud.monitoring.loop.loop import Day, Policy, Run

__all__ = ["plot_world"]

_COLOURS: Mapping[Policy, str] = {"never": "#b3b3b3", "weekly": "#1b9e77", "closed": "#d95f02"}
_LABELS: Mapping[Policy, str] = {
    "never": "never retrained",
    "weekly": "retrained weekly, no gate",
    "closed": "closed loop",
}
_SMOOTH_DAYS = 5


def plot_world(title: str, start: int | None, runs: Mapping[Policy, Run], path: Path) -> None:
    """Write a plot of one world's runs, as PNG of the same bytes for the same runs.

    Parameters
    ----------
    title
        What the world is.
    start
        Index of the drift's first day; None without drift.
    runs
        Runs over the same days by policy.
    path
        File to write.
    """
    import matplotlib as mpl  # noqa: PLC0415  (the job image has none; only the scorer draws)
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        axes = figure.subplots()
        for policy, colour in _COLOURS.items():
            days = runs[policy].days
            axes.plot([day.day for day in days], _smooth(days), color=colour, label=_LABELS[policy], lw=1.6)
        if start is not None:
            axes.axvspan(start, runs["closed"].days[-1].day, color="#d95f02", alpha=0.06, lw=0)
            axes.axvline(start, color="#666666", lw=0.8, ls=":")
            axes.annotate("drift", (start, 0.02), xytext=(3, 0), textcoords="offset points", color="#666666")
        closed = runs["closed"]
        for alarm, height, colour in (("unlabelled", 0.10, "#7570b3"), ("labels", 0.06, "#e7298a")):
            seen = [day.day for day in closed.days if day.seen and alarm in day.seen.alarms]
            axes.plot(seen, [height] * len(seen), "s", ms=3, color=colour, label=f"alarm ({alarm})")
        for training in closed.trainings:
            height = 0.15 if training.kind == "alarm" else 0.19
            axes.plot([training.as_of], [height], "^" if training.promoted else "x", color="#000000", ms=5)
        called = [day.day for day in closed.days if day.decision and day.decision.action == "escalate"]
        if called:
            axes.plot(called, [0.24] * len(called), "*", color="#e7298a", ms=9, label="escalated")
        axes.plot([], [], "^", color="#000000", ms=5, label="challenger promoted")
        axes.plot([], [], "x", color="#000000", ms=5, label="challenger refused")
        axes.set(title=title, xlabel="day of the world", ylabel=f"average precision, mean of {_SMOOTH_DAYS} days")
        axes.set_ylim(0, 1)
        axes.legend(ncols=2, fontsize=7, loc="upper left")
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}")
        figure.savefig(scratch, format="png", dpi=100, metadata={"Software": None})
        scratch.replace(path)


def _smooth(days: Sequence[Day]) -> list[float]:
    """Return centred means, over fewer days at both ends."""
    values = np.array([day.average_precision for day in days])
    half = _SMOOTH_DAYS // 2
    return [float(values[max(0, position - half) : position + half + 1].mean()) for position in range(len(values))]
