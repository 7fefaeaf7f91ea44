"""A run of fraud_training does one thing, and refuses what cannot work before any job starts."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from fraud import layout
from fraud.errors import ConfigurationError, ConflictError, MissingInputError
from fraud.orchestration.registry import Package
from fraud.orchestration.training_requests import retraining_paused, training_run

DAY = timedelta(days=1)
TODAY = date(2026, 3, 10)


def package(settings, version: int, effective_from: str, approval: str = "Approved", **metadata: str) -> Package:
    uri = settings.layout.uri(f"training/run-{version}/model.tar.gz")
    about = {"run": f"run-{version}", "feature_version": "v1", **metadata}
    return Package(version, f"arn/{version}", approval, effective_from, about, uri, "image")


@pytest.fixture
def packages(settings, objects) -> list[Package]:
    """Two champions after each other, and a challenger that was refused."""
    found = [
        package(settings, 1, "2026-01-01"),
        package(settings, 2, "2026-03-02"),
        package(settings, 3, "2026-03-09", "Rejected"),
    ]
    for one in found:
        for name in ("verdict.json", "model.tar.gz"):
            objects.write_json(f"training/run-{one.version}/{name}", {})
    return found


@pytest.fixture
def ask(settings, objects, packages, world):
    def run(*, scheduled: bool = False, packages: list[Package] = packages, **changes):
        params = {
            "kind": "manual",
            "as_of": None,
            "candidates": ["xgboost", "logistic_regression"],
            "window_days": 28,
            "hyperparameters": {},
            "tune": [],
            "require_approval": False,
            "promote_version": None,
            "retraining": "keep",
            **changes,
        }
        return training_run(
            settings, objects, packages, world, params, day=TODAY, run="r", user="ann", scheduled=scheduled
        )

    return run


def test_run__trains_as_of_its_own_day(ask) -> None:
    request = ask(tune=["xgboost"], require_approval=True)
    assert (request["promotion"], request["retraining"]) == (None, None)
    training = request["training"]
    assert (training["as_of"], training["tune"], training["approval"]) == (str(TODAY), ["xgboost"], True)


@pytest.mark.parametrize(("scheduled", "kind"), [(True, "scheduled"), (False, "manual")])
def test_run__is_of_the_kind_that_its_start_says_unless_a_person_says_another(ask, scheduled, kind) -> None:
    assert ask(kind=None, scheduled=scheduled)["training"]["kind"] == kind
    assert ask(kind="alarm", scheduled=scheduled)["training"]["kind"] == "alarm"


@pytest.mark.parametrize("given", ['{"xgboost": {"max_depth": 5}}', {"xgboost": {"max_depth": 5}}])
def test_run__takes_hyperparameters_as_a_form_or_a_caller_writes_them(ask, given) -> None:
    assert ask(hyperparameters=given)["training"]["candidates"]["xgboost"]["max_depth"] == "5"


def test_run__promotes_an_earlier_version_as_a_rollback(ask) -> None:
    request = ask(promote_version=1)
    assert request["training"] is None
    assert request["promotion"] == {
        "run": "r",
        "version": 1,
        "kind": "rollback",
        "instead_of": 2,
        "effective_from": str(TODAY),
        "user": "ann",
        "approval": False,
    }


def test_run__promotes_a_refused_version_by_hand(ask) -> None:
    assert ask(promote_version=3, as_of="2026-03-12")["promotion"]["kind"] == "manual"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"promote_version": 9}, ConfigurationError, "there is no model version 9; registered versions: 1, 2, 3"),
        ({"promote_version": 2}, ConfigurationError, "2026-03-10 is scored by version 2, already; nothing to promote"),
        (
            {"promote_version": 1, "as_of": "2026-02-28"},
            ConfigurationError,
            "2026-02-28 is scored by version 1, already",
        ),
        ({"promote_version": 3, "as_of": "2026-02-28"}, ConflictError, "2026-02-28 was scored by version 1 already"),
        ({"promote_version": 3, "as_of": "2026-03-01"}, ConflictError, "version 2 takes over on 2026-03-02"),
        ({"promote_version": 1, "tune": ["xgboost"]}, ConfigurationError, "trains nothing; leave tune empty"),
        ({"promote_version": 1, "hyperparameters": {"xgboost": {}}}, ConfigurationError, "leave hyperparameters empty"),
        (
            {"retraining": "pause", "promote_version": 1},
            ConfigurationError,
            "to pause retraining is all that a run does",
        ),
        ({"hyperparameters": "depth 5"}, ConfigurationError, "Expecting value.*expected JSON by candidate, like"),
        ({"hyperparameters": "[5]"}, ConfigurationError, "got '\\[5\\]'; expected JSON by candidate"),
        ({"hyperparameters": '{"xgboost": {"max_depth": 99}}'}, ConfigurationError, "max_depth is 99; expected"),
        ({"retraining": "resume", "tune": ["xgboost"]}, ConfigurationError, "leave tune empty"),
        ({"tune": ["xgboost"], "window_days": 14}, MissingInputError, "needs 21 labelled days, .* are 14"),
    ],
)
def test_run__that_contradicts_itself_or_cannot_work_is_refused(ask, objects, changes, error, message) -> None:
    objects.write_json(layout.manifest("scoring", date(2026, 2, 28)), {"model_version": 1})
    with pytest.raises(error, match=message):
        ask(**changes)


def test_run__a_version_of_other_features_is_not_promoted(ask, packages, settings) -> None:
    other = replace(packages[0], metadata={**packages[0].metadata, "feature_version": "v2"})
    with pytest.raises(ConflictError, match="version 1 was trained on features 'v2', this deployment computes 'v1'"):
        ask(promote_version=1, packages=[other, *packages[1:]])


def test_run__a_copy_of_the_champions_model_is_not_promoted(ask, packages, settings) -> None:
    copy = replace(package(settings, 4, "2026-03-05"), model_data=packages[0].model_data)
    with pytest.raises(ConfigurationError, match="scored by version 4, the same model as version 1, already"):
        ask(promote_version=1, packages=[*packages, copy])


@pytest.mark.parametrize("name", ["model.tar.gz", "verdict.json"])
def test_run__a_version_whose_files_are_gone_is_not_promoted(ask, objects, name) -> None:
    objects.delete(f"training/run-1/{name}")
    with pytest.raises(MissingInputError, match=f"training/run-1/{name} of version 1 is gone"):
        ask(promote_version=1)


def test_run__without_a_champion_there_is_none_to_replace(ask, settings) -> None:
    with pytest.raises(MissingInputError, match="no champion scores 2026-03-10"):
        ask(promote_version=1, packages=[package(settings, 1, "2026-01-01", "Rejected")])


def test_run__while_paused_the_schedule_trains_nothing_and_a_person_does(ask, objects) -> None:
    assert not retraining_paused(objects)
    objects.write_json(layout.retraining(), {"paused": True})
    assert retraining_paused(objects)
    assert ask(scheduled=True)["training"] is None
    assert ask(scheduled=False)["training"] is not None
    objects.write_json(layout.retraining(), {"paused": False})
    assert ask(scheduled=True)["training"] is not None


def test_run__pausing_is_all_that_it_does(ask) -> None:
    request = ask(retraining="pause")
    assert (request["training"], request["promotion"], request["retraining"]) == (None, None, "pause")
