"""COPY: Parquet by position with exact types, manifests, prefixes, CSV; what does not fit fails whole."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from local_stack import LocalStack
from redshift_client import Warehouse

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("day", pa.date32()),
        pa.field("moment", pa.timestamp("us", tz="UTC")),
        pa.field("amount", pa.decimal128(12, 2)),
        pa.field("score", pa.float64()),
        pa.field("ok", pa.bool_()),
        pa.field("name", pa.string()),
    ]
)
COLUMNS = (
    "id BIGINT NOT NULL, day DATE, moment TIMESTAMP, amount DECIMAL(12,2), score DOUBLE PRECISION, ok BOOLEAN, "
    "name VARCHAR(5)"
)
AS_PARQUET = "IAM_ROLE DEFAULT FORMAT AS PARQUET"
NAMES = (f"c{number}" for number in itertools.count())


def rows(first: int, count: int = 2, name: str | None = "été") -> pa.Table:
    """Rows of the table; the default name has as many bytes as the column holds."""
    moment = datetime(2024, 1, 2, 23, 59, 59, 123456, tzinfo=UTC)
    return pa.table(
        [
            list(range(first, first + count)),
            [date(2024, 1, 2)] * count,
            [moment] * count,
            [Decimal("10.25")] * count,
            [0.1] * count,
            [True] * count,
            [name] * count,
        ],
        schema=SCHEMA,
    )


def cast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    """The table with one column of another type."""
    return table.set_column(table.column_names.index(name), name, table[name].cast(kind))


@pytest.fixture(scope="module")
def warehouse(local_aws: LocalStack) -> Warehouse:
    return Warehouse.create(local_aws, "copies")


@pytest.fixture
def table(warehouse: Warehouse) -> str:
    name = next(NAMES)
    warehouse.run(f"CREATE TABLE {name} ({COLUMNS})")
    return name


def test_copy__loads_a_prefix_with_every_type_as_it_was(warehouse: Warehouse, table: str) -> None:
    for part in range(3):
        warehouse.put_parquet(f"{table}/day=2030-01-01/part{part}.parquet", rows(part * 2))
    described = warehouse.run(f"COPY {table} FROM 's3://copies/{table}/' {AS_PARQUET}")
    assert described["ResultRows"] == 6
    # The folder's day=2030-01-01 is no column of the files: what they say themselves counts.
    assert warehouse.rows(f"SELECT * FROM {table} ORDER BY id LIMIT 1") == [
        (0, "2024-01-02", "2024-01-02 23:59:59.123456", "10.25", 0.1, True, "été")
    ]
    assert warehouse.rows(f"SELECT COUNT(DISTINCT id), MAX(id) FROM {table}") == [(6, 5)]


def test_copy__loads_just_what_the_manifest_names(warehouse: Warehouse, table: str) -> None:
    keys = [f"{table}/{name}.parquet" for name in "abc"]
    for number, key in enumerate(keys):
        warehouse.put_parquet(key, rows(number * 10))
    manifest = warehouse.put_manifest(f"manifests/{table}.json", keys[:2])
    warehouse.run(f"COPY {table} FROM '{manifest}' {AS_PARQUET} MANIFEST")
    assert warehouse.rows(f"SELECT id FROM {table} ORDER BY id") == [(0,), (1,), (10,), (11,)]


def test_copy__maps_by_position_whatever_the_columns_are_called(warehouse: Warehouse, table: str) -> None:
    other = ["ok", "c2", "c3", "c4", "c5", "c6", "id"]
    warehouse.put_parquet(f"{table}/a", rows(0).rename_columns(other))
    warehouse.put_parquet(f"{table}/b", rows(2))
    warehouse.run(f"COPY {table} FROM 's3://copies/{table}/' {AS_PARQUET}")
    assert warehouse.rows(f"SELECT id, ok, name FROM {table} ORDER BY id") == [(n, True, "été") for n in range(4)]


def test_copy__loads_the_listed_columns_and_leaves_defaults_to_the_others(warehouse: Warehouse) -> None:
    name = next(NAMES)
    warehouse.run(f"CREATE TABLE {name} (a INT DEFAULT 7, b BIGINT, c VARCHAR(5))")
    uri = warehouse.put_parquet(f"{name}/x", pa.table({"c": ["x"], "b": pa.array([1], pa.int64())}))
    warehouse.run(f"COPY public.{name} (c, b) FROM '{uri}' {AS_PARQUET}")
    assert warehouse.rows(f"SELECT a, b, c FROM {name}") == [(7, 1, "x")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop_columns(["name"]), "Table columns: 7, Data columns: 6, File name: "),
        (lambda t: t.append_column("more", t["id"]), "Table columns: 7, Data columns: 8, File name: "),
        (lambda t: cast(t, "id", pa.int32()), "schema for column 'id'. Column type: BIGINT"),
        (lambda t: cast(t, "amount", pa.decimal128(14, 4)), "schema for column 'amount'"),
        (lambda t: cast(t, "amount", pa.float64()), "schema for column 'amount'"),
        (lambda t: cast(t, "moment", pa.timestamp("ns", tz="UTC")), "schema for column 'moment'"),
        (lambda t: cast(t, "day", pa.string()), "schema for column 'day'"),
        (lambda t: t.select(["day", "id", *t.column_names[2:]]), "schema for column 'id'"),
        (lambda t: t.set_column(6, "name", pa.array([["x"], ["y"]])), "schema for column 'name'"),
    ],
    ids=["fewer", "more", "int32", "scale", "float", "nanoseconds", "text", "order", "nested"],
)  # fmt: skip
def test_copy__a_file_that_does_not_fit_the_table_fails(
    warehouse: Warehouse, table: str, change: Callable[[pa.Table], pa.Table], said: str
) -> None:
    uri = warehouse.put_parquet(f"{table}/x.parquet", change(rows(0)))
    error = warehouse.error(f"COPY {table} FROM '{uri}' {AS_PARQUET}")
    assert error.startswith("ERROR: Spectrum Scan Error")
    assert said in error
    assert uri in error
    assert warehouse.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]


def test_copy__text_longer_than_the_column_fails_whole_and_is_noted(warehouse: Warehouse, table: str) -> None:
    warehouse.put_parquet(f"{table}/1", rows(0))
    bad = warehouse.put_parquet(f"{table}/2", rows(2, name="étés"))
    error = warehouse.error(f"COPY {table} FROM 's3://copies/{table}/' {AS_PARQUET}")
    assert "longer than the length defined in the table. Table: 5, Data: 6, File name: " + bad in error
    assert warehouse.rows(f"SELECT COUNT(*) FROM {table}") == [(0,)]
    assert warehouse.rows(
        f"SELECT file_name, column_name, column_type FROM sys_load_error_detail WHERE table_name = '{table}'"
    ) == [(bad, "name", "varchar(5)")]


def test_copy__null_in_a_column_that_takes_none_fails(warehouse: Warehouse, table: str) -> None:
    nulls = rows(0).set_column(0, "id", pa.array([1, None], pa.int64()))
    uri = warehouse.put_parquet(f"{table}/x", nulls)
    assert f"Cannot insert a NULL value into column id, File name: {uri}" in warehouse.error(
        f"COPY {table} FROM '{uri}' {AS_PARQUET}"
    )


def test_copy__within_a_batch_that_fails_leaves_the_day_as_it_was(warehouse: Warehouse, table: str) -> None:
    good = warehouse.put_parquet(f"{table}/good", rows(0))
    bad = warehouse.put_parquet(f"{table}/bad", rows(0, name="too long"))
    warehouse.run(f"COPY {table} FROM '{good}' {AS_PARQUET}")
    assert "Query #2 failed" in warehouse.error([f"DELETE FROM {table}", f"COPY {table} FROM '{bad}' {AS_PARQUET}"])
    assert warehouse.rows(f"SELECT COUNT(*) FROM {table}") == [(2,)]


def test_copy__a_load_repeated_changes_nothing(warehouse: Warehouse, table: str) -> None:
    uri = warehouse.put_parquet(f"{table}/day", rows(0, count=50))
    load = [f"DELETE FROM {table} WHERE day = '2024-01-02'", f"COPY {table} FROM '{uri}' {AS_PARQUET}"]
    warehouse.run(load)
    once = warehouse.rows(f"SELECT * FROM {table} ORDER BY id")
    warehouse.run(load)
    assert warehouse.rows(f"SELECT * FROM {table} ORDER BY id") == once


def test_manifest__without_sizes_or_with_wrong_ones_fails(warehouse: Warehouse, table: str) -> None:
    warehouse.put_parquet(f"{table}/x", rows(0))
    none = warehouse.put_manifest(f"manifests/{table}-none.json", [f"{table}/x"], meta={})
    assert "lacks meta.content_length" in warehouse.error(f"COPY {table} FROM '{none}' {AS_PARQUET} MANIFEST")
    wrong = warehouse.put_manifest(f"manifests/{table}-wrong.json", [f"{table}/x"], meta={"content_length": 1})
    assert "the manifest says 1" in warehouse.error(f"COPY {table} FROM '{wrong}' {AS_PARQUET} MANIFEST")


def test_manifest__a_missing_file_fails_where_it_is_mandatory(warehouse: Warehouse, table: str) -> None:
    warehouse.put_parquet(f"{table}/x", rows(0))
    gone = {"url": f"s3://copies/{table}/gone"}
    needed = warehouse.put_manifest(f"manifests/{table}-needed.json", [f"{table}/x"], **gone)
    error = warehouse.error(f"COPY {table} FROM '{needed}' {AS_PARQUET} MANIFEST")
    assert "The specified key does not exist" in error
    assert f"s3://copies/{table}/gone" in error
    optional = warehouse.put_manifest(f"manifests/{table}-optional.json", [f"{table}/x"], mandatory=False, **gone)
    assert "No files to load" in warehouse.error(f"COPY {table} FROM '{optional}' {AS_PARQUET} MANIFEST")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("{t} FROM 's3://copies/nothing/' {role} PARQUET", "The specified S3 prefix 'nothing/' does not exist"),
        ("{t} FROM 's3://no-such-bucket/x' {role} PARQUET", "no-such-bucket"),
        ("{t} FROM 's3://copies/junk' {role} PARQUET", "is not a valid Parquet file"),
        ("{t} FROM 's3://copies/junk' {role} PARQUET MANIFEST", "Manifest file is not in correct json format"),
        ("nowhere FROM 's3://copies/junk' {role} PARQUET", 'relation "nowhere" does not exist'),
        ("{t} (id, more) FROM 's3://copies/junk' {role} PARQUET", 'column "more" of relation'),
        ("{t} FROM 's3://copies/junk' FORMAT AS PARQUET", "COPY needs an authorization"),
        ("{t} FROM 's3://copies/junk' {role} PARQUET REGION 'us-east-1'", 'syntax error at or near "REGION"'),
        ("{t} FROM 's3://copies/junk' {role} PARQUET MAXERROR 5", 'syntax error at or near "MAXERROR"'),
        ("{t} FROM 's3://copies/junk' {role} PARQUET MANIFEST MANIFEST", "conflicting or redundant options"),
        ("{t} FROM '/tmp/junk' {role} PARQUET", "expected s3://bucket/prefix"),
    ],
)  # fmt: skip
def test_copy__what_cannot_be_loaded_is_refused_with_the_reason(
    warehouse: Warehouse, table: str, statement: str, said: str
) -> None:
    warehouse.put("junk", b"not json, nor Parquet")
    role = "IAM_ROLE DEFAULT FORMAT AS"
    assert said in warehouse.error("COPY " + statement.format(t=table, role=role))


def test_copy_csv__reads_quotes_empty_fields_and_a_header(warehouse: Warehouse, table: str) -> None:
    body = 'id,day,moment,amount,score,ok,name\n1,2024-01-02,2024-01-02 03:04:05,10.25,0.1,t,"a,""b"\n2,,,,,f,\n'
    uri = warehouse.put(f"{table}.csv", body.encode())
    warehouse.run(f"COPY {table} FROM '{uri}' IAM_ROLE DEFAULT FORMAT AS CSV IGNOREHEADER 1")
    assert warehouse.rows(f"SELECT * FROM {table} ORDER BY id") == [
        (1, "2024-01-02", "2024-01-02 03:04:05", "10.25", 0.1, True, 'a,"b'),
        (2, None, None, None, None, False, ""),
    ]


def test_copy_csv__a_value_of_another_type_fails_and_is_noted(warehouse: Warehouse, table: str) -> None:
    uri = warehouse.put(f"{table}.csv", b"one,,,,,,\n")
    error = warehouse.error(f"COPY {table} FROM '{uri}' IAM_ROLE DEFAULT CSV")
    assert f"Load into table '{table}' failed.  Check 'sys_load_error_detail' system table for details." in error
    noted = warehouse.rows(f"SELECT file_name, error_message FROM sys_load_error_detail WHERE table_name = '{table}'")
    assert noted == [(uri, 'invalid input syntax for integer: "one"')]
