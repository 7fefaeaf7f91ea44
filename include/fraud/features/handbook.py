"""The handbook's own data set with its features: its column names, one table, the whole period at once.

References
----------
Fraud Detection Handbook, chapter 3, "Baseline feature transformation".
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fraud.errors import ConfigurationError, DataError, MissingInputError
from fraud.features.catalogue import LABEL_DELAY_DAYS, feature_names
from fraud.features.engine import compute_features
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema

__all__ = ["add_features", "count_ties", "engine_tables", "transform_folder"]

_COLUMNS = {
    "TRANSACTION_ID": pa.int64(),
    "TX_DATETIME": pa.timestamp("us"),
    "CUSTOMER_ID": pa.int64(),
    "TERMINAL_ID": pa.int64(),
    "TX_AMOUNT": pa.float64(),
    "TX_FRAUD": pa.int64(),
}


def add_features(table: pa.Table, version: str = "v1") -> pa.Table:
    """Add a version's features to transactions that have the handbook's column names.

    Parameters
    ----------
    table
        Columns ``TRANSACTION_ID``, ``TX_DATETIME`` (naive, as the handbook has it: UTC), ``CUSTOMER_ID``,
        ``TERMINAL_ID``, ``TX_AMOUNT`` (whole cents), ``TX_FRAUD``, and any others, in time order.
    version
        Feature version.

    Returns
    -------
    pyarrow.Table
        The table with the features after its own columns, in upper case; ``TX_AMOUNT`` stays as it is.

    Raises
    ------
    DataError
        When a column is missing, or rows are not in the order of ``TRANSACTION_ID`` and ``TX_DATETIME``.

    Notes
    -----
    Every fraud is known exactly seven days after the transaction, which is how the handbook delays the terminal risk.
    """
    transactions, labels = engine_tables(table)
    start, end = pc.min_max(transactions["tx_date"]).as_py().values()
    features = compute_features(transactions, labels, start, end, version)
    for name in feature_names(version)[1:]:
        table = table.append_column(name.upper(), features[name])
    return table


def count_ties(table: pa.Table) -> dict[str, int]:
    """Count the rows that share their moment with another row of the same card, or of the same terminal.

    Such rows see each other here. In the handbook's own code a row of a card sees of those only the ones that its
    sort put before it, so there its published features may differ from ours. Its terminal windows are differences of
    two windows that end at the transaction: what one of them misses of that second, the other misses too.

    Returns
    -------
    dict
        ``card`` and ``terminal``.
    """
    ties = {}
    for name, column in (("card", "CUSTOMER_ID"), ("terminal", "TERMINAL_ID")):
        sizes = table.group_by([column, "TX_DATETIME"]).aggregate([([], "count_all")])["count_all"]
        ties[name] = pc.sum(sizes.filter(pc.greater(sizes, 1))).as_py() or 0
    return ties


def engine_tables(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the handbook's data (see :func:`add_features`) as the engine takes them: transactions and labels."""
    missing = [name for name in _COLUMNS if name not in table.column_names]
    if missing:
        raise DataError(f"handbook data: no column {missing[0]}, expected {list(_COLUMNS)}; generate the data again")
    ids, naive, customer, terminal, amount, fraud = (table[name].cast(kind) for name, kind in _COLUMNS.items())
    for name, column, step in (("TRANSACTION_ID", ids, 1), ("TX_DATETIME", naive.cast(pa.int64()), 0)):
        if (np.diff(column.to_numpy()) < step).any():
            raise DataError(f"handbook data: {name} does not ascend from row to row; sort the rows, then run again")
    moment = pc.assume_timezone(naive, "UTC")
    transactions = pa.table(
        [ids, moment.cast(pa.date32()), moment, customer, terminal, amount.cast(pa.decimal128(12, 2))],
        schema=arrow_schema("transactions"),
    )
    delay = pa.scalar(timedelta(days=LABEL_DELAY_DAYS), pa.duration("us"))
    labels = pa.table({"transaction_id": ids, "is_fraud": pc.equal(fraud, 1), "known_at": pc.add(moment, delay)})
    return transactions, labels


def transform_folder(source: Path, target: Path, version: str = "v1") -> pa.Table:
    """Add features to the data set that lies in a folder, and write it to another, file by file under the same names.

    Parameters
    ----------
    source
        What ``fraud handbook generate`` wrote: ``transactions/*.parquet``, in the order of their names one data set.
    target
        Another folder.
    version
        Feature version.

    Returns
    -------
    pyarrow.Table
        What was written.

    Raises
    ------
    ConfigurationError
        When both folders are the same.
    MissingInputError
        When there is no Parquet file.
    DataError
        When a file cannot be read, its columns differ from the others', or the data are not what
        :func:`add_features` takes. Then nothing is written.
    """
    if source.resolve() == target.resolve():
        raise ConfigurationError(f"{target}: is the input too, and would be overwritten; give another --out")
    files = sorted((source / "transactions").glob("*.parquet"))
    if not files:
        raise MissingInputError(f"{source}: no transactions/*.parquet; write them first with `fraud handbook generate`")
    tables = [_read(file) for file in files]
    for file, table in zip(files, tables, strict=True):
        if not table.schema.equals(tables[0].schema):
            raise DataError(
                f"{file}: other columns or types than {files[0]}; remove what does not belong to the data set"
            )
    result = add_features(pa.concat_tables(tables), version)
    first = 0
    for file, table in zip(files, tables, strict=True):
        write_parquet(result.slice(first, table.num_rows), target / file.relative_to(source))
        first += table.num_rows
    return result


def _read(file: Path) -> pa.Table:
    try:
        return pq.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: not a Parquet file that can be read ({error}); generate the data again") from None
