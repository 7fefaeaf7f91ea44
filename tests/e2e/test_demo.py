"""The whole chain on a small world, with real operators, jobs and SQL: the promises, checked in the data."""

from __future__ import annotations

import io
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from fraud import layout, warehouse
from fraud.errors import FraudError
from fraud.features.catalogue import feature_names
from fraud.models import artefact
from local_aws.stack.home import USERS

pytestmark = pytest.mark.timeout(900)


def read_table(demo, key: str):
    return pq.read_table(io.BytesIO(demo.body(key)), partitioning=None)


def test_demo__ends_with_a_line_a_day_and_says_how_to_log_in(demo) -> None:
    for day in demo.days:
        assert str(day) in demo.output
    assert "Challengers" in demo.output
    assert stat.S_IMODE(os.stat(demo.home / "passwords.json").st_mode) == 0o600
    assert set(json.loads((demo.home / "passwords.json").read_text())) == set(USERS)
    assert sorted(USERS.values()) == ["admin", "viewer"]


def test_demo__an_alarm_trains_a_challenger_that_scores_the_last_day(demo) -> None:
    decisions = demo.warehouse.rows("SELECT * FROM fraud.decisions ORDER BY decision_date")
    triggered = [row for row in decisions if row["action"] == "train_now"]
    assert triggered, [row["reason"] for row in decisions]
    assert triggered[0]["alarm"] in ("labels", "unlabelled")
    runs = {run["dag_run_id"] for run in demo.airflow.runs("fraud_training")}
    assert {row["run_id"] for row in triggered} == runs
    verdicts = demo.warehouse.rows("SELECT * FROM fraud.verdicts ORDER BY model_version")
    assert [row["promoted"] for row in verdicts][:2] == [True, True], [row["reason"] for row in verdicts]
    last = demo.days[-1]
    versions = demo.warehouse.rows(f"SELECT DISTINCT model_version FROM fraud.predictions WHERE tx_date = '{last}'")
    assert [row["model_version"] for row in versions] == [verdicts[1]["model_version"]]


def test_demo__the_past_was_scored_without_acting(demo) -> None:
    first = demo.days[0]
    past = demo.warehouse.rows(f"SELECT action, run_id FROM fraud.decisions WHERE decision_date < '{first}'")
    assert len(past) > 7
    assert {(row["action"], row["run_id"]) for row in past} == {("none", "")}


def test_tables__hold_every_transaction_exactly_once(demo) -> None:
    truth = {}
    for key in demo.keys("truth/labels/"):
        table = read_table(demo, key)
        truth[key.split("tx_date=")[1][:10]] = set(table["transaction_id"].to_pylist())
    for table in ("transactions", "features", "predictions"):
        rows = demo.warehouse.rows(f"SELECT tx_date, transaction_id FROM fraud.{table}")
        found: dict[str, list[int]] = {}
        for row in rows:
            found.setdefault(str(row["tx_date"]), []).append(row["transaction_id"])
        expected = truth if table != "predictions" else {day: truth[day] for day in found}
        assert {day: sorted(ids) for day, ids in found.items()} == {d: sorted(ids) for d, ids in expected.items()}
    assert str(demo.days[-1]) in found


def test_labels__are_never_early(demo) -> None:
    early = demo.warehouse.rows(
        "SELECT l.transaction_id FROM fraud.label_deliveries l "
        "JOIN fraud.transactions t ON t.transaction_id = l.transaction_id "
        "WHERE (l.source = 'chargeback' AND l.known_at < DATEADD(day, 7, t.tx_datetime)) "
        "OR (l.source = 'investigation' AND l.known_at < DATEADD(day, 1, t.tx_date))"
    )
    assert early == []
    duplicated = demo.warehouse.rows(
        "SELECT transaction_id FROM fraud.labels GROUP BY transaction_id, is_fraud HAVING COUNT(*) > 1"
    )
    assert duplicated == []


