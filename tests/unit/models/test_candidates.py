"""Candidates as data: what ships, what may be overridden, what SageMaker is told."""

import subprocess
import sys
from pathlib import Path

import pytest

from fraud.errors import ConfigurationError
from fraud.models.candidates import (
    CANDIDATES,
    parse_hyperparameters,
    training_hyperparameters,
    tuning_ranges,
    validate_hyperparameters,
)
from fraud.settings import TrainingDefaults


def test_candidates__the_default_ones_are_declared():
    assert set(TrainingDefaults().candidates) <= set(CANDIDATES)


@pytest.mark.parametrize("name", CANDIDATES)
def test_candidates__shipped_values_lie_in_their_own_ranges(name):
    shipped = {key: hyperparameter.default for key, hyperparameter in CANDIDATES[name].hyperparameters.items()}
    texts = validate_hyperparameters(name, shipped)
    assert texts == {key: str(value) for key, value in shipped.items()}
    assert validate_hyperparameters(name, texts) == texts


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("xgboots", {}, "candidate 'xgboots' is unknown; choose from xgboost_builtin, xgboost"),
        ("xgboost", {"depth": 3}, "candidate xgboost: hyperparameter 'depth' is unknown; choose from num_round"),
        ("xgboost", {"eta": "3"}, "hyperparameter eta is '3'; expected a number from 0.005 to 1"),
        ("xgboost", {"eta": "nan"}, "hyperparameter eta is 'nan'; expected a number"),
        ("xgboost", {"max_depth": "4.5"}, "max_depth is '4.5'; expected a whole number from 1 to 12"),
        ("xgboost", {"max_depth": 0}, "max_depth is 0; expected a whole number from 1 to 12"),
        ("xgboost", {"tree_method": "gpu_hist"}, "tree_method is 'gpu_hist'; expected one of hist, exact, approx"),
        ("random_forest", {"class_weight": "heavy"}, "class_weight is 'heavy'; expected one of none, balanced"),
    ],
)
def test_hyperparameters__a_wrong_one_is_refused_by_name(name, overrides, message):
    with pytest.raises(ConfigurationError) as caught:
        validate_hyperparameters(name, overrides)
    assert message in str(caught.value)


def test_training_hyperparameters__our_image_is_told_candidate_and_features():
    values = training_hyperparameters("xgboost", {"max_depth": 6}, seed=3, feature_version="v2")
    assert values["max_depth"] == "6"
    assert (values["candidate"], values["seed"], values["feature_version"]) == ("xgboost", "3", "v2")
    assert all(isinstance(value, str) for value in values.values())


def test_training_hyperparameters__awss_image_is_told_only_names_that_it_knows():
    # Names of hyperparameter_validation.py in aws/sagemaker-xgboost-container; any other fails the job.
    known = {
        "num_round", "eta", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "lambda",
        "scale_pos_weight", "base_score", "tree_method", "objective", "eval_metric", "seed",
    }  # fmt: skip
    values = training_hyperparameters("xgboost_builtin", {}, seed=0, feature_version="v1")
    assert set(values) == known
    assert values["objective"] == "binary:logistic"


def test_tuning_ranges__are_those_that_sagemaker_takes():
    ranges = tuning_ranges("xgboost")
    assert {entry["Name"] for entry in ranges["IntegerParameterRanges"]} == {"num_round", "max_depth"}
    assert ranges["ContinuousParameterRanges"] == [
        {"Name": "eta", "MinValue": "0.03", "MaxValue": "0.3", "ScalingType": "Logarithmic"}
    ]
    assert tuning_ranges("xgboost", ["max_depth"])["ContinuousParameterRanges"] == []


@pytest.mark.parametrize("name", CANDIDATES)
def test_tuning_ranges__lie_within_what_training_takes(name):
    listed = [one for ranges in tuning_ranges(name).values() for one in ranges]
    assert listed
    for one in listed:
        for value in (one["MinValue"], one["MaxValue"]):
            parse_hyperparameters(name, {one["Name"]: value})


def test_tuning_ranges__refuse_what_is_not_tuned():
    with pytest.raises(ConfigurationError, match="candidate xgboost: 'base_score' is not tuned; choose from num_round"):
        tuning_ranges("xgboost", ["base_score"])


def test_candidates__import_no_heavy_library():
    code = "import sys, fraud.models.candidates; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("numpy", "pandas", "pyarrow", "sklearn", "xgboost", "boto3", "airflow"):
        assert f"'{heavy}'" not in loaded


def test_candidates__are_documented():
    page = (Path(__file__).parents[3] / "docs" / "models.md").read_text()
    assert [name for name in CANDIDATES if f"| `{name}` |" not in page] == []
