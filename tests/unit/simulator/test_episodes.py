"""Drift episodes: how strong each is on which day, and what it does to the day."""

import json

import numpy as np
import pytest

from fraud.simulator.episodes import AmountInflation, SeasonalSwing, VolumeGrowth
from fraud.simulator.population import every_customer, every_terminal, population
from fraud.simulator.simulation import simulate
from fraud.simulator.truth import episodes_truth
from fraud.simulator.worlds import World, conditions, load_world


def handbook_with(*episodes: dict) -> World:
    base = load_world("handbook").changed(customers=1000, terminals=2000, radius=11.0)
    return World.model_validate_json(json.dumps({**base.model_dump(mode="json"), "episodes": episodes}))


def test_strength__is_a_ramp_that_ends() -> None:
    episode = VolumeGrowth(kind="volume_growth", factor=2.0, start=10, ramp=4, end=20)
    assert [episode.strength(day) for day in (9, 10, 11, 12, 13, 14, 15, 19, 20)] == pytest.approx(
        [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 0]
    )


def test_strength__without_a_ramp_is_full_at_once_and_for_ever() -> None:
    episode = AmountInflation(kind="amount_inflation", factor=2.0, start=10)
    assert [episode.strength(day) for day in (9, 10, 10_000)] == [0, 1, 1]


def test_conditions__are_the_worlds_own_before_every_episode() -> None:
    for name in ("amount_inflation", "volume_growth", "fraud_rate", "label_delay", "scenario_starts", "demo"):
        world = load_world(name)
        before = conditions(world, 74)
        assert before.scenarios == world.scenarios
        assert (before.amount_factor, before.rate_factor, before.label_delay_days) == (1, 1, world.labels.delay_days)


def test_amount_inflation__multiplies_every_amount_and_marks_the_same_frauds() -> None:
    calm, inflated = handbook_with(), handbook_with({"kind": "amount_inflation", "start": 40, "factor": 1.3})
    before, after = simulate(calm, 50), simulate(inflated, 50)
    assert np.array_equal(after.cents, np.rint(before.cents * 1.3).astype(np.int64))
    assert np.array_equal(after.verdict, before.verdict)
    assert np.array_equal(simulate(calm, 39).cents, simulate(inflated, 39).cents)


def test_amount_inflation__with_fixed_thresholds_makes_high_amounts_of_genuine_ones() -> None:
    episode = {"kind": "amount_inflation", "start": 40, "factor": 1.3, "frauds_inflate": False}
    day = simulate(handbook_with(episode), 50)
    own = day.verdict <= 1
    assert np.array_equal(day.verdict[own] == 1, day.cents[own] > 22000)
    assert (day.verdict == 1).sum() > 3 * (simulate(handbook_with(), 50).verdict == 1).sum()


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_volume_growth__multiplies_the_transactions(factor: float) -> None:
    calm, grown = handbook_with(), handbook_with({"kind": "volume_growth", "start": 0, "factor": factor})
    before, after = (sum(len(simulate(world, day)) for day in range(20)) for world in (calm, grown))
    assert abs(after / before - factor) < 4 * factor * np.sqrt(1 / before + 1 / after)


def test_seasonal_swing__goes_up_and_down_around_the_mean() -> None:
    swing = SeasonalSwing(kind="seasonal_swing", start=10, amplitude=0.3, period_days=28.0)
    factors = [swing.apply(conditions(handbook_with(), 0), 1.0, day).rate_factor for day in range(10, 38)]
    assert np.mean(factors) == pytest.approx(1)
    assert (factors[0], factors[7], factors[21]) == pytest.approx((1, 1.3, 0.7))


def test_fraud_rate__multiplies_how_many_are_hit() -> None:
    state = conditions(load_world("fraud_rate"), 75)
    assert [scenario.intensity for scenario in state.scenarios] == [3, 3, 3]
    calm, worse = handbook_with(), handbook_with({"kind": "fraud_rate", "start": 0, "factor": 3})
    terminals = [np.unique(day.terminal_id[day.verdict == 2]).size for day in (simulate(calm, 60), simulate(worse, 60))]
    assert 2 < terminals[1] / terminals[0] < 4


def test_scenario_changes__interpolate_and_keep_whole_numbers_whole() -> None:
    change = {
        "kind": "scenario_changes",
        "scenario": "compromised_terminal",
        "start": 10,
        "ramp": 2,
        "to": {"days": 7, "per_day": 5},
    }
    world = handbook_with(change)
    during = [conditions(world, day).scenario("compromised_terminal") for day in (9, 10, 11, 12)]
    assert [scenario.lasts_days for scenario in during] == [28, 21, 14, 7]
    assert [scenario.per_day for scenario in during] == [2, 3, 4, 5]


