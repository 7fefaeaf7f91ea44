"""No secret is in a log, an XCom, a rendered template or the SQL of a whole run."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def secrets(demo):
    """Every secret that the stack has, by what it is."""
    drawn = {
        f"{name}.{key}": value
        for name in ("passwords", "secrets")
        for key, value in json.loads((demo.home / f"{name}.json").read_text()).items()
    }
    client = demo.client("secretsmanager")
    for entry in client.list_secrets()["SecretList"]:
        text = client.get_secret_value(SecretId=entry["ARN"])["SecretString"]
        drawn[f"{entry['Name']}"] = json.loads(text)["password"]
    assert len(drawn) > 4
    return drawn


def found_in(text: str, secrets: dict[str, str], where: str) -> list[str]:
    return [f"{name} in {where}" for name, value in secrets.items() if value in text]


def test_secrets__are_in_no_log(demo, secrets):
    logs = [path for path in demo.home.rglob("*") if path.is_file() and (path.suffix == ".log" or "logs" in path.parts)]
    assert len(logs) > 20
    assert [hit for path in logs for hit in found_in(path.read_text(errors="replace"), secrets, str(path))] == []


def test_secrets__are_in_no_jobs_log(demo, secrets):
    client = demo.client("logs")
    groups = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    assert groups
    for group in groups:
        for stream in client.describe_log_streams(logGroupName=group)["logStreams"]:
            events = client.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
            text = "\n".join(event["message"] for event in events)
            assert found_in(text, secrets, f"{group}/{stream['logStreamName']}") == []


def test_secrets__are_in_no_xcom_and_no_rendered_field(demo, secrets):
    seen = 0
    for dag_id in ("fraud_history", "fraud_daily"):
        for task in demo.airflow.tasks(dag_id):
            text = json.dumps(task)
            run = f"/api/v2/dags/{dag_id}/dagRuns/{quote(task['dag_run_id'])}"
            path = f"{run}/taskInstances/{task['task_id']}/xcomEntries"
            entries = demo.airflow.get(f"{path}?map_index={task['map_index']}") or {"xcom_entries": []}
            for entry in entries["xcom_entries"]:
                value = demo.airflow.get(f"{path}/{entry['key']}?map_index={task['map_index']}")
                text += json.dumps(value)
                seen += value is not None
            assert found_in(text, secrets, f"{dag_id} {task['task_id']}") == []
    assert seen > 20


def test_secrets__are_in_no_sql(demo, secrets):
    statements = demo.client("redshift-data").list_statements(RoleLevel=True, MaxResults=100)["Statements"]
    assert statements
    text = json.dumps(statements, default=str)
    assert found_in(text, secrets, "SQL") == []
    assert "SECRET" not in text.upper().replace("SECRETARN", "")
