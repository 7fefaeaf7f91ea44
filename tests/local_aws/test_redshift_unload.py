"""UNLOAD: what is written, under which names, in which order; and that it can be loaded again as it was."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_stack import LocalStack
from redshift_client import Warehouse

SERIAL = "IAM_ROLE DEFAULT FORMAT AS {} PARALLEL OFF"
VALUES = (
    "(1, TRUE, 0.1, '10.25', '2024-01-02 03:04:05', 'a,\"b'), "
    "(2, FALSE, 1e-300, NULL, NULL, NULL), "
    "(3, NULL, 123456789.123456789, -0.05, '2024-01-02 03:04:05.000001', 'été')"
)


@pytest.fixture(scope="module")
def warehouse(local_aws: LocalStack) -> Warehouse:
    warehouse = Warehouse.create(local_aws, "unloads")
    warehouse.run(
        [
            "CREATE TABLE t (id INT, ok BOOLEAN, score FLOAT, amount DECIMAL(12,2), moment TIMESTAMP, name VARCHAR(9))",
            f"INSERT INTO t VALUES {VALUES}",
            "CREATE TABLE many (i BIGINT, text VARCHAR(64))",
            "INSERT INTO many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
            "SELECT a.i * 1000 + b.i, MD5((a.i * 1000 + b.i)::VARCHAR) FROM n a, n b WHERE a.i <= 200",
        ]
    )
    return warehouse


def read_csv(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode())))


def test_unload_csv__writes_values_as_redshift_does(warehouse: Warehouse) -> None:
    described = warehouse.run(f"UNLOAD ('SELECT * FROM t ORDER BY id') TO 's3://unloads/csv/' {SERIAL.format('CSV')}")
    assert described["ResultRows"] == 3
    assert warehouse.keys("csv/") == ["csv/000"]
    body = warehouse.get("csv/000")
    first, second, third = read_csv(body)
    assert first == ["1", "t", "0.1", "10.25", "2024-01-02 03:04:05", 'a,"b']
    assert (second[:2], float(second[2]), second[3:]) == (["2", "f"], 1e-300, ["", "", ""])
    assert (float(third[2]), third[3:5]) == (123456789.123456789, ["-0.05", "2024-01-02 03:04:05.000001"])
    assert body.decode().splitlines()[0].endswith(',"a,""b"')


def test_unload_parquet__can_be_copied_back_as_it_was(warehouse: Warehouse) -> None:
    warehouse.run(f"UNLOAD ('SELECT * FROM t ORDER BY id') TO 's3://unloads/parquet/' {SERIAL.format('PARQUET')}")
    assert warehouse.keys("parquet/") == ["parquet/000.parquet"]
    schema = pq.read_schema(io.BytesIO(warehouse.get("parquet/000.parquet")))
    assert schema.types == [pa.int32(), pa.bool_(), pa.float64(), pa.decimal128(12, 2), pa.timestamp("us"), pa.string()]
    warehouse.run("CREATE TABLE back (LIKE t)")
    warehouse.run("COPY back FROM 's3://unloads/parquet/' IAM_ROLE DEFAULT FORMAT AS PARQUET")
    assert warehouse.rows("SELECT * FROM back ORDER BY id") == warehouse.rows("SELECT * FROM t ORDER BY id")


def test_unload__a_sum_of_whole_numbers_is_a_bigint(warehouse: Warehouse) -> None:
    select = "SELECT SUM(id) AS total, AVG(id) AS mean, COUNT(*) AS n FROM t"
    warehouse.run(f"UNLOAD ('{select}') TO 's3://unloads/sums/' {SERIAL.format('PARQUET')}")
    table = pq.read_table(io.BytesIO(warehouse.get("sums/000.parquet")))
    assert table.schema.types == [pa.int64()] * 3
    assert table.to_pylist() == [{"total": 6, "mean": 2, "n": 3}]


def test_unload__options_say_names_header_manifest_and_delimiter(warehouse: Warehouse) -> None:
    warehouse.run(
        "UNLOAD ('SELECT id, name FROM t WHERE id < 3 ORDER BY id') TO 's3://unloads/o/part_' "
        "IAM_ROLE 'arn:aws:iam::role/x' FORMAT CSV HEADER DELIMITER AS '|' NULL AS 'none' EXTENSION 'csv' MANIFEST "
        "PARALLEL OFF"
    )
    assert warehouse.keys("o/") == ["o/part_000.csv", "o/part_manifest"]
    body = warehouse.get("o/part_000.csv")
    assert body.decode().splitlines() == ["id|name", '1|"a,""b"', "2|none"]
    (entry,) = json.loads(warehouse.get("o/part_manifest"))["entries"]
    assert entry == {"url": "s3://unloads/o/part_000.csv", "meta": {"content_length": len(body)}}


def test_unload__quotes_in_the_query_are_doubled(warehouse: Warehouse) -> None:
    warehouse.run(f"UNLOAD ('SELECT id FROM t WHERE name = ''été''') TO 's3://unloads/q/' {SERIAL.format('CSV')}")
    assert warehouse.get("q/000") == b"3\n"


def test_unload__does_not_write_where_something_lies_unless_told_to(warehouse: Warehouse) -> None:
    statement = f"UNLOAD ('SELECT id FROM t ORDER BY id') TO 's3://unloads/kept/' {SERIAL.format('CSV')}"
    warehouse.put("kept/other", b"of somebody else")
    assert "Specified unload destination on S3 is not empty" in warehouse.error(statement)
    assert warehouse.keys("kept/") == ["kept/other"]
    warehouse.run(f"{statement} ALLOWOVERWRITE")
    assert warehouse.keys("kept/") == ["kept/000", "kept/other"]
    warehouse.run(f"{statement} CLEANPATH")
    assert warehouse.keys("kept/") == ["kept/000"]
    assert "can't be specified together" in warehouse.error(f"{statement} CLEANPATH ALLOWOVERWRITE")


def test_unload__a_failing_query_leaves_what_was_there(warehouse: Warehouse) -> None:
    warehouse.put("old/000", b"old")
    error = warehouse.error(
        f"UNLOAD ('SELECT 1 / (id - 2) FROM t') TO 's3://unloads/old/' {SERIAL.format('CSV')} CLEANPATH"
    )
    assert "division by zero" in error
    assert warehouse.get("old/000") == b"old"


def test_unload__no_rows_make_an_empty_file(warehouse: Warehouse) -> None:
    for form, key in (("CSV", "none/csv/000"), ("PARQUET", "none/parquet/000.parquet")):
        uri = f"s3://unloads/none/{form.lower()}/"
        warehouse.run(f"UNLOAD ('SELECT id FROM t WHERE id > 9') TO '{uri}' {SERIAL.format(form)}")
        assert warehouse.keys(f"none/{form.lower()}/") == [key]
    assert warehouse.get("none/csv/000") == b""
    assert pq.read_table(io.BytesIO(warehouse.get("none/parquet/000.parquet"))).num_rows == 0


@pytest.mark.parametrize("form", ["CSV", "PARQUET"])
def test_unload__serially_keeps_the_order_and_repeats_the_bytes(warehouse: Warehouse, form: str) -> None:
    bodies = []
    for _ in range(2):
        warehouse.run(
            f"UNLOAD ('SELECT i, text FROM many ORDER BY text') TO 's3://unloads/order-{form}/' "
            f"{SERIAL.format(form)} CLEANPATH"
        )
        (key,) = warehouse.keys(f"order-{form}/")
        bodies.append(warehouse.get(key))
    assert bodies[0] == bodies[1]
    if form == "CSV":
        texts = [row[1] for row in read_csv(bodies[0])]
    else:
        texts = pq.read_table(io.BytesIO(bodies[0]))["text"].to_pylist()
    assert len(texts) == 200_000
    assert texts == sorted(texts)


def test_unload__cuts_files_at_the_size_and_keeps_the_order_across_them(warehouse: Warehouse) -> None:
    warehouse.run(
        f"UNLOAD ('SELECT i, text FROM many ORDER BY text') TO 's3://unloads/cut/' {SERIAL.format('CSV')} "
        "MAXFILESIZE 5 MB"
    )
    keys = warehouse.keys("cut/")
    assert keys == ["cut/000", "cut/001"]
    bodies = [warehouse.get(key) for key in keys]
    assert all(len(body) <= 5 * 2**20 for body in bodies)
    texts = [row[1] for body in bodies for row in read_csv(body)]
    assert len(texts) == 200_000
    assert texts == sorted(texts)


def test_unload__in_parallel_writes_every_row_once_in_files_of_slices(warehouse: Warehouse) -> None:
    warehouse.run("UNLOAD ('SELECT i FROM many') TO 's3://unloads/slices/' IAM_ROLE DEFAULT FORMAT AS PARQUET")
    keys = warehouse.keys("slices/")
    assert keys == ["slices/0000_part_00.parquet", "slices/0001_part_00.parquet"]
    read = [value for key in keys for value in pq.read_table(io.BytesIO(warehouse.get(key)))["i"].to_pylist()]
    assert sorted(read) == sorted(1000 * a + b for a in range(1, 201) for b in range(1, 1001))


@pytest.mark.parametrize(
    ("select", "to", "said"),
    [
        ("SELECT id FROM t LIMIT 1", "'s3://unloads/x/' {role} CSV", "Limit clause is not supported"),
        ("DELETE FROM t", "'s3://unloads/x/' {role} CSV", "UNLOAD takes a SELECT statement"),
        ("SELECT COUNT(*) FILTER (WHERE ok) FROM t", "'s3://unloads/x/' {role} CSV", "syntax error"),
        ("SELECT 1; SELECT 2", "'s3://unloads/x/' {role} CSV", "multiple commands"),
        ("SELECT 1", "'s3://no-such-bucket/x/' {role} CSV", "The specified bucket does not exist"),
        ("SELECT 1", "'/tmp/x' {role} CSV", "is not an S3 path"),
        ("SELECT 1", "'s3://unloads/x/' FORMAT CSV", "UNLOAD needs an authorization"),
        ("SELECT 1", "'s3://unloads/x/' {role} PARQUET HEADER", 'syntax error at or near "HEADER"'),
        ("SELECT 1", "'s3://unloads/x/' {role} CSV MAXFILESIZE 1 MB", "between 5 MB and 6.2 GB"),
    ],
)
def test_unload__what_cannot_be_written_is_refused_with_the_reason(
    warehouse: Warehouse, select: str, to: str, said: str
) -> None:
    assert said in warehouse.error(f"UNLOAD ('{select}') TO {to.format(role='IAM_ROLE DEFAULT FORMAT')}")
    assert warehouse.keys("x/") == []
