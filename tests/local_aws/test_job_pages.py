"""What the monitor's page of a job says, from the local AWS itself."""

import sys
from pathlib import Path

import pytest

from local_jobs import bucket, put, train
from local_stack import REGION

sys.path.append(str(Path(__file__).parents[2] / "plugins"))


@pytest.fixture
def jobs(local_aws, monkeypatch):
    """The pages of an environment whose jobs are called ``train-…``."""
    from fraud_monitor.jobs import Jobs

    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    return Jobs("train")


def test_job__shows_status_outputs_and_log(local_aws, jobs):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1,2")
    name = train(local_aws, where, hyperparameters={"eta": 0.3})["TrainingJobName"]
    text = jobs.text("training", name)
    assert text.startswith(f"Training job {name}\n\nStatus   Completed, ")
    assert f"\nReads    s3://{where}/train/\n" in text
    assert f"\nWrites   s3://{where}/models/{name}/output/model.tar.gz\n" in text
    assert '"TrainingJobStatus": "Completed"' in text
    assert f"s3://{where}/models/{name}/output/model.tar.gz" in text
    assert text.index("Log, last 500 lines") < text.index("file train/a 1,2") < text.index("epoch 2 loss=0.3")


def test_job__that_failed_shows_why(local_aws, jobs):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1")
    name = train(local_aws, where, hyperparameters={"fail": "column 3 is empty"})["TrainingJobName"]
    text = jobs.text("training", name)
    assert "Status   Failed" in text
    assert "\nWhy      AlgorithmError: column 3 is empty, exit code: 3\n" in text


@pytest.mark.parametrize(
    ("kind", "name"),
    [("training", "train-never-made"), ("tuning", "train-never-made"), ("training", "other-1"), ("cooking", "train-1")],
)
def test_job__that_is_not_the_deployments_is_none(jobs, kind, name):
    assert jobs.text(kind, name) is None
