"""Day files of the features step, read and checked by Spark: what `store` refuses is refused here, in the same words.

One pass over all files brings back, per file, its first fault and what its ids and moments range over. A file that is
at fault as a whole (its columns, its types) is looked for only once reading all of them together has failed.

What differs from `store`: Parquet itself has no other time zone than UTC, so that a timestamp which Arrow only labels
with another one is read for the same moment; and columns are found by name, so that their order is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from urllib.parse import unquote, urlsplit

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from fraud.errors import FraudError
from fraud.features import delivery
from fraud.schema import TABLES

__all__ = ["days_needed", "read_labels", "read_transactions"]

_TYPES = {
    "int64": T.LongType(),
    "bool": T.BooleanType(),
    "string": T.StringType(),
    "date32": T.DateType(),
    "timestamp_utc": T.TimestampType(),
    "decimal(12,2)": T.DecimalType(12, 2),
}
_UNREADABLE = (PySparkException, Py4JJavaError)  # Spark wraps only some of what its Java side throws

Files = Mapping[date, Sequence[str]]
"""URIs of the files of each delivered day, in order."""


def days_needed(spark: SparkSession, root: str, files: Files, start: date, end: date) -> list[date]:
    """Return the days that the features of a range are made of (``delivery.needed_days``), told by the ids."""
    present = sorted(set(files) & set(delivery.days_with_look_back(start, end)))
    first = min(present, default=date.min)
    for day in present:
        lowest = _read(spark, "transactions", files[day]).agg(F.min("transaction_id")).head()
        if lowest is not None and lowest[0] is not None:
            first = delivery.world_start(day, lowest[0])
            break
    return delivery.needed_days(root.rstrip("/"), start, end, present, first)


def read_transactions(spark: SparkSession, files: Files, days: Sequence[date]) -> DataFrame:
    """Read the transactions of some days and check them: form, nulls, amounts, day, order.

    Raises
    ------
    DataError
        Naming file, column and row.
    """
    paths = [path for day in days for path in files[day]]
    frame = _read(spark, "transactions", paths)
    day = _day_of_folder("tx_date")
    wrong = [
        *_nulls("transactions"),
        ("tx_amount", F.col("tx_amount") < 0, F.lit("0 or more")),
        ("tx_date", F.col("tx_date") != day, F.concat(F.lit("the folder's day "), day)),
        ("tx_datetime", F.to_date("tx_datetime") != day, F.concat(F.lit("a moment of "), day, F.lit(", UTC"))),
    ]
    before = Window.partitionBy("file").orderBy("row")
    ordered = _located(frame).select(
        "file",
        "row",
        "transaction_id",
        "tx_datetime",
        _fault(wrong).alias("fault"),
        F.lag("transaction_id").over(before).alias("id_before"),
        F.lag("tx_datetime").over(before).alias("moment_before"),
    )
    falls = (F.col("transaction_id") <= F.col("id_before")) | (F.col("tx_datetime") < F.col("moment_before"))
    found = ordered.groupBy("file").agg(
        F.min("fault").alias("fault"),
        F.min(F.when(falls, F.struct("row", "transaction_id", "id_before"))).alias("fall"),
        F.min("transaction_id").alias("first_id"),
        F.max("transaction_id").alias("last_id"),
        F.min("tx_datetime").alias("first_moment"),
        F.max("tx_datetime").alias("last_moment"),
    )
    by_file = _by_path(paths, found.collect())
    _refuse_faults(spark, "transactions", paths, by_file)
    _refuse_disorder(frame, paths, by_file)
    return frame


def read_labels(
    spark: SparkSession, root: str, files: Files, days: Sequence[date], transactions: DataFrame, source: str
) -> DataFrame:
    """Read the labels of one source that became known on some days and check them against the transactions.

    Returns
    -------
    DataFrame
        ``transaction_id``, ``is_fraud``, ``known_at``.

    Raises
    ------
    MissingInputError
        When a day has no file.
    DataError
        Naming file, column and row, or the transaction that a label contradicts.
    """
    for day in days:
        if not files.get(day):
            raise delivery.no_labels(f"{root.rstrip('/')}/known_date={day}/source={source}")
    paths = [path for day in days for path in files[day]]
    frame = _read(spark, "label_deliveries", paths)
    known = _day_of_folder("known_date")
    since = F.lit(days[0])
    delivered = transactions.select("transaction_id", F.lit(True).alias("delivered"))
    unknown = F.col("delivered").isNull() & (F.col("tx_date") >= since)
    wrong = [
        *_nulls("label_deliveries"),
        ("source", F.col("source") != source, F.lit(f"the folder's source {source}")),
        ("known_at", F.to_date("known_at") != known, F.concat(F.lit("a moment of "), known, F.lit(", UTC"))),
        ("transaction_id", unknown, F.lit(f"a transaction that was delivered since {days[0]}")),
    ]
    checked = _located(frame).join(delivered, "transaction_id", "left").select("file", _fault(wrong).alias("fault"))
    found = checked.groupBy("file").agg(F.min("fault").alias("fault"))
    _refuse_faults(spark, "label_deliveries", paths, _by_path(paths, found.collect()))
    labels = frame.select("transaction_id", "is_fraud", "known_at")
    _refuse_torn(root, labels)
    return labels


def _read(spark: SparkSession, table: str, paths: Sequence[str]) -> DataFrame:
    """Read files together; when that fails or shows other columns, name the file that is to blame."""
    expected = _columns(table)
    try:
        frame = spark.read.option("mergeSchema", "true").parquet(*paths)
    except _UNREADABLE as error:
        raise _odd_file(spark, paths, expected) or error from None
    if {field.name: field.dataType for field in frame.schema} != expected:
        raise _odd_file(spark, paths, expected) or delivery.wrong_columns(paths[0], frame.columns, list(expected))
    return frame


def _columns(table: str) -> dict[str, T.DataType]:
    return {column.name: _TYPES[column.arrow] for column in TABLES[table]}


def _odd_file(spark: SparkSession, paths: Sequence[str], expected: Mapping[str, T.DataType]) -> FraudError | None:
    for path in paths:
        try:
            schema = spark.read.parquet(path).schema
        except _UNREADABLE as error:
            return delivery.unreadable(path, str(error).partition("\n")[0])
        if set(schema.names) != set(expected):
            return delivery.wrong_columns(path, schema.names, list(expected))
        for field in schema:
            if field.dataType != expected[field.name]:
                found, wanted = field.dataType.simpleString(), expected[field.name].simpleString()
                return delivery.wrong_type(path, field.name, found, wanted)
    return None


def _located(frame: DataFrame) -> DataFrame:
    """Add the file that each row comes from, and its number there."""
    return frame.select("*", F.col("_metadata.file_path").alias("file"), F.col("_metadata.row_index").alias("row"))


def _day_of_folder(partition: str) -> Column:
    return F.regexp_extract(F.col("file"), f"/{partition}=([0-9-]+)/", 1)


def _nulls(table: str) -> list[tuple[str, Column, Column]]:
    return [(column.name, F.col(column.name).isNull(), F.lit("a value")) for column in TABLES[table]]


def _fault(wrong: Sequence[tuple[str, Column, Column]]) -> Column:
    """Return the first check that a row fails, so that the least one of a file is what to name; null when none."""
    first = F.lit(None)
    for number, (column, failed, expected) in reversed(list(enumerate(wrong))):
        fault = F.struct(
            F.lit(number).alias("check"),
            F.col("row").alias("row"),
            F.lit(column).alias("column"),
            F.coalesce(F.col(column).cast("string"), F.lit("None")).alias("found"),
            expected.alias("expected"),
        )
        first = F.when(failed, fault).otherwise(first)
    return first


def _by_path(paths: Sequence[str], rows: Iterable[Row]) -> dict[str, Row]:
    """Return what was found of each file by the URI that it was asked for by, which Spark writes in its own way."""
    asked = {_place(path): path for path in paths}
    return {asked[_place(row["file"])]: row for row in rows}


def _place(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.netloc, unquote(parts.path)


def _refuse_faults(spark: SparkSession, table: str, paths: Sequence[str], by_file: Mapping[str, Row]) -> None:
    for path in paths:
        fault = by_file[path]["fault"] if path in by_file else None
        if fault is not None:
            # A column that this file lacks and another has was read as empty.
            odd = _odd_file(spark, [path], _columns(table))
            if odd is not None:
                raise odd
            raise delivery.wrong_value(path, fault["row"], fault["column"], fault["found"], fault["expected"])


def _refuse_disorder(frame: DataFrame, paths: Sequence[str], by_file: Mapping[str, Row]) -> None:
    """Refuse what falls within a file or from one file to the next; an id that is there more often is a repetition."""
    before: Row | None = None
    for path in paths:
        now = by_file.get(path)  # a file without rows is not there
        if now is None:
            continue
        if now["fall"] is not None:
            row, transaction_id, previous = now["fall"]
        elif before and (now["first_id"] <= before["last_id"] or now["first_moment"] < before["last_moment"]):
            row, transaction_id, previous = 0, now["first_id"], before["last_id"]
        else:
            before = now
            continue
        if frame.where(F.col("transaction_id") == transaction_id).limit(2).count() > 1:
            raise delivery.delivered_twice(path, row, transaction_id)
        raise delivery.out_of_order(path, row, transaction_id, previous)


def _refuse_torn(root: str, labels: DataFrame) -> None:
    frauds = labels.where("is_fraud").select("transaction_id").distinct()
    verdicts = labels.join(frauds, "transaction_id", "left_semi").groupBy("transaction_id", "known_at")
    torn = verdicts.agg(F.countDistinct("is_fraud").alias("verdicts")).where("verdicts > 1").head()
    if torn is not None:
        raise delivery.torn_verdict(root.rstrip("/"), torn["transaction_id"], torn["known_at"])
