"""The roles against a recorded run: they allow every call that was made, and nothing that no run needs."""

from __future__ import annotations

import pytest

from policies import DEPLOY, recorded, refused, roles_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PIPELINE = roles_of(DEPLOY / "roles.yaml")["AirflowPipeline"]
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


@pytest.fixture(scope="module")
def calls(demo):
    return recorded(demo.home / "aws", "airflow")


def test_calls__the_airflow_role_allows_every_one(calls):
    assert len(calls) > 20
    assert refused(calls, PIPELINE) == []


def test_calls__the_airflow_role_allows_nothing_else(calls):
    seen = {call.action for call in calls}
    allowed = {action for statement in PIPELINE for action in statement["Action"]}
    assert sorted(allowed - seen - set(NEVER_SEEN)) == []
