"""Evaluation of the closed loop over kinds of drift and seeds, some worlds at a time."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from fraud.containers.summary import write_text
from fraud.monitoring.loop.history import Shared, live
from fraud.monitoring.loop.kinds import DRIFTED_DAYS, FIRST_SCORED, KINDS, episode_start, kind, world_of
from fraud.monitoring.loop.loop import JUDGED_DAYS, Loop, Policy, Run
from fraud.monitoring.loop.plots import plot_world
from fraud.monitoring.loop.scores import WorldScore, score_world, summarise
from fraud.monitoring.loop.training import Challenger, Trainer
from fraud.settings import Settings

__all__ = ["Calm", "evaluate", "score_one"]

POLICIES: tuple[Policy, ...] = ("closed", "never", "weekly")


class _Task(NamedTuple):
    """The worlds of a seed, one a kind; where their results are kept; where their plots go, if there are any."""

    seed: int
    kinds: tuple[str, ...]
    settings: Settings
    results: Path
    plots: Path | None


def evaluate(
    kinds: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    settings: Settings,
    *,
    processes: int,
    progress: Callable[[str], None],
    resume: bool = False,
) -> dict[str, Any]:
    """Run every kind under every seed; write ``evaluation.json`` and a plot of each kind's first seed.

    A finished world's result is kept in ``worlds`` until all are finished, so that a run that was stopped can go on.

    Parameters
    ----------
    kinds, seeds
        What is played.
    out
        Folder for the results.
    settings
        Thresholds, promotion rule and training defaults of the loop.
    processes
        Seeds lived through at a time, each on one core.
    progress
        Called with a line for every finished world.
    resume
        Keep the worlds that a stopped run with the same settings finished. The code should be the same too.

    Returns
    -------
    dict
        What was written. It holds no clock time: the same arguments give the same file.
    """
    for name in kinds:
        kind(name)
    kept = out / "worlds"
    if not resume:
        shutil.rmtree(kept, ignore_errors=True)
    # Seed by seed: of a run that is stopped, every kind has some worlds.
    tasks = [_Task(seed, tuple(kinds), settings, kept, out if seed == seeds[0] else None) for seed in seeds]
    scores: dict[str, list[WorldScore]] = {name: [] for name in kinds}
    # Not forked: a forked child of a process that runs OpenMP threads may hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for task, found in zip(tasks, pool.map(_on_one_core, tasks), strict=True):
            for name, (score, said) in zip(kinds, found, strict=True):
                scores[name].append(score)
                progress(f"{name} {task.seed}: {said}")
    content = {
        "seeds": list(seeds),
        **_conditions(settings),
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
    text = _json(content)
    write_text(out / "evaluation.json", text)
    shutil.rmtree(kept)
    written: dict[str, Any] = json.loads(text)
    return written


@dataclass(slots=True)
class Calm:
    """What the worlds of a seed have in common: all until the drift begins, as the first of them went through it."""

    days: Shared
    challengers: dict[int, Challenger] = field(default_factory=dict)
    runs: dict[Policy, Run] = field(default_factory=dict)


def score_one(
    name: str, seed: int, settings: Settings, plot: Path | None, calm: Calm | None = None, **changes: Any
) -> WorldScore:
    """Live through one world under every policy and score it.

    Parameters
    ----------
    name, seed
        Kind of drift and seed of the world.
    settings
        Thresholds, promotion rule and training defaults.
    plot
        File for the world's plot; None for no plot.
    calm
        What another world of this seed, size and these settings went through before the drift; filled by the first.
    **changes
        Fields of the world that differ from the handbook's (its size).
    """
    drift, start = kind(name), episode_start(seed)
    days = start + DRIFTED_DAYS
    calm = calm or Calm(Shared(start))
    history = live(world_of(drift, seed).changed(**changes), days + JUDGED_DAYS, calm.days)
    trainer = Trainer(history, settings, calm.challengers)
    loop = Loop(history, settings, FIRST_SCORED, days - 1, trainer)
    runs = {policy: loop.run(policy, calm.runs.get(policy)) for policy in POLICIES}
    calm.challengers |= trainer.trained(start - 1)
    calm.runs = {policy: run.before(start) for policy, run in runs.items()}
    score = score_world(drift, seed, start, runs, settings.drift)
    if plot is not None:
        plot_world(f"{name}: {drift.description} (seed {seed})", score.start, runs, plot)
    return score


def _conditions(settings: Settings) -> dict[str, Any]:
    """Return the settings that a score depends on."""
    names = {"drift": True, "drift_retrain": True, "promotion": True, "alert_budget": True, "compromised_days": True}
    training = {"window_days": True, "holdout_percent": True, "candidates": True, "seed": True}
    return {"settings": settings.model_dump(mode="json", include={**names, "training": training})}


def _json(content: dict[str, Any]) -> str:
    """Return the text of a result: figures of five digits say all there is."""
    exact = json.loads(json.dumps(content), parse_float=lambda text: round(float(text), 5))
    return json.dumps(exact, separators=(",", ":")) + "\n"


def _on_one_core(task: _Task) -> list[tuple[WorldScore, str]]:
    """Score a seed's worlds, or take what was kept of them; return each with a word on what it cost."""
    import numba  # noqa: PLC0415
    import xgboost  # noqa: F401, PLC0415  (loaded before its threads are limited)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    numba.set_num_threads(1)
    calm = Calm(Shared(episode_start(task.seed)))
    found = []
    with threadpool_limits(1):
        for name in task.kinds:
            kept = task.results / f"{name}-{task.seed}.json"
            score = _read(kept, task.settings)
            if score:
                found.append((score, "kept"))
                continue
            began = time.process_time()
            plot = task.plots / f"loop-{name}.png" if task.plots else None
            score = score_one(name, task.seed, task.settings, plot, calm)
            write_text(kept, json.dumps({**_conditions(task.settings), "score": score.to_json()}))
            found.append((score, f"{time.process_time() - began:.0f} processor seconds"))
    return found


def _read(path: Path, settings: Settings) -> WorldScore | None:
    """Return the score that was kept of a world under the same settings, if any was."""
    if not path.exists():
        return None
    content = json.loads(path.read_text(encoding="utf-8"))
    return WorldScore(**content["score"]) if {"settings": content["settings"]} == _conditions(settings) else None
