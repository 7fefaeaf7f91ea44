"""The engine's twin on Spark: the same sums of the same events, with native expressions and window functions.

A *fact* is something that counts, for an entity, from a moment on: a transaction, an amount, a known fraud. For a
window of w days that ends d days ago it counts from ``moment + d`` until ``moment + d + w``; ``since`` may let it begin
later, ``until`` end earlier. Each fact becomes two rows, its value when it begins to count and the value taken away
when it ends, and a sum over a window is a running sum of such rows in the order of time.

Two things keep this small on many machines. All rows of an entity come together once, and are added up by moment as
they come. And what happens before the first moment asked for becomes one row an entity before anything is sorted: the
busiest terminal sorts at most as many rows as the days asked for have seconds, times the ends that its windows have.

Everything that is summed is an integer, and each feature is the same expression as in `aggregates`, in the same order
of operations: both engines give the same numbers to the last bit. Nothing here needs more than Python 3.9 and Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from string import Formatter

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from fraud.features.catalogue import DAY, MAX_SQUARED_CENTS, Feature, Sum, features

__all__ = ["EXPRESSIONS", "FACTS", "compute_features", "summed_values"]

_NIGHT_ENDS = 7 * DAY // 24
_EPOCH = date(1970, 1, 1)
_NEVER = "cast(null as bigint)"  # greatest() and least() pass over nulls
_CENTRE, _REST = "({capped_cents} div {transactions})", "({capped_cents} % {transactions})"
_DISTANCES = f"({{squared_cents}} - {_CENTRE} * ({_CENTRE} * {{transactions}} + 2L * {_REST}))"

EXPRESSIONS = {
    "amount": "cents / 100D",
    "weekend": "if(weekday(tx_date) >= 5, 1D, 0D)",
    "night": f"if(pmod(moment, {DAY}L) < {_NIGHT_ENDS}L, 1D, 0D)",
    "count": "cast({transactions} as double)",
    "mean": "{cents} / (100D * {transactions})",
    "risk": "{frauds} / greatest({transactions}, 1L)",
    "std": f"sqrt(({_DISTANCES} - {_REST} * ({_REST} / {{transactions}})) / {{transactions}}) / 100D",
    "distinct": "cast({terminals} as double)",
    "recency": "if({last_moment} > 0, moment - {last_moment}, {window}) / 1000000D",
    "ratio": "if({cents} > 0, cents * {transactions} / greatest({cents}, 1L), 1D)",
}
"""Spark SQL by aggregation: of the transaction's own columns, its window's length, and, in braces, windowed sums."""

_CAPPED = f"least(cents, {MAX_SQUARED_CENTS}L)"
_PER_TRANSACTION = {
    "transactions": "count(*)",
    "cents": "sum(cents)",
    "capped_cents": f"sum({_CAPPED})",
    "squared_cents": f"sum({_CAPPED} * {_CAPPED})",
}


def summed_values(aggregation: str) -> list[str]:
    """Return the values whose windowed sums an aggregation is made of."""
    named = {name for _, name, _, _ in Formatter().parse(EXPRESSIONS[aggregation]) if name}
    return sorted(named - {"window"})


def _transactions(rows: DataFrame, labels: DataFrame, entity: str) -> DataFrame:
    """Let every transaction count, with all that is summed of it: one fact an entity and moment."""
    values = [F.expr(sql).alias(name) for name, sql in _PER_TRANSACTION.items()]
    return rows.groupBy(entity, "moment").agg(*values).withColumns({"since": F.expr(_NEVER), "until": F.expr(_NEVER)})


def _frauds(rows: DataFrame, labels: DataFrame, entity: str) -> DataFrame:
    """Let a transaction count from when it is known as a fraud, and no more when it is known not to be one."""
    suspects = labels.where("is_fraud").select("transaction_id").distinct()
    verdict = F.col("is_fraud").cast("bigint")
    before = F.lag(verdict).over(Window.partitionBy("transaction_id").orderBy("known_at"))
    changes = labels.join(suspects, "transaction_id", "left_semi").select(
        "transaction_id",
        F.expr("unix_micros(known_at)").alias("since"),
        (verdict - F.coalesce(before, F.lit(0))).alias("frauds"),
    )
    return rows.join(changes.where("frauds <> 0"), "transaction_id").select(
        entity, "moment", "since", F.expr(_NEVER).alias("until"), "frauds"
    )


def _terminals(rows: DataFrame, labels: DataFrame, entity: str) -> DataFrame:
    """Let a terminal count from each use until its next use by the entity."""
    following = F.lead("moment").over(Window.partitionBy(entity, "terminal_id").orderBy("moment"))
    return (
        rows.select(entity, "terminal_id", "moment")
        .distinct()
        .select(
            entity, "moment", F.expr(_NEVER).alias("since"), following.alias("until"), F.expr("1L").alias("terminals")
        )
    )


def _last_moment(rows: DataFrame, labels: DataFrame, entity: str) -> DataFrame:
    """Let each moment count from just after it until just after the entity's next one: the last before t counts."""
    following = F.lead("moment").over(Window.partitionBy(entity).orderBy("moment"))
    return (
        rows.select(entity, "moment")
        .distinct()
        .select(
            entity,
            "moment",
            (F.col("moment") + 1).alias("since"),
            (following + 1).alias("until"),
            F.col("moment").alias("last_moment"),
        )
    )


