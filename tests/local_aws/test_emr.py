"""EMR Serverless: applications, job runs that really run, what is refused, what survives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from fraud.settings import Settings
from local_aws.provision import provision
from local_jobs import bucket, keys, put, read, unique
from local_stack import ROLE, LocalStack, wait_until
from needs_spark import needs_spark

ENDED = ("SUCCESS", "FAILED", "CANCELLED")

COPY = """
import sys
from pyspark.sql import SparkSession
source, target = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
numbers = spark.read.csv(source, schema="n int")
numbers.selectExpr("sum(n) AS total").coalesce(1).write.mode("overwrite").json(target)
system = spark._jvm.org.apache.hadoop.fs.Path(source).getFileSystem(spark._jsc.hadoopConfiguration())
system.delete(spark._jvm.org.apache.hadoop.fs.Path(source + "/gone.csv"), False)
print("all done", flush=True)
"""
FAIL = """
import sys
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate()
print("DataError: row 3: amount is -1, expected 0 or more", file=sys.stderr)
sys.exit(4)
"""
HANG = """
import time
from pyspark.sql import SparkSession
SparkSession.builder.getOrCreate()
print("hanging", flush=True)
time.sleep(600)
"""


def application(stack: LocalStack) -> str:
    name = unique("application")
    created = stack.client("emr-serverless").create_application(name=name, releaseLabel="emr-7.9.0", type="SPARK")
    return created["applicationId"]


def start(stack: LocalStack, app: str, where: str, code: str, *arguments: str, **extra: Any) -> str:
    """Start a job run of a program and return its id."""
    put(stack, f"{where}/code/", **{"main.py": code})
    started = stack.client("emr-serverless").start_job_run(
        applicationId=app,
        executionRoleArn=ROLE,
        jobDriver={
            "sparkSubmit": {
                "entryPoint": f"s3://{where}/code/main.py",
                "entryPointArguments": list(arguments),
                "sparkSubmitParameters": "--conf spark.executor.memory=64g --conf spark.driver.memory=64g",
            }
        },
        configurationOverrides={"monitoringConfiguration": {"cloudWatchLoggingConfiguration": {"enabled": True}}},
        **extra,
    )
    return started["jobRunId"]


def run_of(stack: LocalStack, app: str, run: str) -> dict[str, Any]:
    return stack.client("emr-serverless").get_job_run(applicationId=app, jobRunId=run)["jobRun"]


def ended(stack: LocalStack, app: str, run: str) -> dict[str, Any]:
    def final() -> dict[str, Any] | None:
        described = run_of(stack, app, run)
        return described if described["state"] in ENDED else None

    return wait_until(final, 250)


def log_of(stack: LocalStack, app: str, run: str) -> list[str]:
    logs = stack.client("logs")
    stream = f"applications/{app}/jobs/{run}/SPARK_DRIVER/stdout"
    try:
        events = logs.get_log_events(logGroupName="/aws/emr-serverless", logStreamName=stream, startFromHead=True)
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [event["message"] for event in events["events"]]


def processes(run: str) -> list[psutil.Process]:
    """Return the live processes that a job run's folder is named to."""
    return [one for one in psutil.process_iter(["cmdline"]) if any(run in word for word in one.info["cmdline"] or ())]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path / "state", ("--stop-seconds", "1"))
    yield stack.start()
    stack.stop()


def test_application__is_created_described_listed_stopped_and_deleted(local_aws: LocalStack) -> None:
    client, app = local_aws.client("emr-serverless"), application(local_aws)
    described = client.get_application(applicationId=app)["application"]
    assert (described["state"], described["type"], described["releaseLabel"]) == ("CREATED", "Spark", "emr-7.9.0")
    assert app in [one["id"] for one in client.list_applications()["applications"]]
    client.start_application(applicationId=app)
    assert client.get_application(applicationId=app)["application"]["state"] == "STARTED"
    with pytest.raises(ClientError, match=r"must be in one of the following statuses \[CREATED, STOPPED\]"):
        client.delete_application(applicationId=app)
    client.stop_application(applicationId=app)
    client.delete_application(applicationId=app)
    with pytest.raises(client.exceptions.ResourceNotFoundException, match=f"Application {app} does not exist"):
        client.get_application(applicationId=app)


