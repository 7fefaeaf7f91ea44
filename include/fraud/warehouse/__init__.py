"""SQL of the warehouse: ``tables/`` one table a file, ``queries/`` one query a file, and how days are loaded.

The Redshift Data API binds no parameters in batches, in ``COPY`` and in ``UNLOAD``. What goes into the text is
therefore typed here: dates, whole numbers, ``s3://`` URIs, and names that this package itself declares.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from string import Template

from fraud.errors import ConfigurationError
from fraud.features.catalogue import VERSIONS, features_ddl
from fraud.schema import TABLES, column_names

__all__ = [
    "copy",
    "count_erased",
    "create_schema",
    "erase",
    "features_table",
    "load_days",
    "load_entities",
    "load_run",
    "query",
    "unload",
]


def features_table(version: str) -> str:
    """Return the name of the table that holds a version's features: each has its own, so that none is ever altered."""
    return "features" if version == "v1" else f"features_{version}"


_DATE_COLUMN = {
    "transactions": "tx_date",
    **{features_table(version): "tx_date" for version in VERSIONS},
    "predictions": "tx_date",
    "rescores": "tx_date",
    "alerts": "alert_date",
    "drift_metrics": "report_date",
    "performance": "report_date",
    "decisions": "decision_date",
}
_S3_URI = re.compile(r"s3://[A-Za-z0-9.\-]+/[A-Za-z0-9._=/+\-]*")
_RUN = re.compile(r"[A-Za-z0-9-]+")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def create_schema() -> list[str]:
    """Return the statements that create every table and view; running them again changes nothing."""
    folder = files("fraud.warehouse") / "tables"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    statements = []
    for name in sorted(names, key=lambda name: (name == "labels.sql", name)):  # views last
        text = _without_comments((folder / name).read_text("utf-8")).rstrip().rstrip(";")
        if name == "features.sql":
            statements += [
                Template(text).substitute(table=features_table(version), columns=features_ddl(version))
                for version in VERSIONS
            ]
        else:
            statements.append(text)
    return statements


def query(name: str, **values: date | int | Sequence[str] | str) -> str:
    """Return ``queries/<name>.sql`` with its placeholders filled.

    Parameters
    ----------
    name
        Name of the file without ``.sql``.
    **values
        Dates (quoted), whole numbers, sequences of column names (joined as ``f.<name>``), or the text of another query.

    Raises
    ------
    ConfigurationError
        When a placeholder has no value or a column name is not one.
    """
    text = _without_comments((files("fraud.warehouse") / "queries" / f"{name}.sql").read_text("utf-8")).strip()
    try:
        return Template(text).substitute({key: _literal(value) for key, value in values.items()})
    except KeyError as error:
        raise ConfigurationError(f"queries/{name}.sql: placeholder {error} has no value; pass it to query()") from None


def copy(table: str, uri: str) -> str:
    """Return the ``COPY`` of one CSV file, or of the Parquet files that a manifest names, into a table."""
    file_format = "CSV" if uri.endswith(".csv") else "PARQUET MANIFEST"
    return f"COPY {table} FROM '{_uri(uri)}' IAM_ROLE DEFAULT FORMAT AS {file_format}"


def load_days(
    table: str, start: date, end: date, uri: str, source: str | None = None, *, version: int | None = None
) -> list[str]:
    """Return the statements that replace a table's rows of some days; run as one batch they are one transaction.

    Parameters
    ----------
    table
        Table of the schema ``fraud``.
    start, end
        First and last day, both included.
    uri
        Redshift manifest of the days' Parquet files, or a CSV file.
    source
        For ``label_deliveries``: whose labels, of those days on which they became known.
    version
        For ``rescores``: whose scores.
    """
    if table == "label_deliveries":
        if source not in ("chargeback", "investigation"):
            raise ConfigurationError(f"labels come from 'chargeback' or 'investigation', not {source!r}")
        condition = f"source = '{source}' AND known_at >= '{start}' AND known_at < DATEADD(day, 1, '{end}'::DATE)"
    else:
        condition = f"{_DATE_COLUMN[table]} BETWEEN '{start}' AND '{end}'"
        if version is not None:
            condition += f" AND model_version = {version}"
    return [f"DELETE FROM fraud.{table} WHERE {condition}", copy(f"fraud.{table}", uri)]