FACTS: dict[str, Callable[[DataFrame, DataFrame, str], DataFrame]] = {
    **dict.fromkeys(_PER_TRANSACTION, _transactions),
    "frauds": _frauds,
    "terminals": _terminals,
    "last_moment": _last_moment,
}
"""What gives the facts of a value: columns entity, ``moment``, ``since``, ``until`` and the value's own."""


def compute_features(transactions: DataFrame, labels: DataFrame, start: date, end: date, version: str) -> DataFrame:
    """Compute the features of the transactions of some days.

    Parameters
    ----------
    transactions
        Table ``transactions`` of :mod:`fraud.schema`: the days asked for and the
        :data:`~fraud.features.catalogue.LOOK_BACK_DAYS` before them, as far as there are any.
    labels
        Columns ``transaction_id``, ``is_fraud`` and ``known_at``.
    start, end
        First and last day asked for, both included, by UTC, which must be the session's time zone.
    version
        Feature version of :mod:`fraud.features.catalogue`.

    Returns
    -------
    DataFrame
        ``transaction_id``, ``tx_date`` and the features as doubles; a row for each transaction of those days.
    """
    members = features(version)
    rows = transactions.select(
        "transaction_id",
        "tx_date",
        "customer_id",
        "terminal_id",
        F.expr("unix_micros(tx_datetime)").alias("moment"),
        F.expr("cast(tx_amount * 100 as bigint)").alias("cents"),
    )
    wanted = rows.where(F.col("tx_date").between(start, end))
    span = (start - _EPOCH).days * DAY, (end + timedelta(days=1) - _EPOCH).days * DAY
    result = wanted
    for name in ("customer", "terminal"):
        sums = sorted({one for feature in members for one in _sums(feature) if one.entity == name})
        entity = f"{name}_id"
        result = result.join(_windowed(rows, wanted, labels, entity, sums, span), [entity, "moment"])
    values = [F.expr(_expression(feature)).alias(feature.name) for feature in members]
    return result.select("transaction_id", "tx_date", *values)


def _sums(feature: Feature) -> list[Sum]:
    values = summed_values(feature.aggregation)
    return [Sum(feature.entity, value, feature.window_days, feature.delay_days) for value in values]


def _column(one: Sum) -> str:
    return f"{one.entity}_{one.value}_{one.window_days}_{one.delay_days}"


def _expression(feature: Feature) -> str:
    columns = {one.value: _column(one) for one in _sums(feature)}
    return EXPRESSIONS[feature.aggregation].format(window=f"{feature.window_days * DAY}L", **columns)


def _windowed(
    rows: DataFrame, wanted: DataFrame, labels: DataFrame, entity: str, sums: Sequence[Sum], span: tuple[int, int]
) -> DataFrame:
    """Return the sums of an entity's windows at each moment at which one of its wanted transactions happens."""
    columns = [_column(one) for one in sums]
    nothing = [F.lit(0).cast("bigint").alias(column) for column in columns]
    events = wanted.select(entity, F.col("moment").alias("at"), F.lit(True).alias("asked"), *nothing)
    together = rows.repartition(entity)
    for source in dict.fromkeys(FACTS[one.value] for one in sums):
        facts = source(together, labels, entity)
        events = events.unionByName(_events(facts, entity, sums, [one for one in sums if FACTS[one.value] is source]))
    since, until = span
    totals = (
        events.where(F.col("at") < until)
        .groupBy(entity, F.greatest("at", F.lit(since).cast("bigint")).alias("moment"))
        .agg(F.max("asked").alias("asked"), *[F.sum(column).alias(column) for column in columns])
    )
    so_far = Window.partitionBy(entity).orderBy("moment").rowsBetween(Window.unboundedPreceding, Window.currentRow)
    running = [F.sum(column).over(so_far).alias(column) for column in columns]
    return totals.select(entity, "moment", "asked", *running).where("asked").drop("asked")


def _events(facts: DataFrame, entity: str, sums: Sequence[Sum], own: Iterable[Sum]) -> DataFrame:
    """Return two events a fact and sum: the value when it begins to count, and the value taken away when it ends.

    Events that fall on one moment whatever the fact, as all windows of a card begin with the transaction, share a row.
    """
    changes: dict[str, dict[Sum, str]] = {}
    for one in own:
        delay = one.delay_days * DAY
        begin = f"greatest(moment + {delay}L, since)"
        end = f"least(moment + {delay + one.window_days * DAY}L, until)"
        changes.setdefault(begin, {})[one] = f"if({begin} < {end}, {one.value}, 0L)"
        changes.setdefault(end, {})[one] = f"if({begin} < {end}, -{one.value}, 0L)"
    structs = []
    for moment, of_moment in changes.items():
        fields = "".join(f", '{_column(one)}', {of_moment.get(one, '0L')}" for one in sums)
        structs.append(f"named_struct('at', {moment}, 'asked', false{fields})")
    return facts.selectExpr(entity, f"inline(array({', '.join(structs)}))")
