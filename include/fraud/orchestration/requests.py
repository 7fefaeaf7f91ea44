"""What a run is asked to do: worked out and checked by the first task, before any job starts.

A request is plain data, so that it travels by XCom: the range of days of each step, the training asked for, whether the
run may act on what it sees, and the run's own folder for what it stages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from fraud import layout, warehouse
from fraud.days import days_between
from fraud.errors import ConfigurationError, MissingInputError
from fraud.features.catalogue import LOOK_BACK_DAYS
from fraud.orchestration.manifests import read_days
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package, champion_of, check_features, package_of_version
from fraud.orchestration.training_requests import training_request
from fraud.settings import Settings
from fraud.simulator.worlds import World, anchor, load_world

__all__ = [
    "BOOTSTRAP_STEPS",
    "ERASE",
    "HISTORY_STEPS",
    "daily_request",
    "history_request",
    "read_world",
    "run_folder",
    "step_days",
]

BOOTSTRAP_STEPS = ("prepare", "transactions", "features", "train", "scoring", "drift")
"""Steps that bootstrap a deployment, in the order in which they run."""

ERASE = "erase"
"""Step of ``fraud_history`` that erases a card."""

HISTORY_STEPS = (*BOOTSTRAP_STEPS, "rescore", ERASE)
"""Steps of ``fraud_history``, in the order in which they run."""


def read_world(objects: Objects) -> World:
    """Return the anchored world of this deployment.

    Raises
    ------
    MissingInputError
        When the deployment was never bootstrapped.
    """
    text = objects.read_text(layout.world())
    if text is None:
        raise MissingInputError(f"no world is stored ({layout.world()}); run fraud_history with step 'prepare' first")
    return World.from_json(text)


def step_days(request: Mapping[str, Any], step: str) -> list[date]:
    """Return the days that a step works on; none when the step was not asked for."""
    bounds = request["days"].get(step)
    return days_between(*map(date.fromisoformat, bounds)) if bounds else []


def daily_request(
    settings: Settings, objects: Objects, packages: Sequence[Package], day: date, run_id: str
) -> dict[str, Any]:
    """Return the request of one day of the schedule.

    Days before ``first_day`` must be there already; later ones come from this DAG's own earlier runs, which the groups
    wait for.

    Raises
    ------
    ConfigurationError
        When the day lies before the world begins.
    MissingInputError
        When a day before ``first_day`` is missing, or no champion scores the day.
    """
    world = read_world(objects)
    _within(world, day, day)
    history = [d for d in _look_back(world, day) if d < settings.first_day]
    read_days(objects, "transactions", history, f"the daily run of {day}")
    if day == settings.first_day:
        read_days(objects, "drift", [day - timedelta(days=1)], f"the daily run of {day}")
    champion_of(day, packages)
    bounds = [str(day), str(day)]
    key = settings.layout.key
    scheduled = [d for d in days_between(settings.first_day, day) if (day - d).days <= LOOK_BACK_DAYS]
    return {
        **_request(settings, run_id, dict.fromkeys(layout.STEPS, bounds), act=True),
        # A label is checked against the transactions of the days before.
        "wait_delivery": [
            key(layout.delivery(day)),
            *([key(layout.manifest("transactions", day - timedelta(days=1)))] if day > world.start else []),
        ],
        "wait_features": [key(layout.manifest("transactions", d)) for d in scheduled],
        "wait_scoring": [key(layout.manifest("drift", day - timedelta(days=1)))],
    }


def history_request(
    settings: Settings, objects: Objects, packages: Sequence[Package], params: Mapping[str, Any], run_id: str
) -> dict[str, Any]:
    """Return the request of a range of days.

    Without dates and steps it is the bootstrap: everything before ``first_day``, with the first champion trained as of
    the day that the world names, and scores and metrics from that day on.

    Raises
    ------
    ConfigurationError
        When the range ends before it starts, is given by half or without steps, or leaves the world; when a model
        version is named without the step ``rescore``, or the other way round; when a card is named without the step
        ``erase``, or that step stands beside others.
    MissingInputError
        When days that the first step builds on are missing, or nothing would score them.
    """
    steps = [step for step in HISTORY_STEPS if step in (params["steps"] or BOOTSTRAP_STEPS)]
    _check_erasure(steps, params["card"])
    world = _world_to_run(settings, objects, params["world"], prepare="prepare" in steps)
    train_as_of = world.date_of(world.history.train_as_of + 1)
    last = settings.first_day - timedelta(days=1)
    if (params["start"] is None) != (params["end"] is None):
        raise ConfigurationError("start and end come together: give both, or neither for the whole past")
    if params["start"] is None:
        ranges = dict.fromkeys(("transactions", "features"), (world.start, last))
        ranges |= dict.fromkeys(("scoring", "drift"), (train_as_of, last))
    else:
        start, end = date.fromisoformat(params["start"]), date.fromisoformat(params["end"])
        if end < start:
            raise ConfigurationError(f"the range ends on {end}, before it starts on {start}; swap the two dates")
        if not params["steps"]:
            raise ConfigurationError(f"what is to be done from {start} to {end}? steps: {', '.join(HISTORY_STEPS)}")
        ranges = dict.fromkeys((*layout.STEPS, "rescore"), (start, end))
    for start, end in ranges.values():
        _within(world, start, end)
    chosen = {step: [str(bounds[0]), str(bounds[1])] for step, bounds in ranges.items() if step in steps}
    _check_upstream(objects, world, packages, steps, ranges)
    if "rescore" in steps or params["model_version"] is not None:
        _check_rescore(settings, objects, packages, chosen.get("rescore"), params["model_version"])
    training = None
    if "train" in steps:
        training = training_request(
            settings, world, kind="bootstrap" if not packages else "manual",
            as_of=train_as_of if params["start"] is None else ranges["scoring"][0], run=run_folder(run_id),
        )  # fmt: skip
    return _request(
        settings, run_id, chosen, act=False, training=training,
        model_version=params["model_version"], world=world.to_json() if "prepare" in steps else None,
        erase=ERASE in steps, card=params["card"],
    )  # fmt: skip


def _request(
    settings: Settings,
    run_id: str,
    days: Mapping[str, Sequence[str]],
    *,
    act: bool,
    training: Mapping[str, Any] | None = None,
    model_version: int | None = None,
    world: str | None = None,
    erase: bool = False,
    card: int | None = None,
) -> dict[str, Any]:
    run = run_folder(run_id)
    staging = settings.layout.uri(f"staging/{run}/")
    request: dict[str, Any] = {
        "run": run,
        "days": dict(days),
        "act": act,
        "training": training,
        "model_version": model_version,
        "world": world,
        "erase": erase,
        "card": card,
        "unload": {},
    }
    if "scoring" in days:
        start, end = map(date.fromisoformat, days["scoring"])
        select = warehouse.query("compromised_cards", start=start, end=end, compromised_days=settings.compromised_days)
        request["unload"]["compromised"] = warehouse.unload(select, f"{staging}compromised/", "parquet")
    if "drift" in days:
        start, end = map(date.fromisoformat, days["drift"])
        select = warehouse.query(
            "labelled_predictions", start=start, end=end,
            trailing_days=settings.drift.ap_long_days, label_delay_days=settings.label_delay_days,
        )  # fmt: skip
        request["unload"]["labelled"] = warehouse.unload(select, f"{staging}labelled/", "parquet")
    return request


def _world_to_run(settings: Settings, objects: Objects, name: str | None, *, prepare: bool) -> World:
    stored = objects.read_text(layout.world())
    if stored is None and prepare:
        return anchor(load_world(name or settings.world), settings.first_day)
    world = read_world(objects)
    if name and name != world.name:
        raise ConfigurationError(
            f"this deployment runs world {world.name!r}, not {name!r}; use another prefix for another world"
        )
    return world


def _check_upstream(
    objects: Objects,
    world: World,
    packages: Sequence[Package],
    steps: Sequence[str],
    ranges: Mapping[str, tuple[date, date]],
) -> None:
    start, end = ranges["features"]
    if "features" in steps:
        built_here = days_between(*ranges["transactions"]) if "transactions" in steps else []
        needed = [day for day in days_between(_look_back(world, start)[0], end) if day not in built_here]
        read_days(objects, "transactions", needed, f"features of {start} to {end}")
    start, end = ranges["scoring"]
    if "scoring" in steps:
        if "features" not in steps:
            read_days(objects, "features", days_between(start, end), f"scoring of {start} to {end}")
        if "train" not in steps:
            champion_of(start, packages)
    if "drift" in steps and "scoring" not in steps:
        read_days(objects, "scoring", days_between(*ranges["drift"]), f"drift of {start} to {end}")


def _check_erasure(steps: Sequence[str], card: int | None) -> None:
    if ERASE in steps and len(steps) > 1:
        raise ConfigurationError(f"step {ERASE!r} runs alone, not with {', '.join(steps[:-1])}; trigger a run for each")
    if card is not None and ERASE not in steps:
        raise ConfigurationError(f"card {card} is for step {ERASE!r}; choose that step, or leave the card empty")


def _check_rescore(
    settings: Settings,
    objects: Objects,
    packages: Sequence[Package],
    bounds: Sequence[str] | None,
    version: int | None,
) -> None:
    if version is None:
        raise ConfigurationError("step 'rescore' needs a model version: say which one is to score the days")
    if bounds is None:
        raise ConfigurationError(
            f"model version {version} is for step 'rescore' over a start and an end; "
            "days that were scored keep the version that scored them"
        )
    check_features(settings, package_of_version(packages, version))
    start, end = map(date.fromisoformat, bounds)
    for step in ("features", "scoring"):
        read_days(objects, step, days_between(start, end), f"re-scoring {start} to {end}")


def _within(world: World, start: date, end: date) -> None:
    if start < world.start:
        what = "choose a later day" if start == end else "start the range there"
        raise ConfigurationError(f"{start} lies before world {world.name!r} begins on {world.start}; {what}")


def _look_back(world: World, day: date) -> list[date]:
    return days_between(max(world.start, day - timedelta(days=LOOK_BACK_DAYS)), day - timedelta(days=1)) or [day]


def run_folder(run_id: str) -> str:
    """Return the name of the folder that belongs to an Airflow run: its id in plain characters."""
    return re.sub(r"[^A-Za-z0-9]+", "-", run_id).strip("-")
