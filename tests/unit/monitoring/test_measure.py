"""Measuring a day: pooling, what is comparable, labelled performance, and every way in which there is no evidence."""

from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fraud.monitoring.distances import Distances
from fraud.monitoring.measure import DayRows, Measured, Reference, alert_rate_ratio, measure
from fraud.monitoring.performance import Labelled, precision_at_budget
from fraud.settings import DriftThresholds

DAY = date(2026, 3, 1)
T = DriftThresholds(min_current_rows=100, min_reference_rows=100)


def columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        "tx_amount": draw.gamma(2.0, 30.0, rows),
        "tx_during_weekend": np.zeros(rows),
        "tx_during_night": (draw.random(rows) < 0.2).astype(float),
        "score": draw.beta(1, 20, rows),
    }


def scored(offset: int = 0, rows: int = 150, version: int = 1) -> DayRows:
    ids = np.arange(rows) + (1000 - offset) * 10**9
    return DayRows(ids, columns(rows, offset), version)


def labelled(days: int = 14, rows: int = 40, version: int = 1) -> Labelled:
    """Labels of the days before the last that are known on DAY."""
    draw = np.random.default_rng(5)
    last = DAY.toordinal() - 7
    day = np.repeat(np.arange(last - days + 1, last + 1), rows)
    is_fraud = np.tile(np.arange(rows) < 4, days)
    score = np.where(is_fraud, draw.beta(3, 3, len(day)), draw.beta(1, 5, len(day)))
    return Labelled(
        np.arange(len(day)), day, np.tile(np.arange(rows), days), score, np.full(len(day), version), is_fraud
    )


REFERENCE = Reference(columns(400, 99), baseline=0.6, baseline_weeks=4, expected_per_day=200.0)


def measured(
    days: dict[date, DayRows] | None = None,
    reference: Reference = REFERENCE,
    labels: Labelled | None = None,
) -> Measured:
    return measure(
        DAY,
        {DAY: scored()} if days is None else days,
        {1: reference},
        labelled() if labels is None else labels,
        compare={1: Distances(reference.columns)},
        thresholds=T,
        feature_version="v1",
        alert_budget=5,
        label_delay_days=7,
    )


def test_day__is_compared_counted_and_scored() -> None:
    metrics, current, names = measured()
    assert names == ("tx_amount", "tx_during_night", "score")
    assert set(metrics.columns) == {"tx_amount", "tx_during_night"}
    assert metrics.score is not None
    assert len(current["score"]) == metrics.current_rows == metrics.transactions == 150
    assert metrics.volume_ratio == pytest.approx(150 / 200)
    assert metrics.no_evidence == {}
    assert set(metrics.performance) == {"day", "short", "long"}


def test_alert_rate__counts_what_reaches_the_references_99th_percentile() -> None:
    reference = np.linspace(0, 1, 1001)
    current = np.concatenate([np.full(40, 0.995), np.full(960, 0.1)])
    assert alert_rate_ratio(reference, current) == pytest.approx(0.04 / (11 / 1001))
    assert alert_rate_ratio(reference, reference) == 1.0


def test_alert_rate__of_tied_scores_is_measured_against_the_references_own_share() -> None:
    reference = np.concatenate([np.zeros(900), np.ones(100)])
    assert alert_rate_ratio(reference, reference) == 1.0


def test_small_days__are_pooled_backwards_until_there_are_enough() -> None:
    days = {DAY - timedelta(days=offset): scored(offset, rows=30) for offset in range(7)}
    metrics = measured(days).metrics
    assert metrics.pooled_from == DAY - timedelta(days=3)
    assert metrics.current_rows == 120
    assert metrics.transactions == 30


def test_small_days__are_not_pooled_across_a_gap_or_another_version_or_a_broken_day() -> None:
    before = DAY - timedelta(days=1)
    gap = {DAY: scored(0, rows=30), DAY - timedelta(days=2): scored(2, rows=300)}
    other = {DAY: scored(0, rows=30), before: scored(1, rows=300, version=2)}
    broken = {DAY: scored(0, rows=30), before: DayRows(problem="broken")}
    for days in (gap, other, broken):
        assert measured(days).metrics.current_rows == 30


def test_performance__equals_scikit_learns_over_each_window() -> None:
    labels = labelled()
    metrics = measured(labels=labels).metrics
    for name, days in (("day", 1), ("short", 3), ("long", 7)):
        rows = labels.rows(labels.day > DAY.toordinal() - 7 - days)
        found = metrics.performance[name]  # type: ignore[index]
        assert found.average_precision == pytest.approx(average_precision_score(rows.is_fraud, rows.score))
        assert found.auc_roc == pytest.approx(roc_auc_score(rows.is_fraud, rows.score))
        assert (found.last, found.first) == (DAY - timedelta(days=7), DAY - timedelta(days=6 + days))
        assert (found.transactions, found.frauds) == (40 * days, 4 * days)


