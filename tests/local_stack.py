"""A local AWS for tests: the real server as a process of its own, on a free port."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

TESTS = Path(__file__).parent
ROLE = f"arn:aws:iam::{'0' * 12}:role/fraud-jobs"
REGION = "us-east-1"
START_SECONDS = 30


@dataclass
class LocalStack:
    """One server and its state folder; ``restart`` takes the same folder up again."""

    state_dir: Path
    options: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = field(default=None, init=False)
    endpoint: str = field(default="", init=False)

    def start(self) -> LocalStack:
        """Start the server and wait until it says where it listens."""
        log = (self.state_dir.parent / f"{self.state_dir.name}.log").open("a")
        command = [
            *self.prefix,
            sys.executable,
            "-m",
            "local_aws.server",
            "--port",
            "0",
            "--state-dir",
            str(self.state_dir),
        ]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTHONDONTWRITE"))}
        self.process = subprocess.Popen(
            [*command, *self.options], stdout=subprocess.PIPE, stderr=log, text=True, env=environment | self.variables
        )
        line = self.process.stdout.readline()
        if "ready on" not in line:
            raise RuntimeError(f"the local AWS did not start; its log is {log.name}")
        self.endpoint = line.rpartition(" ")[2].strip()
        self.client.cache_clear()
        return self

    @functools.cache  # noqa: B019  (one per server, short-lived)
    def client(self, service: str, **options: Any) -> Any:
        """Return a boto3 client that does not retry."""
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)
        config = Config(retries={"total_max_attempts": 1}, **options)
        return session.client(service, endpoint_url=self.endpoint, config=config)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it as ``down`` does."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(START_SECONDS)
            self.process.stdout.close()
            self.process = None

    def __hash__(self) -> int:
        return id(self)


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Return the first true value that a condition gives."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.02)
    raise TimeoutError(f"no result within {seconds} seconds")
