"""Metrics against scikit-learn and against plain loops after the handbook's own text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from fraud.errors import DataError
from fraud.models.metrics import (
    Ranking,
    alert_days,
    auc_roc,
    average_precision,
    calibration,
    card_precision_at_k,
    expected_cost,
)


@st.composite
def labelled_scores(draw):
    """Scores with many ties, both classes present, and whole weights that leave some of each class."""
    size = draw(st.integers(2, 60))
    is_fraud = draw(st.lists(st.booleans(), min_size=size, max_size=size).filter(lambda flags: 0 < sum(flags) < size))
    score = draw(st.lists(st.integers(0, 8), min_size=size, max_size=size))
    weight = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
    return np.array(is_fraud), np.array(score) / 8, np.array(weight, float)


@settings(deadline=None, max_examples=50)
@given(labelled_scores())
def test_ranking__equals_scikit_learn(drawn):
    is_fraud, score, weight = drawn
    assert auc_roc(is_fraud, score) == pytest.approx(oracle.roc_auc_score(is_fraud, score))
    assert average_precision(is_fraud, score) == pytest.approx(oracle.average_precision_score(is_fraud, score))
    if weight[is_fraud].sum() and weight[~is_fraud].sum():
        ranking = Ranking(is_fraud, score)
        assert ranking.auc_roc(weight) == pytest.approx(oracle.roc_auc_score(is_fraud, score, sample_weight=weight))
        assert ranking.average_precision(weight) == pytest.approx(
            oracle.average_precision_score(is_fraud, score, sample_weight=weight)
        )


@settings(deadline=None, max_examples=50)
@given(labelled_scores())
def test_ranking__a_weight_is_a_repetition(drawn):
    is_fraud, score, weight = drawn
    times = weight.astype(int)
    repeated, again = np.repeat(is_fraud, times), np.repeat(score, times)
    if repeated.any() and not repeated.all():
        assert Ranking(is_fraud, score).average_precision(weight) == pytest.approx(average_precision(repeated, again))


def test_auc_roc__is_how_often_a_fraud_scores_above_a_genuine_transaction():
    rng = np.random.default_rng(1)
    is_fraud, score = rng.random(200) < 0.2, rng.integers(0, 20, 200) / 20
    above = [(fraud > genuine) + (fraud == genuine) / 2 for fraud in score[is_fraud] for genuine in score[~is_fraud]]
    assert auc_roc(is_fraud, score) == pytest.approx(np.mean(above))


def test_ranking__curves_equal_scikit_learn():
    rng = np.random.default_rng(2)
    is_fraud, score = rng.random(300) < 0.1, rng.integers(0, 50, 300) / 50
    false_positive_rate, recall, precision = Ranking(is_fraud, score).curves()
    fpr, tpr, _ = oracle.roc_curve(is_fraud, score, drop_intermediate=False)
    np.testing.assert_allclose(false_positive_rate, fpr[1:])
    np.testing.assert_allclose(recall, tpr[1:])
    expected, _, _ = oracle.precision_recall_curve(is_fraud, score)
    np.testing.assert_allclose(precision, expected[:-1][::-1])


@pytest.mark.parametrize(
    ("is_fraud", "score", "message"),
    [
        ([True, True], [0.1, 0.2], "2 transactions hold one class only"),
        ([False, False], [0.1, 0.2], "2 transactions hold one class only"),
        ([False, True], [0.1, float("nan")], "score 1 is not finite"),
    ],
)
def test_ranking__refuses_what_has_no_ranking(is_fraud, score, message):
    with pytest.raises(DataError, match=message):
        Ranking(np.array(is_fraud), np.array(score))


def plain_card_precision(rows, k, remove_detected):
    """The handbook's card_precision_top_k (chapter 4) over plain dictionaries; ties by customer id."""
    detected, precisions = set(), []
    for today in sorted({day for day, *_ in rows}):
        cards = {}
        for when, card, fraud, value in rows:
            if when == today and card not in detected:
                best, any_fraud = cards.get(card, (-1.0, False))
                cards[card] = (max(best, value), any_fraud or fraud)
        top = sorted(cards, key=lambda card: (-cards[card][0], card))[:k]
        found = [card for card in top if cards[card][1]]
        precisions.append(len(found) / k)
        if remove_detected:
            detected |= set(found)
    return sum(precisions) / len(precisions)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans())
def test_card_precision__equals_the_handbooks_text(seed, k, remove_detected):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 120))
    day, customer = rng.integers(0, 5, size), rng.integers(0, 15, size)
    is_fraud, score = rng.random(size) < 0.3, rng.integers(0, 6, size) / 6
    found = alert_days(day, customer, is_fraud, score, k, remove_detected=remove_detected)
    rows = list(zip(day.tolist(), customer.tolist(), is_fraud.tolist(), score.tolist(), strict=True))
    plain = plain_card_precision(rows, k, remove_detected)
    assert found.precision == pytest.approx(plain)


def test_card_precision__a_card_found_is_left_out_the_next_day():
    day, customer = np.array([0, 0, 1, 1]), np.array([1, 2, 1, 2])
    is_fraud, score = np.array([True, False, True, True]), np.array([0.9, 0.1, 0.9, 0.5])
    assert card_precision_at_k(day, customer, is_fraud, score, 1) == 1.0
    alerts = alert_days(day, customer, is_fraud, score, 1)
    assert (alerts.found.tolist(), alerts.compromised.tolist()) == ([1, 1], [1, 1])
    assert alert_days(day, customer, is_fraud, score, 1, remove_detected=False).compromised.tolist() == [1, 2]


def test_card_precision__recall_counts_the_cards_alerted_on_their_day():
    day, customer = np.zeros(4, int), np.array([1, 2, 3, 4])
    is_fraud, score = np.array([True, True, False, True]), np.array([0.9, 0.8, 0.7, 0.1])
    assert alert_days(day, customer, is_fraud, score, 2).recall == pytest.approx(2 / 3)


def test_card_precision__refuses_no_transactions():
    none = np.empty(0, np.int64)
    with pytest.raises(DataError, match="at least one transaction"):
        alert_days(none, none, none.astype(bool), none.astype(float), 5)


def test_calibration__equals_scikit_learn():
    rng = np.random.default_rng(4)
    score = rng.random(5000) ** 3
    is_fraud = rng.random(5000) < score * 0.8
    found = calibration(is_fraud, score, bins=10)
    assert found.brier == pytest.approx(oracle.brier_score_loss(is_fraud, score))
    share, mean_score = calibration_curve(is_fraud, score, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(found.fraud_share, share, atol=2e-3)
    np.testing.assert_allclose(found.mean_score, mean_score, atol=2e-3)
    assert found.error == pytest.approx(np.average(np.abs(share - mean_score), weights=found.count), abs=2e-3)


def test_calibration__a_perfect_and_a_constant_score():
    is_fraud = np.array([True, False, False, False])
    assert calibration(is_fraud, is_fraud.astype(float)).error == 0
    constant = calibration(is_fraud, np.full(4, 0.25))
    assert (constant.error, constant.count.tolist()) == (0, [4])


def test_expected_cost__is_the_cost_matrix_added_up():
    is_fraud = np.array([True, True, False, False])
    score, amount = np.array([0.9, 0.2, 0.8, 0.1]), np.array([500.0, 80.0, 20.0, 10.0])
    cost = expected_cost(is_fraud, score, amount, threshold=0.8, investigation_cost=10.0)
    assert cost == pytest.approx((10 + 80 + 10 + 0) / 4)
