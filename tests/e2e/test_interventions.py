"""What an operator does through the trigger forms, on the demo's stack: each a run, its effect checked in the data."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from fraud import layout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_rescoring__goes_to_a_table_of_its_own(demo) -> None:
    before = demo.state()
    conf = {"start": str(demo.days[0]), "end": str(demo.days[0]), "steps": ["rescore"], "model_version": 2}
    demo.airflow.trigger("fraud_history", "rescore", conf)
    assert demo.finish("fraud_history", "rescore") == "success"
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


def test_rollback__is_one_run_and_scores_the_next_day(demo) -> None:
    champion, day = demo.packages()[1], demo.days[-1] + timedelta(days=1)
    demo.airflow.trigger("fraud_training", "back", {"promote_version": 1, "as_of": str(day)})
    assert demo.finish("fraud_training", "back") == "success"
    copy = demo.packages()[-1]
    assert copy["CustomerMetadataProperties"]["rolled_back_from"] == str(champion["ModelPackageVersion"])
    assert copy["CustomerMetadataProperties"]["approved_by"] == "admin"
    assert "version 1 is put back" in demo.airflow.run("fraud_training", "back")["note"]
    row = demo.warehouse.rows("SELECT * FROM fraud.verdicts WHERE run_id = 'back'")[0]
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


def test_tuning__the_best_setting_joins_the_comparison(demo) -> None:
    conf = {"kind": "manual", "candidates": ["logistic_regression"], "tune": ["logistic_regression"]}
    demo.airflow.trigger("fraud_training", "tuned", conf)
    assert demo.finish("fraud_training", "tuned") == "success"
    assert set(demo.verdict("tuned")["candidates"]) == {"logistic_regression", "logistic_regression_tuned"}
    sagemaker = demo.client("sagemaker")
    (tuning,) = sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
    assert tuning["TrainingJobStatusCounters"]["Completed"] == 3


def test_retraining__is_paused_and_resumed_by_a_form(demo) -> None:
    for word, paused in (("pause", True), ("resume", False)):
        demo.airflow.trigger("fraud_training", word, {"retraining": word})
        assert demo.finish("fraud_training", word) == "success"
        assert json.loads(demo.body(layout.retraining())) == {"paused": paused, "by": "admin", "run": word}
