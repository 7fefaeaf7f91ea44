"""What an operator does through the trigger forms, on the demo's stack: each a run, its effect checked in the data.

The forms are Airflow's own, filled in by a person's means in Chromium. Tests that need one are left out where there is
none, but never in CI; approvals are asked for by the API, so that something is tested everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

import chromium
import times
from fraud import layout
from fraud.orchestration.requests import run_folder
from trigger_form import TriggerForm

INSTEAD = ("promote_version", "retraining")  # fields of the section "Instead of training"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def window() -> Iterator[Any]:
    """A window of a browser, for all that is done by hand here."""
    if chromium.left_out():
        pytest.skip(chromium.MISSING)
    with chromium.browser() as browser:
        page = browser.new_page(viewport={"width": 1360, "height": 1000}, locale="en-GB")
        page.set_default_timeout(60_000)
        yield page


@pytest.fixture(scope="module")
def by_hand(demo, window) -> Callable[..., str]:
    """Return a function that fills in a DAG's form, triggers it, sees the run succeed, and returns its id."""
    chromium.log_in(window.context, demo.url, "admin", demo.passwords["admin"])

    def of(dag_id: str, /, *, meanwhile: Callable[[], None] | None = None, **values: Any) -> str:
        form = TriggerForm(window, demo.url, dag_id)
        for name, value in sorted(values.items(), key=lambda one: one[0] in INSTEAD):
            if name in INSTEAD:
                form.section("Instead of training")
            if isinstance(value, tuple):
                form.choose(name, *value)
            else:
                form.fill(name, value)
        form.submit()
        if meanwhile:
            meanwhile()
        assert demo.finish(dag_id, form.run_id) == "success"
        window.goto(f"{demo.url}/dags/{dag_id}/runs/{quote(form.run_id)}")
        window.get_by_text("Success", exact=True).first.wait_for()
        return form.run_id

    return of


@pytest.fixture(scope="module")
def training(demo, window, by_hand) -> tuple[str, list[float]]:
    """A training run, and after how many ms the monitor painted meanwhile, in browsers that had never seen it."""
    paints: list[float] = []

    def look() -> None:
        for _ in range(5):
            context = window.context.browser.new_context(viewport={"width": 1360, "height": 900})
            chromium.log_in(context, demo.url, "analyst", demo.passwords["analyst"])
            page = context.new_page()
            page.goto(f"{demo.url}/fraud/")
            page.wait_for_selector("main[aria-busy=false]")
            paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            context.close()
        assert [run["state"] for run in demo.airflow.runs("fraud_training")].count("running") == 1

    run = by_hand(
        "fraud_training",
        meanwhile=look,
        candidates=("logistic_regression",),
        tune=("logistic_regression",),
        hyperparameters='{"logistic_regression": {"C": 0.5}}',
    )
    return run, paints


def test_rescoring__goes_to_a_table_of_its_own(demo, by_hand) -> None:
    before = demo.state()
    day = str(demo.days[0])
    run = by_hand("fraud_history", start=day, end=day, steps=("rescore",), model_version=2)
    assert f"Version 2 re-scored {day} to {day}" in demo.airflow.run("fraud_history", run)["note"]
    after = demo.state()
    assert {key: after[key] for key in before} == before
    rows = demo.warehouse.rows(
        "SELECT r.tx_date, r.model_version, COUNT(*) AS n, SUM(CASE WHEN r.score = p.score THEN 1 ELSE 0 END) AS same "
        "FROM fraud.rescores r JOIN fraud.predictions p ON p.transaction_id = r.transaction_id "
        "GROUP BY r.tx_date, r.model_version"
    )
    scored = demo.warehouse.rows(f"SELECT COUNT(*) AS n FROM fraud.predictions WHERE tx_date = '{demo.days[0]}'")
    assert [(str(row["tx_date"]), row["model_version"], row["n"]) for row in rows] == [
        (str(demo.days[0]), 2, scored[0]["n"])
    ]
    assert rows[0]["same"] < rows[0]["n"]


def test_rollback__is_one_run_and_scores_the_next_day(demo, by_hand) -> None:
    champion, day = demo.packages()[1], demo.days[-1] + timedelta(days=1)
    run = by_hand("fraud_training", as_of=day, promote_version=1)
    copy = demo.packages()[-1]
    assert copy["CustomerMetadataProperties"]["rolled_back_from"] == str(champion["ModelPackageVersion"])
    assert copy["CustomerMetadataProperties"]["approved_by"] == "admin"
    assert "version 1 is put back" in demo.airflow.run("fraud_training", run)["note"]
    row = demo.warehouse.rows(f"SELECT * FROM fraud.verdicts WHERE run_id = '{run_folder(run)}'")[0]
    assert (row["kind"], row["promoted"], row["model_version"]) == ("rollback", True, copy["ModelPackageVersion"])
    demo.airflow.trigger("fraud_daily", "next-day", {"date": str(day)})
    assert demo.finish("fraud_daily", "next-day") == "success"
    scored = json.loads(demo.body(layout.manifest("scoring", day)))
    assert scored["model_version"] == copy["ModelPackageVersion"]


def test_approval__is_asked_for_under_required_actions_and_a_refusal_keeps_the_champion(demo) -> None:
    as_of = str(demo.days[-1] + timedelta(days=20))
    demo.airflow.trigger("fraud_training", "asks", {"promote_version": 2, "as_of": as_of, "require_approval": True})
    demo.answer("fraud_training", "asks", "promotion.approve_promotion", "Reject")
    assert demo.finish("fraud_training", "asks") == "success"
    refused = demo.packages()[-1]
    assert refused["ModelApprovalStatus"] == "Rejected"
    assert refused["CustomerMetadataProperties"]["refused_by"] == "admin"
    assert demo.verdict("asks")["verdict"]["reason"].endswith("refused by admin, the champion stays")
    assert "does not take over" in demo.airflow.run("fraud_training", "asks")["note"]


def test_approval__of_a_person_is_what_promotes(demo) -> None:
    as_of = str(demo.days[-1] + timedelta(days=20))
    demo.airflow.trigger("fraud_training", "agrees", {"promote_version": 2, "as_of": as_of, "require_approval": True})
    demo.answer("fraud_training", "agrees", "promotion.approve_promotion", "Approve")
    assert demo.finish("fraud_training", "agrees") == "success"
    approved = demo.packages()[-1]
    assert approved["ModelApprovalStatus"] == "Approved"
    about = approved["CustomerMetadataProperties"]
    assert (about["approved_by"], about["effective_from"]) == ("admin", as_of)
    assert demo.verdict("agrees")["promoted"]


def test_training__of_chosen_candidates_is_now_and_the_best_setting_joins_the_comparison(demo, training) -> None:
    verdict = demo.verdict(run_folder(training[0]))
    assert verdict["kind"] == "manual"
    assert set(verdict["candidates"]) == {"logistic_regression", "logistic_regression_tuned"}
    sagemaker = demo.client("sagemaker")
    (tuning,) = sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    assert tuning["TrainingJobStatusCounters"]["Completed"] == 3


def test_monitor__paints_beside_a_running_pipeline(training) -> None:
    times.note("painted", training[1])
    assert len(training[1]) == 5


def test_retraining__is_paused_and_resumed_by_a_form(demo, by_hand) -> None:
    for word, paused in (("pause", True), ("resume", False)):
        run = by_hand("fraud_training", retraining=(word,))
        found = json.loads(demo.body(layout.retraining()))
        assert found == {"paused": paused, "by": "admin", "run": run_folder(run)}
