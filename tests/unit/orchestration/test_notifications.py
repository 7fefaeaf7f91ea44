"""What people are told of: the numbers, a link, and that the message arrives."""

import json

import boto3
import pytest

from fraud import layout
from fraud.monitoring.decision import Decision
from fraud.orchestration import notifications

LINK = "https://airflow.example/fraud/?dag_id=fraud_daily&run_id=scheduled__2026-03-01"
ESCALATED = Decision(
    decision_date="2026-03-01",
    model_version=2,
    action="escalate",
    alarm="labels",
    reason="retraining does not help: 0.720 was expected before the alarm of 2026-02-18, and is not back",
    signals=("average precision over 7 days, of the expected, 0.520 (below 0.85)",),
).model_dump(mode="json")
VERDICT = {
    "best": "xgboost",
    "candidates": {"xgboost": {"average_precision": 0.71, "card_precision": 0.3}},
    "champion": {"average_precision": 0.55, "card_precision": 0.29},
    "champion_version": 1,
    "model_version": 2,
    "effective_from": "2026-03-02",
    "promoted": True,
    "verdict": {"reason": "xgboost is promoted: average precision +0.160"},
}


def test_escalation__has_the_numbers_and_the_link() -> None:
    subject, message = notifications.escalation(ESCALATED, LINK)
    assert subject == "Fraud: retraining does not help (2026-03-01)"
    for said in ("model version 2", "0.720 was expected", "0.520 (below 0.85)", "docs/runbooks.md", LINK):
        assert said in message


def test_promotion__has_both_models_numbers_and_the_link(objects) -> None:
    objects.write_json(f"{layout.training('run')}verdict.json", VERDICT)
    subject, message = notifications.promotion(objects, "run", LINK)
    assert subject == "Fraud: model version 2 takes over on 2026-03-02"
    for said in ("in place of version 1", "+0.160", "average_precision 0.7100", "average_precision 0.5500", LINK):
        assert said in message


@pytest.mark.parametrize("verdict", [None, VERDICT | {"promoted": False}])
def test_promotion__nobody_is_told_where_nothing_takes_over(objects, verdict) -> None:
    if verdict:
        objects.write_json(f"{layout.training('run')}verdict.json", verdict)
    assert notifications.promotion(objects, "run", LINK) is None


def test_link__leads_to_what_the_run_did(monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/base/")
    link = notifications.monitor_link("fraud_daily", "scheduled__2026-03-02T01:00:00+00:00")
    assert link == (
        "https://airflow.example/base/fraud/?dag_id=fraud_daily&run_id=scheduled__2026-03-02T01%3A00%3A00%2B00%3A00"
    )


def test_message__arrives_at_the_topic(settings, s3, monkeypatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="notifications")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    told = settings.model_copy(update={"notifications_topic_arn": topic})
    notifications.publish(told, "s" * 200, "0.720 was expected")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    body = json.loads(message["Body"])
    assert (body["Subject"], body["Message"]) == ("s" * 100, "0.720 was expected")
