"""Airflow's own RedshiftDataOperator, unmodified, against the local warehouse: one statement, a batch, deferred."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local_stack import REGION, LocalStack
from redshift_client import Warehouse


class TaskInstance:
    """What the operator asks of its context."""

    def xcom_push(self, key: str, value: Any) -> None:
        """Take a value that nobody reads."""


CONTEXT: Any = {"ti": TaskInstance()}


@pytest.fixture(scope="module")
def warehouse(local_aws: LocalStack) -> Warehouse:
    warehouse = Warehouse.create(local_aws, "operators")
    warehouse.run("CREATE TABLE t (id INT, name VARCHAR(10))")
    return warehouse


@pytest.fixture
def operator(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A maker of operators that talk to the local AWS by the environment alone."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL", warehouse.stack.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator

    def make(sql: Any, **options: Any) -> Any:
        options = {"deferrable": False, "poll_interval": 1, "aws_conn_id": None} | options
        return RedshiftDataOperator(
            task_id="run_sql", sql=sql, database="fraud", workgroup_name=warehouse.workgroup, **options
        )

    return make


def test_operator__runs_a_batch_and_returns_the_ids_of_its_statements(operator: Any, warehouse: Warehouse) -> None:
    ids = operator(["DELETE FROM t", "INSERT INTO t VALUES (1, 'a')"]).execute(CONTEXT)
    assert [identity.rpartition(":")[2] for identity in ids] == ["1", "2"]
    assert warehouse.rows("SELECT id, name FROM t") == [(1, "a")]


def test_operator__returns_the_rows_of_a_statement_with_parameters(operator: Any) -> None:
    (result,) = operator(
        "SELECT :n + 1 AS n", parameters=[{"name": "n", "value": "41"}], return_sql_result=True
    ).execute(CONTEXT)
    assert result["Records"] == [[{"longValue": 42}]]
    assert result["TotalNumRows"] == 1


def test_operator__fails_with_what_the_warehouse_says(operator: Any) -> None:
    with pytest.raises(ValueError, match='relation "nowhere" does not exist'):
        operator("SELECT * FROM nowhere").execute(CONTEXT)


def test_operator__deferred_polls_cancels_and_completes(operator: Any, warehouse: Warehouse) -> None:
    from airflow.sdk.exceptions import TaskDeferred

    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) SELECT i FROM n"
    warehouse.run(["CREATE TABLE many (i INT)", f"INSERT INTO many {numbers}"])
    slow = operator(
        "SELECT COUNT(*) FROM many a, many b, many c WHERE a.i + b.i + c.i > 10",
        deferrable=True,
        return_sql_result=True,
    )
    with pytest.raises(TaskDeferred) as deferred:
        slow.execute(CONTEXT)
    assert deferred.value.trigger.serialize()[1]["statement_id"] == slow.statement_id
    slow.on_kill()
    assert warehouse.wait(slow.statement_id)["Status"] == "ABORTED"
    event = {"status": "success", "statement_id": warehouse.run("SELECT 7")["Id"]}
    assert slow.execute_complete(CONTEXT, event)[0]["Records"] == [[{"longValue": 7}]]
