"""Fraud scenarios: what each marks, changes and adds, recomputed the slow way."""

import json
from typing import get_args

import numpy as np
import pytest

from fraud.simulator.population import population
from fraud.simulator.scenarios import AnyScenario, Scenario
from fraud.simulator.simulation import simulate
from fraud.simulator.transactions import genuine_transactions
from fraud.simulator.worlds import World, conditions, load_world

BASE = load_world("handbook").changed(customers=1000, terminals=2000, radius=11.0)


def world_with(**scenario) -> World:
    return World.model_validate_json(json.dumps({**BASE.model_dump(mode="json"), "scenarios": [scenario]}))


def test_scenarios__each_file_adds_one_kind() -> None:
    kinds = {get_args(member.model_fields["kind"].annotation)[0] for member in Scenario.__subclasses__()}
    assert kinds == {"high_amount", "compromised_terminal", "compromised_card", "card_testing", "account_takeover"}
    assert {member.__module__.rsplit(".", 1)[1] for member in Scenario.__subclasses__()} == kinds
    assert len(get_args(get_args(AnyScenario)[0])) == len(kinds)


def test_high_amount__marks_exactly_what_lies_above_the_threshold() -> None:
    day = simulate(world_with(kind="high_amount", threshold=180), 5)
    assert np.array_equal(day.verdict == 1, day.cents > 18000)
    assert day.is_fraud.sum() > 5


def test_high_amount__marks_a_share_of_them_at_lower_intensity() -> None:
    days = [simulate(world_with(kind="high_amount", threshold=100, intensity=0.25), day) for day in range(10)]
    above = sum((day.cents > 10000).sum() for day in days)
    marked = sum((day.verdict == 1).sum() for day in days)
    assert abs(marked / above - 0.25) < 4 * np.sqrt(0.25 * 0.75 / above)
    assert all((day.cents[day.is_fraud] > 10000).all() for day in days)


def test_compromised_terminal__marks_everything_there_while_it_lasts_and_nothing_else() -> None:
    world = world_with(kind="compromised_terminal", per_day=1, days=5)
    days = [simulate(world, day) for day in range(40)]
    hit = [set(day.terminal_id[day.is_fraud].tolist()) for day in days]
    for day in days:
        at_victims = np.isin(day.terminal_id, list(hit[day.day]))
        assert np.array_equal(at_victims, day.is_fraud)
    for terminal in set().union(*hit):
        seen = [number for number, victims in enumerate(hit) if terminal in victims]
        assert max(seen) - min(seen) < 5 or len(seen) > 5
    assert np.mean([len(victims) for victims in hit[5:]]) <= 5


def test_compromised_terminal__a_fraction_a_day_is_a_chance_of_one_more() -> None:
    world = world_with(kind="compromised_terminal", per_day=0.25, days=1)
    hit = [len(set(simulate(world, day).terminal_id[simulate(world, day).is_fraud].tolist())) for day in range(200)]
    assert set(hit) == {0, 1}
    assert abs(np.mean(hit) - 0.25 * 0.75) < 0.15


def test_compromised_card__multiplies_a_third_of_the_compromised_cards_amounts() -> None:
    world = world_with(kind="compromised_card", per_day=20, days=14)
    plain = world.changed(scenarios=())
    marked = owned = 0
    for number in range(14, 30):
        day, before = simulate(world, number), simulate(plain, number)
        assert np.array_equal(day.customer_id, before.customer_id)
        fraud = day.is_fraud
        ratio = day.cents[fraud] / np.maximum(before.cents[fraud], 1)
        assert np.isin(np.rint(ratio), [5, 25, 125, 0]).all()
        assert np.array_equal(day.cents[~fraud], before.cents[~fraud])
        marked += fraud.sum()
        # 20 of 1000 cards a day for 14 days: a card is hit a Poisson(0.28) number of times.
        owned += len(day)
    share = 1 - np.exp(-0.28 / 3)
    assert marked / owned == pytest.approx(share, rel=0.08)


def test_card_testing__adds_small_amounts_at_night_in_bursts_over_many_terminals() -> None:
    world = world_with(kind="card_testing", per_day=12, transactions=9, max_amount=4, until_hour=3, minutes=30)
    sizes, terminals = [], []
    for number in range(30):
        day, genuine = simulate(world, number), simulate(world.changed(scenarios=()), number)
        assert len(day) == len(genuine) + day.is_fraud.sum()
        fraud = day.is_fraud
        assert day.cents[fraud].min() >= 50
        assert day.cents[fraud].max() <= 400
        assert day.seconds[fraud].max() < 3.5 * 3600
        for customer in np.unique(day.customer_id[fraud]):
            burst = fraud & (day.customer_id == customer)
            assert np.ptp(day.seconds[burst]) <= 1800
            sizes.append(burst.sum())
        terminals += day.terminal_id[fraud].tolist()
    assert len(sizes) == 30 * 12
    assert np.mean(sizes) == pytest.approx(9, abs=4 * np.sqrt(8 / len(sizes)))
    assert len(set(terminals)) > 0.7 * BASE.terminals


def test_account_takeover__spends_far_from_home() -> None:
    world = world_with(kind="account_takeover", per_day=5, days=4, transactions=3, min_distance=25, multiplier=2)
    residents = population(world, 0)
    home, place = residents.customers, residents.terminals
    added, spent = 0, []
    for number in range(10, 30):
        day = simulate(world, number)
        fraud = day.is_fraud
        customers, terminals = day.customer_id[fraud], day.terminal_id[fraud]
        assert np.hypot(home.x[customers] - place.x[terminals], home.y[customers] - place.y[terminals]).min() > 25
        spent.append(day.cents[fraud] / 100 / home.mean_amount[customers])
        added += fraud.sum()
    assert added == pytest.approx(20 * 20 * 3, abs=4 * np.sqrt(20 * 20 * 3))
    assert np.concatenate(spent).mean() == pytest.approx(2, abs=0.1)
    assert np.ptp(np.concatenate(spent)) < 2.01


def test_terminals_beyond__gives_up_where_no_terminal_is_far_enough() -> None:
    world = world_with(kind="account_takeover", per_day=5, min_distance=50).changed(terminals=1, radius=150.0)
    assert simulate(world, 5).is_fraud.any()


def test_scenarios__a_later_one_takes_over_what_an_earlier_one_marked() -> None:
    everything = [
        {"kind": "high_amount", "threshold": 0.01},
        {"kind": "compromised_card", "per_day": 1000, "days": 1, "share": 1.0},
    ]
    world = World.model_validate_json(json.dumps({**BASE.model_dump(mode="json"), "scenarios": everything}))
    assert set(simulate(world, 3).verdict.tolist()) == {2}
    assert set(simulate(world.changed(scenarios=world.scenarios[::-1]), 3).verdict.tolist()) <= {1, 2}


def test_scenario__asleep_changes_nothing() -> None:
    for kind in ("compromised_terminal", "compromised_card", "card_testing", "account_takeover", "high_amount"):
        world = world_with(kind=kind, intensity=0)
        day = simulate(world, 20)
        assert not day.is_fraud.any()
        drawn = genuine_transactions(world, population(world, 20), conditions(world, 20), 20)
        assert np.array_equal(np.sort(day.cents), np.sort(drawn.cents.astype(np.int64)))
