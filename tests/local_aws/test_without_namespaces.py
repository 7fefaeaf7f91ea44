"""Where a private /opt/ml cannot be had, jobs run all the same and find their base folder in a variable."""

import json
import urllib.request

import pytest

from local_jobs import TOY, ended, log_of, process, put, read, train
from local_stack import ROLE, TESTS, LocalStack


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A server that finds no ``unshare``."""
    options = ("--images", str(TESTS / "local_aws" / "images.json"))
    stack = LocalStack(tmp_path_factory.mktemp("plain") / "state", options, {"PATH": "/nonexistent"}).start()
    stack.client("s3").create_bucket(Bucket="data")
    yield stack
    stack.stop()


def test_probe__found_that_it_cannot(plain):
    with urllib.request.urlopen(f"{plain.endpoint}/_local/health", timeout=5) as answer:
        assert json.load(answer)["private_opt_ml"] is False


def test_processing__base_folder_is_in_the_environment(plain):
    put(plain, "data/in/", a="7")
    code = """
import os, pathlib
base = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
(base / "processing/output/out/double").write_text(2 * (base / "processing/input/in/a").read_text())
"""
    name = process(plain, code, {"in": ("s3://data/in/", "S3Prefix")}, {"out": "s3://data/out"})
    assert ended(plain, "processing", name)["ProcessingJobStatus"] == "Completed"
    assert read(plain, "s3://data/out/double") == b"77"


def test_training_and_transform__find_their_folders(plain):
    put(plain, "data/", train__a="1", records__a="1,2\n")
    job = train(plain, "data", hyperparameters={"weight": 4})
    assert job["TrainingJobStatus"] == "Completed"
    assert any(
        line.startswith(f"SM_MODEL_DIR={plain.state_dir}") for line in log_of(plain, "training", job["TrainingJobName"])
    )
    sagemaker = plain.client("sagemaker")
    container = {
        "Image": "toy:1",
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "Environment": TOY,
    }
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/records/"}}
    sagemaker.create_transform_job(
        TransformJobName="t",
        ModelName="m",
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": "s3://data/scores", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    )
    assert ended(plain, "transform", "t")["TransformJobStatus"] == "Completed"
    assert read(plain, "s3://data/scores/a.out") == b"12\n"
