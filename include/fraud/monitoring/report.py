"""Evidently's drift report of a day: the distances that the signals are taken from, and the page that shows them.

Importing Evidently takes seconds and a quarter of a gigabyte: only the drift job imports this module.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.core.metric_types import render_widgets
from evidently.legacy.calculations.stattests import jensenshannon_stat_test, wasserstein_stat_test
from evidently.legacy.core import ColumnType
from evidently.legacy.renderers.html_widgets import CounterData, counter, group_widget, table_data
from evidently.metrics import ConstantColumnsCount, DatasetMissingValueCount, DuplicatedRowCount, RowCount, ValueDrift

from fraud.monitoring.distances import CATEGORICAL
from fraud.monitoring.measure import SCORE, Columns
from fraud.monitoring.observation import ColumnDrift, DayMetrics
from fraud.monitoring.signals import column_threshold, labelled, notices, unlabelled
from fraud.settings import DriftThresholds

__all__ = ["EvidentlyDistances", "render"]

_STATISTICS = {"jensenshannon": jensenshannon_stat_test, "wasserstein": wasserstein_stat_test}
_RANDOM_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?<=metric_)[0-9a-f]{32}")


class EvidentlyDistances:
    """Distances to one reference by Evidently's own statistics, without the plots that its report makes of each."""

    def __init__(self, reference: Columns, thresholds: DriftThresholds) -> None:
        self._reference = pd.DataFrame(reference)
        self._thresholds = thresholds

    def __call__(self, current: Columns, names: Sequence[str]) -> dict[str, ColumnDrift]:
        """Return the distance of each named column of a day from the reference; no numbers are left out."""
        return {name: self._distance(name, pd.Series(current[name])) for name in names}

    def report(self, current: Columns, names: Sequence[str]) -> list[Any]:
        """Return the widgets of Evidently's report of the same columns, and of the quality of their values."""
        definition = DataDefinition(
            numerical_columns=[name for name in names if name not in CATEGORICAL],
            categorical_columns=[name for name in names if name in CATEGORICAL],
        )
        distances = [
            ValueDrift(column=name, method=_method(name), threshold=column_threshold(_method(name), self._thresholds))
            for name in names
        ]
        quality = [RowCount(), DatasetMissingValueCount(), ConstantColumnsCount(), DuplicatedRowCount()]
        chosen = list(names)
        snapshot = Report([*distances, *quality]).run(
            Dataset.from_pandas(pd.DataFrame(current)[chosen], data_definition=definition),
            Dataset.from_pandas(self._reference[chosen], data_definition=definition),
        )
        return [widget for result in snapshot.metric_results.values() for widget in result.get_widgets()]

    def _distance(self, name: str, current: pd.Series[float]) -> ColumnDrift:
        kind = ColumnType.Categorical if name in CATEGORICAL else ColumnType.Numerical
        statistic = _STATISTICS[_method(name)]
        limit = column_threshold(_method(name), self._thresholds)
        columns = (column[np.isfinite(column)] for column in (self._reference[name], current))
        value = statistic(*columns, kind, limit).drift_score
        return ColumnDrift.model_validate({"method": _method(name), "value": float(value)})


def render(metrics: DayMetrics, widgets: Sequence[Any], thresholds: DriftThresholds) -> str:
    """Return the report's page: what the day says, then Evidently's own widgets where anything could be compared.

    The page needs nothing from outside. Evidently's random ids are replaced by numbers, so the same day gives the same
    bytes.

    Parameters
    ----------
    metrics
        The day as measured.
    widgets
        What :meth:`EvidentlyDistances.report` returned; none when nothing was compared.
    thresholds
        What the measurements are held against.
    """
    shown = [_head(metrics), _evidence(metrics, thresholds)]
    if metrics.performance:
        shown.append(_performance(metrics))
    if widgets:
        shown.append(group_widget(title=f"Compared with the reference ({SCORE} is shown only)", widgets=list(widgets)))
    return _without_random_ids(render_widgets(shown))


def _method(name: str) -> str:
    return "jensenshannon" if name in CATEGORICAL else "wasserstein"


def _head(metrics: DayMetrics) -> Any:
    compared = "the day" if metrics.pooled_from == metrics.date else f"{metrics.pooled_from} to {metrics.date}"
    shown = [
        ("model version", str(metrics.model_version or "none")),
        ("transactions", f"{metrics.transactions:,}"),
        ("of those expected", _number(metrics.volume_ratio)),
        ("alert-rate ratio", _number(metrics.alert_rate_ratio)),
        (f"rows compared ({compared})", f"{metrics.current_rows:,}"),
        ("rows of the reference", f"{metrics.reference_rows:,}"),
    ]
    return counter(title=f"Drift of {metrics.date}", counters=[CounterData(label, value) for label, value in shown])


def _evidence(metrics: DayMetrics, thresholds: DriftThresholds) -> Any:
    rows: list[tuple[str, str, str]] = []
    for kind, evidence in (
        ("labels", labelled(metrics, thresholds)),
        ("no labels needed", unlabelled(metrics, thresholds)),
    ):
        verdict = "signals" if evidence.signals else "clear" if evidence.measured else "no evidence"
        said = [*map(str, evidence.signals), *evidence.missing]
        rows.append((kind, verdict, "; ".join(said) or "everything lies within its thresholds"))
    rows += [("notice", "", text) for text in notices(metrics, thresholds)]
    return table_data(title="What the day says", column_names=["kind", "verdict", "why"], data=rows)


def _performance(metrics: DayMetrics) -> Any:
    rows = [
        (
            name, f"{window.first} to {window.last}", window.transactions, window.frauds,
            _number(window.average_precision), _number(window.expected), _number(window.auc_roc),
            _number(window.card_precision), _number(window.precision_at_budget),
        )
        for name, window in metrics.performance.items()
    ]  # fmt: skip
    names = ["window", "days", "transactions", "frauds", "average precision", "expected", "AUC ROC", "card precision",
             "precision at budget"]  # fmt: skip
    return table_data(title="Labelled performance", column_names=names, data=rows)


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def _without_random_ids(page: str) -> str:
    """Number the random ids in the order in which they first appear; the same id keeps one number."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        text = match.group()
        plain = f"{len(numbers):0{len(text)}d}" if "-" not in text else f"00000000-0000-0000-0000-{len(numbers):012d}"
        return numbers.setdefault(text, plain)

    return _RANDOM_ID.sub(number, page)
