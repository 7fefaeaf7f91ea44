"""The closed loop over a small world: the real split, labels that are never early, and what each policy does."""

import re
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from fraud.errors import ConfigurationError
from fraud.monitoring.loop.evaluate import POLICIES, Calm, score_one
from fraud.monitoring.loop.history import History, Shared, live
from fraud.monitoring.loop.kinds import KINDS, episode_start, kind, world_of
from fraud.monitoring.loop.loop import Loop, Policy, Run
from fraud.monitoring.loop.plots import plot_world
from fraud.monitoring.loop.training import Trainer, held_out
from fraud.settings import Settings
from fraud.simulator.episodes import AmountInflation

SMALL = {"customers": 400, "terminals": 800, "radius": 18.0}
FIRST, LAST = 72, 88
SETTINGS = Settings.model_validate(
    {
        "drift": {"min_current_rows": 500, "min_reference_rows": 500, "min_frauds": 5},
        "promotion": {"scheduled_min_frauds": 20, "alarm_min_frauds": 10, "bootstrap_samples": 100},
    }
)


@pytest.fixture(scope="module")
def history() -> History:
    episode = AmountInflation(kind="amount_inflation", start=74, factor=3.0)
    world = world_of(kind("none"), 5).changed(**SMALL, episodes=(episode,))
    return live(world, LAST + 1)


@pytest.fixture(scope="module")
def loop(history: History) -> Loop:
    return Loop(history, SETTINGS, FIRST, LAST)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_kind__makes_a_world_that_drifts_from_its_day_on(name: str) -> None:
    world = world_of(kind(name), 3)
    assert (world.customers, world.seed) == (5000, 3)
    assert {episode.start for episode in world.episodes} <= {episode_start(3)}
    assert bool(world.episodes) == (kind(name).nature != "none")


def test_kind__unknown_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="'nonsense' is unknown; choose from none, amounts"):
        kind("nonsense")


def test_split__is_that_of_the_training_query() -> None:
    text = (files("fraud.warehouse") / "queries" / "training_set.sql").read_text("utf-8")
    multiplier, modulus = map(int, re.search(r"MOD\(t\.customer_id \* (\d+), (\d+)\) >= ", text).groups())  # type: ignore[union-attr]
    customer = np.arange(5000)
    assert np.array_equal(held_out(customer, 40), customer * multiplier % modulus < modulus * 40 // 100)
    assert held_out(customer, 40).mean() == pytest.approx(0.4, abs=0.02)


def test_trainer__learns_only_from_labels_known_before_the_day_and_never_from_held_out_customers(
    history: History,
) -> None:
    trainer = Trainer(history, SETTINGS)
    as_of = 80
    seen = history.day[trainer._window(as_of, hold_out=False)]
    assert (seen.min(), seen.max()) == (45, as_of - 8)
    flipped = history.is_fraud.copy()
    hidden = (history.day > as_of - 8) | held_out(history.customer, 40)
    flipped[hidden] = ~flipped[hidden]
    other = Trainer(
        History(history.world, history.transaction_id, history.day, history.customer, history.features, flipped),
        SETTINGS,
    )
    models = [one.challenger(as_of).model.predict_proba(history.features[:1000]) for one in (trainer, other)]
    assert np.array_equal(*models)


@pytest.mark.slow
def test_policies__never_keeps_and_weekly_always_replaces(loop: Loop) -> None:
    assert {day.version for day in loop.run("never").days} == {1}
    weekly = loop.run("weekly")
    assert [training.as_of for training in weekly.trainings] == [79, 86]
    assert [day.version for day in weekly.days] == [1] * 7 + [2] * 7 + [3] * 3


@pytest.mark.slow
def test_closed_loop__decides_every_day_and_is_the_same_again(loop: Loop, history: History) -> None:
    run = loop.run("closed")
    assert [day.day for day in run.days] == list(range(FIRST, LAST + 1))
    for day in run.days:
        assert day.decision is not None
        assert day.metrics is not None
        assert day.decision.decision_date == history.date(day.day)
        for window in day.metrics.performance.values():
            assert window.last <= history.date(day.day) - timedelta(days=7)
            assert window.first >= history.date(FIRST)
    triggered = {day.decision.train_as_of for day in run.days if day.decision and day.decision.action == "train_now"}
    assert triggered
    assert triggered == {history.date(one.as_of) for one in run.trainings if one.kind == "alarm"}
    again = Loop(history, SETTINGS, FIRST, LAST).run("closed")
    assert [day.decision for day in again.days] == [day.decision for day in run.days]
    assert again.trainings == run.trainings


def test_plot__of_the_same_runs_has_the_same_bytes(loop: Loop, tmp_path: Path) -> None:
    runs: dict[Policy, Run] = {policy: loop.run("never") for policy in POLICIES}
    plots = [tmp_path / name for name in ("one.png", "two.png")]
    for plot in plots:
        plot_world("a world", 80, runs, plot)
    assert plots[0].read_bytes() == plots[1].read_bytes()


@pytest.mark.slow
def test_evaluation__of_small_worlds_is_the_same_again_and_the_loop_repairs(tmp_path: Path) -> None:
    calm = Calm(Shared(episode_start(3)))
    score_one("amounts", 3, SETTINGS, None, calm, **SMALL)
    assert {72, 79, 86, 93, 100, 107} <= set(calm.challengers)
    assert max(calm.challengers) <= episode_start(3) + 7
    assert {run.days[-1].day for run in calm.runs.values()} == {episode_start(3) - 1}
    scores = [score_one("card_testing", 3, SETTINGS, tmp_path / "plot.png", one, **SMALL) for one in (None, calm)]
    assert scores[0] == scores[1]
    assert scores[0].start == episode_start(3)
    assert scores[0].noticed["labels"] is not None
    assert scores[0].average_precision["closed"] > scores[0].average_precision["never"]


def test_history__has_the_days_whose_windows_are_full(history: History) -> None:
    assert history.day.min() == 37
    assert history.date(0) == date(2018, 4, 1)
    assert np.all(np.diff(history.transaction_id) > 0)
    assert np.array_equal(history.transaction_id // 10**9, history.day)
