"""Kills processes of a really running stack, has them started again, and compares what the days come to."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import httpx
import psutil

from airflow_site import free_port
from faults.inprocess import kill_jobs
from faults.state import State
from fraud.errors import FraudError
from fraud.settings import Settings
from local_aws.provision import provision
from local_aws.stack.airflow_api import AirflowApi, health
from local_aws.stack.control import AIRFLOW_COMPONENTS
from local_aws.stack.environment import airflow_environment, base_environment
from local_aws.stack.home import Deployment, Home
from local_aws.stack.ports import Ports
from local_aws.stack.processes import Component, Records, marked, start

CALM_SECONDS = (5.0, 25.0)
SCENE_SECONDS = 240  # what a dead supervisor left is noticed after a minute
END_SECONDS = 900
VICTIMS = (
    "task",
    "job",
    "local-aws",
    "scheduler",
    "supervisor",
    "triggerer",
    "api-server",
    "everything",
    "dag-processor",
)
Say = Callable[[str], None]


class Killed:
    """A stack whose processes die."""

    def __init__(self, home: Path, settings: Mapping[str, str], days: Sequence[str], say: Say) -> None:
        self.home, self.days, self.say = Home(home), days, say
        self.ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port())}
        kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        # Every kill may cost a try of several tasks.
        retries = {"FRAUD_RETRIES": "9", "FRAUD_RETRY_DELAY_SECONDS": "1"}
        self.environment = kept | {"FRAUD_LOCAL_HOME": str(home), **settings, **retries, **self.ports}
        self.settings = Settings.from_environment(settings)
        shutil.rmtree(home / "airflow", ignore_errors=True)
        self._deployment = Deployment("tiny", date.fromisoformat(days[0]))
        self.home.record(self._deployment)
        self._records = Records(self.home.processes)

    def local(self, command: str) -> None:
        """Run a command of ``fraud-local``."""
        program = Path(sys.executable).with_name("fraud-local")
        done = subprocess.run([program, command], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"fraud-local {command}: {done.stdout[-2000:]} {done.stderr[-2000:]}")

    def airflow(self, *words: str) -> None:
        """Run a command of Airflow's with the stack's configuration."""
        program = Path(sys.executable).with_name("airflow")
        environment = self.environment | self._command("scheduler")[1]
        done = subprocess.run([program, *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(words)}: {done.stdout[-2000:]} {done.stderr[-2000:]}")

    def components(self) -> list[Component]:
        """Return the stack's long-running processes."""
        return list(self._records.read()[0])

    def api(self) -> AirflowApi:
        url = f"http://127.0.0.1:{self.ports['PORT']}"
        return AirflowApi(url, "admin", self.home.user_passwords()["admin"])

    def start(self) -> None:
        """Start the stack and let the days be caught up."""
        self.local("up")
        api = self.api()
        for dag_id in ("fraud_training", "fraud_daily"):
            until = time.monotonic() + 120
            while not api.has_dag(dag_id) and time.monotonic() < until:
                time.sleep(1)
            api.pause(dag_id, paused=False)

    def kill(self, victim: str) -> bool:
        """Kill a victim once there is one; say whether there was."""
        until = time.monotonic() + SCENE_SECONDS
        looked = time.monotonic()
        while time.monotonic() < until:
            if self._kill(victim):
                return True
            if time.monotonic() > looked + 10:
                looked = time.monotonic()
                if set(self.states()) == {"success"}:
                    return False
            time.sleep(0.1)
        return False

    def _kill(self, victim: str) -> bool:
        if victim == "job":
            return kill_jobs(self.home.aws) > 0
        if victim == "everything":
            processes = marked(str(self.home.state))
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            kill_jobs(self.home.aws)
            self.local("up")
            return bool(processes)
        components = self._records.read()[0]
        if victim in ("task", "supervisor"):
            return self._kill_task(components, supervisor=victim == "supervisor")
        dying = next(component for component in components if component.name == victim)
        process = dying.process()
        if process is None:
            raise RuntimeError(f"{victim} had ended by itself; its log is {self.home.logs / victim}.log")
        family = process.children(recursive=True) if victim != "local-aws" else []
        for one in [process, *family]:
            with contextlib.suppress(psutil.Error):
                one.kill()
        process.wait(10)
        born = start(victim, *self._command(victim), self.home.logs / f"{victim}.log", self.home.checkout)
        self._records.write([born if one is dying else one for one in components], self._records.read()[1])
        if victim == "local-aws":
            self._await(lambda: httpx.get(f"{self.aws_url}/_local/health", timeout=2, trust_env=False).is_success)
        if victim == "api-server":
            self._await(lambda: health(f"http://127.0.0.1:{self.ports['PORT']}")["api-server"] == "healthy")
        return True

    def _command(self, component: str) -> tuple[list[str], dict[str, str]]:
        """Return what a component is started with: Airflow's processes change their titles, so they cannot be asked."""
        ports = Ports(airflow=int(self.ports["PORT"]), aws=int(self.ports["AWS_PORT"]))
        if component == "local-aws":
            server = [sys.executable, "-m", "local_aws.server", "--port", str(ports.aws)]
            return [*server, "--state-dir", str(self.home.aws)], base_environment(self.home, ports, self.environment)
        provisioned = provision(self.settings, self.aws_url)
        environment = airflow_environment(self.home, ports, self._deployment, provisioned, self.environment)
        return AIRFLOW_COMPONENTS[component], environment

    @property
    def aws_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['AWS_PORT']}"

    def _await(self, condition: Callable[[], bool], seconds: float = 90) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if condition():
                    return
            time.sleep(0.2)
        raise TimeoutError(f"not healthy again within {seconds} s")

    def _kill_task(self, components: Sequence[Component], *, supervisor: bool) -> bool:
        """Kill the process that runs a task, or the one that watches over it."""
        scheduler = next(component for component in components if component.name == "scheduler").process()
        if scheduler is None:
            return False
        for worker in scheduler.children():
            with contextlib.suppress(psutil.Error):
                runners = worker.children()
                if runners and "LocalExecutor" in " ".join(worker.cmdline()):
                    (worker if supervisor else runners[0]).kill()
                    return True
        return False

    def states(self) -> list[str | None]:
        """Return the state of each day's run."""
        scheduled = [run for run in self.api().runs("fraud_daily") if run["logical_date"]]
        found = {run["logical_date"][:10]: run["state"] for run in scheduled}
        return [found.get(day) for day in self.days]

    def finish(self) -> list[str]:
        """Wait for the days' ends; say what went wrong."""
        states: list[str | None] = []
        until = time.monotonic() + END_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(FraudError, httpx.HTTPError):
                states = self.states()
                if set(states) == {"success"}:
                    return []
                if "failed" in states:
                    api = self.api()
                    failed = [t for t in api.tasks("fraud_daily") if t["state"] == "failed"]
                    return [f"{t['dag_run_id']} {t['task_id']} failed: {api.log(t)[-1:]}" for t in failed]
            time.sleep(1)
        return [f"the days were not done {END_SECONDS} s after the last kill: {states}"]

    def state(self) -> State:
        return State(self.aws_url, self.settings)


