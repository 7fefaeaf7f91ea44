"""A day's metrics as rows of the tables ``drift_metrics`` and ``performance``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from fraud.monitoring.observation import DayMetrics
from fraud.monitoring.signals import column_threshold
from fraud.schema import arrow_schema
from fraud.settings import DriftThresholds

__all__ = ["drift_table", "performance_table"]


def drift_table(metrics: DayMetrics, thresholds: DriftThresholds) -> pa.Table:
    """Return one row a metric that the day has; a metric without evidence has no row."""
    fixed = {
        "report_date": metrics.date,
        "model_version": metrics.model_version,
        "current_rows": metrics.current_rows,
        "reference_rows": metrics.reference_rows,
    }
    rows = [fixed | row for row in _drift_rows(metrics, thresholds)]
    return pa.Table.from_pylist(rows, schema=arrow_schema("drift_metrics"))


def performance_table(metrics: DayMetrics) -> pa.Table:
    """Return one row a window of labelled days that could be measured."""
    rows = [
        {
            "report_date": metrics.date,
            "time_window": name,
            "first_tx_date": window.first,
            "last_tx_date": window.last,
            **window.model_dump(exclude={"first", "last", "expected", "expected_weeks"}),
            "baseline_average_precision": window.expected or 0.0,
        }
        for name, window in metrics.performance.items()
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema("performance"))


def _drift_rows(metrics: DayMetrics, thresholds: DriftThresholds) -> Iterator[dict[str, Any]]:
    distances = [(name, "alarm", drift) for name, drift in metrics.columns.items()]
    if metrics.score:
        distances.append(("score", "shown", metrics.score))
    for name, role, drift in distances:
        limit = column_threshold(drift.method, thresholds)
        yield _row(name, drift.method, drift.value, limit, drift.value >= limit, role)
    ratios = (
        ("alert_rate_ratio", metrics.alert_rate_ratio, thresholds.alert_rate_low, thresholds.alert_rate_high, "alarm"),
        ("volume_ratio", metrics.volume_ratio, thresholds.volume_low, thresholds.volume_high, "notice"),
    )
    for name, value, low, high, role in ratios:
        if value is not None:
            yield _row(name, "ratio", value, low if value < 1 else high, not low <= value <= high, role)


def _row(metric: str, method: str, value: float, threshold: float, crossed: bool, role: str) -> dict[str, Any]:
    return {
        "metric": metric,
        "method": method,
        "value": value,
        "threshold": threshold,
        "crossed": crossed,
        "role": role,
    }
