"""Hyperparameter tuning jobs: real training jobs, a few at a time, and the best of them."""

import math
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_aws.sagemaker.search import grid_size, point
from local_jobs import bucket, put, training_request, unique
from local_stack import TESTS, LocalStack, wait_until

NAME = "HyperParameterTuningJobName"
SCORE = [{"Name": "score", "Regex": r"score=([0-9.]+)"}]
RANDOM = {
    "IntegerParameterRanges": [{"Name": "score", "MinValue": "1", "MaxValue": "1000"}],
    "ContinuousParameterRanges": [
        {"Name": "eta", "MinValue": "0.001", "MaxValue": "1", "ScalingType": "Logarithmic"},
    ],
}


def grid(**values: list[str]) -> dict[str, Any]:
    return {"CategoricalParameterRanges": [{"Name": name, "Values": listed} for name, listed in values.items()]}


def request(where: str, ranges: dict[str, Any], strategy: str = "Grid", **changes: Any) -> dict[str, Any]:
    """Return a request for a tuning job of the toy, which prints its own hyperparameter as its score."""
    training = training_request("unused", where, metrics=SCORE, hyperparameters=changes.pop("static", {}))
    static = training.pop("HyperParameters")
    del training["TrainingJobName"]
    limits = {"MaxParallelTrainingJobs": changes.pop("parallel", 2)}
    if "jobs" in changes:
        limits["MaxNumberOfTrainingJobs"] = changes.pop("jobs")
    return {
        NAME: unique("tune"),
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {
                "Type": changes.pop("objective", "Maximize"),
                "MetricName": changes.pop("metric", "score"),
            },
            "ResourceLimits": limits,
            "ParameterRanges": ranges,
            "RandomSeed": 7,
        },
        "TrainingJobDefinition": {**training, "StaticHyperParameters": static},
        **changes,
    }


def start(stack: LocalStack, asked: dict[str, Any]) -> str:
    stack.client("sagemaker").create_hyper_parameter_tuning_job(**asked)
    return asked[NAME]


def ended(stack: LocalStack, name: str) -> dict[str, Any]:
    def final() -> dict[str, Any] | None:
        job = stack.client("sagemaker").describe_hyper_parameter_tuning_job(**{NAME: name})
        return job if job["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return wait_until(final)


def trials(stack: LocalStack, name: str, **options: Any) -> list[dict[str, Any]]:
    return stack.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(**{NAME: name}, **options)[
        "TrainingJobSummaries"
    ]


@pytest.fixture(scope="module")
def where(local_aws):
    name = bucket(local_aws)
    put(local_aws, f"{name}/train/", a="1,2")
    return name


def test_tuning__a_grid_tries_every_combination_and_names_the_best(local_aws, where):
    name = start(local_aws, request(where, grid(score=["0.1", "0.7", "0.4"], depth=["2"]), static={"weight": 3}))
    job = ended(local_aws, name)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == job["ObjectiveStatusCounters"]["Succeeded"] == 3
    best = job["BestTrainingJob"]
    assert best["TunedHyperParameters"] == {"score": "0.7", "depth": "2"}
    assert best["FinalHyperParameterTuningJobObjectiveMetric"] == {
        "Type": "Maximize",
        "MetricName": "score",
        "Value": pytest.approx(0.7),
    }
    found = trials(local_aws, name)
    assert [trial["TunedHyperParameters"]["score"] for trial in found] == ["0.1", "0.7", "0.4"]
    ranked = trials(local_aws, name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [trial["TunedHyperParameters"]["score"] for trial in ranked] == ["0.7", "0.4", "0.1"]
    described = local_aws.client("sagemaker").describe_training_job(TrainingJobName=best["TrainingJobName"])
    assert described["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert described["HyperParameters"] == {
        "weight": "3",
        "score": "0.7",
        "depth": "2",
        "_tuning_objective_metric": "score",
    }
    assert described["ModelArtifacts"]["S3ModelArtifacts"].startswith(f"s3://{where}/models/{name}-")


def test_tuning__minimize_takes_the_least(local_aws, where):
    job = ended(local_aws, start(local_aws, request(where, grid(score=["3", "1", "2"]), objective="Minimize", jobs=2)))
    assert job["TrainingJobStatusCounters"]["Completed"] == 2
    assert job["BestTrainingJob"]["TunedHyperParameters"] == {"score": "1"}


def test_tuning__a_failed_training_job_is_counted_and_passed_over(local_aws, where):
    asked = request(where, grid(score=["1", "2"]), static={"weight": 1})
    asked["HyperParameterTuningJobConfig"]["ParameterRanges"] = grid(score=["1", "x"])
    job = ended(local_aws, start(local_aws, asked))
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 1, "Pending": 0, "Failed": 1}
    failed = ended(local_aws, start(local_aws, request(where, grid(fail=["so", "not so"]), jobs=2)))
    assert failed["HyperParameterTuningJobStatus"] == "Failed"
    assert failed["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert failed["FailureReason"] == "ClientError: No training job ended with a value of the objective metric"


def test_tuning__stopping_ends_its_training_jobs_and_starts_no_more(local_aws, where):
    name = start(local_aws, request(where, grid(score=["1", "2", "3", "4"]), static={"sleep": 600}, parallel=2))
    wait_until(lambda: len(trials(local_aws, name, StatusEquals="InProgress")) == 2)
    local_aws.client("sagemaker").stop_hyper_parameter_tuning_job(**{NAME: name})
    job = ended(local_aws, name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["Stopped"] == len(trials(local_aws, name)) == 2
    with pytest.raises(ClientError, match="in status Stopped"):
        local_aws.client("sagemaker").stop_hyper_parameter_tuning_job(**{NAME: name})


def test_tuning__is_listed_with_its_counters(local_aws, where):
    name = start(local_aws, request(where, grid(score=["1"])))
    ended(local_aws, name)
    listed = local_aws.client("sagemaker").list_hyper_parameter_tuning_jobs(NameContains=name)
    (entry,) = listed["HyperParameterTuningJobSummaries"]
    assert (entry[NAME], entry["Strategy"], entry["HyperParameterTuningJobStatus"]) == (name, "Grid", "Completed")
    assert entry["TrainingJobStatusCounters"]["Completed"] == 1


def test_tuning__survives_a_kill_of_the_server_as_failed(tmp_path):
    stack = LocalStack(tmp_path / "state", ("--images", str(TESTS / "local_aws" / "images.json")))
    try:
        where = bucket(stack.start())
        put(stack, f"{where}/train/", a="1")
        done = start(stack, request(where, grid(score=["5"])))
        best = ended(stack, done)["BestTrainingJob"]
        running = start(stack, request(where, grid(score=["1"]), static={"sleep": 600}))
        stack.kill()
        stack.start()
        assert ended(stack, done)["BestTrainingJob"] == best
        job = ended(stack, running)
        assert job["HyperParameterTuningJobStatus"] == "Failed"
        assert "run it again" in job["FailureReason"]
        assert job["TrainingJobStatusCounters"]["NonRetryableError"] == len(trials(stack, running))
    finally:
        stack.stop()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"strategy": "Bayesian", "jobs": 2}, "by strategy Random or Grid, not Bayesian"),
        ({"ranges": RANDOM, "jobs": 2}, "Grid supports only CategoricalParameterRanges"),
        ({"ranges": RANDOM, "strategy": "Random"}, "needs ResourceLimits.MaxNumberOfTrainingJobs"),
        ({"ranges": grid()}, "at least one range"),
        ({"static": {"score": 1}}, "'score' is static and has a range"),
        ({"metric": "auc"}, "objective metric 'auc' is none of the metrics of the training jobs: score"),
        (
            {
                "ranges": {"IntegerParameterRanges": [{"Name": "n", "MinValue": "3", "MaxValue": "3"}]},
                "strategy": "Random",
                "jobs": 1,
            },
            "MinValue of hyperparameter 'n' must be less than its MaxValue",
        ),
        (
            {
                "ranges": {
                    "ContinuousParameterRanges": [
                        {"Name": "n", "MinValue": "0", "MaxValue": "1", "ScalingType": "Logarithmic"}
                    ]
                },
                "strategy": "Random",
                "jobs": 1,
            },
            "needs a MinValue greater than 0",
        ),
    ],
)
def test_tuning__nonsense_is_refused_before_any_job(local_aws, where, changes, message):
    asked = request(where, changes.pop("ranges", grid(score=["1"])), **changes)
    with pytest.raises(ClientError, match=message) as refused:
        local_aws.client("sagemaker").create_hyper_parameter_tuning_job(**asked)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    listed = local_aws.client("sagemaker").list_training_jobs(NameContains=asked[NAME])
    assert listed["TrainingJobSummaries"] == []


