"""The stack's processes: each component in a process group of its own, detached, found again by a later command.

Every process inherits the variable :data:`MARK`, so that what leaves its group (jobs do) is still found and stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from local_aws.stack.home import write_private

__all__ = ["MARK", "Component", "Records", "marked", "start", "stop"]

MARK = "FRAUD_LOCAL_STACK"
"""Variable that marks every process of one stack; its value is the stack's folder."""

LOG_BYTES_KEPT = 5 * 2**20
KILLED_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Component:
    """A started component: its process group, and when its first process was created (ids are used again)."""

    name: str
    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """Return the running process, or ``None`` when it is gone."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.created) < 1 and _alive(process):
                return process
        return None


class Records:
    """What was started, on which ports; kept in a file, so that another command finds it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[list[Component], dict[str, int]]:
        """Return the components and the ports; both empty when nothing was started."""
        try:
            content = json.loads(self._path.read_text())
        except FileNotFoundError:
            return [], {}
        return [Component(**fields) for fields in content["components"]], content["ports"]

    def write(self, components: Iterable[Component], ports: Mapping[str, int]) -> None:
        """Replace the record."""
        content = {"components": [asdict(component) for component in components], "ports": dict(ports)}
        write_private(self._path, json.dumps(content, indent=1) + "\n")

    def clear(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)


def start(name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, folder: Path) -> Component:
    """Start a component in a session of its own, its output appended to a log below a line that says when."""
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        output.write(f"--- {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC: {name} is started\n".encode())
        output.flush()
        process = subprocess.Popen(
            command, env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    return Component(name, process.pid, psutil.Process(process.pid).create_time())


def marked(value: str) -> list[psutil.Process]:
    """Return every process that carries the mark of a stack."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == value and _alive(process):
                found.append(process)
    return found


def stop(components: Iterable[Component], mark: str, grace_seconds: float) -> int:
    """Stop components one after the other, latest first, then whatever still carries the mark.

    Parameters
    ----------
    components
        In the order in which they were started. Those before depend on nothing behind them, so a component is asked to
        end once everything started after it has ended.
    mark
        Value of :data:`MARK`.
    grace_seconds
        How long each may take before it is killed.

    Returns
    -------
    int
        How many processes had to be killed.
    """
    killed = 0
    for component in reversed(list(components)):
        if component.process() is None:
            continue
        group = _group(component.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(component.pid, signal.SIGTERM)
        killed += _kill(_wait(group, grace_seconds))
    while left := marked(mark):
        killed += _kill(left)
    return killed


def _group(pgid: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == pgid:
                found.append(process)
    return found


def _kill(processes: Sequence[psutil.Process]) -> int:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _wait(processes, KILLED_SECONDS)
    return len(processes)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended; return those that have not."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if _alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return left


def _alive(process: psutil.Process) -> bool:
    """Say whether a process runs. One that ended, but that nobody has collected, does not (containers have no init)."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
