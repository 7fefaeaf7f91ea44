"""The promotion rule and the paired bootstrap."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from fraud.models.promotion import Comparison, decide, first_champion, paired_bootstrap, window_days
from fraud.settings import PromotionRule

RULE = PromotionRule()
GOOD = Comparison(gain=0.06, gain_percentile=0.01, card_precision_change=0.0, frauds=400)


def changed(**fields):
    return Comparison(**{name: getattr(GOOD, name) for name in GOOD.__slots__} | fields)


@pytest.mark.parametrize("kind", ["scheduled", "manual", "alarm"])
def test_decide__promotes_what_passes_every_threshold(kind):
    verdict = decide(RULE, kind, "xgboost", GOOD)
    assert verdict.promote
    assert verdict.reason.startswith("xgboost is promoted: average precision +0.060 over the last")
    assert "on 400 frauds" in verdict.reason
    assert verdict.to_json()["gain_percentile"] == 0.01


@pytest.mark.parametrize(
    ("kind", "comparison", "reason"),
    [
        ("scheduled", changed(gain=0.0199), "average precision gains +0.020, at least +0.020 needed"),
        ("scheduled", changed(frauds=199), "only 199 frauds to compare on, at least 200 needed"),
        ("scheduled", changed(gain_percentile=0.0), "percentile 5 of the paired bootstrap is +0.000, not above 0"),
        ("scheduled", changed(card_precision_change=-0.011), "at most 0.010 may be lost"),
        ("alarm", changed(gain=0.0499), "at least +0.050 needed"),
        ("alarm", changed(frauds=RULE.alarm_min_frauds - 1), "frauds to compare on"),
    ],
)
def test_decide__refuses_at_each_threshold_and_says_which(kind, comparison, reason):
    verdict = decide(RULE, kind, "xgboost", comparison)
    assert not verdict.promote
    assert verdict.reason.startswith(f"xgboost is not promoted over the last {window_days(RULE, kind)} labelled days: ")
    assert reason in verdict.reason
    assert verdict.reason.count(";") == 0


@pytest.mark.parametrize("kind", ["scheduled", "alarm"])
def test_decide__asks_for_more_while_labels_show_no_loss(kind):
    small, large = changed(gain=RULE.unneeded_min_gain - 0.001), changed(gain=RULE.unneeded_min_gain)
    assert decide(RULE, kind, "xgboost", small, loss=True).promote
    verdict = decide(RULE, kind, "xgboost", small, loss=False)
    assert not verdict.promote
    assert verdict.reason.endswith("average precision gains +0.099, at least +0.100 needed while labels show no loss")
    assert decide(RULE, kind, "xgboost", large, loss=False).promote


def test_decide__thresholds_themselves_pass():
    at = changed(gain=RULE.scheduled_min_gain, frauds=RULE.scheduled_min_frauds, card_precision_change=-0.01)
    assert decide(RULE, "scheduled", "xgboost", at).promote


def test_decide__names_every_reason():
    verdict = decide(RULE, "scheduled", "xgboost", Comparison(-0.1, -0.2, -0.3, 0))
    assert verdict.reason.count(";") == 3


def test_first_champion__names_what_it_is_ahead_of():
    verdict = first_champion("b", {"a": 0.5, "b": 0.625})
    assert verdict.promote
    assert verdict.reason == (
        "b becomes the first champion with average precision 0.625 on held-out customers, ahead of a 0.500"
    )
    assert verdict.to_json() == {"promote": True, "reason": verdict.reason}


def drawn(seed, rows=1500, customers=120):
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, customers, rows)
    is_fraud = rng.random(rows) < 0.1
    truth = is_fraud + rng.normal(scale=0.8, size=rows)
    return rng, customer, is_fraud, truth


def test_paired_bootstrap__equals_drawing_the_customers_rows():
    _, customer, is_fraud, truth = drawn(1, rows=300, customers=20)
    champion, challenger = np.round(truth, 1), truth
    gains = paired_bootstrap(is_fraud, champion, challenger, customer, samples=60, seed=9)
    rng = np.random.default_rng(9)
    for gain in gains:
        rows = np.concatenate([np.flatnonzero(customer == card) for card in rng.integers(20, size=20)])
        before, after = (average_precision_score(is_fraud[rows], score[rows]) for score in (champion, challenger))
        assert gain == pytest.approx(after - before)


def test_paired_bootstrap__is_the_same_every_time():
    _, customer, is_fraud, truth = drawn(2)
    runs = [paired_bootstrap(is_fraud, truth, truth**3, customer, samples=50, seed=4) for _ in range(2)]
    assert (runs[0] == runs[1]).all()


def test_paired_bootstrap__the_same_model_gains_nothing():
    _, customer, is_fraud, truth = drawn(3)
    assert not paired_bootstrap(is_fraud, truth, truth, customer, samples=50, seed=0).any()


def test_paired_bootstrap__pairing_is_what_makes_it_sharp():
    rng, customer, is_fraud, truth = drawn(4, rows=6000, customers=500)
    champion = truth + rng.normal(scale=0.3, size=len(truth))
    paired = paired_bootstrap(is_fraud, champion, truth, customer, samples=200, seed=0)
    alone = paired_bootstrap(is_fraud, np.zeros(len(truth)), truth, customer, samples=200, seed=0)
    assert paired.std() < alone.std()
    assert np.percentile(paired, 5) > 0


def test_paired_bootstrap__a_draw_without_frauds_is_no_gain():
    customer, is_fraud = np.array([0, 1, 2, 3]), np.array([True, False, False, False])
    gains = paired_bootstrap(
        is_fraud, np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.9, 0.2, 0.3, 0.4]), customer, samples=200, seed=0
    )
    drawn_without = [0 not in np.random.default_rng(0).integers(4, size=4)]
    assert (gains == 0).any()
    assert drawn_without[0] == (gains[0] == 0)
