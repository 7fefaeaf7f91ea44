"""The demo's closing table: what the days brought, judged by what only the simulator knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from fraud import warehouse as sql
from fraud.settings import Settings
from local_aws.stack.airflow_api import AirflowApi
from local_aws.stack.control import Stack
from local_aws.stack.warehouse import Warehouse
from local_aws.stack.watching import Task, is_wait, seconds_of

__all__ = ["Day", "day_of", "episode_sentences", "show", "step_seconds", "table_of"]

SLOWEST = 6


@dataclass(frozen=True, slots=True)
class Day:
    """One line of the closing table.

    Parameters
    ----------
    day
        Which.
    transactions, frauds
        How many there were; frauds by the simulator's truth.
    alerts
        Cards given to the investigators.
    caught
        Alerted cards that committed a fraud that day, by the truth.
    average_precision
        Of the scores against the truth, compromised cards left out as for the alerts; nan without a fraud.
    signals
        How many metrics of the drift report crossed their thresholds.
    alarm
        ``none``, ``unlabelled`` or ``labels``.
    champion
        Version of the model that scored.
    """

    day: date
    transactions: int
    frauds: int
    alerts: int
    caught: int
    average_precision: float
    signals: int
    alarm: str
    champion: int


def day_of(
    day: date,
    scored: Sequence[dict[str, Any]],
    fraudulent: set[int],
    alerted: set[int],
    compromised: set[int],
    decision: dict[str, Any] | None,
) -> Day:
    """Work out one line.

    Parameters
    ----------
    day
        Which.
    scored
        ``transaction_id``, ``customer_id``, ``score``, ``model_version`` of each of its transactions.
    fraudulent
        Ids of its fraudulent transactions.
    alerted, compromised
        Customers alerted on it, and customers left out of it.
    decision
        Its row of the table ``decisions``.
    """
    from sklearn.metrics import average_precision_score  # noqa: PLC0415  (two seconds of import)

    judged = [row for row in scored if row["customer_id"] not in compromised]
    truth = np.array([row["transaction_id"] in fraudulent for row in judged], dtype=bool)
    scores = np.array([row["score"] for row in judged], dtype=float)
    guilty = {row["customer_id"] for row in scored if row["transaction_id"] in fraudulent}
    return Day(
        day=day,
        transactions=len(scored),
        frauds=len(fraudulent),
        alerts=len(alerted),
        caught=len(alerted & guilty),
        average_precision=float(average_precision_score(truth, scores)) if truth.any() else float("nan"),
        signals=len(list(filter(None, decision["signals"].split("; ")))) if decision else 0,
        alarm=decision["alarm"] if decision else "none",
        champion=max((int(row["model_version"]) for row in scored), default=0),
    )


def step_seconds(tasks: Iterable[Task]) -> list[tuple[str, float, float]]:
    """Return where the time went: task, seconds of the typical instance (median), seconds of all; the costliest first.

    Waiting for another day is no work and is left out.
    """
    spent: dict[str, list[float]] = defaultdict(list)
    for task in tasks:
        if task["state"] == "success" and not is_wait(task):
            spent[f"{task['dag_id'].removeprefix('fraud_')}: {task['task_id']}"].append(seconds_of(task))
    totals = [(name, float(np.median(seconds)), sum(seconds)) for name, seconds in spent.items()]
    return sorted(totals, key=lambda row: -row[2])


def show(stack: Stack, api: AirflowApi, first: date, last: date, console: Console) -> None:
    """Print the table, what the drift did, what was promoted and why, and where the time went."""
    settings = Settings()
    warehouse = Warehouse(stack.aws_url, settings)
    between = f"BETWEEN '{first}' AND '{last}'"
    decisions = warehouse.rows(
        "SELECT decision_date, action, alarm, signals, reason FROM fraud.decisions "  # noqa: S608
        f"WHERE decision_date {between} ORDER BY decision_date"
    )
    days = list(_days(warehouse, settings, first, last, {row["decision_date"]: row for row in decisions}))
    console.print(table_of(days))
    console.print(
        "  frauds, caught and AP are judged by the simulator's truth, which no model and no DAG sees", style="dim"
    )
    _print_drift(console, warehouse, last, decisions)
    _print_verdicts(console, warehouse, first)
    tasks = [task for dag in ("fraud_history", "fraud_training", "fraud_daily") for task in api.tasks(dag)]
    console.print("\n[bold]Where the time went[/] (seconds: typical, all)", highlight=False)
    for name, typical, total in step_seconds(tasks)[:SLOWEST]:
        console.print(f"  {name:<44} {typical:7.1f} {total:7.1f}", highlight=False)


def _days(
    warehouse: Warehouse, settings: Settings, first: date, last: date, decisions: dict[str, dict[str, Any]]
) -> Iterable[Day]:
    compromised = warehouse.rows(
        sql.query("compromised_cards", start=first, end=last, compromised_days=settings.compromised_days)
    )
    alerts = warehouse.rows(
        f"SELECT alert_date, customer_id FROM fraud.alerts WHERE alert_date BETWEEN '{first}' AND '{last}'"  # noqa: S608
    )
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        scored = warehouse.rows(
            "SELECT p.transaction_id, t.customer_id, p.score, p.model_version FROM fraud.predictions p "  # noqa: S608
            f"JOIN fraud.transactions t ON t.transaction_id = p.transaction_id AND t.tx_date = p.tx_date "
            f"WHERE p.tx_date = '{day}'"
        )
        truth = warehouse.truth(day)
        yield day_of(
            day,
            scored,
            set(truth["transaction_id"].filter(truth["is_fraud"]).to_pylist()),
            {row["customer_id"] for row in alerts if row["alert_date"] == str(day)},
            {row["customer_id"] for row in compromised if row["alert_date"] == str(day)},
            decisions.get(str(day)),
        )


def table_of(days: Iterable[Day]) -> Table:
    """Return the closing table."""
    table = Table(title="What the days brought", title_justify="left", box=None, pad_edge=False)
    for heading in ("day", "transactions", "frauds", "alerts", "caught", "AP", "champion"):
        table.add_column(heading, justify="left" if heading == "day" else "right")
    table.add_column("drift signals")
    for day in days:
        alarm = "" if day.alarm == "none" else f", ALARM ({day.alarm})"
        table.add_row(
            str(day.day), f"{day.transactions:,}", str(day.frauds), str(day.alerts), str(day.caught),
            f"{day.average_precision:.3f}", f"v{day.champion}", f"{day.signals}{alarm}",
        )  # fmt: skip
    return table


def _print_drift(console: Console, warehouse: Warehouse, last: date, decisions: Iterable[dict[str, Any]]) -> None:
    console.print("\n[bold]What the drift did[/]", highlight=False)
    for sentence in episode_sentences(warehouse.episodes(last)):
        console.print(f"  {sentence}", highlight=False, markup=False)
    for row in decisions:
        console.print(f"  {row['decision_date']}  {row['action']}: {row['reason']}", highlight=False, markup=False)


def episode_sentences(truth: dict[str, Any]) -> list[str]:
    """Return what the world is up to on a day, from ``truth/episodes``: each active episode, since when, how strong."""
    sentences = []
    for episode in truth["episodes"]:
        since = date.fromisoformat(truth["date"]) - timedelta(days=truth["day"] - episode["start"])
        what = " ".join(filter(None, [episode["kind"].replace("_", " "), episode.get("scenario")]))
        strength = "" if episode["strength"] == 1 else f", at {episode['strength']:.0%} of its strength"
        sentences.append(f"the world, since {since}: {what}{strength}")
    return sentences or ["the world: as it always was"]


def _print_verdicts(console: Console, warehouse: Warehouse, first: date) -> None:
    console.print("\n[bold]Challengers[/]", highlight=False)
    verdicts = warehouse.rows(
        "SELECT as_of, model_version, reason FROM fraud.verdicts "  # noqa: S608
        f"WHERE as_of >= '{first}' ORDER BY as_of, model_version"
    )
    for row in verdicts:
        console.print(f"  {row['as_of']}  v{row['model_version']}: {row['reason']}", highlight=False, markup=False)
    if not verdicts:
        console.print("  none was trained: no alarm asked for one", highlight=False)
