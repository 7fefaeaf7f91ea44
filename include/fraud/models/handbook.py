"""The handbook's results, reproduced: its five models, its training week, its test week (chapter 3, baseline)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fraud.features.catalogue import feature_names
from fraud.models import training
from fraud.models.metrics import Ranking, alert_days
from fraud.models.validation import Fold, prequential

__all__ = [
    "BOOK",
    "BookModel",
    "Curves",
    "Labelled",
    "Measured",
    "Published",
    "book_fold",
    "labelled",
    "measure",
    "summarise",
    "table_rows",
    "validate",
]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

K = 100
METRICS = ("auc_roc", "average_precision", "card_precision_100")
TRAIN_START = date(2018, 7, 25)
TEST_DAYS = 7
DELAY_DAYS = 7
OUR_TRAIN_DAYS = 28


@dataclass(frozen=True, slots=True)
class Published:
    """One row of the handbook's table: AUC ROC, average precision, card precision@100."""

    auc_roc: float
    average_precision: float
    card_precision: float


@dataclass(frozen=True, slots=True)
class BookModel:
    """A model of the handbook: our candidate of the same parameters, and the published row."""

    name: str
    candidate: str
    published: Published


BOOK = (
    BookModel("Logistic regression", "logistic_regression", Published(0.871, 0.606, 0.291)),
    BookModel("Decision tree with depth of two", "decision_tree_depth_2", Published(0.763, 0.496, 0.241)),
    BookModel("Decision tree - unlimited depth", "decision_tree", Published(0.788, 0.309, 0.243)),
    BookModel("Random forest", "random_forest", Published(0.867, 0.658, 0.287)),
    BookModel("XGBoost", "xgboost_book", Published(0.862, 0.639, 0.273)),
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """The handbook's transactions with their features: days counted from the first, shape (n,) or (n, features)."""

    start: date
    names: tuple[str, ...]
    day: Integers
    customer: Integers
    is_fraud: Flags
    features: Floats


@dataclass(frozen=True, slots=True)
class Curves:
    """Points of the ROC and the precision–recall curve, by falling threshold."""

    false_positive_rate: Floats
    recall: Floats
    precision: Floats


@dataclass(frozen=True, slots=True)
class Measured:
    """What one model reached on the test days; ``card_precisions`` has one value a day."""

    auc_roc: float
    average_precision: float
    card_precision: float
    card_precisions: Floats
    curves: Curves


def labelled(table: pa.Table, start: date, version: str = "v1") -> Labelled:
    """Return the handbook's table, with features, as arrays.

    Parameters
    ----------
    table
        What :func:`fraud.features.handbook.add_features` returns.
    start
        Date of day 0.
    version
        Feature version that the table has.
    """
    names = feature_names(version)
    return Labelled(
        start=start,
        names=names,
        day=table["TX_TIME_DAYS"].to_numpy(),
        customer=table["CUSTOMER_ID"].to_numpy(),
        is_fraud=table["TX_FRAUD"].to_numpy() == 1,
        features=np.column_stack([table[name.upper()].to_numpy() for name in names]),
    )


def book_fold(data: Labelled) -> Fold:
    """Return the handbook's split: a week from 2018-07-25 trained on, a week of delay, a week tested on."""
    return next(prequential((TRAIN_START - data.start).days, 1))


def measure(
    data: Labelled, candidate: str, train: Flags, test: Flags, overrides: Mapping[str, Any] | None = None
) -> Measured:
    """Train a candidate on some rows and measure it on others with the handbook's metrics; seed 0, as there."""
    model = training.fit(
        candidate,
        data.features[train],
        data.is_fraud[train],
        feature_names=data.names,
        seed=0,
        overrides=overrides,
    )
    score = model.predict_proba(data.features[test])
    ranking = Ranking(data.is_fraud[test], score)
    alerted = alert_days(data.day[test], data.customer[test], data.is_fraud[test], score, K)
    return Measured(
        auc_roc=ranking.auc_roc(),
        average_precision=ranking.average_precision(),
        card_precision=alerted.precision,
        card_precisions=alerted.found / alerted.k,
        curves=Curves(*ranking.curves()),
    )


def validate(data: Labelled, candidates: Mapping[str, int], weeks: int) -> Iterator[tuple[Fold, dict[str, Measured]]]:
    """Validate candidates prequentially over the last weeks of the data (chapter 5), latest week first.

    Parameters
    ----------
    data
        The handbook's transactions.
    candidates
        Days that each candidate is trained on. All training windows of a week end on the same day, and all candidates
        are tested on the same transactions: those of the longest window's split.
    weeks
        Number of test weeks.
    """
    train_end = int(data.day.max()) + 1 - TEST_DAYS - DELAY_DAYS
    windows = sorted(set(candidates.values()))
    for splits in zip(*(prequential(train_end - days, weeks, train_days=days) for days in windows), strict=True):
        split_of = dict(zip(windows, splits, strict=True))
        longest = splits[-1]
        test = longest.test(data.day, data.customer, data.is_fraud)
        yield (
            longest,
            {name: measure(data, name, split_of[days].train(data.day), test) for name, days in candidates.items()},
        )


def summarise(data: Labelled, weeks: Iterator[tuple[Fold, dict[str, Measured]]]) -> dict[str, Any]:
    """Return mean, standard deviation (of the population) and each week's value, by candidate and metric."""
    folds, measured = zip(*weeks, strict=True)
    starts = [str(data.start + timedelta(days=fold.test_start)) for fold in folds]
    rows = []
    for candidate in measured[0]:
        row: dict[str, Any] = {"candidate": candidate}
        for metric, attribute in zip(METRICS, ("auc_roc", "average_precision", "card_precision"), strict=True):
            values = [getattr(week[candidate], attribute) for week in measured]
            row[metric] = {"mean": float(np.mean(values)), "sd": float(np.std(values)), "weeks": values}
        rows.append(row)
    return {"test_weeks": starts, "models": rows}


def table_rows(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Return the models of the report: ours, the published row, named as in the handbook."""
    return [
        {
            "model": book.name,
            "candidate": book.candidate,
            "auc_roc": one.auc_roc,
            "average_precision": one.average_precision,
            "card_precision_100": one.card_precision,
            "published_auc_roc": book.published.auc_roc,
            "published_average_precision": book.published.average_precision,
            "published_card_precision_100": book.published.card_precision,
            "card_precision_100_by_day": one.card_precisions.tolist(),
        }
        for book, one in zip(BOOK, measured, strict=True)
    ]
