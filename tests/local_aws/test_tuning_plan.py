"""A training run's own tuning jobs, by Airflow's operator, on the real images: the best setting trains again."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from fraud.errors import MissingInputError
from fraud.features.catalogue import feature_names
from fraud.models.candidates import parse_hyperparameters
from fraud.orchestration import training, tuning
from fraud.orchestration.objects import Objects
from fraud.orchestration.training_requests import training_request
from fraud.settings import Settings, TrainingDefaults
from fraud.simulator.worlds import anchor, load_world
from local_jobs import bucket, put
from local_stack import REGION, ROLE

AS_OF = date(2026, 1, 1)
NAMES = ["logistic_regression", "xgboost_builtin"]


@pytest.fixture
def settings(local_aws) -> Settings:
    return Settings(
        bucket=bucket(local_aws),
        world="tiny",
        first_day=AS_OF,
        role_arn=ROLE,
        training=TrainingDefaults(tuning_jobs=2, window_days=28),
    )


@pytest.fixture
def request_(settings) -> dict[str, Any]:
    world = anchor(load_world("tiny"), settings.first_day)
    return training_request(settings, world, kind="manual", as_of=AS_OF, run="tuned", candidates=NAMES, tune=NAMES)


def rows(seed: int) -> str:
    """Return labelled rows in which the first feature tells frauds."""
    draw = np.random.default_rng(seed)
    fraud = draw.random(300) < 0.2
    values = draw.normal(size=(300, len(feature_names("v1"))))
    values[:, 0] += 2 * fraud
    return "".join(
        f"{int(label)},{','.join(map(repr, row))}\n" for label, row in zip(fraud, values.tolist(), strict=True)
    )


def test_spans__leave_the_label_delay_between_training_and_comparison(settings, request_) -> None:
    start, end = date.fromisoformat(request_["start"]), date.fromisoformat(request_["end"])
    spans = tuning.spans(settings, start, end)
    assert spans["train"][0] == start
    assert spans["validation"][1] == end
    assert (spans["validation"][1] - spans["validation"][0]).days == 6
    assert (spans["validation"][0] - spans["train"][1]).days == 1 + settings.label_delay_days


def test_plan__asks_for_what_the_image_knows(settings, request_) -> None:
    own, builtin = tuning.plan_tuning(settings, request_, 1)
    assert len(own["HyperParameterTuningJobName"]) <= 32
    assert (
        own["HyperParameterTuningJobName"]
        != tuning.plan_tuning(settings, request_, 2)[0]["HyperParameterTuningJobName"]
    )
    metrics = own["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]
    objective = own["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    assert [metric["Name"] for metric in metrics] == [objective["MetricName"]] == ["validation:average_precision"]
    assert "MetricDefinitions" not in builtin["TrainingJobDefinition"]["AlgorithmSpecification"]
    for job in (own, builtin):
        searched = {
            one["Name"] for ranges in job["HyperParameterTuningJobConfig"]["ParameterRanges"].values() for one in ranges
        }
        assert not searched & set(job["TrainingJobDefinition"]["StaticHyperParameters"])


def test_plan__of_a_job_that_was_stopped_says_what_to_clear(request_) -> None:
    stopped = {"HyperParameterTuningJobStatus": "Stopped", "HyperParameterTuningJobName": "t"}
    with pytest.raises(MissingInputError, match=r"tuning job t of xgboost is Stopped.*clear plan_tuning"):
        tuning.tuned_hyperparameters(request_, "xgboost", stopped)


@pytest.mark.slow
def test_operator__runs_the_search_and_the_best_setting_is_planned_for_training(
    local_aws, settings, request_, monkeypatch, tmp_path
) -> None:
    for name, value in {
        "AIRFLOW_HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": local_aws.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }.items():
        monkeypatch.setenv(name, value)
    from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTuningOperator

    folder = f"{settings.bucket}/training/tuned/"
    put(local_aws, folder, **{"tuning__train__part": rows(1), "tuning__validation__part": rows(2)})
    described = []
    for number, config in enumerate(tuning.plan_tuning(settings, request_, 1)):
        operator = SageMakerTuningOperator(
            task_id=f"tune_{number}", config=config, check_interval=1, deferrable=False, aws_conn_id=None
        )
        described.append(operator.execute({})["Tuning"])
    objects = Objects(settings.layout)
    objects.__dict__["client"] = local_aws.client("s3")
    jobs = training.plan_candidates(settings, objects, request_, described, 1)
    names = [one["name"] for one in training.read_candidates(objects, "tuned")]
    assert names == [*NAMES, "logistic_regression_tuned", "xgboost_builtin_tuned"]
    for name, tuned, job in zip(NAMES, described, jobs[2:], strict=True):
        assert tuned["TrainingJobStatusCounters"]["Completed"] == 2
        trials = local_aws.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=tuned["HyperParameterTuningJobName"]
        )["TrainingJobSummaries"]
        values = [trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for trial in trials]
        best = tuned["BestTrainingJob"]
        assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == max(values) > 0.3
        assert best["TunedHyperParameters"].items() <= job["HyperParameters"].items()
        parse_hyperparameters(name, best["TunedHyperParameters"])
        assert job["HyperParameters"] | best["TunedHyperParameters"] == job["HyperParameters"]
