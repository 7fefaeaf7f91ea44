"""The same fourteen features by other engines, for speed and for agreement: DuckDB, polars, pandas."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
from tests.unit.features.rolling import rolling_features

__all__ = ["duckdb_ranges", "handbook_functions", "pandas_rolling", "polars_rolling"]

Result = dict[str, np.ndarray]
Run = Callable[[], Result]
DAY_SECONDS = 86_400
DELAY = 7
WINDOWS = (1, 7, 30)


def duckdb_ranges(data: pa.Table) -> Run:
    """Windows with a RANGE frame over whole seconds."""
    connection = duckdb.connect()
    connection.register("given", data)
    cents = "round(TX_AMOUNT * 100)::BIGINT"
    connection.execute(f"CREATE TABLE data AS SELECT *, epoch(TX_DATETIME)::BIGINT AS s, {cents} AS c FROM given")
    columns = [
        "(dayofweek(TX_DATETIME) IN (0, 6))::DOUBLE AS TX_DURING_WEEKEND",
        "(hour(TX_DATETIME) < 7)::DOUBLE AS TX_DURING_NIGHT",
    ]
    frames = []
    for days in WINDOWS:
        card, terminal, suffix = f"card{days}", f"terminal{days}", f"{days}DAY_WINDOW"
        columns += [
            f"(count(*) OVER {card})::DOUBLE AS CUSTOMER_ID_NB_TX_{suffix}",
            f"sum(c) OVER {card} / (100.0 * count(*) OVER {card})::DOUBLE AS CUSTOMER_ID_AVG_AMOUNT_{suffix}",
            f"(count(*) OVER {terminal})::DOUBLE AS TERMINAL_ID_NB_TX_{suffix}",
            f"coalesce(sum(TX_FRAUD) OVER {terminal} / (count(*) OVER {terminal})::DOUBLE, 0) "
            f"AS TERMINAL_ID_RISK_{suffix}",
        ]
        near, far = DELAY * DAY_SECONDS, (DELAY + days) * DAY_SECONDS - 1
        since = f"{days * DAY_SECONDS - 1} PRECEDING"
        frames += [
            f"{card} AS (PARTITION BY CUSTOMER_ID ORDER BY s RANGE BETWEEN {since} AND CURRENT ROW)",
            f"{terminal} AS (PARTITION BY TERMINAL_ID ORDER BY s RANGE BETWEEN {far} PRECEDING AND {near} PRECEDING)",
        ]
    select = f"SELECT TRANSACTION_ID, {', '.join(columns)} FROM data WINDOW {', '.join(frames)}"

    def run() -> Result:
        connection.execute(f"CREATE OR REPLACE TABLE result AS {select}")
        return connection.execute("SELECT * EXCLUDE TRANSACTION_ID FROM result ORDER BY TRANSACTION_ID").fetchnumpy()

    return run


def polars_rolling(data: pa.Table) -> Run:
    """``rolling_sum_by`` over groups; a terminal's window is the difference of two."""
    moment = "TX_DATETIME"
    frame = pl.from_arrow(data).with_columns(one=pl.lit(1.0), fraud=pl.col("TX_FRAUD").cast(pl.Float64))

    def rolling(column: str, days: int, entity: str) -> pl.Expr:
        return pl.col(column).rolling_sum_by(moment, window_size=f"{days}d").over(entity)

    weekend = (pl.col(moment).dt.weekday() > 5).cast(pl.Float64).alias("TX_DURING_WEEKEND")
    night = (pl.col(moment).dt.hour() < 7).cast(pl.Float64).alias("TX_DURING_NIGHT")
    sums = [weekend, night]
    for days in WINDOWS:
        sums.append(rolling("one", days, "CUSTOMER_ID").alias(f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW"))
        sums.append(rolling("TX_AMOUNT", days, "CUSTOMER_ID").alias(f"amount{days}"))
    for days in (0, *WINDOWS):
        sums.append(rolling("one", DELAY + days, "TERMINAL_ID").alias(f"count{days}"))
        sums.append(rolling("fraud", DELAY + days, "TERMINAL_ID").alias(f"fraud{days}"))
    ratios = []
    for days in WINDOWS:
        count = pl.col(f"count{days}") - pl.col("count0")
        risk = pl.when(count > 0).then((pl.col(f"fraud{days}") - pl.col("fraud0")) / count).otherwise(0.0)
        mean = pl.col(f"amount{days}") / pl.col(f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW")
        ratios += [
            mean.alias(f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"),
            count.alias(f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"),
            risk.alias(f"TERMINAL_ID_RISK_{days}DAY_WINDOW"),
        ]

    def run() -> Result:
        result = frame.lazy().with_columns(sums).with_columns(ratios).collect()
        return {name: result[name].to_numpy() for name in result.columns if name.startswith(("TX_D", "CUST", "TERM"))}

    return run


def pandas_rolling(data: pa.Table) -> Run:
    """The handbook's formulation: a rolling window per card and per terminal, group by group."""
    frame = data.to_pandas()

    def run() -> Result:
        result = rolling_features(frame)
        return {name: result[name].to_numpy(dtype=float) for name in result.columns}

    return run


def handbook_functions(data: pa.Table, module: Any) -> Run:
    """The handbook's own functions, applied group by group as its chapter 3 does."""
    frame = data.to_pandas()

    def run() -> Result:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of pandas, about how the handbook calls it
            found = frame.copy()
            found["TX_DURING_WEEKEND"] = found["TX_DATETIME"].apply(lambda moment: int(moment.weekday() >= 5))
            found["TX_DURING_NIGHT"] = found["TX_DATETIME"].apply(lambda moment: int(moment.hour <= 6))
            for entity, function in (
                ("CUSTOMER_ID", module.get_customer_spending_behaviour_features),
                ("TERMINAL_ID", module.get_count_risk_rolling_window),
            ):
                found = found.groupby(entity).apply(function).sort_values("TX_DATETIME").reset_index(drop=True)
        found = found.sort_values("TRANSACTION_ID")
        return {
            name: found[name].to_numpy(dtype=float)
            for name in found.columns
            if name.startswith(("TX_DUR", "CUSTOMER_ID_", "TERMINAL_ID_"))
        }

    return run
