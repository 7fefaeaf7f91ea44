"""The demo from start to finish: bootstrap a world, let Airflow catch up the last days, show what happened."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from enum import Enum

from rich.console import Console

from fraud.errors import ConflictError, FraudError
from local_aws.stack import closing, report
from local_aws.stack.airflow_api import AirflowApi
from local_aws.stack.control import Stack, deployment_ending_yesterday
from local_aws.stack.home import Deployment
from local_aws.stack.ports import Ports
from local_aws.stack.watching import Watch

__all__ = ["Beginning", "how_to_begin", "play"]

BOOTSTRAP = "bootstrap"
DAGS = ("fraud_history", "fraud_training", "fraud_daily")
PARSED_SECONDS = 180


class Beginning(Enum):
    """How a demo begins."""

    NEW = "there is nothing yet"
    CONTINUE = "one was interrupted"
    AGAIN = "one was finished, or another was asked for"


def how_to_begin(recorded: Deployment | None, world: str, days: int, anything_ran: bool) -> Beginning:
    """Return whether a demo begins anew, goes on, or starts over.

    Parameters
    ----------
    recorded
        What the stack runs so far.
    world, days
        The demo asked for.
    anything_ran
        Whether its Airflow ever ran anything.

    Raises
    ------
    ConflictError
        When the stack holds work that no demo made, which must not be wiped.
    """
    if recorded is None:
        return Beginning.NEW
    if recorded.demo_days is None:
        if anything_ran:
            raise ConflictError(
                "this stack holds runs that no demo made; keep it and set FRAUD_LOCAL_HOME to an empty folder, "
                "or remove it with `make clean`"
            )
        return Beginning.AGAIN
    same = (recorded.world, recorded.demo_days) == (world, days)
    return Beginning.CONTINUE if same and not recorded.demo_finished else Beginning.AGAIN


def play(stack: Stack, ports: Ports, world: str, days: int, console: Console) -> None:
    """Play the demo and print its closing table.

    Parameters
    ----------
    stack, ports
        What to play it on.
    world
        Named world.
    days
        Days of the daily schedule, the last of them yesterday.
    console
        Where to tell it.

    Raises
    ------
    FraudError
        When anything fails; the same call goes on from there.
    """
    started = time.monotonic()
    wanted = deployment_ending_yesterday(world, days, demo=True)
    beginning = how_to_begin(stack.home.deployment, world, days, _anything_ran(stack))
    if beginning is Beginning.AGAIN:
        stack.wipe()
    if beginning is not Beginning.CONTINUE:
        stack.home.record(wanted)
    deployment = stack.home.deployment or wanted
    last_day = deployment.first_day + timedelta(days=days - 1)
    console.print(
        f"Demo of world [bold]{world}[/]: {days} days, {deployment.first_day} to {last_day}"
        + (", going on where it was interrupted" if beginning is Beginning.CONTINUE else ""),
        highlight=False,
    )
    stack.up(stack.ports or ports)
    console.print(f"  Airflow is up on {stack.url} (passwords: {stack.home.passwords})", highlight=False)
    api = stack.api()
    _await_dags(api)
    watch = Watch(api, console, stack.check_alive)
    _bootstrap(api, watch, world)
    _catch_up(api, watch, deployment.first_day, days)
    console.print()
    closing.show(stack, api, deployment.first_day, last_day, console)
    stack.home.record(replace(deployment, demo_finished=True))
    console.print(f"\nDone in {_minutes(time.monotonic() - started)}. The UI keeps running:", highlight=False)
    report.print_address(stack)


def _bootstrap(api: AirflowApi, watch: Watch, world: str) -> None:
    """Have the past made by ``fraud_history``, or what of it is missing."""
    run = api.run("fraud_history", BOOTSTRAP)
    if run is not None and run["state"] == "success":
        return
    api.pause("fraud_history", paused=False)
    if run is None:
        api.trigger("fraud_history", BOOTSTRAP, {"world": world})
    elif run["state"] == "failed":
        api.clear_failed("fraud_history", BOOTSTRAP)
    total = api.task_count("fraud_history")
    watch.until("the past  ", ["fraud_history"], total, lambda: _succeeded(api, "fraud_history", BOOTSTRAP))


def _succeeded(api: AirflowApi, dag_id: str, run_id: str) -> bool:
    run = api.run(dag_id, run_id)
    return run is not None and run["state"] == "success"


def _catch_up(api: AirflowApi, watch: Watch, first_day: date, days: int) -> None:
    """Unpause the schedule and watch it catch up."""
    for dag_id in ("fraud_training", "fraud_daily"):
        for run in api.runs(dag_id):
            api.clear_failed(dag_id, run["dag_run_id"])
        api.pause(dag_id, paused=False)
    wanted = {str(first_day + timedelta(days=offset)) for offset in range(days)}

    def finished() -> bool:
        done = {run["logical_date"][:10] for run in api.runs("fraud_daily") if run["state"] == "success"}
        return wanted <= done

    total = days * api.task_count("fraud_daily")
    watch.until(f"{days} days", ["fraud_training", "fraud_daily"], total, finished)


def _await_dags(api: AirflowApi) -> None:
    """Wait until the DAG processor has found the DAGs."""
    _wait(lambda: bool(api.import_errors()) or all(api.has_dag(dag_id) for dag_id in DAGS), PARSED_SECONDS)
    errors = api.import_errors()
    if errors:
        raise FraudError(f"a DAG file cannot be loaded: {errors[0]}; mend it and run the same command again")
    missing = [dag_id for dag_id in DAGS if not api.has_dag(dag_id)]
    if missing:
        raise FraudError(
            f"Airflow has not found {missing[0]} after {PARSED_SECONDS} s; see `make logs COMPONENT=dag-processor`"
        )


def _wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(1)


def _anything_ran(stack: Stack) -> bool:
    """Look into Airflow's database, which needs no server for it."""
    path = stack.home.airflow / "airflow.db"
    if not path.exists():
        return False
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM dag_run)").fetchone()[0])
        except sqlite3.OperationalError:  # a database that was never finished
            return False


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
