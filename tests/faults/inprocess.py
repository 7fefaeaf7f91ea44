"""Days played in this process, undisturbed or with faults: ``python -m faults.inprocess REQUEST.json``.

The request says where the state is, which days to play and which faults to inject; the answer, written beside it, has
the calls of every try, the faults that took place, the states of the runs and the digests of what they left.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from faults import player
from faults.disk import Disk
from faults.proxy import Fault, Proxy, Try
from faults.state import State
from fraud import layout
from fraud.settings import Settings
from local_aws.provision import provision
from local_aws.sagemaker.container import MARK
from local_stack import LocalStack

FULL_SECONDS = 10
ERASED = "after erasing: "
"""What digests begin with that were taken after a card was erased."""


def kill_jobs(state_dir: Path) -> int:
    """Kill the processes of running jobs; return how many."""
    killed = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(state_dir.resolve()):
                process.kill()
                killed += 1
    return killed


def alerted_card(state: State, day: str) -> int:
    """Return a card that was alerted on a day."""
    return int(state.json(f"{layout.alerts(date.fromisoformat(day))}alerts.json")[2]["customer_id"])


def play(request: dict[str, Any]) -> dict[str, Any]:
    """Play what a request asks for."""
    home = Path(request["home"])
    home.mkdir(parents=True, exist_ok=True)
    disk = Disk(home / "aws") if any(fault[3] == "disk_full" for fault in request["faults"]) else None
    stack = LocalStack(home / "aws", ("--stop-seconds", "1"), prefix=disk.prefix if disk else ()).start()

    def address() -> tuple[str, int]:
        parts = urlsplit(stack.endpoint)
        return str(parts.hostname), int(parts.port or 0)

    def kill_aws() -> tuple[str, int]:
        stack.kill()
        stack.start()
        return address()

    room: list[threading.Timer] = []

    def fill_disk() -> None:
        if disk:
            disk.fill()
            # A statement that cannot write down its end has none as long as the disk is full.
            room.append(threading.Timer(FULL_SECONDS, disk.free))
            room[-1].start()

    def free_disk() -> None:
        while room:
            room.pop().cancel()
        if disk:
            disk.free()

    proxy = Proxy(address(), kill_aws, lambda: kill_jobs(home / "aws"), fill_disk)
    for described in request["faults"]:
        fault = Fault(Try(*described[0]), *described[1:])
        proxy.faults[fault.at] = fault
    variables = dict(request["settings"])
    settings = Settings.from_environment(variables)
    variables |= provision(settings, stack.endpoint)
    # Nothing is injected into the bootstrap, whose many calls need no proxy.
    player.prepare(home / "airflow", stack.endpoint if request["bootstrap"] else proxy.endpoint, variables)

    def on_task(dag_id: str, run_id: str, task_id: str, map_index: int, number: int) -> None:
        free_disk()
        proxy.current = Try(dag_id, run_id, task_id, map_index, number)

    runs: dict[str, str] = {}
    began = time.monotonic()
    try:
        airflow = player.Player(on_task)
        if request["bootstrap"]:
            runs["bootstrap"] = airflow.play("fraud_history", "bootstrap")
        for text in request["days"]:
            day = date.fromisoformat(text)
            moment = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
            run_id = f"scheduled__{(moment + timedelta(days=1)).isoformat()}"  # by the interval's end, as Airflow does
            runs[run_id] = airflow.play("fraud_daily", run_id, moment)
            print(f"{text}: {runs[run_id]} after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        proxy.current = None
        digests = State(stack.endpoint, settings).digests()
        wrong: list[str] = []
        if request["erase"]:
            card = alerted_card(State(stack.endpoint, settings), request["days"][-1])
            if not State(stack.endpoint, settings).mentions(card):
                wrong.append(f"card {card} was nowhere to begin with")
            runs["erase"] = airflow.play("fraud_history", "erase", conf={"steps": ["erase"], "card": card})
            proxy.current = None
            state = State(stack.endpoint, settings)
            wrong += [f"card {card} is still in {place}" for place in state.mentions(card)]
            digests |= {f"{ERASED}{name}": digest for name, digest in state.digests().items()}
        state = State(stack.endpoint, settings)
        until = time.monotonic() + 30
        while (running := state.running()) and time.monotonic() < until:
            time.sleep(0.5)
    finally:
        free_disk()
        stack.stop()
        if disk:
            disk.close()
    return {
        "runs": runs,
        "failed": airflow.failed(),
        "calls": [[list(at), calls] for at, calls in proxy.calls.items()],
        "happened": [[list(fault.at), *fault[1:]] for fault in proxy.happened],
        "running": running,
        "wrong": wrong,
        "digests": digests,
        "seconds": time.monotonic() - began,
    }


if __name__ == "__main__":
    path = Path(sys.argv[1])
    answer = play(json.loads(path.read_text()))
    path.with_suffix(".answer").write_text(json.dumps(answer, indent=1))