def test_known_labels__a_planted_label_of_the_future_changes_nothing(demo) -> None:
    day = demo.days[0] - timedelta(days=20)
    as_of = day + timedelta(days=8)
    cut = warehouse.query("known_labels", as_of=as_of, start=day, end=day)
    before = demo.warehouse.rows(f"SELECT * FROM ({cut}) c ORDER BY transaction_id")
    assert before
    victim = before[0]
    planted = f"{victim['transaction_id']}, '{day}', {not victim['is_fraud']}"
    try:
        demo.execute(f"INSERT INTO fraud.label_deliveries VALUES ({planted}, '{as_of} 00:00:01', 'investigation')")
        assert demo.warehouse.rows(f"SELECT * FROM ({cut}) c ORDER BY transaction_id") == before
        later = warehouse.query("known_labels", as_of=as_of + timedelta(days=1), start=day, end=day)
        after = demo.warehouse.rows(
            f"SELECT is_fraud FROM ({later}) c WHERE transaction_id = {victim['transaction_id']}"
        )
        assert after == [{"is_fraud": not victim["is_fraud"]}]
    finally:
        demo.execute(f"DELETE FROM fraud.label_deliveries WHERE known_at = '{as_of} 00:00:01'")


def test_alerts__are_the_hundred_highest_cards_that_are_not_compromised(demo) -> None:
    for day in demo.days:
        alerts = demo.warehouse.rows(f"SELECT * FROM fraud.alerts WHERE alert_date = '{day}' ORDER BY rank")
        assert 0 < len(alerts) <= 100
        assert [row["rank"] for row in alerts] == list(range(1, len(alerts) + 1))
        compromised = {
            row["customer_id"]
            for row in demo.warehouse.rows(
                warehouse.query("compromised_cards", start=day, end=day, compromised_days=28)
            )
        }
        scored = demo.warehouse.rows(
            "SELECT t.customer_id, MAX(p.score) AS score FROM fraud.predictions p "
            "JOIN fraud.transactions t ON t.transaction_id = p.transaction_id "
            f"WHERE p.tx_date = '{day}' GROUP BY t.customer_id"
        )
        ranked = sorted((-row["score"], row["customer_id"]) for row in scored if row["customer_id"] not in compromised)
        assert [(-row["score"], row["customer_id"]) for row in alerts] == ranked[:100]


def test_scores__are_what_the_champions_artefact_gives(demo, tmp_path) -> None:
    sagemaker = demo.client("sagemaker")
    for day in (demo.days[0], demo.days[-1]):
        manifest = json.loads(demo.body(layout.manifest("scoring", day)))
        arn = next(
            package["ModelPackageArn"]
            for package in sagemaker.list_model_packages(ModelPackageGroupName="fraud")["ModelPackageSummaryList"]
            if package["ModelPackageVersion"] == manifest["model_version"]
        )
        described = sagemaker.describe_model_package(ModelPackageName=arn)
        uri = described["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        path = tmp_path / f"{day}.tar.gz"
        path.write_bytes(demo.body(uri.removeprefix(f"s3://{demo.settings.bucket}/")))
        features = read_table(demo, f"{layout.features('v1', day)}part.parquet")
        matrix = np.column_stack([features[name].to_numpy() for name in feature_names("v1")])
        expected = dict(
            zip(features["transaction_id"].to_pylist(), artefact.load(path).predict_proba(matrix), strict=True)
        )
        rows = demo.warehouse.rows(f"SELECT transaction_id, score FROM fraud.predictions WHERE tx_date = '{day}'")
        assert len(rows) == len(expected)
        for row in rows:
            assert row["score"] == pytest.approx(expected[row["transaction_id"]], abs=1e-6)


def test_history__over_days_that_the_schedule_made_changes_no_row_and_no_digest(demo) -> None:
    before = demo.state()
    conf = {
        "start": str(demo.days[0]),
        "end": str(demo.days[-1]),
        "steps": ["prepare", "transactions", "features", "scoring", "drift"],
    }
    demo.airflow.trigger("fraud_history", "again", conf)
    assert demo.finish("fraud_history", "again") == "success"
    assert demo.state() == before


@pytest.mark.parametrize(
    ("dag_id", "conf", "reason"),
    [
        ("fraud_daily", {"date": "2026-13-01"}, "date"),
        ("fraud_history", {"start": "yesterday", "end": "2026-01-01"}, "date"),
        ("fraud_history", {"steps": ["pray"]}, "pray"),
        ("fraud_training", {"candidates": ["crystal_ball"]}, "crystal_ball"),
        ("fraud_training", {"hyperparameters": {"xgboost": {"max_depth": 99}}}, "99"),
        ("fraud_training", {"promote_version": 0}, "0"),
        ("fraud_training", {"retraining": "perhaps"}, "perhaps"),
    ],
)
def test_trigger_form__refuses_nonsense_with_the_reason(demo, dag_id, conf, reason) -> None:
    with pytest.raises(FraudError, match=reason):
        demo.airflow.trigger(dag_id, "nonsense", conf)
    assert demo.airflow.run(dag_id, "nonsense") is None


REFUSED = [
    ("fraud_history", {"start": "{last}", "end": "{first}"}, "before it starts"),
    ("fraud_daily", {"date": "2001-01-01"}, "before world 'tiny' begins"),
    ("fraud_history", {"start": "{after}", "end": "{after}", "steps": ["features"]}, "is missing"),
    ("fraud_training", {"as_of": "2001-01-01"}, "fewer than 7 labelled days"),
    ("fraud_training", {"promote_version": 99}, "there is no model version 99"),
    ("fraud_history", {"start": "{first}", "end": "{last}", "steps": ["rescore"]}, "needs a model version"),
]


@pytest.fixture(scope="module")
def refused(demo) -> dict[str, str]:
    """Run what cannot work, all at once; return the state that each run ended in."""
    sagemaker = demo.client("sagemaker")

    def jobs() -> int:
        pages = sagemaker.get_paginator("list_processing_jobs").paginate()
        return sum(len(page["ProcessingJobSummaries"]) for page in pages)

    days = {"first": demo.days[0], "last": demo.days[-1], "after": demo.days[-1] + timedelta(days=5)}
    before = jobs()
    for number, (dag_id, conf, _) in enumerate(REFUSED):
        filled = {key: value.format(**days) if isinstance(value, str) else value for key, value in conf.items()}
        demo.airflow.trigger(dag_id, f"refused-{number}", filled)
    ended = {
        f"refused-{number}": demo.finish(dag_id, f"refused-{number}") for number, (dag_id, *_) in enumerate(REFUSED)
    }
    assert jobs() == before
    return ended


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[reason for *_, reason in REFUSED])
def test_run__that_cannot_work_fails_in_its_first_task_before_any_job(demo, refused, number) -> None:
    dag_id, _, reason = REFUSED[number]
    run_id = f"refused-{number}"
    assert refused[run_id] == "failed"
    tasks = {task["task_id"]: task for task in demo.airflow.tasks(dag_id, run_id)}
    first = tasks.pop("check_request")
    assert first["state"] == "failed"
    assert {task["state"] for task in tasks.values()} <= {"upstream_failed", "skipped", None}
    assert reason in "\n".join(demo.airflow.log(first))


