"""What a deployment costs a month: quantities from measured speeds and stated assumptions, times list prices.

An estimate, within a factor of two or so: prices change and differ between regions, speeds were measured on another
machine (docs/benchmarks.md). What it is for is proportions: what dominates, what grows, where another engine pays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from fraud.errors import ConfigurationError

__all__ = ["PRICES", "Estimate", "Line", "endpoint_month", "estimate", "features_day", "smoke_cost", "spark_pays_from"]

DAYS = 365 / 12
HOURS = DAYS * 24
TRANSACTIONS_PER_CARD = 9_586 / 5_000
"""A day, in the handbook's world."""


class Price(NamedTuple):
    """A list price in US dollars, and the page that lists it."""

    dollars: float
    unit: str
    source: str


PRICES_OF = (
    "on-demand list prices of US East (N. Virginia), compared on 25 November 2026 with the pages that docs/cost.md "
    "names for each; AWS's own are what counts"
)
_PAGE = "aws.amazon.com/{}/pricing"
_AIRFLOW, _REDSHIFT, _S3 = (_PAGE.format(name) for name in ("managed-workflows-for-apache-airflow", "redshift", "s3"))
PRICES = {
    "airflow": Price(0.49, "hour of an mw1.small environment", _AIRFLOW),
    "airflow_worker": Price(0.055, "hour of a further mw1.small worker", _AIRFLOW),
    "rpu": Price(0.375, "RPU hour", _REDSHIFT),
    "redshift_storage": Price(0.024, "GB month", _REDSHIFT),
    "s3": Price(0.023, "GB month", _S3),
    "s3_put": Price(0.000005, "write request", _S3),
    "spark_cpu": Price(0.052624, "vCPU hour", _PAGE.format("emr")),
    "spark_memory": Price(0.0057785, "GB hour", _PAGE.format("emr")),
    "endpoint": Price(0.01, "hour of an interface endpoint in a zone", _PAGE.format("privatelink")),
    "nat": Price(0.045, "hour of a NAT gateway", _PAGE.format("vpc")),
    "logs": Price(0.50, "GB written", _PAGE.format("cloudwatch")),
    "metric": Price(0.30, "month of a custom metric", _PAGE.format("cloudwatch")),
    "fixed": Price(10.0, "month of key, secret, image, alarms, dashboard", _PAGE.format("cloudwatch")),
}


class Machine(NamedTuple):
    """A SageMaker instance; jobs and endpoints of these kinds cost the same."""

    name: str
    cores: int
    gigabytes: int
    dollars: float


MACHINES = (
    Machine("ml.m5.large", 2, 8, 0.115),
    Machine("ml.m5.xlarge", 4, 16, 0.23),
    Machine("ml.m5.4xlarge", 16, 64, 0.922),
    Machine("ml.m5.12xlarge", 48, 192, 2.765),
    Machine("ml.m5.24xlarge", 96, 384, 5.53),
)
MACHINES_SOURCE = "aws.amazon.com/sagemaker/pricing"
DEFAULT = MACHINES[1]

# Measured on two cores (docs/benchmarks.md), rows a second.
FEATURE_ROWS = 267_000.0  # read, windows, written: what a job of one machine does, whatever its cores
SCORED_ROWS = 48_000.0  # a transform's container, over HTTP; grows with cores
TRAINED_ROWS = 10_000.0  # the three default candidates together