def test_application__of_the_same_token_is_the_same(local_aws: LocalStack) -> None:
    client, token = local_aws.client("emr-serverless"), unique("token")
    made = [client.create_application(releaseLabel="emr-7.9.0", type="SPARK", clientToken=token) for _ in range(2)]
    assert made[0]["applicationId"] == made[1]["applicationId"]


def test_provision__makes_one_application_and_names_it(local_aws: LocalStack) -> None:
    settings = Settings(bucket=unique("provisioned"), redshift_workgroup=unique("emr"), environment="emr")
    made = [provision(settings, local_aws.endpoint)["FRAUD_EMR_APPLICATION_ID"] for _ in range(2)]
    assert made[0] == made[1]
    described = local_aws.client("emr-serverless").get_application(applicationId=made[0])["application"]
    assert described["name"] == "emr-fraud-features"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"applicationId": "nowhere"}, "Application nowhere does not exist"),
        ({"jobDriver": {"hive": {"query": "s3://b/q.sql"}}}, "runs jobs whose jobDriver has sparkSubmit"),
        ({"executionRoleArn": "role"}, "'executionRoleArn' failed to satisfy constraint"),
        ({"mode": "STREAMING"}, "runs jobs in mode BATCH only"),
        (
            {"configurationOverrides": {"monitoringConfiguration": {
                "s3MonitoringConfiguration": {"logUri": "s3://b/logs/"}}}},
            "writes logs to CloudWatch only, not as s3MonitoringConfiguration says",
        ),
    ],
)  # fmt: skip
def test_start_job_run__refuses_what_cannot_run(local_aws: LocalStack, change: dict[str, Any], message: str) -> None:
    request = {
        "applicationId": application(local_aws),
        "executionRoleArn": ROLE,
        "jobDriver": {"sparkSubmit": {"entryPoint": "s3://nowhere/main.py"}},
    }
    with pytest.raises(ClientError, match=message):
        local_aws.client("emr-serverless", parameter_validation=False).start_job_run(**request | change)


def test_other_operations__are_refused(local_aws: LocalStack) -> None:
    with pytest.raises(ClientError, match="no EMR Serverless operation GET /tags/"):
        local_aws.client("emr-serverless").list_tags_for_resource(
            resourceArn=f"arn:aws:emr-serverless:us-east-1:{'0' * 12}:/applications/a1"
        )


def test_job_run__of_a_bucket_that_does_not_exist_fails_with_its_name(local_aws: LocalStack) -> None:
    client, app = local_aws.client("emr-serverless"), application(local_aws)
    run = client.start_job_run(
        applicationId=app,
        executionRoleArn=ROLE,
        jobDriver={"sparkSubmit": {"entryPoint": "s3://nowhere/main.py"}},
    )["jobRunId"]
    described = ended(local_aws, app, run)
    assert described["state"] == "FAILED"
    assert "bucket 'nowhere' does not exist" in described["stateDetails"] or "make spark" in described["stateDetails"]
    client.cancel_job_run(applicationId=app, jobRunId=run)
    assert run_of(local_aws, app, run)["state"] == "FAILED"
    with pytest.raises(ClientError, match="JobRun nowhere does not exist"):
        client.get_job_run(applicationId=app, jobRunId="nowhere")


