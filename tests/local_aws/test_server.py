"""The server itself: where it listens, what it refuses, how it says so."""

import json
import time
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from local_aws.server import main


def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    """Return status and body of a GET."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture
def refused_start(capsys):
    """Start a server that must end at once with exit code 2, and return what it says."""

    def start(*options: str) -> str:
        assert main(options) == 2
        return capsys.readouterr().err

    return start


def test_health__says_that_it_is_ready(local_aws):
    status, body = fetch(f"{local_aws.endpoint}/_local/health")
    health = json.loads(body)
    assert status == 200
    assert health["ready"] is True
    assert health["running_jobs"] == []
    assert set(health) >= {"version", "port", "private_opt_ml"}


def test_unknown_local_page__is_404(local_aws):
    assert fetch(f"{local_aws.endpoint}/_local/nothing")[0] == 404


def test_request__for_a_name_that_is_not_loopback_is_refused(local_aws):
    status, body = fetch(f"{local_aws.endpoint}/_local/health", Host="evil.example:4566")
    assert status == 403
    assert b"answers only to 127.0.0.1" in body


def test_request__from_a_page_gets_no_leave_to_read(local_aws):
    request = urllib.request.Request(f"{local_aws.endpoint}/", headers={"Origin": "http://evil.example"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::"])
def test_start__on_any_other_host_is_refused(refused_start, tmp_path, host):
    assert f"--host {host}: the local AWS listens on 127.0.0.1 only" in refused_start(
        "--host", host, "--state-dir", str(tmp_path)
    )


def test_start__on_a_taken_port_is_refused(refused_start, local_aws, tmp_path):
    port = local_aws.endpoint.rpartition(":")[2]
    assert f"port {port}: Address already in use" in refused_start("--port", port, "--state-dir", str(tmp_path))


def test_start__on_a_taken_state_folder_is_refused(refused_start, local_aws):
    said = refused_start("--port", "0", "--state-dir", str(local_aws.state_dir))
    assert "is in use by another local AWS" in said


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("sagemaker", lambda client: client.list_endpoints()),
        ("sns", lambda client: client.list_origination_numbers()),
        ("cloudwatch", lambda client: client.list_metric_streams()),
        ("secretsmanager", lambda client: client.stop_replication_to_replica(SecretId="x")),
        ("iam", lambda client: client.get_context_keys_for_custom_policy(PolicyInputList=["{}"])),
        ("glue", lambda client: client.get_databases()),
        ("ec2", lambda client: client.describe_instances()),
        ("batch", lambda client: client.describe_job_queues()),
    ],
)
def test_operation__that_is_not_there_is_a_clean_4xx_at_once(local_aws, service, call):
    client = local_aws.client(service)
    began = time.monotonic()
    with pytest.raises(ClientError) as refused:
        call(client)
    assert 400 <= refused.value.response["ResponseMetadata"]["HTTPStatusCode"] < 500
    assert refused.value.response["Error"]["Code"] in ("UnknownOperationException", "UnknownService")
    assert "local AWS" in refused.value.response["Error"]["Message"]
    assert time.monotonic() - began < 2