def test_precision_at_budget__is_the_mean_share_of_frauds_among_the_days_highest_scores() -> None:
    rows = labelled(days=3)
    by_hand = []
    for day in np.unique(rows.day):
        here = rows.rows(rows.day == day)
        by_hand.append(here.is_fraud[np.argsort(-here.score)][:5].mean())
    assert precision_at_budget(rows, 5) == pytest.approx(np.mean(by_hand))


def test_performance__is_of_one_version_and_held_against_what_that_one_should_reach() -> None:
    found = measured(labels=labelled()).metrics.performance["short"]
    assert (found.model_version, found.expected, found.expected_weeks) == (1, 0.6, 4)
    found = measured(labels=labelled(version=2)).metrics.performance["short"]
    assert (found.model_version, found.expected, found.expected_weeks) == (2, None, 0)
    labels = labelled()
    mixed = labels._replace(version=np.where(labels.day == DAY.toordinal() - 7, 2, 1))
    metrics = measured(labels=mixed).metrics
    assert set(metrics.performance) == {"day"}
    assert "scored by versions 1 and 2" in metrics.no_evidence["labels short"]


@pytest.mark.parametrize(
    ("labels", "window", "why"),
    [
        (labelled(days=4), "long", "4 of 7 days were scored and have labels"),
        (labelled(version=0), "short", "0 of 3 days were scored and have labels"),
        (labelled()._replace(is_fraud=np.zeros(560, bool)), "short", "the labels hold no frauds"),
        (labelled()._replace(is_fraud=np.ones(560, bool)), "short", "the labels hold frauds only"),
        (labelled()._replace(score=np.full(560, np.nan)), "short", "120 scores are no numbers"),
    ],
)
def test_labels__that_say_nothing_are_no_evidence(labels: Labelled, window: str, why: str) -> None:
    metrics = measured(labels=labels).metrics
    assert window not in metrics.performance
    assert why in metrics.no_evidence[f"labels {window}"]


def test_labels__of_transactions_that_were_not_scored_are_left_out_and_counted() -> None:
    labels = labelled()
    last = labels.day == DAY.toordinal() - 7
    stray = np.flatnonzero(last)[:3]
    versions = labels.version.copy()
    versions[stray] = 0
    versions[labels.day == labels.day.min()] = 0
    metrics = measured(labels=labels._replace(version=versions)).metrics
    assert metrics.unknown_labels == 3
    assert metrics.performance["day"].transactions == 37


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (None, "2026-03-01 has no predictions"),
        (DayRows(problem="2026-03-01 has no transactions"), "2026-03-01 has no transactions"),
    ],
)
def test_day_that_cannot_be_used__has_no_evidence_and_the_reason(day: DayRows | None, why: str) -> None:
    metrics, _, names = measured({} if day is None else {DAY: day})
    assert names == ()
    assert metrics.columns == {}
    assert (metrics.score, metrics.alert_rate_ratio, metrics.volume_ratio) == (None, None, None)
    assert metrics.no_evidence["predictions"] == why


def test_reference_that_cannot_be_used__leaves_only_the_days_own_numbers() -> None:
    metrics, _, names = measured(reference=Reference(problem="the reference has features v2, the day v1"))
    assert names == ()
    assert (metrics.reference_rows, metrics.baseline_average_precision) == (0, None)
    assert metrics.no_evidence["reference"] == "the reference has features v2, the day v1"
    assert metrics.performance["long"].expected is None


def test_column__that_is_constant_or_full_of_gaps_is_no_evidence_and_said() -> None:
    day = scored()
    reference = Reference(
        {**REFERENCE.columns, "flat": np.zeros(400), "lost": np.arange(400.0), "still": np.arange(400.0)}
    )
    gaps = np.where(np.arange(150) < 9, np.nan, np.arange(150.0))
    extra = {"flat": np.arange(150.0), "still": np.full(150, 3.0), "lost": gaps, "new": np.arange(150.0)}
    metrics = measured({DAY: DayRows(day.transaction_id, {**day.columns, **extra}, 1)}, reference).metrics
    assert set(metrics.columns) == {"tx_amount", "tx_during_night"}
    assert metrics.constant_columns == ("still",)
    assert metrics.missing_values == {"lost": 9}
    assert {what: why for what, why in metrics.no_evidence.items() if what.startswith("column")} == {
        "column flat": "flat is constant in the reference",
        "column still": "still is constant",
        "column lost": "lost is missing in 6% of the transactions",
        "column new": "new is not in the reference",
    }