def test_scenario_changes__leave_a_compromise_what_it_was_when_it_began() -> None:
    change = {
        "kind": "scenario_changes",
        "scenario": "compromised_terminal",
        "start": 50,
        "to": {"days": 1, "per_day": 0},
    }
    calm, changed = handbook_with(), handbook_with(change)
    for day in (50, 60, 76):
        before, after = simulate(calm, day), simulate(changed, day)
        hit = set(after.terminal_id[after.verdict == 2])
        assert hit < set(before.terminal_id[before.verdict == 2])
        assert hit
    assert not (simulate(changed, 77).verdict == 2).any()


def test_scenario_changes__may_make_compromises_last_longer_than_before() -> None:
    change = {"kind": "scenario_changes", "scenario": "compromised_card", "start": 0, "to": {"days": 40}}
    assert handbook_with(change).lasts_days("compromised_card") == 40
    cards = [
        set(day.customer_id[day.verdict == 3])
        for day in (simulate(handbook_with(change), 60), simulate(handbook_with(), 60))
    ]
    assert len(cards[0]) > 2 * len(cards[1])


def test_scenario_stops_and_starts__on_their_day() -> None:
    world = load_world("demo")
    verdicts = {day: np.bincount(simulate(world, day).verdict, minlength=5) for day in (74, 75)}
    assert verdicts[74][1] > 0
    assert verdicts[74][4] == 0
    assert verdicts[75][1] == 0
    assert verdicts[75][4] > 100


def test_turnover__replaces_the_share_it_says_and_nobody_comes_back() -> None:
    world = load_world("turnover")
    gone = []
    for day in (74, 75, 95, 115, 139):
        customers, terminals = population(world, day).customers.ids, population(world, day).terminals.ids
        gone.append(((customers >= 5000).mean(), (terminals >= 10000).mean()))
        earlier = population(world, day - 10).customers.ids
        assert set(customers[customers >= 5000]) >= set(earlier[earlier >= 5000])
    assert gone[0] == (0, 0)
    assert gone == sorted(gone)
    assert gone[-1] == pytest.approx((0.5, 0.3333), abs=0.03)
    assert gone[3] == gone[-1]


def test_turnover__newcomers_are_in_the_list_of_everybody_with_their_own_profile() -> None:
    world = load_world("turnover")
    everybody, residents = every_customer(world), population(world, 110).customers
    assert (np.diff(everybody.ids) > 0).all()
    place = np.searchsorted(everybody.ids, residents.ids)
    assert np.array_equal(everybody.ids[place], residents.ids)
    for column in ("x", "y", "mean_amount", "std_amount", "mean_nb_tx_per_day"):
        assert np.array_equal(getattr(everybody, column)[place], getattr(residents, column))
    assert set(population(world, 110).terminals.ids) <= set(every_terminal(world).ids)
    day = simulate(world, 110)
    assert set(day.customer_id) <= set(residents.ids)
    assert set(day.terminal_id) <= set(population(world, 110).terminals.ids)
    assert (day.customer_id >= 5000).any()
    assert (day.terminal_id >= 10000).any()


def test_turnover__a_compromise_ends_when_its_victim_leaves() -> None:
    terminals = {"kind": "turnover", "of": "terminals", "share": 1.0, "start": 50}
    before, after = simulate(handbook_with(), 50), simulate(handbook_with(terminals), 50)
    assert len(np.unique(before.terminal_id[before.verdict == 2])) > 20
    assert len(np.unique(after.terminal_id[after.verdict == 2])) in {1, 2}  # those of the day itself


def test_label_delay__moves_to_the_episodes() -> None:
    world = load_world("label_delay")
    assert [conditions(world, day).label_delay_days for day in (74, 75, 78, 81, 100)] == [7, 8, 11, 14, 14]
    assert world.longest_delay_days == 14


def test_truth__says_what_is_active_and_how_strong() -> None:
    world = load_world("turnover")
    assert episodes_truth(world, 74)["episodes"] == []
    during = episodes_truth(world, 95)
    assert [(episode["of"], episode["strength"]) for episode in during["episodes"]] == [
        ("customers", pytest.approx(21 / 41)),
        ("terminals", pytest.approx(21 / 41)),
    ]
    assert during["content_hash"] == world.content_hash
    assert during["date"] == str(world.date_of(95))
