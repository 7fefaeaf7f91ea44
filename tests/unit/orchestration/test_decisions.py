"""Decisions of the drift step are kept, and train nothing while a person has paused retraining."""

from datetime import date

import pytest

from fraud import layout
from fraud.monitoring.decision import Decision
from fraud.monitoring.loss import Loss
from fraud.orchestration import drift
from fraud.orchestration.training import plan_evaluation

DAY = date(2026, 3, 1)
TRAINS = Decision(
    decision_date=DAY,
    model_version=1,
    action="train_now",
    alarm="labels",
    reason="average precision fell",
    train_as_of=date(2026, 3, 2),
    run_id=f"drift__{DAY}",
)


@pytest.fixture
def decide(settings, objects, monkeypatch):
    """Decide on a day whose signals ask for a challenger."""
    objects.write_json(layout.summary("drift", DAY), {"rows": {}, "files": {}})
    monkeypatch.setattr(drift, "_decide", lambda *_, **__: TRAINS)
    request = {"days": {"drift": [str(DAY), str(DAY)]}, "act": True}
    return lambda: drift.decide_days(settings, objects, [], request)[0]


def test_decision__trains_when_nobody_paused_retraining(decide) -> None:
    assert decide() == TRAINS.model_dump(mode="json")


def test_decision__while_paused_says_what_it_would_have_trained(decide, objects) -> None:
    objects.write_json(layout.retraining(), {"paused": True})
    decided = decide()
    assert decided["action"] == "none"
    assert decided["alarm"] == "labels"
    assert decided["reason"] == "retraining is paused: average precision fell"
    assert (decided["run_id"], decided["train_as_of"]) == ("", None)


def test_decision__once_made_stays(decide, objects) -> None:
    objects.write_json(layout.retraining(), {"paused": True})
    before = decide()
    objects.write_json(layout.retraining(), {"paused": False})
    assert decide() == before == objects.read_json(layout.decision(DAY))


def test_loss__of_the_last_day_decided_on_before_a_day(objects) -> None:
    assert drift.loss_before(objects, DAY) is None
    loss = Loss(since=DAY, version=1, expected=0.7)
    for number, found in ((2, loss), (4, None)):
        day = date(2026, 3, number)
        decided = TRAINS.model_copy(update={"decision_date": day, "loss": found})
        objects.write_json(layout.decision(day), decided.model_dump(mode="json"))
    for number, expected in ((2, None), (3, loss), (4, loss), (5, None)):
        assert drift.loss_before(objects, date(2026, 3, number)) == expected


def test_loss__before_there_was_one_is_none(objects) -> None:
    old = {name: value for name, value in TRAINS.model_dump(mode="json").items() if name != "loss"}
    objects.write_json(layout.decision(DAY), old)
    assert drift.loss_before(objects, date(2026, 3, 2)) is None


@pytest.mark.parametrize(
    ("kind", "loss", "needed"),
    [("scheduled", False, False), ("scheduled", True, True), ("alarm", False, False), ("manual", False, True)],
)
def test_evaluation__is_asked_with_whether_labels_showed_a_loss_on_the_eve(
    settings, objects, kind, loss, needed
) -> None:
    shown = Loss(since=DAY, version=1, expected=0.7) if loss else None
    objects.write_json(layout.decision(DAY), TRAINS.model_copy(update={"loss": shown}).model_dump(mode="json"))
    later = Decision.model_validate({**TRAINS.model_dump(), "decision_date": date(2026, 3, 2), "loss": None})
    objects.write_json(layout.decision(date(2026, 3, 2)), later.model_dump(mode="json"))
    objects.write_json(f"{layout.training('r')}candidates.json", [{"name": "xgboost"}])
    training = {"run": "r", "kind": kind, "as_of": "2026-03-02", "start": "2026-02-01", "end": "2026-02-22"}
    job = {
        "TrainingJobName": "one",
        "TrainingJobStatus": "Completed",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/model.tar.gz"},
    }
    plan_evaluation(settings, objects, [], training, [{"Training": job}], 1)
    request = objects.read_json(f"{layout.training('r')}request/request.json")
    assert (request["kind"], request["loss"]) == (kind, needed)
