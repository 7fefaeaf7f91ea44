"""Start the stack, stop it, say how it is."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import filelock
import httpx
import psutil
from botocore.exceptions import BotoCoreError, ClientError

from fraud.errors import ConflictError, FraudError, MissingInputError
from fraud.settings import Settings
from fraud.simulator.worlds import load_world
from local_aws.provision import provision
from local_aws.sagemaker.container import kill_marked
from local_aws.stack.airflow_api import AirflowApi, health
from local_aws.stack.environment import airflow_environment, base_environment, refuse_real_aws
from local_aws.stack.home import Deployment, Home
from local_aws.stack.ports import HOST, Ports, check_free
from local_aws.stack.processes import Component, Records, start, stop

__all__ = ["ComponentStatus", "Stack", "deployment_ending_yesterday", "last_lines"]

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
AIRFLOW_COMPONENTS = {
    "api-server": [AIRFLOW, "api-server"],
    # Logs are files that the API server reads itself: no log servers, which would listen on every address.
    "scheduler": [sys.executable, "-m", "local_aws.stack.scheduler", "--skip-serve-logs"],
    "dag-processor": [AIRFLOW, "dag-processor"],
    "triggerer": [AIRFLOW, "triggerer", "--skip-serve-logs"],
}
START_SECONDS = 240
GRACE_SECONDS = 20
FREE_DISK_BYTES = 2 * 2**30
PLAIN_DAYS = 5

Say = Callable[[str], None]


class ComponentStatus(NamedTuple):
    """One component as it is now."""

    name: str
    state: str
    pid: int | None
    memory_bytes: int
    log: Path


class Stack:
    """The stack of one folder.

    Parameters
    ----------
    home
        Its folder.
    say
        Told what happens, a sentence at a time.
    """

    def __init__(self, home: Home, say: Say) -> None:
        self.home = home
        self._say = say
        self._records = Records(home.processes)

    @property
    def ports(self) -> Ports | None:
        """The ports it was started on, or ``None`` when it was not started."""
        components, ports = self._records.read()
        return Ports(**ports) if components else None

    @property
    def url(self) -> str:
        """Address of the Airflow UI.

        Raises
        ------
        MissingInputError
            When the stack is down.
        """
        ports = self.ports
        if ports is None:
            raise MissingInputError("the stack is not up; start it with `make up`")
        return f"http://{HOST}:{ports.airflow}"

    @property
    def aws_url(self) -> str:
        """Address of the local AWS."""
        return f"http://{HOST}:{(self.ports or Ports()).aws}"

    def api(self) -> AirflowApi:
        """Return a client of its Airflow, logged in as the administrator."""
        return AirflowApi(self.url, "admin", self.home.user_passwords()["admin"])

    def up(self, ports: Ports) -> None:
        """Start what is not running and wait until everything is healthy; leave nothing running when that fails.

        Raises
        ------
        ConflictError
            When a port is taken, or the stack runs on others.
        FraudError
            When a component ends or does not become healthy, with the end of its log.
        """
        refuse_real_aws()
        self.home.prepare()
        with self._alone():
            components, used = self._records.read()
            if components and all(component.process() for component in components):
                if used != asdict(ports):
                    raise ConflictError(
                        f"the stack runs already, on ports {used['airflow']} and {used['aws']}; `make down` it first"
                    )
                self._await_health(components, ports)
                return
            if components:
                self._stop(components)
            check_free(ports)
            _check_disk(self.home.state)
            self._start(ports)

    def _start(self, ports: Ports) -> None:
        deployment = self.home.deployment
        if deployment is None:
            deployment = deployment_ending_yesterday()
            self.home.record(deployment)
        components: list[Component] = []

        def run(name: str, command: list[str], environment: dict[str, str]) -> None:
            components.append(start(name, command, environment, self._log(name), self.home.checkout))
            self._records.write(components, asdict(ports))

        try:
            self._say("starting the local AWS")
            server = [sys.executable, "-m", "local_aws.server", "--port", str(ports.aws)]
            run("local-aws", [*server, "--state-dir", str(self.home.aws)], base_environment(self.home, ports))
            environment = airflow_environment(self.home, ports, deployment, {})
            settings = Settings.from_environment(environment)
            self.home.user_passwords()
            self._migrate(environment)
            self._await_aws(components[0], ports)
            environment |= self._provision(settings, ports)
            self._say("starting Airflow")
            for name, command in AIRFLOW_COMPONENTS.items():
                run(name, command, environment)
            self._await_health(components, ports)
        except BaseException:
            self._stop(components)
            raise

    def _migrate(self, environment: dict[str, str]) -> None:
        """Make or upgrade Airflow's database, once for each version of Airflow."""
        stamp = self.home.airflow / ".migrated"
        if stamp.exists() and stamp.read_text() == version("apache-airflow"):
            return
        self._say("preparing Airflow's database")
        log = self._log("migrate")
        with log.open("wb") as output:
            done = subprocess.run(
                [AIRFLOW, "db", "migrate"], env=environment, stdout=output, stderr=subprocess.STDOUT, check=False
            )
        if done.returncode:
            raise FraudError(
                f"Airflow's database could not be made: {last_lines(log, 1)}; the whole reason is in {log}"
            )
        stamp.write_text(version("apache-airflow"))

    def _provision(self, settings: Settings, ports: Ports) -> dict[str, str]:
        try:
            return provision(settings, f"http://{HOST}:{ports.aws}")
        except (ClientError, BotoCoreError) as error:
            raise FraudError(
                f"the local AWS could not be set up: {error}; its log is {self._log('local-aws')}, "
                "and `make clean` starts over with nothing"
            ) from None

    def _await_aws(self, component: Component, ports: Ports) -> None:
        for _ in self._until_started([component]):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://{HOST}:{ports.aws}/_local/health", timeout=5, trust_env=False).is_success:
                    return

    def _await_health(self, components: list[Component], ports: Ports) -> None:
        for _ in self._until_started(components):
            if set(health(f"http://{HOST}:{ports.airflow}").values()) == {"healthy"}:
                return

    def _until_started(self, components: list[Component]) -> Iterator[None]:
        """Yield until the caller is content; raise when a component ends or time is up."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            self.check_alive(components)
            yield
            if time.monotonic() > deadline:
                raise FraudError(
                    f"the stack is not healthy after {START_SECONDS} s; look into the logs in {self.home.logs}, "
                    "close other programs when the machine is busy, and start again"
                )
            time.sleep(0.5)

    def check_alive(self, components: list[Component] | None = None) -> None:
        """Refuse to go on when a component has ended.

        Raises
        ------
        FraudError
            Naming it, with the end of its log.
        """
        for component in self._records.read()[0] if components is None else components:
            if component.process() is None:
                log = self._log(component.name)
                raise FraudError(
                    f"{component.name} has ended; the last lines of {log}:\n{last_lines(log, 15)}\n"
                    "Mend what they name and start again with `make up`"
                )

    def down(self) -> int:
        """Stop everything; return how many components were running."""
        if not self.home.state.is_dir():
            return 0
        with self._alone():
            components, _ = self._records.read()
            running = sum(component.process() is not None for component in components)
            self._stop(components)
            return running

    def _stop(self, components: list[Component]) -> None:
        stop(components, str(self.home.state), GRACE_SECONDS)
        kill_marked(str(self.home.aws))  # jobs of a local AWS that was killed
        self._records.clear()

    def wipe(self) -> None:
        """Stop everything and remove what it made; passwords stay."""
        self.down()
        self.home.wipe()

    def status(self) -> list[ComponentStatus]:
        """Return how each component is."""
        components, used = self._records.read()
        by_name = {component.name: component for component in components}
        states = health(f"http://{HOST}:{used['airflow']}") if used else {}
        answer = []
        for name in ("local-aws", *AIRFLOW_COMPONENTS):
            process = by_name[name].process() if name in by_name else None
            state = "down" if process is None else states.get(name, "healthy")
            answer.append(ComponentStatus(name, state, process and process.pid, _memory(process), self._log(name)))
        return answer

    def _log(self, name: str) -> Path:
        return self.home.logs / f"{name}.log"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other commands from starting or stopping at the same time."""
        try:
            with filelock.FileLock(self.home.state / "lock", timeout=0):
                yield
        except filelock.Timeout:
            raise ConflictError(
                f"another command is starting or stopping the stack of {self.home.state}; wait until it has ended"
            ) from None


