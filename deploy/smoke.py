"""``make aws-smoke``: the same DAGs over a tiny world on the deployed services, apart from the deployment's own data.

It has a prefix of the bucket, a model group and a warehouse of its own, and removes all three at the end, whatever
happened. Airflow runs here, in a folder that is removed too; everything else runs where the deployment does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy import warehouse
from deploy.package import ROOT
from deploy.removal import empty_bucket
from fraud.cost import smoke_cost
from fraud.errors import FraudError, MissingInputError
from fraud.settings import Settings

__all__ = ["play"]

WORLD = "tiny"
# A small town's numbers, as in the tests: 800 transactions a day.
RULES = {
    "FRAUD_DRIFT": {"min_frauds": 20, "min_current_rows": 500, "min_reference_rows": 1000},
    "FRAUD_PROMOTION": {"alarm_min_frauds": 30, "bootstrap_samples": 200},
}
_START_SECONDS = 1800

Say = Callable[[str], None]


def play(session: Any, environment: str, say: Say, agree: Callable[[str], bool]) -> dict[str, int]:
    """Bootstrap a tiny world, run one day of the schedule, check what came of it, remove everything.

    Parameters
    ----------
    session
        A boto3 session.
    environment
        Name of a deployed environment.
    say, agree
        Told what happens; asked once the cost is known.

    Returns
    -------
    dict
        Rows of each table that the day filled.

    Raises
    ------
    FraudError
        When it was not agreed to, a task failed, or a table is not as it must be.
    """
    settings = _deployed_settings(session, environment)
    for line in smoke_cost():
        say(line)
    if not agree(f"Play a tiny world on {environment} for this?"):
        raise FraudError("nothing was started, on request")
    own = f"{environment}-smoke"
    first_day = datetime.now(UTC).date() - timedelta(days=1)
    settings |= {name: json.dumps(value) for name, value in RULES.items()}
    settings |= {
        "FRAUD_PREFIX": "smoke",
        "FRAUD_MODEL_PACKAGE_GROUP": own,
        "FRAUD_REDSHIFT_WORKGROUP": own,
        "FRAUD_WORLD": WORLD,
        "FRAUD_FIRST_DAY": str(first_day),
        "FRAUD_NOTIFICATIONS_TOPIC_ARN": "",
        "FRAUD_RETRIES": "0",
    }
    with _own_places(session, environment, own, settings, say), tempfile.TemporaryDirectory(prefix="smoke-") as home:
        airflow = _airflow(session, Path(home), settings)
        say(f"bootstrapping the world: history, first champion, its scores; then playing {first_day}")
        # Or an alarm would have the day wait for a run of fraud_training, and here nothing plays two runs at once.
        pause = ("fraud_training", {"retraining": "pause"})
        runs = [("fraud_history", {}), pause, ("fraud_daily", {"date": str(first_day)})]
        _run([sys.executable, "-m", "deploy.playing", json.dumps(runs)], airflow)
        rows = _rows(session, own, Settings.from_environment(settings).redshift_database, first_day)
    say(", ".join(f"{count} {table}" for table, count in rows.items()))
    if not rows["transactions"] or rows["transactions"] != rows["predictions"] or not rows["alerts"]:
        raise FraudError(
            f"{first_day} is not complete: {rows}; every transaction should be scored, and some cards alerted"
        )
    say("The chain works here.")
    return rows


def _deployed_settings(session: Any, environment: str) -> dict[str, str]:
    """Return the settings that the environment's Airflow has."""
    account = session.client("sts").get_caller_identity()["Account"]
    bucket = f"{environment}-fraud-{account}-{session.region_name}"
    s3 = session.client("s3")
    try:
        body = s3.get_object(Bucket=bucket, Key="airflow/startup.sh")["Body"].read().decode()
    except (s3.exceptions.NoSuchBucket, s3.exceptions.NoSuchKey):
        raise MissingInputError(
            f"{environment} is not deployed here ({bucket} holds no airflow/startup.sh); "
            f"`make deploy ENV={environment}` first"
        ) from None
    words = shlex.split(body, comments=True)
    return dict(word.split("=", 1) for word in words if word.startswith("FRAUD_"))


