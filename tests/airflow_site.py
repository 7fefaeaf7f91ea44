"""A real Airflow with the project's plugin and DAGs under a base path, for tests in a browser."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
START_SECONDS = 120
PASSWORDS = {"admin": secrets.token_urlsafe(12), "viewer": secrets.token_urlsafe(12)}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class AirflowSite:
    """An API server, and a scheduler where DAGs have to run, over the objects of an S3 endpoint."""

    home: Path
    endpoint: str
    prefix: str = "/prefix"
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        port = free_port()
        self.host = f"http://127.0.0.1:{port}"
        self.url = f"{self.host}{self.prefix}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "AWS_", "FRAUD_", "PYTHONDONT"))}
        self.environment = kept | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "false",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "FRAUD_RETRIES": "0",
            "FRAUD_POLL_SECONDS": "0.25",
        }

    def start(self) -> AirflowSite:
        """Prepare the metadata database and start the API server."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "passwords.json").write_text(json.dumps(PASSWORDS))
        self.run("db", "migrate")
        self.run("dags", "reserialize")
        self.launch("api-server")
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/api/v2/monitor/health", timeout=2).is_success:
                    return self
            except httpx.HTTPError:
                time.sleep(0.3)
        raise TimeoutError(f"Airflow did not answer within {START_SECONDS} s; its logs are in {self.home}")

    def run(self, *arguments: str) -> None:
        """Run an Airflow command to its end."""
        done = subprocess.run(
            ["airflow", *arguments], env=self.environment, cwd=self.home, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed: {done.stderr[-2000:]}")

    def launch(self, *arguments: str) -> None:
        """Start an Airflow component in its own process group."""
        log = (self.home / f"{arguments[0]}.log").open("ab")
        self.processes.append(
            subprocess.Popen(
                ["airflow", *arguments],
                env=self.environment,
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        )

    def stop(self) -> None:
        """End what was started."""
        for process in self.processes:
            os.killpg(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)

    def client(self, user: str | None) -> httpx.Client:
        """Return a client that is logged in as a user; anonymous for None."""
        headers = {}
        if user:
            answer = httpx.post(
                f"{self.url}/auth/token", json={"username": user, "password": PASSWORDS[user]}, timeout=60
            )
            headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)
