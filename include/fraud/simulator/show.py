"""A world on one time axis: transactions, frauds by scenario and amounts a day, and the episodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fraud.errors import ConfigurationError
from fraud.simulator.episodes import Episode
from fraud.simulator.simulation import simulate
from fraud.simulator.worlds import World

__all__ = ["FORMATS", "DailyFigures", "daily_figures", "draw_world"]

FORMATS = (".png", ".svg", ".pdf")
_QUANTILES = (0.05, 0.5, 0.95)
_COLOURS = ("#c0392b", "#2980b9", "#e08e0b", "#6c3483", "#16806a", "#7f6a00", "#555555")


@dataclass(frozen=True, slots=True, eq=False)
class DailyFigures:
    """What a picture of a world is drawn from: one row a day.

    Attributes
    ----------
    verdicts
        Transactions by verdict, shape (days, 1 + scenarios): genuine ones, then the frauds of each scenario.
    amounts
        5th, 50th and 95th percentile of the amounts, in the currency; shape (days, 3).
    """

    verdicts: NDArray[np.int64]
    amounts: NDArray[np.float64]


def daily_figures(world: World, days: Iterable[int]) -> DailyFigures:
    """Simulate days and count."""
    verdicts, amounts = [], []
    for day in days:
        result = simulate(world, day)
        verdicts.append(np.bincount(result.verdict, minlength=1 + len(world.scenarios)))
        amounts.append(np.quantile(result.cents / 100, _QUANTILES) if len(result) else np.full(len(_QUANTILES), np.nan))
    return DailyFigures(np.array(verdicts), np.array(amounts))


def draw_world(world: World, out: Path, days: int | None = None) -> None:
    """Draw the first days of a world into a picture.

    Parameters
    ----------
    world
        The world.
    out
        File to write, PNG, SVG or PDF by its suffix.
    days
        How many days; the world's own number unless given.

    Raises
    ------
    ConfigurationError
        When the suffix is none of these, or there are no days to draw.
    """
    if out.suffix not in FORMATS:
        raise ConfigurationError(
            f"{out}: unknown kind of picture {out.suffix!r}; end the name with {', '.join(FORMATS)}"
        )
    days = world.days if days is None else days
    if days < 1:
        raise ConfigurationError(f"days: {days}: nothing to draw; give at least 1")
    figures = daily_figures(world, range(days))
    # Matplotlib's own unit of time: days since 1970.
    times = np.arange(days) + np.datetime64(world.start, "D").astype(float)
    rows = max(1, len(world.episodes))
    figure = Figure(figsize=(11, 8 + 0.28 * rows), layout="constrained")
    axes = figure.subplots(4, sharex=True, height_ratios=[2, 2, 2, 0.35 + 0.28 * rows])
    _draw_transactions(axes[0], times, figures)
    _draw_frauds(axes[1], times, figures, world)
    _draw_amounts(axes[2], times, figures)
    _draw_episodes(axes[3], times, world)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)
        axis.axvline(times[0] + world.daily_from, color="#888888", linestyle=":", linewidth=1)
    axes[3].xaxis_date()
    axes[3].set_xlim(times[0] - 0.5, times[-1] + 0.5)
    figure.align_ylabels(axes[:3])
    figure.suptitle(
        f"World {world.name}: {world.customers:,} customers, {world.terminals:,} terminals, "
        f"{figures.verdicts.sum():,} transactions, {figures.verdicts[:, 1:].sum():,} frauds\n"
        "dotted: first day of the daily schedule",
        fontsize=11,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f".{out.name}.new{out.suffix}")
    figure.savefig(scratch, dpi=110)
    scratch.replace(out)


def _draw_transactions(axis: Axes, times: NDArray[np.float64], figures: DailyFigures) -> None:
    axis.plot(times, figures.verdicts.sum(axis=1), color="#333333", linewidth=1.2)
    axis.set_ylim(bottom=0, top=1.1 * figures.verdicts.sum(axis=1).max())
    axis.set_ylabel("transactions a day")


def _draw_frauds(axis: Axes, times: NDArray[np.float64], figures: DailyFigures, world: World) -> None:
    for number, scenario in enumerate(world.scenarios):
        colour = _COLOURS[number % len(_COLOURS)]
        axis.plot(times, figures.verdicts[:, number + 1], color=colour, linewidth=1.2, label=scenario.name)
    axis.set_ylim(bottom=0, top=1.25 * max(1, figures.verdicts[:, 1:].max(initial=0)))
    axis.set_ylabel("frauds a day")
    if world.scenarios:
        axis.legend(loc="upper left", ncols=len(world.scenarios), fontsize=8, frameon=False)


def _draw_amounts(axis: Axes, times: NDArray[np.float64], figures: DailyFigures) -> None:
    low, median, high = figures.amounts.T
    axis.fill_between(times, low, high, color="#2980b9", alpha=0.2, linewidth=0, label="5th to 95th percentile")
    axis.plot(times, median, color="#2980b9", linewidth=1.2, label="median")
    axis.set_ylim(bottom=0, top=1.25 * np.nanmax(high))
    axis.set_ylabel("amount")
    axis.legend(loc="upper left", ncols=2, fontsize=8, frameon=False)


def _draw_episodes(axis: Axes, times: NDArray[np.float64], world: World) -> None:
    """Draw a bar an episode, as dark as the episode is strong."""
    axis.set_yticks(range(len(world.episodes)), [_title(episode) for episode in world.episodes], fontsize=8)
    axis.set_ylim(max(1, len(world.episodes)) - 0.5, -0.5)
    for row, episode in enumerate(world.episodes):
        for day, time in enumerate(times):
            strength = episode.strength(day)
            if strength > 0:
                axis.barh(row, 1, left=time - 0.5, height=0.6, color="#c0392b", alpha=strength, linewidth=0)
    if not world.episodes:
        axis.text(0.5, 0.5, "no episodes", transform=axis.transAxes, ha="center", va="center", fontsize=8)


def _title(episode: Episode) -> str:
    return f"{episode.kind.replace('_', ' ')} {episode.target}".strip()