# Assumed; nobody measured them here.
COLLECTED_ROWS = 500_000.0
REPORTED_ROWS = 100_000.0
START_MINUTES = 2.0  # billed of each job before its container works: image, data
ROW_BYTES = 200  # memory of a job for each row that it holds
STORED_BYTES = 260  # of a transaction in S3: as delivered, features, scores, reports
LOADED_BYTES = 160  # of a transaction in Redshift
KEPT_MONTHS = 12
SPARK_ROWS = 20_000.0  # feature rows a second and vCPU
SPARK_GB_PER_CPU = 4
SPARK_START_MINUTES = 3.0
RPU_ROWS = 20_000.0  # rows loaded, joined and unloaded a second and RPU
STATEMENTS = 12  # batches a day far enough apart to be billed a minute each
ENDPOINT_ROWS = 150.0  # single requests a second of two cores within 50 ms
METRICS = 24  # fraud.orchestration.metrics: by table, DAG and task; once a day each, billed as if at every hour
PEAK = 5.0  # busiest second of a day against its mean
LOOK_BACK_DAYS = 37
TRAINING_DAYS = 28
TRAINING_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: what, how much of it, and what that costs a month."""

    service: str
    what: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a deployment of so many cards costs."""

    cards: int
    transactions: float
    table: tuple[Line, ...]

    @property
    def month(self) -> float:
        """US dollars a month."""
        return sum(line.dollars for line in self.table)

    def lines(self) -> list[str]:
        """Return the table as text, dearest first."""
        head = f"{self.cards:,} cards, {self.transactions:,.0f} transactions a day"
        rows = [
            f"  {line.service:24} {line.what:66} {line.dollars / DAYS:>10,.2f} {line.dollars:>12,.0f}"
            for line in sorted(self.table, key=lambda line: -line.dollars)
        ]
        total = f"  {'total':24} {'':66} {self.month / DAYS:>10,.2f} {self.month:>12,.0f}"
        return [head, f"  {'service':24} {'what':66} {'$ a day':>10} {'$ a month':>12}", *rows, total]


def estimate(cards: int, *, egress: str = "endpoints") -> Estimate:
    """Return what a deployment costs.

    Parameters
    ----------
    cards
        Customers, each with the handbook's mean number of transactions.
    egress
        ``endpoints`` or ``nat``, as in ``deploy/network.yaml``.

    Raises
    ------
    ConfigurationError
        When there are no cards, or another way out is named.
    """
    if cards < 1:
        raise ConfigurationError(f"--cards {cards}: expected at least 1")
    if egress not in ("endpoints", "nat"):
        raise ConfigurationError(f"egress {egress!r}: expected 'endpoints' or 'nat'")
    rows = cards * TRANSACTIONS_PER_CARD
    engine, features = features_day(rows)
    rpu = 4 if rows < 5e6 else 8 if rows < 5e7 else 32
    rpu_hours = STATEMENTS / 60 * rpu + rows * 4 / RPU_ROWS / 3600
    stored = rows * DAYS * KEPT_MONTHS / 2**30
    dollars = {name: price.dollars for name, price in PRICES.items()}
    network = (
        Line("Network", "13 interface endpoints in 2 zones", 26 * HOURS * PRICES["endpoint"].dollars)
        if egress == "endpoints"
        else Line("Network", "one NAT gateway", HOURS * PRICES["nat"].dollars)
    )
    reported = min(rows * 7, 7e6)
    writes = 2_000
    table = (
        Line(
            "MWAA",
            "mw1.small, always on, a second worker 2 h a day",
            HOURS * dollars["airflow"] + 2 * DAYS * dollars["airflow_worker"],
        ),
        Line(
            "Redshift Serverless",
            f"{rpu} RPU base, {rpu_hours:,.1f} RPU hours a day",
            DAYS * rpu_hours * dollars["rpu"],
        ),
        Line(
            "Redshift storage",
            f"{stored * LOADED_BYTES:,.0f} GB after a year",
            stored * LOADED_BYTES * dollars["redshift_storage"],
        ),
        network,
        Line("SageMaker transform", *_monthly(_job(rows, SCORED_ROWS, rows * ROW_BYTES / 20, scales=True))),
        Line(*engine, DAYS * features),
        Line("SageMaker collection", *_monthly(_job(rows, COLLECTED_ROWS, rows * ROW_BYTES))),
        Line("SageMaker drift report", *_monthly(_job(reported, REPORTED_ROWS, reported * ROW_BYTES))),
        Line("SageMaker deliveries", *_monthly(_job(rows, COLLECTED_ROWS, rows * ROW_BYTES))),
        _training(rows),
        Line(
            "S3",
            f"{stored * STORED_BYTES:,.0f} GB after a year, {writes:,} writes a day",
            stored * STORED_BYTES * dollars["s3"] + writes * DAYS * dollars["s3_put"],
        ),
        Line("Logs", "0.2 GB a day", 0.2 * DAYS * dollars["logs"]),
        Line("Metrics", f"{METRICS} custom metrics", METRICS * dollars["metric"]),
        Line("Fixed", "key, secret, image, alarms, dashboard", dollars["fixed"]),
    )
    return Estimate(cards, rows, table)


