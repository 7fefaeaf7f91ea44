"""A day of a world: the same however it is asked for, in order, and every draw against a brute-force twin."""

import hashlib
from datetime import date

import numpy as np
import pytest

from fraud.errors import ConfigurationError
from fraud.schema import IDS_PER_DAY
from fraud.simulator import frauds
from fraud.simulator import simulate as exported
from fraud.simulator.ordering import quicksort_order, sort_pairs, stable_order
from fraud.simulator.population import population
from fraud.simulator.simulation import DayResult, simulate
from fraud.simulator.streams import stream
from fraud.simulator.terminal_grid import Reach, TerminalGrid, draw_within, reaches_any, within
from fraud.simulator.transactions import genuine_transactions
from fraud.simulator.worlds import conditions, load_world

COLUMNS = ("seconds", "customer_id", "terminal_id", "cents", "verdict")
TINY = load_world("tiny")


def digest(day: DayResult) -> str:
    return hashlib.sha256(b"".join(getattr(day, name).astype("<i8").tobytes() for name in COLUMNS)).hexdigest()


def forget() -> None:
    """Forget what other days left in memory."""
    for cached in (conditions, frauds._hit, frauds._scenario_on):
        cached.cache_clear()


def test_day__is_the_same_alone_in_a_range_in_any_order_and_by_date() -> None:
    forward = {day: digest(simulate(TINY, day)) for day in range(70, 90)}
    forget()
    backward = {day: digest(simulate(load_world("tiny"), day)) for day in reversed(range(70, 90))}
    forget()
    assert forward == backward
    assert digest(exported(TINY, TINY.date_of(88))) == forward[88]
    assert len(set(forward.values())) == 20


def test_day__stays_what_it_was() -> None:
    """Stored days are recomputed years later: a change of any draw, also by a new NumPy, must be noticed."""
    assert digest(simulate(TINY, 90)) == "982c656721daab46f5a0fa8765308e93dc7f41f232bd42bbb135578f5130a264"


def test_day__does_not_depend_on_the_date_but_on_the_index() -> None:
    assert digest(simulate(TINY.changed(start=date(2031, 12, 24)), 90)) == digest(simulate(TINY, 90))


def test_day__is_another_one_for_another_seed() -> None:
    assert digest(simulate(TINY.changed(seed=12), 90)) != digest(simulate(TINY, 90))


def test_day__is_in_time_order_with_ties_by_customer_then_terminal() -> None:
    crowd = TINY.changed(seed=5, spending=TINY.spending.model_copy(update={"time_deviation_seconds": 40.0}))
    for world in (TINY, crowd):
        day = simulate(world, 90)
        rows = list(zip(day.seconds.tolist(), day.customer_id.tolist(), day.terminal_id.tolist(), strict=True))
        assert rows == sorted(rows)
    assert len(set(day.seconds.tolist())) < len(day) / 2


def test_day__has_ids_of_its_index_and_times_within_it() -> None:
    day = simulate(TINY, 90)
    assert day.transaction_id.tolist() == [90 * IDS_PER_DAY + n for n in range(len(day))]
    assert day.seconds.min() > 0
    assert day.seconds.max() < 86400
    assert day.cents.min() >= 0


def test_day__that_nobody_spends_on_is_empty() -> None:
    day = simulate(TINY.changed(spending=TINY.spending.model_copy(update={"transactions_per_day": (0.0, 0.0)})), 10)
    assert len(day) == 0


def test_world__whose_radius_reaches_no_terminal_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"world tiny: radius: 0.0001 reaches no terminal from any of the 400"):
        simulate(TINY.changed(radius=0.0001), 0)


def test_customers__who_reach_no_terminal_make_no_transactions() -> None:
    world = TINY.changed(radius=1.5, episodes=(), scenarios=())
    residents = population(world, 0)
    active = {int(customer) for day in range(20) for customer in simulate(world, day).customer_id}
    assert 0 < residents.reaches.sum() < 400
    assert active <= set(residents.reaches.nonzero()[0].tolist())


def test_genuine_transactions__use_terminals_within_the_radius_only() -> None:
    for world in (TINY, load_world("handbook")):
        residents = population(world, 3)
        drawn = genuine_transactions(world, residents, conditions(world, 3), 3)
        customers, terminals = residents.customers, residents.terminals
        away = np.hypot(
            customers.x[drawn.customer] - terminals.x[drawn.terminal],
            customers.y[drawn.customer] - terminals.y[drawn.terminal],
        )
        assert away.max() < world.radius


