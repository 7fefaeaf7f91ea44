"""One demo of the world ``tiny``, played for real: the whole stack on free ports, in a folder of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_site import free_port
from faults.state import State
from fraud.settings import Settings
from local_aws.stack.airflow_api import AirflowApi
from local_aws.stack.home import Home
from local_aws.stack.warehouse import Warehouse

DAYS = 2
# The promises are the same, the numbers a small town's: 800 transactions a day, a quarter of the handbook's frauds.
SETTINGS = {
    "FRAUD_DRIFT": json.dumps({"min_frauds": 20, "min_current_rows": 500, "min_reference_rows": 1000}),
    "FRAUD_TRAINING": json.dumps({"tuning_jobs": 3}),
    "FRAUD_PROMOTION": json.dumps({"alarm_min_frauds": 30, "bootstrap_samples": 200}),
}


@dataclass(frozen=True, eq=False)
class Demo:
    """A finished demo whose stack still runs; ``digests`` are of what the demo itself left."""

    output: str
    home: Path
    url: str
    passwords: dict[str, str]
    airflow: AirflowApi
    warehouse: Warehouse
    settings: Settings
    endpoint: str
    deployed: State
    digests: dict[str, str]

    @property
    def days(self) -> list[date]:
        return [self.settings.first_day + timedelta(days=offset) for offset in range(DAYS)]

    def client(self, service: str) -> Any:
        return self.deployed.client(service)

    def keys(self, prefix: str) -> list[str]:
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(Bucket=self.settings.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def body(self, key: str) -> bytes:
        return self.client("s3").get_object(Bucket=self.settings.bucket, Key=key)["Body"].read()

    def execute(self, sql: str) -> None:
        """Run a statement that has no rows to return."""
        self.deployed.execute(sql)

    def verdict(self, run: str) -> dict[str, Any]:
        return json.loads(self.body(f"training/{run}/verdict.json"))

    def packages(self) -> list[dict[str, Any]]:
        """Return the descriptions of every model package, oldest first."""
        sagemaker = self.client("sagemaker")
        listed = sagemaker.list_model_packages(ModelPackageGroupName="fraud", SortOrder="Ascending")
        return [
            sagemaker.describe_model_package(ModelPackageName=one["ModelPackageArn"])
            for one in listed["ModelPackageSummaryList"]
        ]

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str, seconds: int = 120) -> None:
        """Answer what a run asks of a person, as the form under Required actions does."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        until = time.monotonic() + seconds
        while (asked := self.airflow.get(path)) is None or asked["task_instance"]["state"] != "deferred":
            assert time.monotonic() < until, f"{run_id} asked nothing: {asked}"
            time.sleep(0.5)
        self.airflow.patch(path, {"chosen_options": [option], "params_input": {}})

    def state(self) -> dict[str, str]:
        """Digests of every manifest and of every table's rows, as they are now."""
        manifests = {key: hashlib.sha256(self.body(key)).hexdigest() for key in self.keys("manifests/")}
        return manifests | self.deployed.tables()

    def finish(self, dag_id: str, run_id: str, seconds: int = 600) -> str:
        """Wait for a run's end and return its state."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            state = self.airflow.run(dag_id, run_id)["state"]
            if state in ("success", "failed"):
                return state
            time.sleep(1)
        raise TimeoutError(f"{dag_id} {run_id} did not end within {seconds} s")


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    home = tmp_path_factory.mktemp("demo")
    ports = {"PORT": str(free_port()), "AWS_PORT": str(free_port())}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"FRAUD_LOCAL_HOME": str(home), **ports, **SETTINGS}
    command = [str(Path(sys.executable).parent / "fraud-local")]
    try:
        played = subprocess.run(
            [*command, "demo", "--world", "tiny", "--days", str(DAYS)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert played.returncode == 0, played.stdout[-6000:] + played.stderr[-3000:]
        passwords = json.loads((home / "passwords.json").read_text())
        endpoint = f"http://127.0.0.1:{ports['AWS_PORT']}"
        # Its last day is yesterday once yesterday's run is due, which it is at 01:00 UTC.
        deployment = Home(home).deployment
        assert deployment
        settings = Settings(world=deployment.world, first_day=deployment.first_day)
        deployed = State(endpoint, settings)
        yield Demo(
            output=played.stdout,
            home=home,
            url=f"http://127.0.0.1:{ports['PORT']}",
            passwords=passwords,
            airflow=AirflowApi(f"http://127.0.0.1:{ports['PORT']}", "admin", passwords["admin"]),
            warehouse=Warehouse(endpoint, settings),
            settings=settings,
            endpoint=endpoint,
            deployed=deployed,
            digests=deployed.digests(),
        )
    finally:
        subprocess.run([*command, "down"], env=environment, check=False, capture_output=True)