def test_runs__that_many_start_at_once_are_all_accepted(demo) -> None:
    """Airflow's SQLite takes one write at a time, and its API server must not stand still over it."""
    dag_id, names = "fraud_history", [f"crowd-{number}" for number in range(24)]
    demo.airflow.pause(dag_id, paused=True)
    try:
        with ThreadPoolExecutor(6) as users:
            list(users.map(lambda name: demo.airflow.trigger(dag_id, name, {}), names))
        assert {run["dag_run_id"] for run in demo.airflow.runs(dag_id)} >= set(names)
    finally:
        for name in names:
            demo.airflow.patch(f"/api/v2/dags/{dag_id}/dagRuns/{name}", {"state": "success"})
        demo.airflow.pause(dag_id, paused=False)


def test_note__says_what_a_run_did(demo) -> None:
    first, *_ = sorted(demo.airflow.runs("fraud_daily"), key=lambda run: run["run_after"])
    note = first["note"]
    assert f"Transactions, {demo.days[0]}: " in note
    assert "Scoring by version 1" in note
    assert f"Decision of {demo.days[0]}: " in note


def test_job__is_a_link_away_from_its_task(demo) -> None:
    run = next(run for run in demo.airflow.runs("fraud_training") if run["dag_run_id"].startswith("drift__"))
    path = f"/api/v2/dags/fraud_training/dagRuns/{run['dag_run_id']}/taskInstances"
    for task in ("train.evaluate_candidates/links", "train.train_candidate/links?map_index=1"):
        link = demo.airflow.get(f"{path}/{task}")["extra_links"]["Job"]
        assert link.startswith("fraud/jobs/")
        assert "Completed" in demo.airflow.text(f"/{link}")
    names = {
        task["rendered_map_index"]
        for task in demo.airflow.tasks("fraud_training", run["dag_run_id"])
        if task["task_id"] == "train.train_candidate"
    }
    assert names == {"xgboost_builtin", "xgboost", "logistic_regression"}