def features_day(rows: float) -> tuple[tuple[str, str], float]:
    """Return which engine computes a day's features cheapest, in words, and what the day costs.

    The job's engine holds the look-back of 37 days in the memory of one machine; Spark spreads it.
    """
    held = rows * (LOOK_BACK_DAYS + 1)
    spark = _spark_day(held)
    words = ("EMR Serverless", f"features on Spark, {held / 1e9:,.2f} billion rows held")
    try:
        machine, minutes = _job(held, FEATURE_ROWS, held * ROW_BYTES)
    except ConfigurationError:
        return words, spark
    single = machine.dollars * minutes / 60
    if spark < single:
        return words, spark
    return ("SageMaker features", f"{machine.name}, {minutes:,.0f} minutes a day"), single


def spark_pays_from() -> int:
    """Return the number of cards from which Spark computes the features cheaper, or alone can."""
    low, high = 1, 10**10
    while low < high:
        middle = (low + high) // 2
        if features_day(middle * TRANSACTIONS_PER_CARD)[0][0] == "EMR Serverless":
            high = middle
        else:
            low = middle + 1
    return low


def endpoint_month(cards: int) -> tuple[str, float]:
    """Return what scoring every transaction as it happens would take, in words, and its cost a month.

    Two machines at least, in two zones, and enough for the busiest second.
    """
    machine = MACHINES[0]
    peak = cards * TRANSACTIONS_PER_CARD / 86_400 * PEAK
    count = max(2, math.ceil(peak / ENDPOINT_ROWS))
    return f"{count:,} × {machine.name}, {peak:,.0f} a second at the peak", count * machine.dollars * HOURS


def smoke_cost() -> list[str]:
    """Return what ``make aws-smoke`` costs, once, a line each."""
    jobs, minutes = 16, 3.0
    parts = {
        f"SageMaker: {jobs} jobs of about {minutes:g} minutes on {DEFAULT.name}": jobs * minutes / 60 * DEFAULT.dollars,
        "Redshift Serverless: 4 RPU, at most an hour": 4 * PRICES["rpu"].dollars,
    }
    return [
        f"about ${sum(parts.values()):.2f} in all",
        *(f"  ${dollars:.2f}  {what}" for what, dollars in parts.items()),
    ]


def _spark_day(held: float) -> float:
    cpu_hours = held / SPARK_ROWS / 3600
    cpus = max(8.0, cpu_hours * 4)  # done in a quarter of an hour
    cpu_hours += cpus * SPARK_START_MINUTES / 60
    return cpu_hours * (PRICES["spark_cpu"].dollars + SPARK_GB_PER_CPU * PRICES["spark_memory"].dollars)


def _job(rows: float, rate: float, held_bytes: float, *, scales: bool = False) -> tuple[Machine, float]:
    """Return the machine that a job needs for what it holds, and the minutes that it is billed for."""
    machine = next((each for each in MACHINES[1:] if each.gigabytes * 2**30 * 0.8 >= held_bytes), None)
    if machine is None:
        raise ConfigurationError(f"{held_bytes / 2**30:,.0f} GB fit in no machine; largest: {MACHINES[-1].name}")
    speed = rate * (machine.cores / 2 if scales else 1)
    return machine, START_MINUTES + rows / speed / 60


def _monthly(job: tuple[Machine, float]) -> tuple[str, float]:
    machine, minutes = job
    return f"{machine.name}, {minutes:,.0f} minutes a day", DAYS * machine.dollars * minutes / 60


def _training(rows: float) -> Line:
    # More examples than that make no candidate better; a bank of this size samples.
    held = min(rows * TRAINING_DAYS * TRAINING_SHARE, 5e7)
    machine, minutes = _job(held, TRAINED_ROWS, held * ROW_BYTES)
    runs = DAYS / 7
    return Line(
        "SageMaker training", f"{machine.name}, {minutes:,.0f} minutes a week", runs * machine.dollars * minutes / 60
    )
