"""AWS's built-in XGBoost: what it trains and scores is what the library trains and scores."""

import io
import json
import tarfile

import numpy as np
import pytest
import xgboost

from local_aws.images import algorithm
from local_aws.images.hyperparameters import UserError, check_hyperparameters
from local_jobs import bucket, ended, log_of, put, read, train, unique
from local_stack import ROLE

IMAGE = "sagemaker-xgboost:1.7-1"
HYPERPARAMETERS = {"objective": "binary:logistic", "num_round": 12, "max_depth": 3, "eta": 0.3, "eval_metric": "auc"}


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(3)
    features = draw.normal(size=(600, 4))
    labels = (features[:, 0] + features[:, 1] ** 2 + draw.normal(size=600) > 1).astype(float)
    return np.column_stack([labels, features]).round(6)


def csv_of(rows):
    return "".join(",".join(f"{value:.10g}" for value in row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def trained(local_aws, data):
    where = bucket(local_aws)
    put(
        local_aws, f"{where}/", train__a=csv_of(data[:250]), train__b=csv_of(data[250:400]), valid__c=csv_of(data[400:])
    )
    channels = {"train": f"s3://{where}/train/", "validation": f"s3://{where}/valid/"}
    return where, train(local_aws, where, image=IMAGE, channels=channels, hyperparameters=HYPERPARAMETERS)


@pytest.fixture(scope="module")
def reference(data):
    parameters = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "tree_method": "exact", "base_score": 0.5}
    matrix = xgboost.DMatrix(data[:400, 1:], label=data[:400, 0])
    return xgboost.train(parameters, matrix, num_boost_round=12)


def test_training__gives_the_librarys_model_and_metrics(local_aws, data, trained, reference):
    _, job = trained
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    with tarfile.open(fileobj=io.BytesIO(read(local_aws, job["ModelArtifacts"]["S3ModelArtifacts"]))) as tar:
        assert tar.getnames() == ["xgboost-model"]
        booster = xgboost.Booster()
        booster.load_model(bytearray(tar.extractfile("xgboost-model").read()))
    held_out = xgboost.DMatrix(data[400:, 1:])
    np.testing.assert_array_equal(booster.predict(held_out), reference.predict(held_out))
    metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    reference.set_param({"eval_metric": "auc"})
    evaluated = reference.eval(xgboost.DMatrix(data[400:, 1:], label=data[400:, 0]), "validation")
    assert metrics["validation:auc"] == pytest.approx(float(evaluated.rpartition(":")[2]), abs=1e-5)
    assert set(metrics) == {"train:auc", "validation:auc"}


def test_transform__gives_the_librarys_predictions_beside_the_ids(local_aws, data, trained, reference):
    where, job = trained
    sagemaker, name = local_aws.client("sagemaker"), unique("scores")
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    ids = np.arange(200) + 10**9
    put(local_aws, f"{where}/in/", **{"part.csv": csv_of(np.column_stack([ids, data[400:, 1:]]))})
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{where}/in/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{where}/out", "AssembleWith": "Line", "Accept": "text/csv"},
        TransformResources={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
    )
    assert ended(local_aws, "transform", name)["TransformJobStatus"] == "Completed"
    rows = [line.split(",") for line in read(local_aws, f"s3://{where}/out/part.csv.out").decode().splitlines()]
    assert [int(row[0]) for row in rows] == ids.tolist()
    scores = np.array([float(row[1]) for row in rows], dtype=np.float32)
    np.testing.assert_array_equal(scores, reference.predict(xgboost.DMatrix(data[400:, 1:])))


def test_training__user_error_is_the_failure_reason(local_aws):
    where = bucket(local_aws)
    put(local_aws, f"{where}/train/", a="1,2\n")
    job = train(local_aws, where, image=IMAGE, hyperparameters={"num_round": 2, "eta": 2})
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: UserError: Hyperparameter eta: 2.0 is not in [0, 1], exit code: 1"
    assert "Traceback" in "\n".join(log_of(local_aws, "training", job["TrainingJobName"]))


CSV_CHANNEL = {"ContentType": "text/csv"}


@pytest.mark.parametrize(
    ("hyperparameters", "content", "channels", "message"),
    [
        ({}, "label,amount\n1,2\n", {"train": CSV_CHANNEL}, "Loading csv data failed"),
        ({}, "1\n0\n", {"train": CSV_CHANNEL}, "Data of the train channel has no feature"),
        ({}, ",2\n1,3\n", {"train": CSV_CHANNEL}, "Data of the train channel has a row without a label"),
        ({}, "", {"train": CSV_CHANNEL}, "No data in train channel path"),
        ({}, "1,2\n", {}, "Missing required channel: train"),
        ({}, "1,2\n", {"train": CSV_CHANNEL, "test": CSV_CHANNEL}, "Extraneous channel found: test"),
        ({}, "1,2\n", {"train": {}}, "only ContentType text/csv, not text/libsvm"),
        ({"early_stopping_rounds": "2"}, "1,2\n", {"train": CSV_CHANNEL}, "needs a validation channel"),
        ({"objective": "binary:logistic"}, "7,2\n1,3\n", {"train": CSV_CHANNEL}, "label must be in"),
    ],
)
def test_training__bad_data_or_channel_is_named(tmp_path, hyperparameters, content, channels, message):
    for folder in ("input/config", "input/data/train"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "input/data/train/part.csv").write_text(content)
    (tmp_path / "input/config/hyperparameters.json").write_text(json.dumps({"num_round": "2"} | hyperparameters))
    (tmp_path / "input/config/inputdataconfig.json").write_text(json.dumps(channels))
    with pytest.raises(UserError, match=message):
        algorithm.train(tmp_path)
    assert not (tmp_path / "model").exists()


def test_serving__refuses_rows_of_another_width(local_aws, trained):
    where, job = trained
    sagemaker, name = local_aws.client("sagemaker"), unique("narrow")
    container = {"Image": IMAGE, "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    put(local_aws, f"{where}/narrow/", a="1,2,3\n")
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{where}/narrow/"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        TransformOutput={"S3OutputPath": f"s3://{where}/out", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    )
    reason = ended(local_aws, "transform", name)["FailureReason"]
    assert "400: Feature size of text/csv inference data 3 is not consistent" in reason


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Missing required hyperparameter: num_round"),
        ({"num_round": "0"}, r"Hyperparameter num_round: 0 is not in \[1, \+inf\)"),
        ({"num_round": "ten"}, "Hyperparameter num_round: could not parse value"),
        ({"num_round": "1.5"}, "Hyperparameter num_round: could not parse value"),
        ({"trees": "5"}, "Extraneous hyperparameter found: trees"),
        ({"subsample": "0"}, r"Hyperparameter subsample: 0.0 is not in \(0, 1\]"),
        ({"learning_rate": "1.5"}, r"Hyperparameter eta: 1.5 is not in \[0, 1\]"),
        ({"objective": "guess"}, "Hyperparameter objective: guess is not in"),
        ({"objective": "multi:softprob"}, "Require input for parameter 'num_class'"),
        ({"eval_metric": "auc"}, "Metric 'auc' can only be applied for classification"),
        ({"eval_metric": "logloss,nothing"}, "Hyperparameter eval_metric: value"),
        ({"eval_metric": "error@high"}, "'error@t' expects float input"),
        ({"eval_metric": "rmse@1"}, "Metric 'rmse@1' is not supported"),
        ({"tweedie_variance_power": "2"}, r"is not in \(1, 2\)"),
        ({"_kfold": "5"}, "not supported by the local AWS"),
    ],
)
def test_hyperparameters__outside_their_ranges_are_refused_in_the_containers_words(given, message):
    with pytest.raises(UserError, match=message):
        check_hyperparameters(({} if "num_round" in given or not given else {"num_round": "5"}) | given)


def test_hyperparameters__become_values_of_their_types():
    given = {"num_round": "5", "reg_alpha": "0.5", "eval_metric": "auc,error@0.3", "objective": "binary:logistic"}
    assert check_hyperparameters(given) == {
        "num_round": 5,
        "alpha": 0.5,
        "eval_metric": ["auc", "error@0.3"],
        "objective": "binary:logistic",
    }


def test_csv__empty_fields_are_missing_values():
    np.testing.assert_array_equal(algorithm.read_csv(b"1,,2\n3,nan,4\n"), [[1, np.nan, 2], [3, np.nan, 4]])


def test_csv__ragged_rows_are_refused():
    with pytest.raises(UserError, match="is not CSV of numbers without a header"):
        algorithm.read_csv(b"1,2\n3\n")
