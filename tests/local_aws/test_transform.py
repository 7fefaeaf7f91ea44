"""Batch transform: every record in, one line out, joined and filtered; anything else fails the job."""

import random

import pytest
from botocore.exceptions import ClientError

from local_jobs import TOY, bucket, ended, keys, log_of, put, read, train, unique
from local_stack import ROLE, wait_until

CSV = {"ContentType": "text/csv", "SplitType": "Line"}
IDS_OUT = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}


@pytest.fixture(scope="module")
def weights(local_aws):
    """URI of a toy model that sums a record and doubles it."""
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1")
    return train(local_aws, where, hyperparameters={"weight": 2})["ModelArtifacts"]["S3ModelArtifacts"]


def start(stack, weights, where, environment=None, **changes):
    """Start a transform of ``where/in/`` into ``where/out``; return the job's name."""
    sagemaker, name = stack.client("sagemaker"), unique("transform")
    container = {"Image": "toy:1", "ModelDataUrl": weights, "Environment": TOY}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    request = {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{where}/in/"}},
            **CSV,
        },
        "TransformOutput": {"S3OutputPath": f"s3://{where}/out", "AssembleWith": "Line", "Accept": "text/csv"},
        "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        "Environment": environment or {},
    }
    sagemaker.create_transform_job(**request | changes)
    return name


def test_transform__ids_stay_from_the_model_and_come_back_with_the_scores(local_aws, weights):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", **{"tx_date=1__part.csv": "11,1,2\n12,3,4\n", "tx_date=2__part.csv": "21,5,6"})
    job = ended(local_aws, "transform", start(local_aws, weights, where, DataProcessing=IDS_OUT))
    assert job["TransformJobStatus"] == "Completed"
    assert keys(local_aws, where, "out") == ["out/tx_date=1/part.csv.out", "out/tx_date=2/part.csv.out"]
    assert read(local_aws, f"s3://{where}/out/tx_date=1/part.csv.out") == b"11,6\n12,14\n"
    assert read(local_aws, f"s3://{where}/out/tx_date=2/part.csv.out") == b"21,22\n"
    sent = [line for line in log_of(local_aws, "transform", job["TransformJobName"]) if line.startswith("payload")]
    assert sent == [r"payload 8 text/csv b'1,2\n3,4\n'", r"payload 4 text/csv b'5,6\n'"]


def test_transform__without_data_processing_gives_the_scores_alone(local_aws, weights):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a="1,2\n3,4\n")
    ended(local_aws, "transform", start(local_aws, weights, where))
    assert read(local_aws, f"s3://{where}/out/a.out") == b"6\n14\n"


def test_transform__assembled_with_nothing_is_what_the_container_answered(local_aws, weights):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a="1,2\n3,4\n")
    output = {"S3OutputPath": f"s3://{where}/out"}
    name = start(local_aws, weights, where, TransformOutput=output, BatchStrategy="SingleRecord")
    ended(local_aws, "transform", name)
    assert read(local_aws, f"s3://{where}/out/a.out") == b"614"


def test_transform__single_record_sends_one_line_at_a_time(local_aws, weights):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a="1,2\n3,4\n5,6\n")
    name = start(local_aws, weights, where, BatchStrategy="SingleRecord")
    ended(local_aws, "transform", name)
    sent = [line for line in log_of(local_aws, "transform", name) if line.startswith("payload")]
    assert sent == [rf"payload 4 text/csv b'{record}\n'" for record in ("1,2", "3,4", "5,6")]
    assert read(local_aws, f"s3://{where}/out/a.out") == b"6\n14\n22\n"


