"""Training jobs: channels in, a reproducible model out, metrics, reasons."""

import gzip
import hashlib
import io
import tarfile

import pytest
from botocore.exceptions import ClientError

from local_jobs import bucket, ended, log_of, put, read, train, training_request, unique

LOSS = [{"Name": "loss", "Regex": r"loss=([0-9.]+)"}]


def test_training__walks_its_statuses_to_a_model_in_s3(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1,2", sub__b="3,4")
    job = train(local_aws, where, hyperparameters={"weight": 3}, metrics=LOSS)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    statuses = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert statuses == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert all("EndTime" in transition for transition in job["SecondaryStatusTransitions"][:-1])
    assert (
        job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{where}/models/{job['TrainingJobName']}/output/model.tar.gz"
    )
    with tarfile.open(fileobj=io.BytesIO(read(local_aws, job["ModelArtifacts"]["S3ModelArtifacts"]))) as tar:
        assert tar.getnames() == ["model.json", "weights", "weights/w.txt"]
        assert tar.extractfile("weights/w.txt").read() == b"3"
        assert {member.mtime for member in tar} == {0}


def test_training__container_finds_channels_and_sagemakers_variables(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/", train__a="1,2", train__sub__b="3,4", more__c="5")
    channels = {"train": f"s3://{where}/train/", "validation": f"s3://{where}/more/c"}
    job = train(local_aws, where, channels=channels, hyperparameters={"eta": 0.3})
    lines = log_of(local_aws, "training", job["TrainingJobName"])
    assert [line for line in lines if line.startswith("file")] == [
        "file train/a 1,2",
        "file train/sub/b 3,4",
        "file validation/c 5",
    ]
    variables = dict(line.split("=", 1) for line in lines if line.startswith("SM_"))
    assert variables["SM_CHANNELS"] == '["train", "validation"]'
    assert variables["SM_CHANNEL_VALIDATION"].endswith("/input/data/validation")
    assert variables["SM_HPS"] == '{"eta": "0.3"}'
    assert variables["SM_HP_ETA"] == "0.3"
    assert variables["SM_MODEL_DIR"].endswith("/model")
    assert variables["SM_CURRENT_HOST"] == "algo-1"


def test_training__same_inputs_give_the_same_bytes(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1,2")
    jobs = [train(local_aws, where, hyperparameters={"weight": 2}) for _ in range(2)]
    first, second = (read(local_aws, job["ModelArtifacts"]["S3ModelArtifacts"]) for job in jobs)
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert gzip.decompress(first)


def test_training__metrics_are_the_last_values_that_the_log_shows(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1")
    metrics = [*LOSS, {"Name": "never", "Regex": "never=(.*)"}, {"Name": "text", "Regex": "(epoch)"}]
    found = train(local_aws, where, metrics=metrics)["FinalMetricDataList"]
    assert [(metric["MetricName"], metric["Value"]) for metric in found] == [("loss", pytest.approx(0.3))]


def test_training__failure_file_is_the_reason(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1")
    job = train(local_aws, where, hyperparameters={"fail": "column 3 is empty"})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: column 3 is empty, exit code: 3"
    assert "ModelArtifacts" not in job
    silent = train(local_aws, where, hyperparameters={"silent_fail": 1})
    assert silent["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 4"


def test_training__empty_channel_fails_and_names_the_prefix(local_aws):
    where = bucket(local_aws)
    job = train(local_aws, where)
    assert job["TrainingJobStatus"] == "Failed"
    assert f"s3://{where}/train/" in job["FailureReason"]


def test_training__that_takes_too_long_is_stopped(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1")
    job = train(local_aws, where, hyperparameters={"sleep": 600}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_training__taken_name_is_refused(local_aws):
    where, sagemaker = bucket(local_aws), local_aws.client("sagemaker")
    put(local_aws, f"{where}/train/", a="1")
    request = training_request(unique("twice"), where)
    sagemaker.create_training_job(**request)
    with pytest.raises(ClientError, match="a training job with this name already exists") as refused:
        sagemaker.create_training_job(**request)
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    ended(local_aws, "training", request["TrainingJobName"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ResourceConfig": {"InstanceCount": 2, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}, "one instance"),
        ({"metrics": [{"Name": "m", "Regex": "("}]}, "Regex of metric 'm' is none"),
    ],
)
def test_training__what_cannot_be_done_is_refused_at_once(local_aws, change, message):
    with pytest.raises(ClientError, match=message) as refused:
        local_aws.client("sagemaker").create_training_job(**training_request(unique("bad"), "b", **change))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
