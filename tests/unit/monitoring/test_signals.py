"""Signals: three answers, each with its numbers."""

import pytest

from fraud.monitoring.observation import ColumnDrift
from fraud.monitoring.signals import Evidence, Signal, labelled, notices, persists, unlabelled
from fraud.settings import DriftThresholds
from unit.monitoring.days import blind, calm, drifted, lossy, performance

T = DriftThresholds()


def test_calm_day__is_measured_and_silent() -> None:
    for judge in (labelled, unlabelled):
        assert judge(calm(20), T) == Evidence(measured=True)
    assert notices(calm(20), T) == ()


@pytest.mark.parametrize(("value", "signals"), [(0.0999, []), (0.1, ["tx_amount"]), (5.0, ["tx_amount"])])
def test_feature_distance__signals_from_the_threshold_on(value: float, signals: list[str]) -> None:
    assert [signal.name for signal in unlabelled(drifted(20, value), T).signals] == signals


def test_night__has_its_own_threshold() -> None:
    day = calm(20, columns={"tx_during_night": ColumnDrift(method="jensenshannon", value=0.06)})
    assert unlabelled(day, T).signals == (Signal("tx_during_night", 0.06, T.night_jensenshannon),)


@pytest.mark.parametrize(
    ("ratio", "bound"), [(0.5, T.alert_rate_low), (0.7, None), (1.4, None), (1.6, T.alert_rate_high)]
)
def test_alert_rate__signals_on_both_sides(ratio: float, bound: float | None) -> None:
    signals = unlabelled(calm(20, alert_rate_ratio=ratio), T).signals
    assert [signal.threshold for signal in signals] == ([bound] if bound else [])


def test_score_distance__never_signals() -> None:
    assert not unlabelled(calm(20, score=ColumnDrift(method="wasserstein", value=9.0)), T).signals


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"current_rows": 1999}, "1999 rows, 2000 are needed"),
        ({"reference_rows": 4999}, "the reference has 4999 rows, 5000 are needed"),
        ({"no_evidence": {"reference": "the reference of version 1 cannot be read"}}, "version 1 cannot be read"),
        ({"no_evidence": {"predictions": "the predictions are missing"}}, "predictions are missing"),
    ],
)
def test_unlabelled__small_samples_and_missing_input_are_no_evidence(changes: dict[str, object], why: str) -> None:
    evidence = unlabelled(drifted(20, **changes), T)
    assert not evidence.measured
    assert not evidence.signals
    assert why in " ".join(evidence.missing)


def test_labels__signal_over_either_window() -> None:
    windows = {"short": performance(20, 3, 0.66 * 0.69, 240), "long": performance(20, 7, 0.66 * 0.86, 560)}
    assert len(labelled(calm(20, performance=windows), T).signals) == 1
    windows = {"short": performance(20, 3, 0.66 * 0.76, 240), "long": performance(20, 7, 0.66 * 0.84, 560)}
    assert len(labelled(calm(20, performance=windows), T).signals) == 1
    assert len(labelled(lossy(20), T).signals) == 2


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"performance": {"short": performance(20, 3, 0.1, 240, expected_weeks=3)}},
            "version 1 should reach is known from 3 weeks, 4 are needed",
        ),
        (
            {"performance": {"short": performance(20, 3, 0.1, 240, expected=None, expected_weeks=0)}},
            "version 1 should reach is known from 0 weeks",
        ),
        (
            {"performance": {}, "no_evidence": {"labels short": "labels of 1 of 3 days"}},
            "labels of 1 of 3 days",
        ),
        ({"performance": {"short": performance(20, 3, 0.1, 99)}}, "99 labelled frauds in 3 days, 100 are needed"),
    ],
)
def test_labels__too_little_is_no_evidence(changes: dict[str, object], why: str) -> None:
    evidence = labelled(calm(20, **changes), T)
    assert not evidence.measured
    assert not evidence.signals
    assert why in " ".join(evidence.missing)


def test_labels__one_window_of_two_is_evidence_and_the_other_is_named() -> None:
    evidence = labelled(calm(20, performance={"short": performance(20, 3, 0.3, 240)}), T)
    assert evidence.measured
    assert len(evidence.signals) == 1
    assert evidence.missing == ("no labelled performance over 7 days",)


def test_notices__say_volume_columns_on_their_way_and_bad_values() -> None:
    day = drifted(
        20, 0.07, volume_ratio=1.5, missing_values={"tx_amount": 3}, constant_columns=("x",), unknown_labels=2
    )
    assert notices(day, T) == (
        "9500 transactions are 1.50 of those expected",
        "tx_amount moved by 0.06 or more",
        "tx_amount has 3 missing values",
        "x is constant",
        "2 labels are of transactions that were not scored and are left out",
    )


SIGNAL = Evidence(measured=True, signals=(Signal("x", 1.0, 0.5),))
CLEAR = Evidence(measured=True)
NOTHING = Evidence(measured=False)


@pytest.mark.parametrize(
    ("days", "alarm"),
    [
        ([SIGNAL], False),
        ([SIGNAL, SIGNAL], True),
        ([SIGNAL, CLEAR, SIGNAL], True),
        ([SIGNAL, CLEAR, CLEAR, SIGNAL], False),
        ([SIGNAL, SIGNAL, CLEAR], True),
        ([SIGNAL, SIGNAL, CLEAR, CLEAR], False),
        ([NOTHING, NOTHING, NOTHING], False),
        ([SIGNAL, NOTHING, NOTHING, SIGNAL], True),
        ([SIGNAL, SIGNAL, NOTHING, NOTHING, NOTHING], True),
        ([], False),
    ],
)
def test_persistence__two_of_three_days_that_have_evidence(days: list[Evidence], alarm: bool) -> None:
    assert persists(days, T) is alarm


def test_blind_day__is_neither_signal_nor_all_clear() -> None:
    for judge in (labelled, unlabelled):
        assert not judge(blind(20), T).measured


def test_signal__says_its_side() -> None:
    assert str(Signal("x", 0.2, 0.1)) == "x 0.200 (above 0.1)"
    assert str(Signal("x", 0.5, 0.67)) == "x 0.500 (below 0.67)"
