"""The record of calls: each kind once, as the permission that it needs."""

import errno
from pathlib import Path

import pytest

from local_aws.calls import Call, CallLog, emr_calls, read_calls, s3_calls, service_calls


@pytest.mark.parametrize(
    ("method", "key", "query", "action", "resource"),
    [
        ("GET", "manifests/drift/2026-01-01.json", "", "s3:GetObject", "b/manifests/*"),
        ("HEAD", "world/world.json", "", "s3:GetObject", "b/world/*"),
        ("PUT", "staging/run/plan.json", "", "s3:PutObject", "b/staging/*"),
        ("POST", "raw/part.parquet", "uploads", "s3:PutObject", "b/raw/*"),
        ("DELETE", "staging/x", "", "s3:DeleteObject", "b/staging/*"),
        ("GET", None, "list-type=2&prefix=raw", "s3:ListBucket", "b"),
        ("GET", None, "versions", "s3:ListBucketVersions", "b"),
        ("POST", None, "delete", "s3:DeleteObject", "b/*"),
    ],
)
def test_calls__an_s3_request_is_the_permission_that_it_needs(method, key, query, action, resource):
    assert s3_calls("airflow", method, "b", key, query) == [Call("airflow", action, resource)]


def test_calls__a_job_also_passes_a_role_and_is_tagged():
    fields = {"ProcessingJobName": "local-features", "RoleArn": "arn:aws:iam::0:role/jobs", "Tags": [{"Key": "k"}]}
    assert service_calls("airflow", "sagemaker", "CreateProcessingJob", fields) == [
        Call("airflow", "sagemaker:CreateProcessingJob", "processing-job/local-features"),
        Call("airflow", "sagemaker:AddTags", "processing-job/local-features"),
        Call("airflow", "iam:PassRole", "role/jobs"),
    ]


def test_calls__a_tuning_job_passes_the_role_of_its_trainings():
    fields = {
        "HyperParameterTuningJobName": "local-t",
        "TrainingJobDefinition": {"RoleArn": "arn:aws:iam::0:role/jobs"},
    }
    assert service_calls("airflow", "sagemaker", "CreateHyperParameterTuningJob", fields) == [
        Call("airflow", "sagemaker:CreateHyperParameterTuningJob", "hyper-parameter-tuning-job/local-t"),
        Call("airflow", "iam:PassRole", "role/jobs"),
    ]


def test_calls__a_spark_job_is_known_by_its_path():
    body = b'{"executionRoleArn": "arn:aws:iam::0:role/spark", "tags": {"k": "v"}}'
    assert emr_calls("airflow", "POST /applications/a1/jobruns?", body) == [
        Call("airflow", "emr-serverless:StartJobRun", "/applications/a1"),
        Call("airflow", "emr-serverless:TagResource", "/applications/a1"),
        Call("airflow", "iam:PassRole", "role/spark"),
    ]
    assert emr_calls("airflow", "GET /applications/a1/jobruns/r1?", b"") == [
        Call("airflow", "emr-serverless:GetJobRun", "/applications/a1/jobruns/r1")
    ]
    assert emr_calls("airflow", "GET /tags/a1?", b"") == emr_calls("airflow", "POST /applications?", b"[]") == []


def test_calls__a_statement_without_a_secret_needs_credentials_of_the_workgroup():
    actions = {
        secret: [call.action for call in service_calls("a", "redshift-data", "ExecuteStatement", {"SecretArn": secret})]
        for secret in ("", "arn:secret")
    }
    assert actions[""] == ["redshift-data:ExecuteStatement", "redshift-serverless:GetCredentials"]
    assert actions["arn:secret"] == ["redshift-data:ExecuteStatement"]


def test_calls__a_kind_is_written_once_and_outlives_the_server(tmp_path):
    path = tmp_path / "calls.jsonl"
    for _ in range(2):
        log = CallLog(path)
        for day in ("2026-01-01", "2026-01-02"):
            log.note(
                [Call("airflow", "sagemaker:DescribeProcessingJob", f"processing-job/local-drift-{day}-0a1b2c3d-1")]
            )
    assert read_calls(path) == [Call("airflow", "sagemaker:DescribeProcessingJob", "processing-job/local-drift-0-0-0")]


def test_calls__what_was_noted_outlives_a_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "calls.jsonl"
    log = CallLog(path)
    calls = [Call("airflow", f"s3:{name}", "bucket") for name in ("ListBucket", "PutObject")]
    log.note(calls[:1])

    def write_half(file, text):
        file.write_bytes(text.encode()[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "write_text", write_half)
        log.note(calls[1:])
    assert read_calls(path) == calls[:1]
    log.note(calls[:1])
    assert read_calls(path) == calls


def test_calls__the_server_notes_who_called_what(local_aws):
    local_aws.client("sns").list_topics()
    # Signed as `monitoring`, permitted as `cloudwatch`.
    local_aws.client("cloudwatch").put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 1}])
    noted = read_calls(local_aws.state_dir / "calls.jsonl")
    assert {Call("local", "sns:ListTopics", ""), Call("local", "cloudwatch:PutMetricData", "")} <= set(noted)
