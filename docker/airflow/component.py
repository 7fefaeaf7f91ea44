"""Starts one component of the compose stack, once what it needs is there.

The settings are those of ``fraud-local`` (``make up``), but for the database and the address that Airflow listens on.
Order is kept by looking, not by the engine's health checks, which not every engine has.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg2

from fraud.errors import FraudError
from fraud.settings import Settings
from local_aws.provision import provision
from local_aws.stack.control import AIRFLOW_COMPONENTS, deployment_ending_yesterday
from local_aws.stack.environment import airflow_environment, base_environment
from local_aws.stack.home import Home, write_private
from local_aws.stack.ports import HOST, Ports

DATABASE = f"postgresql://airflow@{HOST}:5432"
WAIT_SECONDS = 300


def main(component: str) -> None:
    """Become a component: ``local-aws``, ``prepare``, one of Airflow's, or ``task`` with an Airflow command.

    Raises
    ------
    FraudError
        For another name, or when what it needs did not come.
    """
    home, ports = Home(), Ports()
    provisioned = home.state / "provisioned.json"
    if component == "local-aws":
        home.prepare()
        server = [sys.executable, "-m", "local_aws.server", "--port", str(ports.aws), "--state-dir", str(home.aws)]
        become(server, base_environment(home, ports))
    wait_for("the local AWS", lambda: httpx.get(f"http://{HOST}:{ports.aws}/_local/health", timeout=5).is_success)
    if component == "prepare":
        provisioned.unlink(missing_ok=True)
        prepare(home, ports, provisioned)
        return
    wait_for("the service `prepare`", provisioned.exists)
    environment = settings(home, ports, json.loads(provisioned.read_text()))
    if component == "task":
        become(["airflow", *sys.argv[2:]], environment)
    if component not in AIRFLOW_COMPONENTS:
        known = ", ".join(["local-aws", "prepare", *AIRFLOW_COMPONENTS, "task"])
        raise FraudError(f"there is no component {component!r}; expected one of {known}")
    become(AIRFLOW_COMPONENTS[component], environment)


def prepare(home: Home, ports: Ports, provisioned: Path) -> None:
    """Make the database, the deployment's AWS resources, users and keys; a second time changes nothing."""
    if home.deployment is None:
        home.record(deployment_ending_yesterday())
    home.user_passwords()
    wait_for("Postgres", make_database)
    environment = settings(home, ports, {})
    subprocess.run(["airflow", "db", "migrate"], env=environment, check=True)
    made = provision(Settings.from_environment(environment), f"http://{HOST}:{ports.aws}")
    write_private(provisioned, json.dumps(made))


def make_database() -> bool:
    """Create Airflow's database where it is missing; say whether it is there."""
    with contextlib.closing(psycopg2.connect(f"{DATABASE}/postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor, contextlib.suppress(psycopg2.errors.DuplicateDatabase):
            cursor.execute("CREATE DATABASE airflow")
    return True


def settings(home: Home, ports: Ports, provisioned: dict[str, str]) -> dict[str, str]:
    """Return a component's variables."""
    deployment = home.deployment
    if deployment is None:
        raise FraudError(f"{home.state} holds no deployment.json; start the service `prepare` first")
    return airflow_environment(home, ports, deployment, provisioned) | {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2{DATABASE.removeprefix('postgresql')}/airflow",
        # The engine forwards a published port to the container's own address, not to its loopback.
        "AIRFLOW__API__HOST": "0.0.0.0",  # noqa: S104
        "AIRFLOW__API__BASE_URL": f"http://localhost:{os.environ.get('PORT', ports.airflow)}",
    }


def wait_for(what: str, ready: Callable[[], bool]) -> None:
    """Wait until something is there."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError, psycopg2.OperationalError):
            if ready():
                return
        time.sleep(1)
    raise FraudError(f"{what} did not come within {WAIT_SECONDS} s; `docker compose logs` says why")


def become(command: list[str], environment: dict[str, str]) -> None:
    """Replace this process, so that the engine's signals reach the component."""
    sys.stdout.flush()
    os.execvpe(command[0], command, environment)  # noqa: S606


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except FraudError as error:
        sys.exit(f"{Path(sys.argv[0]).name}: {error}")
