"""What was acknowledged is there after a kill; what ran then is ended and said to have failed."""

import collections
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local_jobs import ended, keys, log_of, process, processes_of, put, read, train
from local_stack import TESTS, LocalStack, wait_until

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def reborn(tmp_path_factory):
    """A server that was killed while it held one of everything, and started again; and what it had answered."""
    stack = LocalStack(
        tmp_path_factory.mktemp("reborn") / "state", ("--images", str(TESTS / "local_aws" / "images.json"))
    )
    try:
        known = fill(stack.start())
        stack.kill()
        yield stack.start(), known
    finally:
        stack.stop()


@pytest.fixture
def fresh(tmp_path):
    """A server of a test's own, to be killed."""
    stack = LocalStack(tmp_path / "state")
    try:
        yield stack.start()
    finally:
        stack.stop()


def fill(stack):
    """Write one of everything and leave a job running; return what must be remembered."""
    s3, sagemaker = stack.client("s3"), stack.client("sagemaker")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_tagging(Bucket="kept", Tagging={"TagSet": [{"Key": "team", "Value": "fraud"}]})
    put(stack, "kept/", plain="old", twice="1", gone="x", empty="")
    put(stack, "kept/", twice="2")
    s3.put_object(
        Bucket="kept", Key="tagged", Body=b"t", Tagging="day=1", Metadata={"rows": "7"}, ContentType="text/csv"
    )
    s3.put_object_acl(Bucket="kept", Key="tagged", ACL="public-read")
    s3.put_object(Bucket="kept", Key="empty", Body=b"", StorageClass="STANDARD_IA", ChecksumAlgorithm="SHA256")
    s3.put_object_tagging(Bucket="kept", Key="plain", Tagging={"TagSet": [{"Key": "late", "Value": "yes"}]})
    s3.copy_object(Bucket="kept", Key="dir/copied é", CopySource="kept/tagged")
    s3.delete_object(Bucket="kept", Key="gone")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket="versions", Key="k", Body=body)["VersionId"] for body in (b"1", b"2")]
    s3.create_bucket(Bucket="deleted")
    s3.delete_bucket(Bucket="deleted")
    upload = s3.create_multipart_upload(Bucket="kept", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="kept", Key="big", UploadId=upload, PartNumber=1, Body=b"a" * 5 * MEGABYTE)["ETag"]
    topic = stack.client("sns").create_topic(Name="alarms")["TopicArn"]
    queue = stack.client("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    queue_arn = stack.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn["QueueArn"])
    stack.client("sns").publish(TopicArn=topic, Message="drift!")
    stack.client("secretsmanager").create_secret(Name="redshift", SecretString="s3cret")
    stack.client("iam").create_role(RoleName="jobs", AssumeRolePolicyDocument="{}")
    stack.client("cloudwatch").put_metric_data(Namespace="fraud", MetricData=[{"MetricName": "rows", "Value": 9582.0}])
    put(stack, "kept/", train__a="1,2")
    trained = train(stack, "kept")
    sagemaker.create_model_package_group(ModelPackageGroupName="champions")
    running = process(
        stack,
        "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print('half way', flush=True)\ntime.sleep(600)",
    )
    wait_until(lambda: log_of(stack, "processing", running) == ["half way"])
    return {
        "versions": versions,
        "upload": upload,
        "part": part,
        "topic": topic,
        "queue": queue,
        "trained": trained,
        "running": running,
    }


def test_restart__objects_are_as_they_were(reborn):
    stack, _ = reborn
    s3 = stack.client("s3")
    assert {one["Name"] for one in s3.list_buckets()["Buckets"]} == {"kept", "versions"}
    found = {key: read(stack, f"s3://kept/{key}") for key in keys(stack, "kept") if not key.startswith("models/")}
    assert found == {
        "plain": b"old",
        "twice": b"2",
        "empty": b"",
        "tagged": b"t",
        "dir/copied é": b"t",
        "train/a": b"1,2",
    }
    head = s3.head_object(Bucket="kept", Key="tagged")
    assert (head["Metadata"], head["ContentType"]) == ({"rows": "7"}, "text/csv")
    assert s3.get_object_tagging(Bucket="kept", Key="tagged")["TagSet"] == [{"Key": "day", "Value": "1"}]
    assert s3.get_object_tagging(Bucket="kept", Key="plain")["TagSet"] == [{"Key": "late", "Value": "yes"}]
    assert s3.get_bucket_tagging(Bucket="kept")["TagSet"] == [{"Key": "team", "Value": "fraud"}]


def test_restart__what_a_key_has_of_its_own_is_no_others(reborn):
    stack, _ = reborn
    s3 = stack.client("s3")

    def permissions(key: str) -> list[str]:
        return [grant["Permission"] for grant in s3.get_object_acl(Bucket="kept", Key=key)["Grants"]]

    assert (permissions("tagged"), permissions("plain")) == (["FULL_CONTROL", "READ"], ["FULL_CONTROL"])
    listed = s3.list_objects_v2(Bucket="kept")["Contents"]
    classes = {entry["Key"]: entry["StorageClass"] for entry in listed}
    assert (classes["empty"], classes["plain"]) == ("STANDARD_IA", "STANDARD")
    heads = [s3.head_object(Bucket="kept", Key=key, ChecksumMode="ENABLED") for key in ("empty", "plain")]
    assert [head.get("ChecksumSHA256") for head in heads] == ["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", None]


def test_restart__versions_are_all_there(reborn):
    stack, known = reborn
    s3 = stack.client("s3")
    bodies = [
        s3.get_object(Bucket="versions", Key="k", VersionId=version)["Body"].read() for version in known["versions"]
    ]
    assert bodies == [b"1", b"2"]


def test_restart__an_upload_goes_on_after_the_parts_that_were_acknowledged(reborn):
    stack, known = reborn
    s3, where = stack.client("s3"), {"Bucket": "kept", "Key": "big", "UploadId": known["upload"]}
    second = s3.upload_part(**where, PartNumber=2, Body=b"b")["ETag"]
    parts = [{"PartNumber": 1, "ETag": known["part"]}, {"PartNumber": 2, "ETag": second}]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert read(stack, "s3://kept/big") == b"a" * 5 * MEGABYTE + b"b"
    s3.delete_object(Bucket="kept", Key="big")


def test_restart__small_services_are_as_they_were(reborn):
    stack, known = reborn
    message = stack.client("sqs").receive_message(QueueUrl=known["queue"])["Messages"][0]
    assert json.loads(message["Body"])["Message"] == "drift!"
    assert stack.client("sns").list_topics()["Topics"] == [{"TopicArn": known["topic"]}]
    assert stack.client("secretsmanager").get_secret_value(SecretId="redshift")["SecretString"] == "s3cret"
    assert stack.client("iam").get_role(RoleName="jobs")["Role"]["RoleName"] == "jobs"
    metrics = stack.client("cloudwatch").list_metrics(Namespace="fraud")["Metrics"]
    assert [metric["MetricName"] for metric in metrics] == ["rows"]


def test_restart__a_topic_still_reaches_its_queue(reborn):
    stack, known = reborn
    stack.client("sns").publish(TopicArn=known["topic"], Message="more drift!")
    found = wait_until(lambda: stack.client("sqs").receive_message(QueueUrl=known["queue"]).get("Messages"))
    assert [json.loads(message["Body"])["Message"] for message in found] == ["more drift!"]


def test_restart__jobs_logs_and_models_are_as_they_were(reborn):
    stack, known = reborn
    sagemaker, trained = stack.client("sagemaker"), known["trained"]
    again = sagemaker.describe_training_job(TrainingJobName=trained["TrainingJobName"])
    assert {k: v for k, v in again.items() if k != "ResponseMetadata"} == {
        k: v for k, v in trained.items() if k != "ResponseMetadata"
    }
    assert "epoch 2 loss=0.3" in log_of(stack, "training", trained["TrainingJobName"])
    groups = sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [group["ModelPackageGroupName"] for group in groups] == ["champions"]


def test_restart__a_job_that_ran_has_failed_and_its_processes_are_gone(reborn):
    stack, known = reborn
    job = stack.client("sagemaker").describe_processing_job(ProcessingJobName=known["running"])
    assert job["ProcessingJobStatus"] == "Failed"
    assert "the local AWS stopped while the job was running" in job["FailureReason"]
    assert job["ProcessingEndTime"] >= job["ProcessingStartTime"]
    assert processes_of(known["running"]) == []
    assert log_of(stack, "processing", known["running"]) == ["half way"]
    assert list((stack.state_dir / "jobs").iterdir()) == []


def test_restart__new_jobs_run(reborn):
    stack, _ = reborn
    assert ended(stack, "processing", process(stack, ""))["ProcessingJobStatus"] == "Completed"


def test_restart__leaves_no_body_without_a_key(reborn):
    stack, _ = reborn
    stack.stop()
    stack.start()
    bodies = sum(1 for path in (stack.state_dir / "s3" / "bodies").glob("*/*"))
    versions = len(stack.client("s3").list_object_versions(Bucket="versions")["Versions"])
    assert bodies == len(keys(stack, "kept")) + versions


@pytest.mark.parametrize("seed", range(2))
def test_kill__in_the_middle_of_writes_loses_none_that_was_acknowledged(fresh, seed):
    """Writers overwrite and delete a few keys until the server is killed; each key then holds what its writer knows."""
    stack = fresh
    stack.client("s3").create_bucket(Bucket="hot")
    acknowledged: dict[str, bytes | None] = {}
    attempted: dict[str, bytes | None] = {}
    steps: collections.Counter[str] = collections.Counter()

    def write(s3: Any, key: str) -> None:
        while True:
            attempted[key] = None if steps[key] % 5 == 4 else f"{key} {steps[key]}".encode() * 50
            try:
                if attempted[key] is None:
                    s3.delete_object(Bucket="hot", Key=key)
                else:
                    s3.put_object(Bucket="hot", Key=key, Body=attempted[key])
            except (BotoCoreError, ClientError):
                return
            acknowledged[key] = attempted[key]
            steps[key] += 1

    names = [f"key-{letter}" for letter in "abcd"]
    writers = [threading.Thread(target=write, args=(stack.client("s3"), name)) for name in names]
    for writer in writers:
        writer.start()
    wait_until(lambda: len(steps) == 4 and steps.total() > 20 + 17 * seed)
    stack.kill()
    for writer in writers:
        writer.join()
    stack.start()
    present = set(keys(stack, "hot"))
    for name in names:
        body = read(stack, f"s3://hot/{name}") if name in present else None
        assert body in (acknowledged[name], attempted[name])


def test_kill__after_many_wrote_one_key_leaves_what_was_last_read(fresh):
    stack = fresh
    s3 = stack.client("s3")
    s3.create_bucket(Bucket="hot")

    def write(name: str) -> None:
        for step in range(15):
            s3.put_object(Bucket="hot", Key="one", Body=f"{name} {step}".encode())

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    last = read(stack, "s3://hot/one")
    stack.kill()
    stack.start()
    assert read(stack, "s3://hot/one") == last


def test_stop__ends_running_jobs_and_the_next_start_says_so(fresh):
    stack = fresh
    running = process(stack, "import time\nprint('on', flush=True)\ntime.sleep(600)")
    waiting = [process(stack, "import time\ntime.sleep(600)") for _ in range(2)]
    wait_until(lambda: log_of(stack, "processing", running) == ["on"])
    stack.stop()
    assert processes_of(running) == []
    stack.start()
    for name in (running, *waiting):
        job = stack.client("sagemaker").describe_processing_job(ProcessingJobName=name)
        assert job["ProcessingJobStatus"] == "Failed"
        assert "the local AWS stopped while the job was running" in job["FailureReason"]
