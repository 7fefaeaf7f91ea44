"""Days of metrics for the tests of signals and decisions."""

from datetime import date, timedelta

from fraud.monitoring.observation import ColumnDrift, DayMetrics, Performance

FIRST = date(2026, 1, 1)


def day_of(number: int) -> date:
    return FIRST + timedelta(days=number)


def performance(number: int, days: int, precision: float, frauds: int, **changes: object) -> Performance:
    last = day_of(number - 7)
    values: dict[str, object] = {
        "model_version": 1,
        "first": last - timedelta(days=days - 1),
        "last": last,
        "transactions": 9000 * days,
        "frauds": frauds,
        "average_precision": precision,
        "auc_roc": 0.9,
        "card_precision": 0.3,
        "precision_at_budget": 0.3,
        "expected": 0.66,
        "expected_weeks": 4,
    }
    return Performance.model_validate(values | changes)


def calm(number: int, **changes: object) -> DayMetrics:
    """A day on which nothing is wrong and everything could be measured."""
    values: dict[str, object] = {
        "date": day_of(number),
        "model_version": 1,
        "feature_version": "v1",
        "transactions": 9500,
        "pooled_from": day_of(number),
        "current_rows": 9500,
        "reference_rows": 60_000,
        "columns": {
            "tx_amount": ColumnDrift(method="wasserstein", value=0.02),
            "tx_during_night": ColumnDrift(method="jensenshannon", value=0.01),
        },
        "score": ColumnDrift(method="wasserstein", value=0.05),
        "alert_rate_ratio": 1.05,
        "volume_ratio": 0.99,
        "performance": {"short": performance(number, 3, 0.64, 240), "long": performance(number, 7, 0.65, 560)},
        "baseline_average_precision": 0.66,
        "baseline_weeks": 4,
    }
    return DayMetrics.model_validate(values | changes)


def lossy(number: int, precision: float = 0.3, **changes: object) -> DayMetrics:
    """A day on which the labels show a loss."""
    worse = {"short": performance(number, 3, precision, 240), "long": performance(number, 7, precision, 560)}
    return calm(number, performance=worse, **changes)


def drifted(number: int, value: float = 0.2, **changes: object) -> DayMetrics:
    """A day on which amounts have moved."""
    return calm(number, columns={"tx_amount": ColumnDrift(method="wasserstein", value=value)}, **changes)


def blind(number: int, **changes: object) -> DayMetrics:
    """A day on which nothing could be measured."""
    return calm(
        number,
        columns={},
        score=None,
        alert_rate_ratio=None,
        volume_ratio=None,
        performance={},
        current_rows=0,
        no_evidence={"predictions": f"the predictions of {day_of(number)} are missing"},
        **changes,
    )
