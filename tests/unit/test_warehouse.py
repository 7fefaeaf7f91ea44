"""SQL texts: what may stand in them, and that tables and schema say the same."""

import re
from datetime import date

import pytest

from fraud import schema, warehouse
from fraud.errors import ConfigurationError
from fraud.features.catalogue import feature_names


def declared(table: str) -> list[tuple[str, str]]:
    statement = next(s for s in warehouse.create_schema() if f"CREATE TABLE IF NOT EXISTS fraud.{table} (" in s)
    body = statement[statement.index("(") + 1 : statement.rindex("\n)")]
    return re.findall(r"^\s+(\w+) (.+?)(?: NOT NULL)?,?$", body, re.MULTILINE)


@pytest.mark.parametrize("table", sorted(set(schema.TABLES) - {"truth"}))
def test_table__has_the_columns_of_the_schema_in_order(table: str) -> None:
    assert declared(table) == [(column.name, column.redshift) for column in schema.TABLES[table]]


@pytest.mark.parametrize(("version", "table"), [("v1", "features"), ("v2", "features_v2")])
def test_features_table__has_the_columns_of_the_catalogue_in_order(version: str, table: str) -> None:
    assert warehouse.features_table(version) == table
    assert declared(table) == [
        ("transaction_id", "BIGINT"),
        ("tx_date", "DATE"),
        *((name, "DOUBLE PRECISION") for name in feature_names(version)),
    ]


def test_query__a_placeholder_without_value_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match=r"known_labels\.sql: placeholder 'as_of'"):
        warehouse.query("known_labels", start=date(2026, 1, 1), end=date(2026, 1, 2))


def test_query__a_column_that_is_no_name_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a column name"):
        warehouse.query("training_set", features=["x; drop table y"], start=date(2026, 1, 1))


@pytest.mark.parametrize("uri", ["s3://b/k' OR '1'='1", "s3://b/k;", "http://b/k", "s3://b/a b"])
def test_copy__an_uri_that_could_end_the_literal_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="not an S3 URI"):
        warehouse.copy("fraud.transactions", uri)


def test_load_run__a_run_name_that_could_end_the_literal_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a run name"):
        warehouse.load_run("verdicts", "x' --", "s3://b/k")


def test_load_days__deletes_just_what_it_copies() -> None:
    delete, copy = warehouse.load_days(
        "label_deliveries", date(2026, 1, 1), date(2026, 1, 2), "s3://b/m.json", "chargeback"
    )
    assert delete == (
        "DELETE FROM fraud.label_deliveries WHERE source = 'chargeback' "
        "AND known_at >= '2026-01-01' AND known_at < DATEADD(day, 1, '2026-01-02'::DATE)"
    )
    assert copy.startswith(
        "COPY fraud.label_deliveries FROM 's3://b/m.json' IAM_ROLE DEFAULT FORMAT AS PARQUET MANIFEST"
    )


def test_load_days__of_one_version_leaves_the_others() -> None:
    delete, _ = warehouse.load_days("rescores", date(2026, 1, 1), date(2026, 1, 2), "s3://b/m.json", version=3)
    assert delete == (
        "DELETE FROM fraud.rescores WHERE tx_date BETWEEN '2026-01-01' AND '2026-01-02' AND model_version = 3"
    )


def test_create_schema__views_come_after_the_tables_they_read() -> None:
    statements = warehouse.create_schema()
    assert statements[0].startswith("CREATE SCHEMA")
    assert "VIEW fraud.labels" in statements[-1]