def test_tuning__a_name_is_taken_once(local_aws, where):
    asked = request(where, grid(score=["1"]))
    start(local_aws, asked)
    with pytest.raises(ClientError, match="already exists") as refused:
        start(local_aws, asked)
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    with pytest.raises(ClientError, match="Could not find requested hyperparameter tuning job"):
        local_aws.client("sagemaker").describe_hyper_parameter_tuning_job(**{NAME: "never"})


def test_search__draws_within_the_ranges_on_their_scales():
    configuration = {"Strategy": "Random", "ParameterRanges": RANDOM, "RandomSeed": 7}
    points = [point(configuration, "job", number) for number in range(2000)]
    scores = [int(one["score"]) for one in points]
    etas = [float(one["eta"]) for one in points]
    assert 1 <= min(scores) < 20
    assert 980 < max(scores) <= 1000
    assert 0.001 <= min(etas) < max(etas) <= 1
    # Half of the draws lie below the middle of the scale: the arithmetic mean here, the geometric one there.
    assert sum(score <= 500 for score in scores) == pytest.approx(1000, abs=100)
    assert sum(eta <= math.sqrt(0.001) for eta in etas) == pytest.approx(1000, abs=100)
    assert points[5] == point(configuration, "another", 5)
    assert point({**configuration, "RandomSeed": 8}, "job", 5) != points[5]


def test_search__ends_of_a_whole_range_are_as_likely_as_the_rest():
    ranges = {"IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "4"}]}
    configuration = {"Strategy": "Random", "ParameterRanges": ranges, "RandomSeed": 1}
    drawn = [point(configuration, "job", number)["depth"] for number in range(4000)]
    assert {value: drawn.count(value) for value in "1234"} == {value: pytest.approx(1000, abs=120) for value in "1234"}


def test_search__a_grid_is_the_product():
    configuration = {"Strategy": "Grid", "ParameterRanges": grid(a=["1", "2"], b=["x", "y", "z"])}
    assert grid_size(configuration) == 6
    points = {tuple(point(configuration, "job", number).values()) for number in range(6)}
    assert points == {(a, b) for a in "12" for b in "xyz"}
