"""Processing jobs really run, and say why when they fail."""

import json

import pytest
from botocore.exceptions import ClientError

from local_jobs import bucket, ended, keys, log_of, process, put, read, unique

COPY = """
import pathlib, shutil
source, target = pathlib.Path("/opt/ml/processing/input"), pathlib.Path("/opt/ml/processing/output/out")
for path in sorted(source.rglob("*")):
    if path.is_file():
        print("found", path.relative_to(source))
        (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target / path.relative_to(source))
"""


def portable(code: str) -> str:
    """Make code for /opt/ml run where a private one cannot be had too."""
    code = code.replace('"/opt/ml', 'BASE + "')
    return f"import os; BASE = os.environ.get('SAGEMAKER_BASE_DIR', '/opt/ml')\n{code}"


def test_processing__runs_code_between_s3_and_s3_and_logs_its_output(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/in/", a="1", deep__b="22")
    name = process(
        local_aws, portable(COPY), {"data": (f"s3://{where}/in/", "S3Prefix")}, {"out": f"s3://{where}/result"}
    )
    job = ended(local_aws, "processing", name)
    assert job["ProcessingJobStatus"] == "Completed"
    assert "FailureReason" not in job
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    assert keys(local_aws, where, "result") == ["result/data/a", "result/data/deep/b"]
    assert read(local_aws, f"s3://{where}/result/data/deep/b") == b"22"
    assert log_of(local_aws, "processing", name) == ["found data/a", "found data/deep/b"]


def test_processing__manifest_keeps_paths_below_its_prefix(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/raw/", **{"tx_date=1__part": "one", "tx_date=2__part": "two", "tx_date=3__part": "three"})
    entries = [{"prefix": f"s3://{where}/raw/"}, "tx_date=1/part", "tx_date=3/part"]
    put(local_aws, f"{where}/", **{"list.json": json.dumps(entries)})
    name = process(
        local_aws,
        portable(COPY),
        {"days": (f"s3://{where}/list.json", "ManifestFile")},
        {"out": f"s3://{where}/result/"},
    )
    assert ended(local_aws, "processing", name)["ProcessingJobStatus"] == "Completed"
    assert keys(local_aws, where, "result") == ["result/days/tx_date=1/part", "result/days/tx_date=3/part"]


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("nonsense", "is no manifest"),
        ("[]", "is no manifest"),
        ('[{"prefix": "s3://BUCKET/"}, 7]', "entry 7 is no relative key"),
        ('[{"prefix": "s3://BUCKET/"}, "gone"]', "object s3://BUCKET/gone does not exist"),
        ('[{"prefix": "s3://BUCKET/"}, "../escape"]', "leaves the input's folder"),
        ('[{"prefix": "s3://BUCKET/"}]', "No S3 objects found"),
    ],
)
def test_processing__bad_manifest_fails_the_job_and_says_why(local_aws, manifest, reason):
    where = bucket(local_aws)
    put(local_aws, f"{where}/", **{"list.json": manifest.replace("BUCKET", where), "..__escape": "x"})
    name = process(local_aws, "", {"days": (f"s3://{where}/list.json", "ManifestFile")})
    job = ended(local_aws, "processing", name)
    assert job["ProcessingJobStatus"] == "Failed"
    assert reason.replace("BUCKET", where) in job["FailureReason"]


def test_processing__missing_input_fails_the_job_and_names_it(local_aws):
    where = bucket(local_aws)
    job = ended(local_aws, "processing", process(local_aws, "", {"x": (f"s3://{where}/none/", "S3Prefix")}))
    assert job["ProcessingJobStatus"] == "Failed"
    assert f"s3://{where}/none/" in job["FailureReason"]


def test_processing__failure_carries_the_containers_message(local_aws):
    code = portable("""
import pathlib, sys
pathlib.Path("/opt/ml/output/message").write_text("day 3 has no transactions")
sys.exit(5)
""")
    job = ended(local_aws, "processing", process(local_aws, code))
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["ExitMessage"] == "day 3 has no transactions"
    assert job["FailureReason"] == "AlgorithmError: day 3 has no transactions, exit code: 5"


