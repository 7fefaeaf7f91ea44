"""Decisions of the drift step are kept, and train nothing while a person has paused retraining."""

from datetime import date

import pytest

from fraud import layout
from fraud.monitoring.decision import Decision
from fraud.orchestration import drift

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