def test_transform__payloads_stay_below_the_limit_and_lose_no_line(local_aws, weights):
    where, draw = bucket(local_aws), random.Random(7)
    rows = [[n, draw.randint(0, 999), draw.randint(0, 999)] for n in range(6_000)]
    put(local_aws, f"{where}/in/", a="".join(f"{n},{a:0100d},{b:0100d}\n" for n, a, b in rows))
    name = start(local_aws, weights, where, MaxPayloadInMB=1, DataProcessing=IDS_OUT)
    assert ended(local_aws, "transform", name)["TransformJobStatus"] == "Completed"
    sizes = [int(line.split()[1]) for line in log_of(local_aws, "transform", name) if line.startswith("payload")]
    assert len(sizes) == 2
    assert max(sizes) <= 1 << 20
    expected = "".join(f"{n},{2 * (a + b):g}\n" for n, a, b in rows)
    assert read(local_aws, f"s3://{where}/out/a.out").decode() == expected


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"MODE": "refuse"}, "Bad HTTP status received from algorithm for in/a lines 1 to 2: 422: row 1: this is no"),
        ({"MODE": "lose"}, "in/a lines 1 to 2: 2 records were sent and 1 came back"),
        ({"DIE": "1"}, "ended before it answered /ping, exit code: 9"),
    ],
)
def test_transform__what_the_container_gets_wrong_fails_the_job(local_aws, weights, environment, reason):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a="1,2\n3,4\n")
    job = ended(local_aws, "transform", start(local_aws, weights, where, environment))
    assert job["TransformJobStatus"] == "Failed"
    assert reason in job["FailureReason"]
    assert keys(local_aws, where, "out") == []


@pytest.mark.parametrize(
    ("content", "changes", "reason"),
    [
        (
            "1,2\n",
            {"DataProcessing": IDS_OUT | {"InputFilter": "$[5]"}},
            "in/a line 1: filter '$[5]': there is no column 5",
        ),
        ("1,2\n", {"DataProcessing": IDS_OUT | {"OutputFilter": "$[9]"}}, "there is no column 9 in a record of 3"),
        (b"\xff\xfe\n", {}, "in/a line 1: 'utf-8' codec can't decode"),
        ("1," + "2" * (1 << 20) + "\n", {"MaxPayloadInMB": 1}, "in/a line 1 is larger than MaxPayloadInMB"),
        (
            "1\n" * (1 << 20),
            {"MaxPayloadInMB": 1, "TransformOutput": {"S3OutputPath": "s3://b/o"}, "split": False},
            "in/a is larger than MaxPayloadInMB; set SplitType Line",
        ),
    ],
)
def test_transform__input_that_cannot_be_sent_fails_the_job_with_the_line(local_aws, weights, content, changes, reason):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a=content)
    changes = dict(changes)
    if not changes.pop("split", True):
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{where}/in/"}}
        changes["TransformInput"] = {"DataSource": source, "ContentType": "text/csv"}
    job = ended(local_aws, "transform", start(local_aws, weights, where, **changes))
    assert job["TransformJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


def test_transform__missing_model_data_fails_the_job(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a="1\n")
    job = ended(local_aws, "transform", start(local_aws, f"s3://{where}/gone/model.tar.gz", where))
    assert f"object s3://{where}/gone/model.tar.gz does not exist" in job["FailureReason"]


def test_transform__stops_while_the_container_computes(local_aws, weights):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a="1\n")
    name = start(local_aws, weights, where, {"MODE": "slow"})
    wait_until(lambda: any(line.startswith("payload") for line in log_of(local_aws, "transform", name)))
    local_aws.client("sagemaker").stop_transform_job(TransformJobName=name)
    assert ended(local_aws, "transform", name)["TransformJobStatus"] == "Stopped"
    assert keys(local_aws, where, "out") == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DataProcessing": {"InputFilter": "$.features"}}, "filter '\\$.features' is not supported"),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "TransformOutput": {"S3OutputPath": "s3://b/o"}},
            "SplitType Line and AssembleWith Line",
        ),
        ({"ModelName": "never-was"}, "Could not find model"),
    ],
)
def test_transform__request_that_cannot_work_is_refused(local_aws, weights, changes, message):
    with pytest.raises(ClientError, match=message) as refused:
        start(local_aws, weights, "b", **changes)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