@contextlib.contextmanager
def _own_places(session: Any, environment: str, own: str, settings: Mapping[str, str], say: Say) -> Iterator[None]:
    """Make what the smoke run must not share, and remove it whatever happens."""
    sagemaker, serverless = session.client("sagemaker"), session.client("redshift-serverless")
    deployed = f"{environment}-fraud"
    try:
        say("making a warehouse and a model group for it")
        sagemaker.create_model_package_group(ModelPackageGroupName=own, ModelPackageGroupDescription="Smoke run")
        roles = serverless.get_namespace(namespaceName=deployed)["namespace"]
        network = serverless.get_workgroup(workgroupName=deployed)["workgroup"]
        wanted = {"iamRoles": roles.get("iamRoles"), "defaultIamRoleArn": roles.get("defaultIamRoleArn")}
        serverless.create_namespace(
            namespaceName=own, dbName=Settings.from_environment(settings).redshift_database, manageAdminPassword=True,
            **{name: value for name, value in wanted.items() if value},
        )  # fmt: skip
        placed = {name: network[name] for name in ("subnetIds", "securityGroupIds") if network.get(name)}
        serverless.create_workgroup(workgroupName=own, namespaceName=own, baseCapacity=4, **placed)
        _await_workgroup(serverless, own)
        secret = serverless.get_namespace(namespaceName=own)["namespace"].get("adminPasswordSecretArn")
        if secret:
            caller = session.client("sts").get_caller_identity()["Arn"].split("/")
            warehouse.allow_role(
                session.client("redshift-data"),
                own,
                Settings.from_environment(settings).redshift_database,
                secret,
                "/".join(caller[:2]),
            )
        yield
    finally:
        say("removing what it made")
        _remove(session, own, settings)


def _await_workgroup(serverless: Any, name: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while serverless.get_workgroup(workgroupName=name)["workgroup"]["status"] != "AVAILABLE":
        if time.monotonic() > until:
            raise FraudError(f"workgroup {name} is not available after {_START_SECONDS} s; look at it in the console")
        time.sleep(5)


def _remove(session: Any, own: str, settings: Mapping[str, str]) -> None:
    sagemaker, serverless = session.client("sagemaker"), session.client("redshift-serverless")
    for name, remove in (
        ("objects", lambda: empty_bucket(session.client("s3"), Settings.from_environment(settings).bucket, "smoke/")),
        ("models", lambda: _remove_models(sagemaker, own)),
        ("warehouse", lambda: _remove_warehouse(serverless, own)),
    ):
        try:
            remove()
        except (sagemaker.exceptions.ClientError, FraudError) as error:
            print(
                f"deploy: the smoke run's {name} could not be removed: {error}; remove {own} by hand", file=sys.stderr
            )


def _remove_warehouse(serverless: Any, name: str) -> None:
    serverless.delete_workgroup(workgroupName=name)
    until = time.monotonic() + _START_SECONDS
    with contextlib.suppress(serverless.exceptions.ResourceNotFoundException):
        while serverless.get_workgroup(workgroupName=name) and time.monotonic() < until:
            time.sleep(5)
    serverless.delete_namespace(namespaceName=name)


def _remove_models(sagemaker: Any, group: str) -> None:
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    for package in [package for page in pages for package in page["ModelPackageSummaryList"]]:
        sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)


def _airflow(session: Any, home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of an Airflow of its own, with its database made."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "FRAUD_"))}
    environment = {
        **kept,
        **settings,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AWS_DEFAULT_REGION": session.region_name,
    }
    _run([sys.executable, "-m", "airflow", "db", "migrate"], environment)
    return environment


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FraudError(f"{' '.join(command[1:3])} failed; the end of its log:\n{done.stdout[-3000:]}")


def _rows(session: Any, workgroup: str, database: str, day: date) -> dict[str, int]:
    client = session.client("redshift-data")
    counted = {}
    for table, column in (("transactions", "tx_date"), ("predictions", "tx_date"), ("alerts", "alert_date")):
        sql = f"SELECT COUNT(*) FROM fraud.{table} WHERE {column} = '{day}'"  # noqa: S608  (a date of our own)
        rows = warehouse.run(client, [sql], WorkgroupName=workgroup, Database=database)
        counted[table] = int(rows[0][0]["longValue"])
    return counted
