"""`make aws-smoke`, against the local AWS: the same code, another endpoint."""

from __future__ import annotations

import boto3
import pytest
from deploy import smoke
from deploy.package import startup_script

from aws_account import answers
from fraud.errors import FraudError, MissingInputError
from fraud.settings import Settings
from local_aws.provision import provision
from local_stack import REGION, LocalStack


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session on a local AWS in which an environment `test` is deployed."""
    stack = LocalStack(tmp_path / "state").start()
    variables = {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_ACCESS_KEY_ID": "operator",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    yield boto3.Session(region_name=REGION)
    stack.stop()


def deployed(session) -> Settings:
    account = session.client("sts").get_caller_identity()["Account"]
    settings = {
        "FRAUD_ENVIRONMENT": "test",
        "FRAUD_BUCKET": f"test-fraud-{account}-{REGION}",
        "FRAUD_MODEL_PACKAGE_GROUP": "test-fraud",
        "FRAUD_REDSHIFT_WORKGROUP": "test-fraud",
        "FRAUD_POLL_SECONDS": "0.25",
        "FRAUD_DEFERRABLE": "false",
        "FRAUD_TRAINING": '{"candidates": ["xgboost_builtin"]}',
    }
    made = provision(Settings.from_environment(settings), session.client("s3").meta.endpoint_url)
    body = startup_script(settings | {"FRAUD_ROLE_ARN": made["FRAUD_ROLE_ARN"]})
    session.client("s3").put_object(Bucket=settings["FRAUD_BUCKET"], Key="airflow/startup.sh", Body=body.encode())
    return Settings.from_environment(settings)


def test_smoke__without_an_environment_says_so(session):
    with pytest.raises(MissingInputError, match="test is not deployed here"):
        smoke.play(session, "test", print, answers(True))


@pytest.mark.slow
def test_smoke__says_what_it_costs_and_starts_nothing_unasked(session):
    settings = deployed(session)
    said = []
    with pytest.raises(FraudError, match="nothing was started, on request"):
        smoke.play(session, "test", said.append, answers(False))
    assert said[0].startswith("about $")
    assert session.client("s3").list_objects_v2(Bucket=settings.bucket)["KeyCount"] == 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_smoke__plays_the_chain_and_leaves_nothing(session):
    settings = deployed(session)
    rows = smoke.play(session, "test", print, answers(True))
    assert rows["transactions"] == rows["predictions"] > 100
    # Fewer than the budget: in this town of 400 cards most are known to be compromised, and those are left out.
    assert 0 < rows["alerts"] <= settings.alert_budget
    assert session.client("s3").list_objects_v2(Bucket=settings.bucket)["KeyCount"] == 1
    groups = session.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [group["ModelPackageGroupName"] for group in groups] == ["test-fraud"]
    workgroups = session.client("redshift-serverless").list_workgroups()["workgroups"]
    assert [workgroup["workgroupName"] for workgroup in workgroups] == ["test-fraud"]
