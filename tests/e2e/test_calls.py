"""The roles against a recorded run: they allow every call that was made, and nothing that no run needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.calls import read_calls
from policies import permitting, roles_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
PIPELINE = roles_of(ROOT / "deploy" / "roles.yaml")["AirflowPipeline"]
VALUES = {
    "Environment": "local",
    "BucketName": "fraud-local",
    "ModelPackageGroup": "fraud",
    "JobsRole.Arn": "arn:aws:iam::0:role/local-fraud-jobs",
    "WorkgroupArn": "arn:aws:redshift-serverless:*:*:workgroup/*",
    "TopicArn": "arn:aws:sns:*:*:local-fraud-notifications",
    "AWS::Partition": "aws",
}
NEVER_SEEN = {
    "logs:DescribeLogStreams": "somebody opens a job's log in the monitor page",
    "logs:GetLogEvents": "the same",
    "redshift-data:CancelStatement": "a task that is cleared while its statement runs",
    "redshift-data:GetStatementResult": "the operator, where a statement returns rows",
    "sagemaker:CreateHyperParameterTuningJob": "a training that tunes first",
    "sagemaker:DescribeHyperParameterTuningJob": "the same",
    "sagemaker:StopHyperParameterTuningJob": "a task that is cleared or fails while its job runs",
    "sagemaker:StopProcessingJob": "the same",
    "sagemaker:StopTrainingJob": "the same",
    "sagemaker:StopTransformJob": "the same",
    "sagemaker:UpdateModelPackage": "an approval by hand",
    "sns:Publish": "a task that failed",
}
"""Allowed, though a run in which nothing fails need not do it: when it happens."""


def arn(call) -> str:
    service = call.action.partition(":")[0]
    service = "redshift-serverless" if service == "redshift-data" else service
    if service == "s3":
        return f"arn:aws:s3:::{call.resource}"
    return f"arn:aws:{service}:{'' if service == 'iam' else 'here'}:0:{call.resource}" if call.resource else "*"


@pytest.fixture(scope="module")
def calls(demo):
    return [call for call in read_calls(demo.home / "aws" / "calls.jsonl") if call.caller == "airflow"]


def test_calls__the_airflow_role_allows_every_one(calls):
    assert len(calls) > 20
    refused = [call for call in calls if not permitting(PIPELINE, call.action, arn(call), VALUES)]
    assert refused == []


def test_calls__the_airflow_role_allows_nothing_else(calls):
    seen = {call.action for call in calls}
    allowed = {action for statement in PIPELINE for action in statement["Action"]}
    assert sorted(allowed - seen - set(NEVER_SEEN)) == []