def load_run(table: str, run_id: str, csv_uri: str) -> list[str]:
    """Return the statements that replace what one run left in a table by the rows of a CSV file."""
    if not _RUN.fullmatch(run_id):
        raise ConfigurationError(f"{run_id!r} is not a run name that may stand in SQL; expected letters, digits and -")
    return [
        f"DELETE FROM fraud.{table} WHERE run_id = '{run_id}'",
        copy(f"fraud.{table}", csv_uri),
    ]


def load_entities(table: str, key: str, manifest_uri: str) -> list[str]:
    """Return the statements that replace the delivered customers or terminals and keep all others."""
    stage = f"stage_{table}"
    return [
        f"CREATE TEMP TABLE {stage} (LIKE fraud.{table})",
        copy(stage, manifest_uri),
        f"DELETE FROM fraud.{table} USING {stage} WHERE fraud.{table}.{key} = {stage}.{key}",
        f"INSERT INTO fraud.{table} SELECT * FROM {stage}",
        f"DROP TABLE {stage}",
    ]


def erase(customers_uri: str, transactions_uri: str) -> list[str]:
    """Return the statements that delete what was erased, from every table at once.

    Parameters
    ----------
    customers_uri, transactions_uri
        CSV files of one id a line.
    """
    staged = _stage_erased(customers_uri, transactions_uri)
    return [*staged, *(f"DELETE FROM fraud.{table} WHERE {condition}" for table, condition in _ERASED.items())]


def count_erased(customers_uri: str, transactions_uri: str, prefix_uri: str) -> list[str]:
    """Return the statements that unload, as CSV, how many rows each table still has of what was erased."""
    counts = [f"SELECT '{table}' AS kept, COUNT(*) AS n FROM fraud.{table} WHERE {_ERASED[table]}" for table in _ERASED]
    return [*_stage_erased(customers_uri, transactions_uri), unload(" UNION ALL ".join(counts), prefix_uri, "csv")]


def _stage_erased(customers_uri: str, transactions_uri: str) -> list[str]:
    return [
        "CREATE TEMP TABLE erased_customers (customer_id BIGINT)",
        "CREATE TEMP TABLE erased_transactions (transaction_id BIGINT)",
        copy("erased_customers", customers_uri),
        copy("erased_transactions", transactions_uri),
    ]


def _conditions() -> dict[str, str]:
    """Return which rows of each loaded table are about a card or transaction that was erased."""
    loaded = [table for table in TABLES if table != "truth"]
    columns = {table: column_names(table) for table in loaded}
    columns |= {features_table(version): ["transaction_id"] for version in VERSIONS}
    conditions = {}
    for table, names in columns.items():
        either = [
            f"{key}_id IN (SELECT {key}_id FROM erased_{key}s)"
            for key in ("customer", "transaction")
            if f"{key}_id" in names
        ]
        if either:
            conditions[table] = " OR ".join(either)
    return conditions


_ERASED = _conditions()


def unload(select: str, prefix_uri: str, file_format: str) -> str:
    """Return the ``UNLOAD`` of a query into files below a prefix, replacing what lies there.

    One file in the query's order (``PARALLEL OFF``): the same rows give the same bytes.
    """
    options = {"csv": "FORMAT AS CSV EXTENSION 'csv'", "parquet": "FORMAT AS PARQUET"}[file_format]
    quoted = select.replace("'", "''")
    return f"UNLOAD ('{quoted}') TO '{_uri(prefix_uri)}' IAM_ROLE DEFAULT {options} PARALLEL OFF CLEANPATH"


def _without_comments(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))


def _uri(text: str) -> str:
    if not _S3_URI.fullmatch(text):
        raise ConfigurationError(
            f"{text!r} is not an S3 URI that may stand in SQL; expected s3://bucket/key of plain characters"
        )
    return text


def _literal(value: date | int | Sequence[str] | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, date):
        return f"'{value}'"
    if isinstance(value, int):
        return str(value)
    for name in value:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is not a column name")
    return ", ".join(f"f.{name}" for name in value)
