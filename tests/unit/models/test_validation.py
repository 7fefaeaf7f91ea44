"""Delay-aware splits against the handbook's own get_train_test_set, written out with sets."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fraud.models.validation import Fold, compromised, prequential


def handbook_test_rows(rows, start, delta_train, delta_delay, delta_test):
    """Rows of the handbook's test set (chapter 3, get_train_test_set), day by day."""
    known = {card for _, when, card, fraud in rows if fraud and start <= when < start + delta_train}
    kept = []
    for offset in range(delta_test):
        known |= {card for _, when, card, fraud in rows if fraud and when == start + delta_train + offset - 1}
        today = start + delta_train + delta_delay + offset
        kept += [row for row, when, card, _ in rows if when == today and card not in known]
    return sorted(kept)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 5), st.integers(1, 6))
def test_fold__equals_the_handbooks_split(seed, train, delay, test):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 200))
    day, customer = rng.integers(0, 22, size), rng.integers(0, 12, size)
    is_fraud = rng.random(size) < 0.15
    start = int(rng.integers(0, 6))
    fold = Fold(start, start + train, start + train + delay, start + train + delay + test)
    rows = list(zip(range(size), day.tolist(), customer.tolist(), is_fraud.tolist(), strict=True))
    expected = handbook_test_rows(rows, start, train, delay, test)
    assert np.flatnonzero(fold.test(day, customer, is_fraud)).tolist() == expected
    assert np.flatnonzero(fold.train(day)).tolist() == [i for i, d in enumerate(day) if start <= d < start + train]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(0, 8), st.one_of(st.none(), st.integers(1, 10)))
def test_compromised__equals_a_plain_loop(seed, delay, memory):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 150))
    day, customer = rng.integers(-3, 25, size), rng.integers(0, 9, size)
    is_fraud = rng.random(size) < 0.2
    expected = []
    for today, card in zip(day, customer, strict=True):
        last = today - delay - 1
        first = -100 if memory is None else last - memory + 1
        expected.append(bool(np.any(is_fraud & (customer == card) & (day >= first) & (day <= last))))
    assert compromised(day, customer, is_fraud, delay_days=delay, memory_days=memory).tolist() == expected


def test_compromised__nobody_without_frauds():
    nothing = np.zeros(3, bool)
    assert not compromised(np.arange(3), np.arange(3), nothing, delay_days=0).any()


def test_prequential__windows_move_back_by_a_test_window_and_never_meet():
    folds = list(prequential(115, 3, train_days=28, delay_days=7, test_days=7))
    assert folds[0] == Fold(115, 143, 150, 157)
    assert [fold.test_end for fold in folds[1:]] == [fold.test_start for fold in folds[:-1]]
    assert all(fold.test_start - fold.train_end == 7 for fold in folds)


def test_fold__no_label_is_used_before_it_is_known():
    fold = Fold(0, 5, 12, 14)
    # Card 1 is defrauded on day 5: on day 12 nobody knows yet, on day 13 it is known.
    day, customer, is_fraud = np.array([5, 12, 13]), np.array([1, 1, 1]), np.array([True, False, False])
    assert fold.test(day, customer, is_fraud).tolist() == [False, True, False]
