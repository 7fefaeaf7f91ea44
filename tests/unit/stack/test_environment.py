"""The components' variables: nothing of the user's AWS, nobody an administrator who should not be."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from fraud.errors import ConfigurationError
from fraud.settings import Settings
from local_aws.stack.environment import airflow_environment, base_environment, refuse_real_aws
from local_aws.stack.home import Deployment, Home
from local_aws.stack.ports import Ports

SHELL = {
    "HOME": "/home/user",
    "PATH": "/usr/bin",
    "LANG": "C.UTF-8",
    "AWS_PROFILE": "production",
    "AWS_ACCESS_KEY_ID": "real",
    "AWS_SESSION_TOKEN": "real",
    "AIRFLOW_HOME": "/somewhere",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPATH": "/somewhere",
    "HTTPS_PROXY": "http://proxy:3128",
    "NO_PROXY": "intranet",
    "FRAUD_ALERT_BUDGET": "50",
    "FRAUD_LOCAL_HOME": "/elsewhere",
}
METADATA = """
import asyncio, json
from airflow import settings
from sqlalchemy import text

BUSY = text("PRAGMA busy_timeout")  # milliseconds

async def busy():
    async with settings.AsyncSession() as session:
        waits = await session.scalar(BUSY)
    await settings.async_engine.dispose()
    return waits

with settings.Session() as session:
    waits = session.scalar(BUSY)
listeners = [one.__name__ for one in settings.engine.dispatch.savepoint]
print(json.dumps({"sync": waits, "async": asyncio.run(busy()), "waits_at": listeners}))
"""
DEPLOYMENT = Deployment("tiny", date(2026, 3, 1))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    home.prepare()
    return home


def test_environment__nothing_of_the_users_aws_or_airflow_gets_in(home: Home) -> None:
    environment = airflow_environment(home, Ports(8001, 8002), DEPLOYMENT, {}, SHELL)
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:8002"
    assert environment["AWS_ACCESS_KEY_ID"] == "airflow"
    assert environment["AIRFLOW_HOME"] == str(home.airflow)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "FRAUD_LOCAL_HOME"):
        assert name not in environment
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in environment
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert environment["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_environment__airflow_listens_on_the_loopback_address_only(home: Home) -> None:
    environment = airflow_environment(home, Ports(8001, 8002), DEPLOYMENT, {}, SHELL)
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__PORT"] == "8001"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8001/execution/"


def test_environment__users_have_their_roles_and_passwords_no_place_in_it(home: Home) -> None:
    environment = airflow_environment(home, Ports(), DEPLOYMENT, {}, SHELL)
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,analyst:viewer"
    assert not set(home.user_passwords().values()) & set(environment.values())


def test_environment__airflow_connects_to_its_metadata_as_the_stack_would_have_it(home: Home) -> None:
    environment = airflow_environment(home, Ports(), DEPLOYMENT, {}, SHELL)
    done = subprocess.run([sys.executable, "-c", METADATA], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == {"sync": 20_000, "async": 20_000, "waits_at": ["_begin_writing"]}


def test_environment__gives_the_deployments_settings(home: Home) -> None:
    provisioned = {"FRAUD_ROLE_ARN": "arn:aws:iam::0:role/x"}
    environment = airflow_environment(home, Ports(), DEPLOYMENT, provisioned, SHELL)
    settings = Settings.from_environment(environment)
    assert (settings.world, settings.first_day) == ("tiny", date(2026, 3, 1))
    assert settings.role_arn == provisioned["FRAUD_ROLE_ARN"]
    assert settings.alert_budget == 50, "the user's own settings count"
    assert settings.poll_seconds <= 2


def test_environment__local_programs_come_first_on_the_path(home: Home) -> None:
    first = base_environment(home, Ports(), SHELL)["PATH"].split(":")[0]
    assert (Path(first) / "airflow").exists()


@pytest.mark.parametrize("value", ["true", "TRUE", "True"])
def test_shell__that_would_reach_the_real_aws_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true.* unset it"):
        refuse_real_aws({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": value})
    refuse_real_aws({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false"})
