"""A brute-force twin of the feature engine: every pair of transactions, exact fractions, no shared code."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pyarrow as pa

from fraud.schema import arrow_schema


@dataclass(frozen=True)
class Transaction:
    moment: datetime
    customer: int
    terminal: int
    cents: int
    labels: tuple[tuple[datetime, bool], ...] = ()


def tables(transactions: list[Transaction]) -> tuple[pa.Table, pa.Table]:
    """Return the transactions and their labels as the tables that the engine takes; ids follow the order given."""
    rows, labels = [], []
    for number, one in enumerate(transactions):
        rows.append(
            {
                "transaction_id": number,
                "tx_date": one.moment.date(),
                "tx_datetime": one.moment,
                "customer_id": one.customer,
                "terminal_id": one.terminal,
                "tx_amount": Decimal(one.cents) / 100,
            }
        )
        labels += [
            {
                "transaction_id": number,
                "tx_date": one.moment.date(),
                "is_fraud": verdict,
                "known_at": known_at,
                "source": "chargeback",
            }
            for known_at, verdict in one.labels
        ]
    return (
        pa.Table.from_pylist(rows, arrow_schema("transactions")),
        pa.Table.from_pylist(labels, arrow_schema("label_deliveries")),
    )


def features_by_brute_force(transactions: list[Transaction], start: date, end: date) -> list[dict[str, float]]:
    """Return version v2's features of the transactions of some days."""
    return [_features(one, transactions) for one in transactions if start <= one.moment.date() <= end]


def _features(this: Transaction, everything: list[Transaction]) -> dict[str, float]:
    now = this.moment
    values = {
        "tx_amount": float(Fraction(this.cents, 100)),
        "tx_during_weekend": float(now.strftime("%a") in ("Sat", "Sun")),
        "tx_during_night": float(now.hour in range(7)),
    }

    def card(days: int) -> list[Transaction]:
        since = now - timedelta(days=days)
        return [one for one in everything if one.customer == this.customer and since < one.moment <= now]

    for days in (1, 7, 30):
        window = card(days)
        values[f"customer_id_nb_tx_{days}day_window"] = float(len(window))
        mean = Fraction(sum(one.cents for one in window), 100 * len(window))
        values[f"customer_id_avg_amount_{days}day_window"] = float(mean)
    until = now - timedelta(days=7)
    for days in (1, 7, 30):
        since = until - timedelta(days=days)
        window = [one for one in everything if one.terminal == this.terminal and since < one.moment <= until]
        frauds = sum(_known_fraud(one, now) for one in window)
        values[f"terminal_id_nb_tx_{days}day_window"] = float(len(window))
        values[f"terminal_id_risk_{days}day_window"] = float(Fraction(frauds, len(window))) if window else 0.0
    week, month = card(7), card(30)
    amounts = [min(one.cents, 100_000_000) for one in week]
    mean = Fraction(sum(amounts), len(week))
    variance = sum((cents - mean) ** 2 for cents in amounts) / len(week)
    values["customer_id_std_amount_7day_window"] = math.sqrt(variance) / 100
    values["customer_id_nb_terminals_7day_window"] = float(len({one.terminal for one in week}))
    earlier = [one.moment for one in month if one.moment < now]
    gap = now - max(earlier) if earlier else timedelta(days=30)
    values["customer_id_seconds_since_last_tx"] = gap.total_seconds()
    spent = sum(one.cents for one in month)
    values["customer_id_amount_ratio_30day_window"] = float(Fraction(this.cents * len(month), spent)) if spent else 1.0
    return values


def _known_fraud(one: Transaction, now: datetime) -> bool:
    known = [(known_at, verdict) for known_at, verdict in one.labels if known_at <= now]
    return max(known)[1] if known else False


def at(day: str, time: str = "12:00:00") -> datetime:
    """Return a moment, UTC."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC)
