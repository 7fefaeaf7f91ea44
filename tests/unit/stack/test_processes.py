"""Process groups: found again by record and mark, stopped without a survivor."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local_aws.stack.processes import MARK, Component, Records, marked, start, stop
from local_stack import wait_until

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
LEAVES_ITS_GROUP = (
    "import subprocess, sys, time; "
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True); "
    "print('up', flush=True); time.sleep(600)"
)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path)
    for process in marked(str(tmp_path)):
        process.kill()


def launch(code: str, folder: Path, name: str = "component") -> Component:
    log = folder / f"{name}.log"
    component = start(name, [sys.executable, "-c", code], dict(os.environ) | {MARK: str(folder)}, log, folder)
    wait_until(lambda: log.read_text().endswith("component is started\nup\n"))
    return component


def test_start__component_is_its_own_group_and_is_found_again(tmp_path: Path, mark: str) -> None:
    component = launch(LEAVES_ITS_GROUP, tmp_path)
    records = Records(tmp_path / "processes.json")
    records.write([component], {"airflow": 1, "aws": 2})
    assert os.getpgid(component.pid) == component.pid != os.getpgid(0)
    assert Records(tmp_path / "processes.json").read() == ([component], {"airflow": 1, "aws": 2})
    assert component.process() is not None
    assert len(marked(mark)) == 2


def test_stop__ends_what_left_its_group(tmp_path: Path, mark: str) -> None:
    component = launch(LEAVES_ITS_GROUP, tmp_path)
    stop([component], mark, grace_seconds=5)
    assert marked(mark) == []
    assert component.process() is None


def test_stop__kills_what_ignores_sigterm(tmp_path: Path, mark: str) -> None:
    component = launch(STUBBORN, tmp_path)
    assert stop([component], mark, grace_seconds=0.2) == 1
    assert marked(mark) == []


def test_stop__touches_nobody_else(tmp_path: Path, mark: str) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        component = launch(STUBBORN, tmp_path)
        stop([component], mark, grace_seconds=0.2)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_component__another_process_with_its_number_is_not_it(tmp_path: Path) -> None:
    mine = psutil.Process()
    assert Component("x", mine.pid, mine.create_time()).process() == mine
    assert Component("x", mine.pid, mine.create_time() - 60).process() is None


def test_component__one_that_ended_is_gone_before_anybody_collects_it(tmp_path: Path, mark: str) -> None:
    component = launch(LEAVES_ITS_GROUP, tmp_path)
    os.kill(component.pid, signal.SIGKILL)
    assert wait_until(lambda: component.process() is None)


def test_records__nothing_was_started(tmp_path: Path) -> None:
    assert Records(tmp_path / "processes.json").read() == ([], {})
