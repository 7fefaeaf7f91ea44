"""Every request that cannot work is refused by the first task, in one sentence that names what and says what to do."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from fraud import layout
from fraud.errors import ConfigurationError, ConflictError, MissingInputError
from fraud.models.candidates import CANDIDATES
from fraud.orchestration.registry import Package
from fraud.orchestration.requests import daily_request, history_request, run_folder
from fraud.orchestration.training_requests import training_request

DAY = timedelta(days=1)


def package(version: int = 1, effective_from: str = "2026-01-01", approval: str = "Approved") -> Package:
    return Package(version, f"arn/{version}", approval, effective_from, {"feature_version": "v1"}, "s3://m", "image")


def params(**changes):
    return dict.fromkeys(("start", "end", "steps", "world", "model_version", "card")) | changes


def test_daily__asks_for_every_step_of_its_day(settings, bootstrapped) -> None:
    request = daily_request(settings, bootstrapped, [package()], settings.first_day, "scheduled__1")
    assert request["days"] == {step: ["2026-03-01", "2026-03-01"] for step in layout.STEPS}
    assert request["act"]
    assert request["wait_scoring"] == ["unit/manifests/drift/2026-02-28.json"]


def test_daily__waits_for_scheduled_days_of_its_look_back(settings, bootstrapped) -> None:
    request = daily_request(settings, bootstrapped, [package()], date(2026, 3, 3), "scheduled__3")
    assert [key[-15:-5] for key in request["wait_features"]] == ["2026-03-01", "2026-03-02", "2026-03-03"]


def test_daily__before_bootstrap_is_refused(settings, objects) -> None:
    with pytest.raises(MissingInputError, match=r"no world is stored .*run fraud_history with step 'prepare' first"):
        daily_request(settings, objects, [package()], settings.first_day, "r")


def test_daily__a_day_before_the_world_begins_is_refused(settings, bootstrapped, world) -> None:
    day = world.start - DAY
    with pytest.raises(ConfigurationError, match=f"{day} lies before world 'tiny' begins on {world.start}"):
        daily_request(settings, bootstrapped, [package()], day, "r")


def test_daily__a_missing_upstream_day_is_named(settings, bootstrapped) -> None:
    gone = settings.first_day - 10 * DAY
    bootstrapped.delete(layout.manifest("transactions", gone))
    with pytest.raises(MissingInputError, match=f"needs transactions of {gone}, which is missing"):
        daily_request(settings, bootstrapped, [package()], settings.first_day, "r")


def test_daily__without_champion_is_refused(settings, bootstrapped) -> None:
    with pytest.raises(MissingInputError, match="no champion scores 2026-03-01"):
        daily_request(settings, bootstrapped, [package(effective_from="2026-03-02")], settings.first_day, "r")


def test_history__without_dates_is_the_bootstrap(settings, objects, world) -> None:
    request = history_request(settings, objects, [], params(), "manual__1")
    last = str(settings.first_day - DAY)
    as_of = str(world.date_of(world.history.train_as_of + 1))
    assert request["days"]["transactions"] == [str(world.start), last]
    assert request["days"]["scoring"] == [as_of, last]
    assert request["training"]["as_of"] == as_of
    assert request["training"]["kind"] == "bootstrap"
    assert not request["act"]


def test_history__a_range_that_ends_before_it_starts_is_refused(settings, bootstrapped) -> None:
    with pytest.raises(ConfigurationError, match="ends on 2026-02-01, before it starts on 2026-02-03"):
        history_request(settings, bootstrapped, [package()], params(start="2026-02-03", end="2026-02-01"), "r")


def test_history__half_a_range_is_refused(settings, bootstrapped) -> None:
    with pytest.raises(ConfigurationError, match="start and end come together"):
        history_request(settings, bootstrapped, [package()], params(start="2026-02-03"), "r")


def test_history__a_range_without_steps_is_refused(settings, bootstrapped) -> None:
    with pytest.raises(ConfigurationError, match=r"from 2026-02-25 to 2026-02-26.* steps: prepare, transactions"):
        history_request(settings, bootstrapped, [package()], params(start="2026-02-25", end="2026-02-26"), "r")


def test_history__features_of_missing_days_are_refused(settings, bootstrapped) -> None:
    asked = params(start="2026-03-02", end="2026-03-03", steps=["features"])
    with pytest.raises(MissingInputError, match="needs transactions of 2026-03-01, which is missing"):
        history_request(settings, bootstrapped, [package()], asked, "r")


def test_history__scoring_without_champion_is_refused(settings, bootstrapped) -> None:
    asked = params(start="2026-02-25", end="2026-02-26", steps=["scoring"])
    with pytest.raises(MissingInputError, match="no champion scores 2026-02-25"):
        history_request(settings, bootstrapped, [], asked, "r")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"model_version": 9}, ConfigurationError, "there is no model version 9; registered versions: 1, 2"),
        ({}, ConfigurationError, "step 'rescore' needs a model version"),
        (
            {"model_version": 2},
            ConflictError,
            "model version 2 was trained on features 'v2', this deployment computes 'v1'",
        ),
        (
            {"model_version": 1, "end": "2026-03-01"},
            MissingInputError,
            "needs features of 2026-03-01, which is missing",
        ),
        ({"model_version": 1, "steps": ["scoring"]}, ConfigurationError, "model version 1 is for step 'rescore'"),
        ({"model_version": 1, "start": None, "end": None}, ConfigurationError, "over a start and an end"),
    ],
)
def test_history__re_scoring_that_cannot_work_is_refused(settings, bootstrapped, changes, error, message) -> None:
    packages = [package(), replace(package(2), metadata={"feature_version": "v2"})]
    asked = params(**{"start": "2026-02-25", "end": "2026-02-26", "steps": ["rescore"], **changes})
    with pytest.raises(error, match=message):
        history_request(settings, bootstrapped, packages, asked, "r")


def test_history__re_scoring_is_a_step_of_its_own(settings, bootstrapped) -> None:
    asked = params(start="2026-02-25", end="2026-02-26", steps=["rescore"], model_version=1)
    request = history_request(settings, bootstrapped, [package()], asked, "r")
    assert request["days"] == {"rescore": ["2026-02-25", "2026-02-26"]}
    assert request["model_version"] == 1
    assert request["training"] is None


def test_history__erasing_is_a_step_without_days(settings, bootstrapped) -> None:
    request = history_request(settings, bootstrapped, [package()], params(steps=["erase"], card=7), "r")
    assert (request["erase"], request["card"], request["days"]) == (True, 7, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": ["features", "erase"], "card": 7}, "step 'erase' runs alone, not with features"),
        ({"steps": ["features"], "card": 7}, "card 7 is for step 'erase'"),
    ],
)
def test_history__erasing_among_other_steps_is_refused(settings, bootstrapped, changes, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        history_request(settings, bootstrapped, [package()], params(**changes), "r")


def test_history__another_world_in_the_same_prefix_is_refused(settings, bootstrapped) -> None:
    with pytest.raises(ConfigurationError, match="runs world 'tiny', not 'demo'"):
        history_request(settings, bootstrapped, [package()], params(world="demo"), "r")


def test_history__an_unknown_world_is_refused(settings, objects) -> None:
    with pytest.raises(ConfigurationError, match="'atlantis': neither a file nor one of"):
        history_request(settings, objects, [], params(world="atlantis"), "r")


def test_training__labels_end_a_label_delay_before_as_of(settings, world) -> None:
    as_of = settings.first_day
    request = training_request(settings, world, kind="manual", as_of=as_of, run="r")
    assert request["end"] == str(as_of - 8 * DAY)


def test_training__too_early_says_when_to_train(settings, world) -> None:
    as_of = world.start + 40 * DAY
    with pytest.raises(MissingInputError, match=r"fewer than 7 labelled days .* train as of \d{4}-\d\d-\d\d or later"):
        training_request(settings, world, kind="manual", as_of=as_of, run="r")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"candidates": ["crystal_ball"]}, "crystal_ball"),
        ({"hyperparameters": {"xgboost": {"max_depth": 99}}}, "max_depth"),
        ({"hyperparameters": {"xgboost": {"depth": 3}}}, "'depth' is unknown"),
        ({"candidates": ["xgboost"], "hyperparameters": {"random_forest": {}}}, "random_forest.*not trained"),
        ({"candidates": ["xgboost"], "tune": ["random_forest"]}, "'random_forest' is to be tuned, but not trained"),
        ({"candidates": sorted(CANDIDATES)}, "more than the 7 that one run compares"),
    ],
)
def test_training__a_bad_candidate_or_hyperparameter_is_named(settings, world, changes, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        training_request(settings, world, kind="manual", as_of=settings.first_day, run="r", **changes)


def test_run_folder__holds_plain_characters_only() -> None:
    assert run_folder("scheduled__2026-03-01T01:00:00+00:00") == "scheduled-2026-03-01T01-00-00-00-00"
