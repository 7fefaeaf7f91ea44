"""Evaluation of the closed loop over kinds of drift and seeds, some worlds at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from fraud.containers.summary import write_text
from fraud.monitoring.loop.history import live
from fraud.monitoring.loop.kinds import DRIFTED_DAYS, FIRST_SCORED, KINDS, episode_start, kind, world_of
from fraud.monitoring.loop.loop import Loop, Policy
from fraud.monitoring.loop.plots import plot_world
from fraud.monitoring.loop.scores import WorldScore, score_world, summarise
from fraud.settings import Settings

__all__ = ["evaluate", "score_one"]

POLICIES: tuple[Policy, ...] = ("closed", "never", "weekly")


class _Task(NamedTuple):
    kind: str
    seed: int
    settings: Settings
    plot: Path | None


def evaluate(
    kinds: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    settings: Settings,
    *,
    processes: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Run every kind under every seed; write ``evaluation.json`` and a plot of each kind's first seed.

    Parameters
    ----------
    kinds, seeds
        What is played.
    out
        Folder for the results.
    settings
        Thresholds, promotion rule and training defaults of the loop.
    processes
        Worlds lived through at a time, each on one core.
    progress
        Called with a line for every finished world.

    Returns
    -------
    dict
        What was written. It holds no clock time: the same arguments give the same file.
    """
    for name in kinds:
        kind(name)
    tasks = [
        _Task(name, seed, settings, out / f"{name}.svg" if seed == seeds[0] else None)
        for name in kinds
        for seed in seeds
    ]
    scores: dict[str, list[WorldScore]] = {name: [] for name in kinds}
    # Not forked: a forked child of a process that runs OpenMP threads may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        began = time.monotonic()
        for number, (task, score) in enumerate(zip(tasks, pool.map(_on_one_core, tasks), strict=True), start=1):
            scores[task.kind].append(score)
            progress(f"{number}/{len(tasks)} {task.kind} {task.seed}: {time.monotonic() - began:.0f} s")
    content = {
        "seeds": [seeds[0], seeds[-1]],
        "settings": {name: getattr(settings, name).model_dump() for name in ("drift", "promotion", "training")},
        "drift_retrain": settings.drift_retrain,
        "kinds": {
            name: {
                "nature": KINDS[name].nature,
                "description": KINDS[name].description,
                "summary": summarise(found),
                "worlds": [score.to_json() for score in found],
            }
            for name, found in scores.items()
        },
    }
    write_text(out / "evaluation.json", json.dumps(content, indent=1, sort_keys=True) + "\n")
    return content


def score_one(name: str, seed: int, settings: Settings, plot: Path | None, **changes: Any) -> WorldScore:
    """Live through one world under every policy and score it.

    Parameters
    ----------
    name, seed
        Kind of drift and seed of the world.
    settings
        Thresholds, promotion rule and training defaults.
    plot
        File for the world's plot; None for no plot.
    **changes
        Fields of the world that differ from the handbook's (its size).
    """
    drift, start = kind(name), episode_start(seed)
    days = start + DRIFTED_DAYS
    loop = Loop(live(world_of(drift, seed).changed(**changes), days), settings, FIRST_SCORED, days - 1)
    runs = {policy: loop.run(policy) for policy in POLICIES}
    score = score_world(drift, seed, start, runs, settings.drift)
    if plot is not None:
        plot_world(f"{name}: {drift.description} (seed {seed})", score.start, runs, plot)
    return score


def _on_one_core(task: _Task) -> WorldScore:
    import numba  # noqa: PLC0415
    import xgboost  # noqa: F401, PLC0415  (loaded before its threads are limited)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    numba.set_num_threads(1)
    with threadpool_limits(1):
        return score_one(task.kind, task.seed, task.settings, task.plot)
