"""Every feature, declared once: kernels, table, documentation and tests follow from here.

=============  =====================================================================
module         purpose
=============  =====================================================================
`catalogue`    what the features are (plain data, imported on Airflow workers)
`aggregates`   how each kind of aggregation is computed from windowed sums
`streams`      what is summed: events that are active for a while, per card or terminal
`kernels`      the compiled sweep that sums active events
`engine`       transactions and labels in, features out
`delivery`     what delivered days must be, and the words that refuse what is not
`store`        day files: read and checked
`spark`        the engine's twin on Spark, `spark_store` its reading and checking
=============  =====================================================================

Windows are half open, (t − w, t] for a card and (t − delay − w, t − delay] for a terminal, t being the scored
transaction's moment. Transactions of the same moment see each other.

References
----------
Le Borgne, Siblini, Lebichot, Bontempi: Reproducible Machine Learning for Credit Card Fraud Detection, chapter 3,
"Baseline feature transformation".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from fraud.errors import ConfigurationError

__all__ = [
    "DAY",
    "LOOK_BACK_DAYS",
    "MAX_SQUARED_CENTS",
    "VERSIONS",
    "Feature",
    "Sum",
    "feature_names",
    "features",
    "features_ddl",
    "features_table",
]

Entity = Literal["transaction", "customer", "terminal"]

DAY = 86_400_000_000
"""Microseconds of a day; all times are microseconds since 1970, UTC."""

MAX_SQUARED_CENTS = 100_000_000
"""Amounts are capped here before they are squared, so that 900 of the largest a window fit into 64 bits."""

LABEL_DELAY_DAYS = 7
"""Days behind which the terminal features look, because investigations take that long."""


@dataclass(frozen=True)  # no slots: EMR's Python 3.9 imports this too
class Feature:
    """One feature: a number (float64) that each transaction gets.

    Parameters
    ----------
    name
        Column name.
    entity
        Whose history is looked at; ``transaction`` looks at none.
    value
        What of that history.
    aggregation
        A function of :mod:`fraud.features.aggregates`.
    unit
        Unit of the number.
    meaning
        One sentence.
    window_days, delay_days
        Length of the window, and how far before the transaction it ends.
    """

    name: str
    entity: Entity
    value: str
    aggregation: str
    unit: str
    meaning: str
    window_days: int = 0
    delay_days: int = 0


class Sum(NamedTuple):
    """One windowed sum that features are made of: of a value of :mod:`fraud.features.streams`, per entity."""

    entity: str
    value: str
    window_days: int
    delay_days: int


def _card(name: str, aggregation: str, value: str, days: int, *, unit: str, meaning: str) -> Feature:
    return Feature(f"customer_id_{name}", "customer", value, aggregation, unit, meaning, days)


def _terminal(name: str, aggregation: str, value: str, days: int, *, unit: str, meaning: str) -> Feature:
    return Feature(f"terminal_id_{name}", "terminal", value, aggregation, unit, meaning, days, LABEL_DELAY_DAYS)


def _card_baseline(days: int) -> tuple[Feature, ...]:
    count = f"Transactions of the card in the last {days} d, this one included."
    mean = f"Mean amount of the card's transactions in the last {days} d, this one included."
    return (
        _card(f"nb_tx_{days}day_window", "count", "transactions", days, unit="transactions", meaning=count),
        _card(f"avg_amount_{days}day_window", "mean", "amount", days, unit="currency", meaning=mean),
    )


def _terminal_baseline(days: int) -> tuple[Feature, ...]:
    count = f"Transactions at the terminal in the {days} d that ended {LABEL_DELAY_DAYS} d ago."
    risk = (
        f"Share of the transactions at the terminal in the {days} d that ended {LABEL_DELAY_DAYS} d ago that are known "
    )
    risk += "as frauds by now; 0 when there are none."
    return (
        _terminal(f"nb_tx_{days}day_window", "count", "transactions", days, unit="transactions", meaning=count),
        _terminal(f"risk_{days}day_window", "risk", "frauds", days, unit="share", meaning=risk),
    )


_BASELINE = (
    Feature("tx_amount", "transaction", "amount", "amount", "currency", "Amount of the transaction."),
    Feature("tx_during_weekend", "transaction", "moment", "weekend", "0 or 1", "Saturday or Sunday, UTC."),
    Feature("tx_during_night", "transaction", "moment", "night", "0 or 1", "Before seven in the morning, UTC."),
    *(feature for days in (1, 7, 30) for feature in _card_baseline(days)),
    *(feature for days in (1, 7, 30) for feature in _terminal_baseline(days)),
)

_EXTENDED = (
    *_BASELINE,
    _card(
        "std_amount_7day_window",
        "std",
        "amount",
        7,
        unit="currency",
        meaning="Population standard deviation of the card's amounts in the last 7 d, this one included; amounts count "
        "up to a million each.",
    ),
    _card(
        "nb_terminals_7day_window",
        "distinct",
        "terminals",
        7,
        unit="terminals",
        meaning="Different terminals that the card was used at in the last 7 d, this time included.",
    ),
    _card(
        "seconds_since_last_tx",
        "recency",
        "moment",
        30,
        unit="seconds",
        meaning="Seconds since the card's last transaction at an earlier moment; 30 d when there is none within 30 d.",
    ),
    _card(
        "amount_ratio_30day_window",
        "ratio",
        "amount",
        30,
        unit="ratio",
        meaning="Amount over the card's mean amount of the last 30 d, this one included; 1 when that mean is 0.",
    ),
)

VERSIONS: dict[str, tuple[Feature, ...]] = {"v1": _BASELINE, "v2": _EXTENDED}
"""Feature sets by version: v1 is the handbook's, v2 adds four."""

LOOK_BACK_DAYS = max(feature.window_days + feature.delay_days for version in VERSIONS.values() for feature in version)
"""Days before a day that its features need, besides the day itself."""


def features(version: str) -> tuple[Feature, ...]:
    """Return the features of a version, in order.

    Raises
    ------
    ConfigurationError
        When there is no such version.
    """
    try:
        return VERSIONS[version]
    except KeyError:
        raise ConfigurationError(
            f"feature version {version!r} does not exist; choose from {', '.join(VERSIONS)}"
        ) from None


def feature_names(version: str) -> tuple[str, ...]:
    """Return the names of a version's features, in the order in which files, tables and models hold them."""
    return tuple(feature.name for feature in features(version))


def features_ddl(version: str) -> str:
    """Return the column definitions of the Redshift table that holds a version's features."""
    names = feature_names(version)
    columns = [
        "transaction_id BIGINT NOT NULL",
        "tx_date DATE NOT NULL",
        *(f"{n} DOUBLE PRECISION NOT NULL" for n in names),
    ]
    return ",\n    ".join(columns)


def features_table() -> str:
    """Return all features as a Markdown table."""
    lines = ["| feature | sets | entity | aggregation | value | window | unit | meaning |", "| --- " * 8 + "|"]
    for feature in _EXTENDED:
        sets = ", ".join(version for version, members in VERSIONS.items() if feature in members)
        delay = feature.delay_days
        ends = {"customer": "(t − {w} d, t]", "terminal": "(t − {d} d − {w} d, t − {d} d]", "transaction": "t"}
        window = ends[feature.entity].format(w=feature.window_days, d=delay)
        lines.append(
            f"| `{feature.name}` | {sets} | {feature.entity} | {feature.aggregation} | {feature.value} | {window} "
            f"| {feature.unit} | {feature.meaning} |"
        )
    return "\n".join(lines)