def run(
    home: Path, settings: Mapping[str, str], days: Sequence[str], count: int, rng: random.Random, say: Say
) -> tuple[list[str], dict[str, str]]:
    """Kill ``count`` times while the days are caught up; return what is wrong, and digests of what they come to."""
    victims = [victim for _ in range(-(-count // len(VICTIMS))) for victim in rng.sample(VICTIMS, len(VICTIMS))][:count]
    say(f"kills: {', '.join(victims)}")
    stack = Killed(home, settings, days, say)
    wrong = []
    took_place = 0
    try:
        stack.start()
        while victims and set(stack.states()) != {"success"}:
            time.sleep(rng.uniform(*CALM_SECONDS))
            victim = victims.pop(0)
            found = stack.kill(victim)
            say(f"killed {victim}" if found else f"found no {victim} to kill")
            took_place += found
            if not found:  # nothing ran for long; this one always does
                victims.append("local-aws")
        wrong += stack.finish()
        state = stack.state()
        until = time.monotonic() + 30
        while (running := state.running()) and time.monotonic() < until:
            time.sleep(0.5)
        wrong += [f"still running: {name}" for name in running]
        digests = state.digests()
        if took_place < count:
            wrong.append(f"the days were done after {took_place} of {count} kills; ask for more days")
        say(f"{took_place} kills, {len(wrong)} things are wrong")
    finally:
        stack.local("down")
    return wrong, digests