def test_job_runs__are_listed_newest_first_by_state_and_page(local_aws: LocalStack) -> None:
    client, app, name = local_aws.client("emr-serverless"), application(local_aws), bucket(local_aws)
    driver = {"sparkSubmit": {"entryPoint": "s3://nowhere/main.py"}}
    token = unique("token")
    runs = [
        client.start_job_run(
            applicationId=app, executionRoleArn=ROLE, jobDriver=driver, name=f"{name}-{n}", clientToken=f"{token}-{n}"
        )["jobRunId"]
        for n in (0, 1, 1, 2)
    ]
    assert runs[1] == runs[2]
    for run in runs:
        ended(local_aws, app, run)
    pages = client.get_paginator("list_job_runs").paginate(
        applicationId=app, states=["FAILED"], PaginationConfig={"PageSize": 2}
    )
    assert [[one["id"] for one in page["jobRuns"]] for page in pages] == [[runs[3], runs[1]], [runs[0]]]
    assert client.list_job_runs(applicationId=app, states=["RUNNING"])["jobRuns"] == []


@needs_spark
@pytest.mark.slow
def test_job_run__reads_writes_and_deletes_objects(local_aws: LocalStack) -> None:
    app, name = application(local_aws), bucket(local_aws)
    put(local_aws, f"{name}/numbers/", a="1\n2\n", b__c="")
    put(local_aws, name + "/", **{"numbers/gone.csv": "39\n", "total/old.json": "{}", "totally": "x"})
    run = start(local_aws, app, name, COPY, f"s3://{name}/numbers", f"s3://{name}/total")
    described = ended(local_aws, app, run)
    assert described["state"] == "SUCCESS", "\n".join(log_of(local_aws, app, run))
    written = keys(local_aws, name, "total/")
    (result,) = [key for key in written if key.endswith(".json")]
    assert json.loads(read(local_aws, f"s3://{name}/{result}")) == {"total": 42}
    assert not [key for key in written if key.endswith((".crc", "old.json"))]
    assert keys(local_aws, name, "numbers/") == ["numbers/a", "numbers/b/c"]
    assert read(local_aws, f"s3://{name}/totally") == b"x"
    assert "all done" in log_of(local_aws, app, run)
    assert described["totalExecutionDurationSeconds"] > 0


@needs_spark
@pytest.mark.slow
def test_job_run__that_fails_says_why(local_aws: LocalStack) -> None:
    app, name = application(local_aws), bucket(local_aws)
    described = ended(local_aws, app, start(local_aws, app, name, FAIL))
    assert described["state"] == "FAILED"
    assert described["stateDetails"].endswith(
        "ExitCode: 4. Last few exceptions: DataError: row 3: amount is -1, expected 0 or more"
    )


@needs_spark
@pytest.mark.slow
def test_job_run__cancelled_leaves_no_process(local_aws: LocalStack) -> None:
    client, app, name = local_aws.client("emr-serverless"), application(local_aws), bucket(local_aws)
    run = start(local_aws, app, name, HANG)
    waiting = start(local_aws, app, name, HANG)
    wait_until(lambda: "hanging" in log_of(local_aws, app, run), 250)
    assert run_of(local_aws, app, run)["state"] == "RUNNING"
    assert run_of(local_aws, app, waiting)["state"] == "SUBMITTED"
    assert processes(run)
    with pytest.raises(ClientError, match="has job runs that have not ended"):
        client.stop_application(applicationId=app)
    for one in (waiting, run):
        client.cancel_job_run(applicationId=app, jobRunId=one)
        assert ended(local_aws, app, one)["state"] == "CANCELLED"
    assert not processes(run)


@needs_spark
@pytest.mark.slow
def test_job_run__cut_off_by_a_kill_is_failed_and_its_processes_end(fresh: LocalStack) -> None:
    app, name = application(fresh), bucket(fresh)
    run = start(fresh, app, name, HANG)
    wait_until(lambda: "hanging" in log_of(fresh, app, run), 250)
    fresh.kill()
    fresh.start()
    described = run_of(fresh, app, run)
    assert (described["state"], described["stateDetails"]) == (
        "FAILED",
        "The local AWS stopped while the job was running; run it again",
    )
    wait_until(lambda: not processes(run), 10)
    assert fresh.client("emr-serverless").get_application(applicationId=app)["application"]["state"] == "STARTED"