def test_processing__failed_job_leaves_no_output(local_aws):
    where = bucket(local_aws)
    code = portable("open(\"/opt/ml/processing/output/out/half\", 'w').write('x'); raise SystemExit(1)")
    job = ended(local_aws, "processing", process(local_aws, code, outputs={"out": f"s3://{where}/o"}))
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information, exit code: 1"
    assert keys(local_aws, where) == []


def test_processing__unknown_image_fails_the_job_and_names_the_known(local_aws):
    job = ended(local_aws, "processing", process(local_aws, "", image="somewhere/else:1"))
    assert job["ProcessingJobStatus"] == "Failed"
    assert "'somewhere/else:1'" in job["FailureReason"]
    assert "sagemaker-xgboost" in job["FailureReason"]


def test_processing__upload_to_a_missing_bucket_fails_the_job(local_aws):
    code = portable("open(\"/opt/ml/processing/output/out/f\", 'w').write('x')")
    job = ended(local_aws, "processing", process(local_aws, code, outputs={"out": "s3://no-such-bucket/o"}))
    assert "bucket 'no-such-bucket' does not exist" in job["FailureReason"]


def test_processing__container_sees_its_environment_and_nothing_of_the_server(local_aws):
    code = "import os, json; print(json.dumps(dict(os.environ)))"
    name = process(local_aws, code, Environment={"DAY": "2026-01-01"})
    assert ended(local_aws, "processing", name)["ProcessingJobStatus"] == "Completed"
    seen = json.loads(log_of(local_aws, "processing", name)[0])
    assert seen["DAY"] == "2026-01-01"
    assert seen["AWS_ENDPOINT_URL"] == local_aws.endpoint
    assert seen["AWS_REGION"] == "us-east-1"
    assert seen["PROCESSING_JOB_NAME"] == name
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "MOTO_DISABLE_GLOBAL_CORS"} & set(seen)


def test_processing__jobs_at_the_same_time_have_each_their_own_folder(local_aws):
    code = portable("""
import os, pathlib, time
pathlib.Path("/opt/ml/mine").write_text(os.environ["WHO"])
time.sleep(0.5)
print(pathlib.Path("/opt/ml/mine").read_text())
""")
    names = [process(local_aws, code, Environment={"WHO": who}) for who in ("one", "two")]
    for name, who in zip(names, ("one", "two"), strict=True):
        ended(local_aws, "processing", name)
        assert log_of(local_aws, "processing", name) == [who]


def test_processing__taken_name_is_refused(local_aws):
    name = process(local_aws, "")
    with pytest.raises(ClientError, match="already exists") as refused:
        process(local_aws, "", ProcessingJobName=name)
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    ended(local_aws, "processing", name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ProcessingJobName": "no_underscores"}, "regular expression pattern"),
        ({"ProcessingJobName": "x" * 64}, "length less than or equal to 63"),
        ({"RoleArn": "arn:aws:iam::role/without-account"}, "'roleArn' failed to satisfy constraint"),
        ({"Environment": {f"V{i}": "" for i in range(101)}}, "length less than or equal to 100"),
    ],
)
def test_processing__request_outside_the_apis_limits_is_refused(local_aws, change, message):
    request = {
        "ProcessingJobName": unique("limits"),
        "RoleArn": f"arn:aws:iam::{'0' * 12}:role/r",
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "fraud:1", "ContainerEntrypoint": ["true"]},
    }
    with pytest.raises(ClientError, match=message) as refused:
        local_aws.client("sagemaker").create_processing_job(**request | change)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_processing__more_than_ten_inputs_are_refused(local_aws):
    with pytest.raises(ClientError, match=r"'processingInputs' failed.*less than or equal to 10"):
        process(local_aws, "", {f"i{n}": ("s3://b/p/", "S3Prefix") for n in range(11)})


def test_processing__describing_an_unknown_job_is_a_validation_error(local_aws):
    with pytest.raises(ClientError, match="Could not find requested job") as refused:
        local_aws.client("sagemaker").describe_processing_job(ProcessingJobName="never-was")
    assert refused.value.response["Error"]["Code"] == "ValidationException"
