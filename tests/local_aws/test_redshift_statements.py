"""Every statement of redshift_statements.yaml gives what Redshift's documentation says, or is refused."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_aws.redshift.engine import Engine, Result
from local_aws.redshift.errors import SqlError
from local_aws.redshift.records import column_metadata

CASES = yaml.safe_load(Path(__file__).with_name("redshift_statements.yaml").read_text("utf-8"))
GIVEN = (
    """CREATE TABLE sales (id INT, customer VARCHAR(10), amount DECIMAL(8,2), qty INT, sold TIMESTAMP, day DATE,
    ok BOOLEAN, score DOUBLE PRECISION)""",
    """INSERT INTO sales VALUES
    (1, 'ann', 10.25, 1, '2024-01-02 10:00:00', '2024-01-02', TRUE, 0.1),
    (2, 'ann', 20.00, 2, '2024-01-03 10:00:00', '2024-01-03', TRUE, 0.2),
    (3, 'bob', 20.25, 4, '2024-01-31 23:59:59', '2024-01-31', FALSE, 0.3),
    (4, 'bob', 30.00, NULL, '2024-02-01 00:00:00', '2024-02-01', TRUE, 0.4)""",
    "CREATE TABLE source (id INT, name VARCHAR(10))",
    "INSERT INTO source VALUES (3, 'Tony'), (4, 'Bill')",
    "CREATE TABLE target (id INT, name VARCHAR(10))",
    "INSERT INTO target VALUES (1, 'Bob'), (3, 'John')",
    "CREATE TABLE strict (id INT NOT NULL, name VARCHAR(10) NOT NULL, size INT DEFAULT 5)",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("redshift"), "fraud")
    with engine.session() as session:
        assert len(list(session.run(GIVEN))) == len(GIVEN)
    yield engine
    engine.close()


def _run(engine: Engine, statements: list[str]) -> Result:
    """Return the last statement's result, and roll everything back."""
    with engine.session() as session:
        results = session.run(statements)
        for _ in statements[:-1]:
            next(results)
        try:
            return next(results)
        finally:
            results.close()  # type: ignore[attr-defined]  # a generator: left early, it rolls back


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | datetime.date | datetime.time):
        return str(value).replace("+00:00", "+00")
    return value


@pytest.mark.parametrize("case", CASES, ids=[case["sql"][:70] for case in CASES])
def test_statement__does_what_the_documentation_says(engine: Engine, case: dict[str, Any]) -> None:
    statements = [*case.get("setup", []), case["sql"]]
    if "error" in case:
        with pytest.raises(SqlError, match=re.escape(case["error"])) as refused:
            _run(engine, statements)
        assert str(refused.value).startswith("ERROR: ")
        return
    result = _run(engine, statements)
    if "rows" in case:
        rows = [[_plain(value) for value in row] for row in result.rows]
        assert rows == [
            pytest.approx(row) if any(isinstance(value, float) for value in row) else row for row in case["rows"]
        ]
    if "count" in case:
        assert result.count == case["count"]
    if "types" in case:
        assert [column_metadata(*column)["typeName"] for column in result.columns] == case["types"]


def test_statement_table__is_large_and_cites_a_page_for_each() -> None:
    assert len(CASES) >= 80
    assert sum("error" in case for case in CASES) >= 40
    assert sum("rows" in case for case in CASES) >= 40
    for case in CASES:
        assert re.fullmatch(r"(dg|mgmt)/[A-Za-z0-9_.-]+", case["page"]), case
        assert {"error", "rows", "count"} & set(case), case