def test_genuine_transactions__of_many_blocks_are_by_customer() -> None:
    world = load_world("large").changed(customers=150_000, terminals=150_000, radius=1.3, scenarios=())
    drawn = genuine_transactions(world, population(world, 0), conditions(world, 0), 0)
    assert (np.diff(drawn.customer) >= 0).all()
    active = np.bincount(drawn.customer // 65536) / [65536, 65536, 150_000 - 2 * 65536]
    assert active == pytest.approx([1.94] * 3, rel=0.02)


GRIDS = [(10_000, 5.0), (800, 18.0), (50, 60.0), (3, 1.0), (1, 150.0), (5000, 0.3), (400, 145.0)]


def places(terminals: int, radius: float) -> tuple[Reach, TerminalGrid, np.ndarray]:
    """Customers and terminals at random and in corners, and every distance between them."""
    draw = np.random.default_rng(terminals)
    x, y = draw.random((2, terminals)) * 100
    corners = np.array([[0, 0], [0, 99.999999], [99.999999, 0], [99.999999, 99.999999], [50, 50]])
    home = np.concatenate([corners, draw.random((200, 2)) * 100])
    grid = TerminalGrid.of(x, y, radius)
    distance = np.sqrt((home[:, :1] - x) ** 2 + (home[:, 1:] - y) ** 2)
    return Reach.of(home[:, 0].copy(), home[:, 1].copy(), grid), grid, distance


@pytest.mark.parametrize(("terminals", "radius"), GRIDS)
def test_terminals_within__are_those_of_brute_force(terminals: int, radius: float) -> None:
    reach, grid, distance = places(terminals, radius)
    for customer in range(len(reach.x)):
        assert within(customer, reach, grid).tolist() == (distance[customer] < radius).nonzero()[0].tolist()
    assert reaches_any(reach, grid).tolist() == (distance < radius).any(axis=1).tolist()


@pytest.mark.parametrize(("terminals", "radius"), GRIDS)
def test_draw_within__compiled_is_what_python_computes(terminals: int, radius: float) -> None:
    reach, grid, _ = places(terminals, radius)
    customers = np.repeat((reach.below[:, -1] > 0).nonzero()[0], 5)
    uniform = stream(1, "test").random(len(customers))
    assert np.array_equal(
        draw_within(uniform, customers, reach, grid), draw_within.py_func(uniform, customers, reach, grid)
    )


def test_draw_within__is_uniform_over_the_candidates() -> None:
    """Every candidate has exactly its share of the unit interval, so what is kept is uniform."""
    reach, grid, distance = places(800, 18.0)
    customer = 7
    candidates = int(reach.below[customer, -1])
    every = (np.arange(candidates) + 0.5) / candidates
    drawn = draw_within(every, np.full(candidates, customer), reach, grid)
    assert sorted(drawn[drawn >= 0].tolist()) == (distance[customer] < 18.0).nonzero()[0].tolist()


def test_runs__hold_few_candidates_that_are_too_far() -> None:
    reach, _, distance = places(10_000, 5.0)
    assert (distance < 5.0).sum() / reach.below[:, -1].sum() > 0.7


def test_streams__differ_by_purpose_and_address_and_repeat() -> None:
    addresses = [(7, "a"), (7, "b"), (8, "a"), (7, "a", 1), (7, "a", 0, 1), (7, "a", 1, 1)]
    drawn = {tuple(stream(*address).integers(2**62, size=3).tolist()) for address in addresses}
    assert len(drawn) == len(addresses)
    assert stream(7, "a", 5).random() == stream(7, "a", 5).random()


@pytest.mark.parametrize("rows", [0, 1, 2, 16, 17, 18, 500, 20_000])
@pytest.mark.parametrize("values", [1, 3, 10_000])
def test_quicksort_order__sorts(rows: int, values: int) -> None:
    column = np.random.default_rng(rows).integers(0, values, rows)
    order = quicksort_order(column)
    assert np.array_equal(np.sort(order), np.arange(rows))
    assert np.array_equal(column[order], np.sort(column))


def test_stable_order__is_numpys() -> None:
    column = np.random.default_rng(0).integers(0, 20, 1000)
    assert np.array_equal(stable_order(column), np.argsort(column, kind="stable"))
    assert stable_order(column[:0]).tolist() == []


@pytest.mark.parametrize("rows", [0, 1, 2, 100_000])
@pytest.mark.parametrize("keys", [3, 5000, 2**62])
def test_sort_pairs__is_a_sort_by_key_then_value(rows: int, keys: int) -> None:
    draw = np.random.default_rng(rows)
    key, value = draw.integers(0, keys, rows), draw.integers(0, 1000, rows)
    order = np.lexsort((value, key))
    found = sort_pairs(key, value)
    assert np.array_equal(found[0], key[order])
    assert np.array_equal(found[1], value[order])
