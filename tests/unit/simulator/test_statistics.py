"""Production days follow the handbook's model, by tests that notice a wrong parameter (see ``statistics``)."""

from collections.abc import Callable

import numpy as np
import pytest

from fraud.simulator.worlds import World, load_world
from unit.simulator import statistics
from unit.simulator.statistics import LEVEL, Sample, handbook_sample, production_sample

HANDBOOK = load_world("handbook")
TESTS = (
    "counts",
    "customers_apart",
    "amounts",
    "times",
    "high_amounts",
    "compromised_terminals",
    "compromised_cards",
    "stolen_amounts",
)
COLUMNS = ("day", "second", "customer", "terminal", "cents", "scenario")


@pytest.fixture(scope="module")
def published() -> Sample:
    return handbook_sample(HANDBOOK)


@pytest.fixture(scope="module")
def production() -> Sample:
    return production_sample(HANDBOOK, HANDBOOK.days)


@pytest.mark.parametrize("name", TESTS)
def test_production__cannot_be_told_from_the_replay(published: Sample, production: Sample, name: str) -> None:
    assert getattr(statistics, name)(production, published) > LEVEL


def test_production__chooses_terminals_as_the_replay_does(published: Sample, production: Sample) -> None:
    assert statistics.terminal_choice(published) > LEVEL
    assert statistics.terminal_choice(production) > LEVEL


def spending(**changes) -> Callable[[World], World]:
    return lambda world: world.changed(spending=world.spending.model_copy(update=changes))


def scenario(number: int, **changes) -> Callable[[World], World]:
    def change(world: World) -> World:
        scenarios = list(world.scenarios)
        scenarios[number - 1] = scenarios[number - 1].model_copy(update=changes)
        return world.changed(scenarios=tuple(scenarios))

    return change


WRONG = [
    ("counts", spending(time_deviation_seconds=21000.0), 60),
    ("amounts", spending(deviation=0.53), 60),
    ("times", spending(time_deviation_seconds=21000.0), 60),
    ("times", spending(time_mean_seconds=43800.0), 60),
    ("high_amounts", scenario(1, threshold=210.0), 120),
    ("high_amounts", scenario(1, threshold=230.0), 120),
    ("compromised_terminals", scenario(2, per_day=2.5), 183),
    ("compromised_terminals", scenario(2, days=24), 183),
    ("compromised_cards", scenario(3, share=0.4), 183),
    ("compromised_cards", scenario(3, per_day=2.0), 183),
    ("stolen_amounts", scenario(3, multiplier=5.5), 183),
]


@pytest.mark.parametrize(("name", "change", "days"), WRONG)
def test_statistics__notice_a_wrong_parameter(
    published: Sample, name: str, change: Callable[[World], World], days: int
) -> None:
    assert getattr(statistics, name)(production_sample(change(HANDBOOK), days), published) < LEVEL


@pytest.mark.parametrize("radius", [4.9, 5.1])
def test_statistics__notice_a_wrong_radius(radius: float) -> None:
    assert statistics.terminal_choice(production_sample(HANDBOOK.changed(radius=radius), 60)) < LEVEL


def test_statistics__notice_wrong_rates_and_customers_who_are_not_poisson(
    published: Sample, production: Sample
) -> None:
    def sample(change: Callable[[np.ndarray], np.ndarray]) -> Sample:
        columns = (change(getattr(production, name)) for name in COLUMNS)
        return Sample(production.customers, production.terminals, production.days, *columns)

    assert statistics.counts(sample(lambda column: column[: len(column) * 99 // 100]), published) < LEVEL
    in_pairs = sample(lambda column: column[::2].repeat(2)[: len(column)])
    assert statistics.counts(in_pairs, published) > LEVEL
    assert statistics.customers_apart(in_pairs, published) < LEVEL
