"""The two images and the compose stack, really built and run.

Minutes of building and gigabytes of disk: only by ``make containers``, as the workflow for GitHub does; ``.ci/run`` has
tests/contract/test_image.py instead. ``FRAUD_CONTAINERS`` is the engine's command (``docker``, or one that takes the
same ``build``, ``run`` and ``compose``), ``PYTHON_IMAGE`` another base.
"""

import json
import os
import shlex
import subprocess
import time

import httpx
import pytest
from deploy.package import ROOT

from local_aws.stack.airflow_api import AirflowApi
from local_stack import wait_until

ENGINE = shlex.split(os.environ.get("FRAUD_CONTAINERS", ""))
BASE = os.environ.get("PYTHON_IMAGE", "python:3.12-slim-bookworm")
PORT = "18080"
MEGABYTES = 1_000
UNPRIVILEGED = "1234:1234"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(not ENGINE, reason="needs a container engine: `make containers`"),
]


def engine(*arguments, check=True, **variables):
    done = subprocess.run(
        [*ENGINE, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | variables,
    )
    assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def build(dockerfile, tag, *options):
    engine("build", "--build-arg", f"PYTHON_IMAGE={BASE}", *options, "-f", dockerfile, "-t", tag, ".")


@pytest.fixture(scope="module")
def job_image():
    build("docker/fraud/Dockerfile", "fraud")
    return "fraud"


def run(image, *command, user="0:0", volumes=(), check=True):
    """Run a command as SageMaker would, but that nothing besides /tmp and the volumes can be written."""
    mounts = [option for volume in volumes for option in ("-v", volume)]
    closed = ("--read-only", "--tmpfs", "/tmp")
    return engine("run", "--rm", *closed, "--user", user, *mounts, image, *command, check=check)


def unpacked_size(image):
    """Megabytes of all that the image holds, its base included."""
    return int(run(image, "du", "-sx", "--block-size=MB", "--apparent-size", "/").split()[0].removesuffix("MB"))


def test_job_image__is_slim_and_without_conda(job_image):
    assert unpacked_size(job_image) < MEGABYTES
    assert "conda" not in run(job_image, "find", "/", "-maxdepth", "3", "-name", "*conda*", "-not", "-path", "/proc/*")


@pytest.mark.parametrize("user", ["0:0", UNPRIVILEGED])
def test_job_image__trains_on_a_read_only_file_system(job_image, tmp_path, user):
    config = tmp_path / "input" / "config" / "hyperparameters.json"
    data = tmp_path / "input" / "data" / "train" / "part.csv"
    for path in (config, data):
        path.parent.mkdir(parents=True)
    config.write_text(json.dumps({"candidate": "xgboost", "seed": "0", "feature_version": "v1"}))
    fraud = [row % 10 == 0 for row in range(500)]
    data.write_text("".join(f"{is_fraud:d},{100 if is_fraud else 5}" + ",0" * 14 + "\n" for is_fraud in fraud))
    for folder in ("model", "output"):
        (tmp_path / folder).mkdir()
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o777)
    run(job_image, "train", user=user, volumes=[f"{tmp_path}:/opt/ml"])
    assert json.loads((tmp_path / "model" / "model.json").read_text())["rows"] == 500
    assert not (tmp_path / "output" / "failure").exists()


def test_job_image__a_failed_job_leaves_its_reason(job_image, tmp_path):
    config = tmp_path / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps({"candidate": "xgboost", "seed": "0", "feature_version": "v1"}))
    (tmp_path / "output").mkdir()
    run(job_image, "train", volumes=[f"{tmp_path}:/opt/ml"], check=False)
    assert "channel train has no rows" in (tmp_path / "output" / "failure").read_text()


def test_job_image__reproduces_the_handbook(job_image, tmp_path):
    run(job_image, "fraud", "handbook", "report", "--out", "/out", volumes=[f"{tmp_path}:/out"])
    rows = json.loads((tmp_path / "report.json").read_text())["models"]
    assert len(rows) == 5
    for row in rows:
        for metric in ("auc_roc", "average_precision", "card_precision_100"):
            assert row[metric] == pytest.approx(row[f"published_{metric}"], abs=0.01), row["model"]
    assert (tmp_path / "report.html").stat().st_size > 1_000_000


@pytest.fixture(scope="module")
def stack():
    for target, tag in (("airflow", "fraud-airflow"), ("postgres", "fraud-airflow-postgres")):
        build("docker/airflow/Dockerfile", tag, "--target", target)
    compose = ("compose", "-f", "docker/compose.yaml")
    try:
        engine(*compose, "up", "-d", "--no-build", PORT=PORT)
        wait_until(healthy, 600)
        read = ("--entrypoint", "cat", "fraud-airflow", "/state/passwords.json")
        passwords = json.loads(engine("run", "--rm", "-v", "fraud_state:/state", *read))
        yield AirflowApi(f"http://localhost:{PORT}", "admin", passwords["admin"])
    finally:
        engine(*compose, "down", "-v", check=False, PORT=PORT)


def ended(stack, dag_id, run_id):
    time.sleep(2)
    state = stack.run(dag_id, run_id)["state"]
    return state if state in ("success", "failed") else None


def healthy():
    try:
        states = httpx.get(f"http://localhost:{PORT}/api/v2/monitor/health", timeout=5).json().values()
    except (httpx.HTTPError, ValueError):
        time.sleep(2)
        return False
    return all(state["status"] == "healthy" for state in states)


def test_stack__runs_a_dag_and_serves_the_page(stack):
    stack.pause("fraud_history", False)
    stack.trigger("fraud_history", "in-a-container", {"world": "tiny", "steps": ["prepare", "transactions"]})
    assert wait_until(lambda: ended(stack, "fraud_history", "in-a-container"), 600) == "success"
    assert httpx.get(f"http://localhost:{PORT}/fraud/", timeout=30).status_code == 401


def test_stack__runs_unprivileged(stack):
    assert engine("run", "--rm", "--entrypoint", "id", "fraud-airflow", "-u").strip() == "50000"
