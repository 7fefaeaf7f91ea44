"""A run's figures reach CloudWatch, and never fail the run."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fraud import layout
from fraud.orchestration import metrics
from fraud.orchestration.links import Processing
from fraud.orchestration.objects import Objects
from fraud.settings import Settings

JOBS = [
    metrics.Job("features.compute_features", "ml.m5.xlarge", 90.0),
    metrics.Job("scoring.transform", "ml.m5.large", 36.0),
    metrics.Job("scoring.transform", "ml.m5.large", 36.0),
    metrics.Job("train.train_candidate", "ml.of.tomorrow", 5.0),
]


@pytest.fixture
def connected(monkeypatch, local_aws):
    for name, value in {
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AWS_ENDPOINT_URL": local_aws.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return local_aws


def by_name(figures: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    return {(one["MetricName"], one["Dimensions"][0]["Value"]): one["Value"] for one in figures}


def test_figures__are_rows_seconds_lag_and_cost() -> None:
    found = by_name(metrics.figures("fraud_daily", 300.0, JOBS, rows={"alerts": 100}, lag=timedelta(hours=1)))
    assert found == {
        ("Seconds", "fraud_daily"): 300.0,
        ("Cost", "fraud_daily"): pytest.approx((90 * 0.23 + 72 * 0.115) / 3600),  # the unknown instance has no price
        ("Seconds", "features.compute_features"): 90.0,
        ("Seconds", "scoring.transform"): 72.0,
        ("Seconds", "train.train_candidate"): 5.0,
        ("Lag", "fraud_daily"): 3600.0,
        ("Rows", "alerts"): 100,
    }


class Instance:
    """The XComs of a run in which one task has run two jobs, and another has not come to its own."""

    def xcom_pull(self, task_ids: list[str], key: str) -> Any:
        assert key == "job"
        return [{"instance": "ml.m5.large", "seconds": 36.0}] * 2 if task_ids == ["transform"] else [None]


def test_run__puts_what_it_did_where_a_dashboard_finds_it(connected) -> None:
    settings = Settings(environment="figures", bucket="figures")
    connected.client("s3").create_bucket(Bucket=settings.bucket)
    objects = Objects(settings.layout)
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    objects.write_json(layout.manifest("features", day), {"rows": {"features": 800}})
    objects.write_json(layout.manifest("scoring", day), {"rows": {"predictions": 800, "alerts": 90}})
    dag = type(
        "Dag", (), {"dag_id": "fraud_daily", "tasks": [Processing(task_id=t, config={}) for t in ("transform", "x")]}
    )
    run = type("Run", (), {"start_date": datetime.now(UTC) - timedelta(seconds=200)})
    metrics.publish(settings, objects, {"dag": dag, "dag_run": run, "ti": Instance()}, day)
    cloudwatch = connected.client("cloudwatch")
    listed = cloudwatch.list_metrics(Namespace="figures/fraud")["Metrics"]
    assert {(one["MetricName"], one["Dimensions"][0]["Value"]) for one in listed} == {
        ("Seconds", "fraud_daily"), ("Cost", "fraud_daily"), ("Lag", "fraud_daily"), ("Seconds", "transform"),
        ("Rows", "features"), ("Rows", "predictions"), ("Rows", "alerts"),
    }  # fmt: skip
    now = datetime.now(UTC)

    def highest(name: str) -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="figures/fraud", MetricName=name, Dimensions=[{"Name": "DAG", "Value": "fraud_daily"}],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1), Period=60, Statistics=["Maximum"],
        )["Datapoints"]  # fmt: skip
        return float(points[0]["Maximum"])

    assert 200 <= highest("Seconds") < 300
    assert 86_400 <= highest("Lag") < 2 * 86_400 + 300


def test_run__does_not_fail_without_cloudwatch(monkeypatch, caplog) -> None:
    for name, value in {
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with caplog.at_level(logging.WARNING):
        metrics.put(Settings(), metrics.figures("fraud_daily", 1.0, []))
    assert "2 metrics are not in CloudWatch" in caplog.text
