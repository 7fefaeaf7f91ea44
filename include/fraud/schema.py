"""Columns and types of every table and file, in the order in which they are stored.

Redshift's ``COPY … FORMAT AS PARQUET`` maps columns by position, so one list serves the Parquet files and the tables.
Plain data: importing this module costs nothing, which matters where DAGs are parsed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["IDS_PER_DAY", "TABLES", "Column", "arrow_schema", "column_names"]

IDS_PER_DAY = 10**9
"""A transaction's id is its day index times this, plus its position in the day."""


class Column(NamedTuple):
    """One column: its name, its Arrow type as text, its Redshift type, and what it means."""

    name: str
    arrow: str
    redshift: str
    meaning: str


_TRANSACTION_ID = Column(
    "transaction_id", "int64", "BIGINT", "unique over all days: day index x 10^9 + position in the day"
)
_TX_DATE = Column("tx_date", "date32", "DATE", "UTC day of the transaction")
_CUSTOMER_ID = Column("customer_id", "int64", "BIGINT", "the card's holder; one card a customer")
_MODEL_VERSION = Column("model_version", "int32", "INTEGER", "version of the model package that scored")
_REPORT_DATE = Column("report_date", "date32", "DATE", "day reported on")

TABLES: dict[str, tuple[Column, ...]] = {
    "transactions": (
        _TRANSACTION_ID,
        _TX_DATE,
        Column("tx_datetime", "timestamp_utc", "TIMESTAMP", "moment of the transaction, UTC, whole seconds"),
        _CUSTOMER_ID,
        Column("terminal_id", "int64", "BIGINT", "where the card was used"),
        Column("tx_amount", "decimal(12,2)", "DECIMAL(12,2)", "amount in the account's currency"),
    ),
    "customers": (
        _CUSTOMER_ID,
        Column("x_location", "float64", "DOUBLE PRECISION", "position on the 100 x 100 grid"),
        Column("y_location", "float64", "DOUBLE PRECISION", "position on the 100 x 100 grid"),
        Column("mean_amount", "float64", "DOUBLE PRECISION", "mean of the amounts spent"),
        Column("std_amount", "float64", "DOUBLE PRECISION", "standard deviation of the amounts spent"),
        Column("mean_nb_tx_per_day", "float64", "DOUBLE PRECISION", "mean number of transactions a day"),
    ),
    "terminals": (
        Column("terminal_id", "int64", "BIGINT", "where cards are used"),
        Column("x_location", "float64", "DOUBLE PRECISION", "position on the 100 x 100 grid"),
        Column("y_location", "float64", "DOUBLE PRECISION", "position on the 100 x 100 grid"),
    ),
    # Every delivered label, whoever delivered it; the view fraud.labels keeps one a transaction and verdict.
    "label_deliveries": (
        _TRANSACTION_ID,
        _TX_DATE,
        Column("is_fraud", "bool", "BOOLEAN", "the verdict"),
        Column("known_at", "timestamp_utc", "TIMESTAMP", "moment from which the verdict may be used, UTC"),
        Column("source", "string", "VARCHAR(16)", "chargeback or investigation"),
    ),
    "predictions": (
        _TRANSACTION_ID,
        _TX_DATE,
        _MODEL_VERSION,
        Column("score", "float64", "DOUBLE PRECISION", "probability of fraud, 0 to 1"),
    ),
    # The same columns as predictions: what other versions say about delivered days.
    "rescores": (
        _TRANSACTION_ID,
        _TX_DATE,
        _MODEL_VERSION,
        Column("score", "float64", "DOUBLE PRECISION", "probability of fraud, 0 to 1"),
    ),
    "alerts": (
        Column("alert_date", "date32", "DATE", "day whose cards are alerted"),
        Column("rank", "int32", "INTEGER", "1 is the most suspicious card of the day"),
        _CUSTOMER_ID,
        Column("score", "float64", "DOUBLE PRECISION", "highest score of the card's transactions of the day"),
        Column("transaction_id", "int64", "BIGINT", "the transaction that has that score"),
        _MODEL_VERSION,
        Column("reasons", "string", "VARCHAR(512)", "JSON list: the features that pushed the score most"),
    ),
    "drift_metrics": (
        _REPORT_DATE,
        _MODEL_VERSION,
        Column("metric", "string", "VARCHAR(64)", "feature, score, alert_rate_ratio or volume_ratio"),
        Column("method", "string", "VARCHAR(16)", "wasserstein (in standard deviations), jensenshannon or ratio"),
        Column("value", "float64", "DOUBLE PRECISION", "as measured"),
        Column("threshold", "float64", "DOUBLE PRECISION", "the bound nearest to the value"),
        Column("crossed", "bool", "BOOLEAN", "whether the value lies beyond the bound"),
        Column("role", "string", "VARCHAR(8)", "alarm, notice, or shown only"),
        Column("current_rows", "int64", "BIGINT", "transactions compared, pooled over days where one has few"),
        Column("reference_rows", "int64", "BIGINT", "transactions of the reference"),
    ),
    "performance": (
        _REPORT_DATE,
        _MODEL_VERSION,
        Column("time_window", "string", "VARCHAR(8)", "day, short or long: the trailing labelled days measured"),
        Column("first_tx_date", "date32", "DATE", "first of the labelled days"),
        Column("last_tx_date", "date32", "DATE", "last of the labelled days"),
        Column("transactions", "int64", "BIGINT", "labelled transactions"),
        Column("frauds", "int64", "BIGINT", "frauds among them, as known at the end of the report day"),
        Column("average_precision", "float64", "DOUBLE PRECISION", "of the champion's scores"),
        Column("auc_roc", "float64", "DOUBLE PRECISION", "of the champion's scores"),
        Column("card_precision", "float64", "DOUBLE PRECISION", "card precision@budget, cards found removed"),
        Column("precision_at_budget", "float64", "DOUBLE PRECISION", "frauds among the budget's highest scores a day"),
        Column("baseline_average_precision", "float64", "DOUBLE PRECISION", "expected; 0 where none is known"),
    ),
    "decisions": (
        Column("decision_date", "date32", "DATE", "day decided on"),
        _MODEL_VERSION,
        Column("action", "string", "VARCHAR(16)", "none, train_now, plan_challenger or escalate"),
        Column("alarm", "string", "VARCHAR(16)", "none, unlabelled or labels"),
        Column("signals", "string", "VARCHAR(1024)", "what crossed its threshold on the day"),
        Column("notices", "string", "VARCHAR(1024)", "what is worth knowing, missing evidence included"),
        Column("reason", "string", "VARCHAR(1024)", "one sentence with the numbers"),
        Column("due_date", "string", "VARCHAR(10)", "day on which a planned challenger trains; empty for none"),
        Column("run_id", "string", "VARCHAR(250)", "training run that was triggered; empty for none"),
    ),
    # What the simulator knows and no DAG may read: truth/, never loaded.
    "truth": (
        _TRANSACTION_ID,
        _TX_DATE,
        Column("is_fraud", "bool", "BOOLEAN", "the simulator's own knowledge"),
        Column("scenario", "string", "VARCHAR(32)", "fraud scenario, empty for a genuine transaction"),
    ),
}


def column_names(table: str) -> list[str]:
    """Return the column names of a table, in order."""
    return [column.name for column in TABLES[table]]


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a table's Parquet files."""
    import pyarrow as pa  # noqa: PLC0415  (workers that parse DAGs have no pyarrow)

    types = {
        "int64": pa.int64(),
        "int32": pa.int32(),
        "float64": pa.float64(),
        "bool": pa.bool_(),
        "string": pa.string(),
        "date32": pa.date32(),
        "timestamp_utc": pa.timestamp("us", tz="UTC"),
        "decimal(12,2)": pa.decimal128(12, 2),
    }
    return pa.schema([pa.field(column.name, types[column.arrow], nullable=False) for column in TABLES[table]])
