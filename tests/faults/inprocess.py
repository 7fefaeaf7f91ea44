"""Days played in this process, undisturbed or with faults: ``python -m faults.inprocess REQUEST.json``.

The request says where the state is and which days to play. Beside it are written, after each day, the calls that every
try has made, and at the end the answer: the faults that took place, the states of the runs and the digests of what they
left. The faults of a day are read from a plan beside it, for which the day waits.
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
PLAN_SECONDS = 1800
ERASE = "erase"
"""What the part after the last day is called, in which a card is erased."""
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


def write(path: Path, content: Any) -> None:
    """Write JSON; whoever waits for the file finds it whole."""
    written = path.with_name(f"{path.name}.part")
    written.write_text(json.dumps(content, indent=1))
    written.replace(path)


def plan_of(path: Path) -> dict[Try, Fault]:
    """Wait for a plan and return its faults by the try that they happen to."""
    until = time.monotonic() + PLAN_SECONDS
    while not path.exists():
        if time.monotonic() > until:
            raise RuntimeError(f"no plan {path.name} after {PLAN_SECONDS} s")
        time.sleep(0.2)
    faults = [Fault(Try(*at), *rest) for at, *rest in json.loads(path.read_text())]
    return {fault.at: fault for fault in faults}


def alerted_card(state: State, day: str) -> int:
    """Return a card that was alerted on a day."""
    return int(state.json(f"{layout.alerts(date.fromisoformat(day))}alerts.json")[2]["customer_id"])


def play(request: dict[str, Any], beside: Path) -> dict[str, Any]:
    """Play what a request asks for; ``beside`` without its suffix is how the files of calls and plans begin."""
    home = Path(request["home"])
    home.mkdir(parents=True, exist_ok=True)
    disk = Disk(home / "aws") if request["disturbed"] and Disk.possible() else None
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
    variables = dict(request["settings"])
    settings = Settings.from_environment(variables)
    variables |= provision(settings, stack.endpoint)
    # Nothing is injected into the bootstrap, whose many calls need no proxy.
    player.prepare(home / "airflow", stack.endpoint if request["bootstrap"] else proxy.endpoint, variables)

    def on_task(dag_id: str, run_id: str, task_id: str, map_index: int, number: int) -> None:
        free_disk()
        proxy.current = Try(dag_id, run_id, task_id, map_index, number)

    def begin(part: str) -> None:
        if request["disturbed"]:
            proxy.faults = plan_of(beside.with_suffix(f".{part}.plan"))

    def end(part: str) -> None:
        proxy.current = None
        write(beside.with_suffix(f".{part}.calls"), [[list(at), calls] for at, calls in proxy.calls.items()])
        proxy.calls.clear()

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
            begin(text)
            runs[run_id] = airflow.play("fraud_daily", run_id, moment)
            end(text)
            print(f"{text}: {runs[run_id]} after {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        digests = State(stack.endpoint, settings).digests()
        wrong: list[str] = []
        if request["erase"]:
            card = alerted_card(State(stack.endpoint, settings), request["days"][-1])
            if not State(stack.endpoint, settings).mentions(card):
                wrong.append(f"card {card} was nowhere to begin with")
            begin(ERASE)
            runs["erase"] = airflow.play("fraud_history", "erase", conf={"steps": ["erase"], "card": card})
            end(ERASE)
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
        "happened": [[list(fault.at), *fault[1:]] for fault in proxy.happened],
        "running": running,
        "wrong": wrong,
        "digests": digests,
        "seconds": time.monotonic() - began,
    }


if __name__ == "__main__":
    path = Path(sys.argv[1])
    write(path.with_suffix(".answer"), play(json.loads(path.read_text()), path))
