"""The handbook's results: reproduced within the oracle's tolerances, and ours ahead of them."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fraud.cli import app
from fraud.models.handbook import BOOK, Labelled, measure, summarise, validate
from fraud.models.handbook_report import render
from fraud.models.validation import Fold

ORACLE = json.loads((Path(__file__).parents[2] / "oracle" / "handbook.json").read_text())
COLUMNS = ("auc_roc", "average_precision", "card_precision_100")


def small(days=40):
    rng = np.random.default_rng(0)
    rows = days * 60
    features = rng.normal(size=(rows, 2))
    day = np.sort(rng.integers(0, days, rows))
    return Labelled(
        start=date(2024, 1, 1),
        names=("amount", "risk"),
        day=day,
        customer=rng.integers(0, 500, rows),
        is_fraud=features[:, 1] > 1.3,
        features=features,
    )


def test_book__the_published_rows_are_the_oracles():
    assert {book.name for book in BOOK} == set(ORACLE["published_baseline"]) - {"columns"}
    for book in BOOK:
        row = [book.published.auc_roc, book.published.average_precision, book.published.card_precision]
        assert row == ORACLE["published_baseline"][book.name]


def test_validate__all_are_tested_on_the_same_days_the_latest_week_first():
    data = small()
    weeks = list(validate(data, {"logistic_regression": 14, "decision_tree_depth_2": 7}, 2))
    assert [fold for fold, _ in weeks] == [Fold(12, 26, 33, 40), Fold(5, 19, 26, 33)]
    summary = summarise(data, iter(weeks))
    assert summary["test_weeks"] == ["2024-02-03", "2024-01-27"]
    assert [row["candidate"] for row in summary["models"]] == ["logistic_regression", "decision_tree_depth_2"]
    for row in summary["models"]:
        for metric in COLUMNS:
            assert row[metric]["mean"] == pytest.approx(np.mean(row[metric]["weeks"]))
            assert row[metric]["sd"] == pytest.approx(np.std(row[metric]["weeks"]))


def test_measure__agrees_with_its_curves_and_days():
    data = small()
    fold = Fold(0, 14, 21, 28)
    found = measure(
        data, "logistic_regression", fold.train(data.day), fold.test(data.day, data.customer, data.is_fraud)
    )
    assert found.card_precision == pytest.approx(found.card_precisions.mean())
    assert len(found.card_precisions) == 7
    curves = found.curves
    areas = np.diff(curves.false_positive_rate, prepend=0) * (curves.recall + np.append(0, curves.recall[:-1])) / 2
    assert found.auc_roc == pytest.approx(areas.sum())
    assert found.average_precision == pytest.approx((np.diff(curves.recall, prepend=0) * curves.precision).sum())


def test_render__is_one_page_that_opens_offline():
    data = small()
    fold = Fold(0, 14, 21, 28)
    found = measure(
        data, "logistic_regression", fold.train(data.day), fold.test(data.day, data.customer, data.is_fraud)
    )
    row = {"model": "A & B"} | {f"{kind}{metric}": 0.5 for metric in COLUMNS for kind in ("", "published_")}
    page = render([row], {"A & B": found}, "Some facts.")
    assert "A &amp; B" in page
    assert page.count('<div id="figure-') == 3
    assert "<script src" not in page
    assert "<link" not in page
    assert page == render([row], {"A & B": found}, "Some facts.")


@pytest.mark.slow
def test_report__reproduces_the_published_table(tmp_path):
    done = CliRunner().invoke(app, ["handbook", "report", "--out", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0
    report = json.loads((tmp_path / "report.json").read_text())
    protocol = ORACLE["baseline_protocol"]
    for name in ("train_rows", "train_frauds", "test_rows", "test_frauds"):
        assert report[name] == protocol[name]
    assert len(report["models"]) == 5
    for row in report["models"]:
        published, tolerance = ORACLE["published_baseline"][row["model"]], ORACLE["tolerance"][row["model"]]
        for column, value, allowed in zip(COLUMNS, published, tolerance, strict=True):
            assert row[f"published_{column}"] == value
            assert row[column] == pytest.approx(value, abs=allowed), (row["model"], column)
    assert (tmp_path / "report.html").stat().st_size > 1_000_000


@pytest.mark.slow
def test_validate__the_default_is_ahead_of_the_handbooks_xgboost_in_every_metric(tmp_path):
    arguments = ["handbook", "validate", "--weeks", "8", "--model", "xgboost", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    rows = {row["candidate"]: row for row in json.loads((tmp_path / "validation.json").read_text())["models"]}
    for column in COLUMNS:
        assert rows["xgboost"][column]["mean"] > rows["xgboost_book"][column]["mean"]
        assert len(rows["xgboost"][column]["weeks"]) == 8


@pytest.mark.slow
def test_measure__28_labelled_days_beat_the_books_best_row_on_its_own_test_week():
    from fraud.cli.handbook import _labelled
    from fraud.models.handbook import book_fold

    data = _labelled()
    fold = book_fold(data)
    train = (data.day >= fold.train_end - 28) & (data.day < fold.train_end)
    found = measure(data, "xgboost", train, fold.test(data.day, data.customer, data.is_fraud))
    assert found.average_precision >= 0.68
    assert found.card_precision >= 0.293
