"""The Data API: how statements are submitted, described, paged, listed, cancelled, and what survives the server."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_stack import LocalStack, wait_until
from redshift_client import Warehouse

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"


@pytest.fixture(scope="module")
def warehouse(local_aws: LocalStack) -> Warehouse:
    warehouse = Warehouse.create(local_aws, "data-api")
    warehouse.run(["CREATE TABLE numbers (i INT)", f"INSERT INTO numbers {NUMBERS.format(3000)}"])
    return warehouse


NAMES = (f"t{number}" for number in itertools.count())


@pytest.fixture
def table(warehouse: Warehouse) -> str:
    name = next(NAMES)
    warehouse.run(f"CREATE TABLE {name} (id INT NOT NULL, name VARCHAR(10))")
    return name


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_execute__describes_the_statement_from_submission_to_result(warehouse: Warehouse) -> None:
    answer = warehouse.data.execute_statement(
        Sql="SELECT 1 AS one", WorkgroupName=warehouse.workgroup, Database="fraud", StatementName="mine"
    )
    assert answer["WorkgroupName"] == warehouse.workgroup
    described = warehouse.wait(answer["Id"])
    assert described["Status"] == "FINISHED"
    assert described["QueryString"] == "SELECT 1 AS one"
    assert (described["HasResultSet"], described["ResultRows"]) == (True, 1)
    assert described["UpdatedAt"] >= described["CreatedAt"] == answer["CreatedAt"]
    assert described["Duration"] > 0
    assert "Error" not in described
    assert described.get("SubStatements", []) == []


def test_execute__a_change_has_no_result_but_a_number_of_rows(warehouse: Warehouse, table: str) -> None:
    described = warehouse.run(f"INSERT INTO {table} VALUES (1, 'a'), (2, 'b')")
    assert (described["HasResultSet"], described["ResultRows"]) == (False, 2)
    code, message = refused(warehouse.data.get_statement_result, Id=described["Id"])
    assert code == "ResourceNotFoundException"
    assert "does not have result" in message


def test_execute__a_failed_statement_says_why_in_redshifts_words(warehouse: Warehouse) -> None:
    described = warehouse.wait(warehouse.submit("SELECT * FROM nowhere"))
    assert described["Status"] == "FAILED"
    assert described["Error"] == 'ERROR: relation "nowhere" does not exist'
    assert described["ResultRows"] == -1


def test_result__values_come_in_the_field_of_their_type(warehouse: Warehouse) -> None:
    identity = warehouse.run(
        "SELECT 1 AS whole, 1.50::DECIMAL(12,2) AS money, 0.1::FLOAT AS part, TRUE AS yes, 'x' AS text, "
        "NULL AS nothing, '2024-01-02'::DATE AS day, '2024-01-02 03:04:05'::TIMESTAMP AS moment, SUM(i) AS total "
        "FROM numbers"
    )["Id"]
    result = warehouse.data.get_statement_result(Id=identity)
    assert result["Records"] == [
        [
            {"longValue": 1},
            {"stringValue": "1.50"},
            {"doubleValue": 0.1},
            {"booleanValue": True},
            {"stringValue": "x"},
            {"isNull": True},
            {"stringValue": "2024-01-02"},
            {"stringValue": "2024-01-02 03:04:05"},
            {"longValue": 4501500},
        ]
    ]
    metadata = result["ColumnMetadata"]
    assert [column["name"] for column in metadata][:3] == ["whole", "money", "part"]
    assert [column["typeName"] for column in metadata] == [
        "int4", "numeric", "float8", "bool", "varchar", "unknown", "date", "timestamp", "int8",
    ]  # fmt: skip
    assert (metadata[1]["precision"], metadata[1]["scale"]) == (12, 2)


def test_result__comes_in_pages_that_together_hold_every_row_once(warehouse: Warehouse) -> None:
    identity = warehouse.run("SELECT i, REPEAT('x', 1000) FROM numbers ORDER BY i")["Id"]
    first = warehouse.data.get_statement_result(Id=identity)
    assert 0 < len(first["Records"]) < first["TotalNumRows"] == 3000
    pages = warehouse.data.get_paginator("get_statement_result").paginate(Id=identity)
    assert [record[0]["longValue"] for page in pages for record in page["Records"]] == list(range(1, 3001))
    code, _ = refused(warehouse.data.get_statement_result, Id=identity, NextToken="nonsense")
    assert code == "ValidationException"


def test_parameters__take_the_type_that_their_place_asks_for(warehouse: Warehouse, table: str) -> None:
    warehouse.run(f"INSERT INTO {table} VALUES (:id, :name)", {"id": "7", "name": "o'neil; --"})
    assert warehouse.rows(f"SELECT name FROM {table} WHERE id = :id", {"id": "7"}) == [("o'neil; --",)]
    later = f"SELECT :n + 1, DATEADD(day, :n, '2024-01-01'::DATE), id FROM {table} LIMIT :n"
    assert warehouse.rows(later, {"n": "2"}) == [(3, "2024-01-03 00:00:00", 7)]
    described = warehouse.wait(warehouse.submit(f"SELECT * FROM {table} WHERE id = :id", {"id": "seven"}))
    assert described["Error"] == 'ERROR: invalid input syntax for integer: "seven"'
    assert described["QueryParameters"] == [{"name": "id", "value": "seven"}]


def test_parameters__must_be_exactly_those_of_the_statement(warehouse: Warehouse) -> None:
    assert "there is no parameter :b" in warehouse.wait(warehouse.submit("SELECT :a, :b", {"a": "1"}))["Error"]
    assert "Unused parameters: ['b']" in warehouse.wait(warehouse.submit("SELECT :a", {"a": "1", "b": "1"}))["Error"]


def test_batch__is_one_transaction_and_describes_each_statement(warehouse: Warehouse, table: str) -> None:
    described = warehouse.run([f"INSERT INTO {table} VALUES (1, 'a')", f"SELECT COUNT(*) FROM {table}"])
    first, second = described["SubStatements"]
    assert first["Id"] == f"{described['Id']}:1"
    assert [one["Status"] for one in (first, second)] == ["FINISHED", "FINISHED"]
    assert (first["HasResultSet"], second["HasResultSet"], described["HasResultSet"]) == (False, True, True)
    assert warehouse.data.get_statement_result(Id=second["Id"])["Records"] == [[{"longValue": 1}]]


def test_batch__a_failure_undoes_all_of_it_and_names_the_statement(warehouse: Warehouse, table: str) -> None:
    warehouse.run(f"INSERT INTO {table} VALUES (1, 'kept')")
    described = warehouse.wait(
        warehouse.submit([f"DELETE FROM {table}", f"INSERT INTO {table} VALUES (2, 'far too long')", "SELECT 1"])
    )
    assert described["Status"] == "FAILED"
    assert described["Error"].startswith("Query #2 failed with ERROR: value too long for type character varying(10)")
    assert [one["Status"] for one in described["SubStatements"]] == ["ABORTED", "FAILED", "ABORTED"]
    assert warehouse.rows(f"SELECT id, name FROM {table}") == [(1, "kept")]


def test_batch__truncate_commits_what_was_done_before_it(warehouse: Warehouse, table: str) -> None:
    warehouse.run(f"INSERT INTO {table} VALUES (1, 'gone')")
    error = warehouse.error([f"CREATE TABLE {table}_made (a INT)", f"TRUNCATE {table}", "SELECT 1 / 0"])
    assert "Query #3 failed with ERROR: division by zero" in error
    assert warehouse.rows(f"SELECT (SELECT COUNT(*) FROM {table}), (SELECT COUNT(*) FROM {table}_made)") == [(0, 0)]


@pytest.mark.parametrize("word", ["BEGIN", "COMMIT", "ROLLBACK"])
def test_batch__transaction_words_are_refused_and_nothing_stays(warehouse: Warehouse, table: str, word: str) -> None:
    assert f"{word} is not allowed" in warehouse.error([f"INSERT INTO {table} VALUES (1, 'a')", word])
    assert warehouse.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]


def test_temporary_table__lives_as_long_as_its_batch(warehouse: Warehouse, table: str) -> None:
    warehouse.run([f"CREATE TEMP TABLE {table}_t (LIKE {table})", f"INSERT INTO {table}_t VALUES (1, 'a')"])
    assert "does not exist" in warehouse.error(f"SELECT * FROM {table}_t")


def test_vacuum__runs_alone(warehouse: Warehouse, table: str) -> None:
    assert warehouse.run(f"VACUUM {table}")["ResultRows"] == -1


def test_client_token__a_repeated_request_runs_once(warehouse: Warehouse, table: str) -> None:
    arguments = {
        "Sql": f"INSERT INTO {table} VALUES (1, 'a')",
        "WorkgroupName": warehouse.workgroup,
        "Database": "fraud",
    }
    first = warehouse.data.execute_statement(**arguments, ClientToken="token-1")
    second = warehouse.data.execute_statement(**arguments, ClientToken="token-1")
    assert first["Id"] == second["Id"]
    warehouse.wait(first["Id"])
    assert warehouse.rows(f"SELECT COUNT(*) FROM {table}") == [(1,)]
    code, message = refused(
        warehouse.data.execute_statement, **(arguments | {"Sql": "SELECT 1"}), ClientToken="token-1"
    )
    assert code == "ValidationException"
    assert "was used for another statement" in message


def test_list__gives_the_newest_first_by_name_and_status(warehouse: Warehouse) -> None:
    ids = [
        warehouse.submit(sql, StatementName=f"listed-{n}")
        for n, sql in enumerate(["SELECT 1", "SELECT nothing", "SELECT 3"])
    ]
    for identity in ids:
        warehouse.wait(identity)
    listed = warehouse.data.list_statements(StatementName="listed-", Status="ALL", WorkgroupName=warehouse.workgroup)
    assert [one["Id"] for one in listed["Statements"]] == ids[::-1]
    finished = warehouse.data.list_statements(StatementName="listed-", Status="FINISHED", MaxResults=1)
    assert [one["Id"] for one in finished["Statements"]] == [ids[2]]
    rest = warehouse.data.list_statements(StatementName="listed-", Status="FINISHED", NextToken=finished["NextToken"])
    assert [one["Id"] for one in rest["Statements"]] == [ids[0]]


def test_cancel__stops_a_running_statement(warehouse: Warehouse) -> None:
    identity = warehouse.submit("SELECT COUNT(*) FROM numbers a, numbers b, numbers c WHERE a.i + b.i + c.i > 10")
    wait_until(lambda: warehouse.data.describe_statement(Id=identity)["Status"] == "STARTED")
    assert warehouse.data.cancel_statement(Id=identity)["Status"] is True
    described = warehouse.wait(identity)
    assert described["Status"] == "ABORTED"
    assert described["Error"] == "ERROR: Query cancelled on user's request"
    code, message = refused(warehouse.data.cancel_statement, Id=identity)
    assert code == "ValidationException"
    assert "already in ABORTED state" in message


def test_request__what_is_wrong_with_it_is_said(warehouse: Warehouse) -> None:
    data, here = warehouse.data, {"WorkgroupName": warehouse.workgroup, "Database": "fraud"}
    one = {"Sql": "SELECT 1"}
    assert refused(data.execute_statement, **one, **(here | {"WorkgroupName": "nowhere"})) == (
        "ValidationException",
        "Redshift endpoint doesn't exist in this region: workgroup 'nowhere'",
    )
    assert 'database "dev" does not exist' in refused(data.execute_statement, **one, **(here | {"Database": "dev"}))[1]
    assert "between 1 and 40" in refused(data.batch_execute_statement, Sqls=["SELECT 1"] * 41, **here)[1]
    assert "bytes" in refused(data.execute_statement, Sql="SELECT '" + "x" * 102400 + "'", **here)[1]
    assert refused(data.describe_statement, Id="b" * 8 + "-1111-2222-3333-" + "c" * 12) == (
        "ResourceNotFoundException",
        "Query does not exist.",
    )
    assert "regex pattern" in refused(data.describe_statement, Id="nonsense")[1]
    code, message = refused(data.list_databases, **here)
    assert code == "UnknownOperationException"
    assert "ListDatabases" in message


def test_writers_of_one_table__wait_for_each_other(warehouse: Warehouse, table: str) -> None:
    warehouse.run(f"INSERT INTO {table} VALUES (0, 'n')")
    batch = [f"UPDATE {table} SET id = id + 1", f"INSERT INTO {table}_log SELECT id FROM {table}"]
    warehouse.run(f"CREATE TABLE {table}_log (id INT)")
    ids = [warehouse.submit(batch) for _ in range(12)]
    assert {warehouse.wait(identity)["Status"] for identity in ids} == {"FINISHED"}
    assert warehouse.rows(f"SELECT id FROM {table}_log ORDER BY id") == [(n,) for n in range(1, 13)]


def test_readers__see_a_batch_whole_or_not_at_all(warehouse: Warehouse, table: str) -> None:
    warehouse.run(f"INSERT INTO {table} SELECT i, 'a' FROM numbers WHERE i <= 100")
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen.append(warehouse.rows(f"SELECT COUNT(*), COUNT(DISTINCT name) FROM {table}")[0])

    reader = threading.Thread(target=read)
    reader.start()
    for name in "bcdef":
        warehouse.run([f"DELETE FROM {table}", f"INSERT INTO {table} SELECT i, '{name}' FROM numbers WHERE i <= 100"])
    stop.set()
    reader.join()
    assert set(seen) == {(100, 1)}


def test_server__a_kill_loses_nothing_committed_and_ends_what_ran(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path / "state").start()
    warehouse = Warehouse.create(stack, "durable")
    warehouse.run(["CREATE TABLE numbers (i INT)", f"INSERT INTO numbers {NUMBERS.format(2000)}"])
    warehouse.run("CREATE TABLE later (name VARCHAR(3), made TIMESTAMP DEFAULT GETDATE(), n INT IDENTITY(1, 1))")
    kept = warehouse.run("SELECT COUNT(*) FROM numbers")["Id"]
    endless = "SELECT COUNT(*) FROM numbers a, numbers b, numbers c WHERE a.i + b.i + c.i > 10"
    running = warehouse.submit(["INSERT INTO numbers VALUES (2001)", endless])
    wait_until(lambda: warehouse.data.describe_statement(Id=running)["SubStatements"][1]["Status"] == "STARTED")
    warehouse.run("INSERT INTO later (name) VALUES ('abc')")
    stack.kill()
    stack.start()
    try:
        assert warehouse.rows("SELECT COUNT(*), MAX(i) FROM numbers") == [(2000, 2000)]
        warehouse.run("INSERT INTO later (name) VALUES ('def')")
        assert warehouse.rows("SELECT name, n, made IS NOT NULL FROM later ORDER BY n") == [
            ("abc", 1, True),
            ("def", 2, True),
        ]
        assert warehouse.data.get_statement_result(Id=kept)["Records"] == [[{"longValue": 2000}]]
        described = warehouse.data.describe_statement(Id=running)
        assert (described["Status"], "restarted" in described["Error"]) == ("FAILED", True)
        assert "value too long" in warehouse.error("INSERT INTO later (name) VALUES ('abcd')")
    finally:
        stack.stop()
