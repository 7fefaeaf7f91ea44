"""The real stack: started, looked at, stopped without a survivor, started again with everything as it was."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import psutil
import pytest

from airflow_site import free_port
from fraud.errors import ConflictError, FraudError
from local_aws.stack.control import AIRFLOW_COMPONENTS, Stack
from local_aws.stack.doctor import examine
from local_aws.stack.home import Home
from local_aws.stack.ports import Ports, is_free
from local_aws.stack.processes import Records, marked

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports(free_port(), free_port())


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[Stack]:
    stack = Stack(Home(tmp_path_factory.mktemp("stack") / "home"), lambda sentence: None)
    stack.up(ports)
    yield stack
    stack.down()


def s3(stack: Stack):
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
    return session.client("s3", endpoint_url=stack.aws_url)


def test_up__everything_is_healthy_and_listens_on_loopback_only(stack: Stack, ports: Ports) -> None:
    assert {component.name: component.state for component in stack.status()} == dict.fromkeys(
        ("local-aws", *AIRFLOW_COMPONENTS), "healthy"
    )
    listening = {
        connection.laddr.ip
        for process in marked(str(stack.home.state))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_up__idle_memory_leaves_room_for_jobs(stack: Stack) -> None:
    assert sum(component.memory_bytes for component in stack.status()) < 2 * 2**30


def test_up__a_second_time_changes_nothing_and_other_ports_are_refused(stack: Stack, ports: Ports) -> None:
    before = Records(stack.home.processes).read()
    stack.up(ports)
    assert Records(stack.home.processes).read() == before
    with pytest.raises(ConflictError, match=f"runs already, on ports {ports.airflow} and {ports.aws}"):
        stack.up(Ports(free_port(), free_port()))


def test_airflow__nobody_gets_in_without_a_password_and_the_analyst_only_looks(stack: Stack) -> None:
    url, passwords = stack.url, stack.home.user_passwords()
    assert httpx.get(f"{url}/api/v2/dags").status_code == 401
    wrong = httpx.post(f"{url}/auth/token", json={"username": "admin", "password": "admin"})
    assert wrong.status_code == 401
    token = httpx.post(f"{url}/auth/token", json={"username": "analyst", "password": passwords["analyst"]})
    headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
    assert httpx.get(f"{url}/api/v2/dags", headers=headers).is_success
    body = {"is_paused": False}
    assert httpx.patch(f"{url}/api/v2/dags/fraud_daily", headers=headers, json=body).status_code == 403


def test_doctor__finds_nothing_bad_in_a_healthy_stack(stack: Stack, ports: Ports) -> None:
    findings = list(examine(stack, ports))
    assert [finding for finding in findings if finding.verdict == "bad"] == []
    assert {"components", "DAG files", "jobs", "tasks"} <= {finding.subject for finding in findings}


def test_down__leaves_no_process_and_a_later_up_finds_everything(stack: Stack, ports: Ports) -> None:
    s3(stack).put_object(Bucket="fraud-local", Key="kept", Body=b"as it was")
    passwords, deployment = stack.home.user_passwords(), stack.home.deployment
    stack.api().pause("fraud_daily", paused=True)
    stack.api().trigger("fraud_daily", "kept", {"date": "1900-01-01"})
    stack.down()
    assert marked(str(stack.home.state)) == []
    assert is_free(ports.airflow)
    assert is_free(ports.aws)
    stack.up(ports)
    assert s3(stack).get_object(Bucket="fraud-local", Key="kept")["Body"].read() == b"as it was"
    assert stack.api().run("fraud_daily", "kept") is not None
    assert (stack.home.user_passwords(), stack.home.deployment) == (passwords, deployment)


def test_dead_component__is_named_and_the_next_up_starts_everything_again(stack: Stack, ports: Ports) -> None:
    components, _ = Records(stack.home.processes).read()
    triggerer = next(component for component in components if component.name == "triggerer")
    process = psutil.Process(triggerer.pid)
    process.kill()
    process.wait(10)
    with pytest.raises(FraudError, match=r"triggerer has ended; the last lines of .*triggerer\.log"):
        stack.check_alive()
    assert next(c for c in stack.status() if c.name == "triggerer").state == "down"
    stack.up(ports)
    stack.check_alive()


def test_up__of_a_broken_component_leaves_nothing_running(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "aws").mkdir(parents=True)
    (home / "aws" / "state.db").write_text("no database")
    command = [str(Path(sys.executable).with_name("fraud-local")), "up"]
    variables = {"FRAUD_LOCAL_HOME": str(home), "PORT": str(free_port()), "AWS_PORT": str(free_port())}
    done = subprocess.run(command, env=dict(os.environ) | variables, capture_output=True, text=True, check=False)
    assert done.returncode == FraudError.exit_code
    assert done.stderr.startswith("fraud-local: local-aws has ended; the last lines of ")
    assert marked(str(home)) == []