def deployment_ending_yesterday(world: str = "demo", days: int = PLAIN_DAYS, *, demo: bool = False) -> Deployment:
    """Return the deployment whose daily schedule plays some days, the last of them yesterday.

    Raises
    ------
    ConfigurationError
        When there is no such world, or its file is wrong.
    """
    load_world(world)
    # The run of yesterday is due at 01:00 UTC, when its deliveries are in.
    today = (datetime.now(UTC) - timedelta(hours=1)).date()
    return Deployment(world, today - timedelta(days=days), days if demo else None)


def _check_disk(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_DISK_BYTES:
        raise MissingInputError(
            f"{folder} has {free / 2**30:.1f} GB free, the stack needs {FREE_DISK_BYTES / 2**30:.0f}; "
            "make room, or set FRAUD_LOCAL_HOME to a folder on another disk"
        )


def _memory(process: psutil.Process | None) -> int:
    """Return the memory of a process and its children; what forked processes share counts once."""
    if process is None:
        return 0
    total = 0
    with contextlib.suppress(psutil.Error):
        for member in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += member.memory_full_info().pss
    return total


def last_lines(path: Path, count: int) -> str:
    """Return the last lines of a log that say something."""
    try:
        with path.open(errors="replace") as file:
            return "\n".join(deque((line.rstrip() for line in file if line.strip()), maxlen=count)) or "(empty)"
    except FileNotFoundError:
        return "(no log)"
