"""The trigger forms: what they offer and explain, and the nonsense that they or the run's first task refuse."""

import time

import pytest

from fraud.orchestration.requests import HISTORY_STEPS
from trigger_form import TriggerForm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def form(visit, site):
    """Return a function that opens a DAG's form."""
    windows = []

    def of(dag_id: str) -> TriggerForm:
        windows.append(visit())
        return TriggerForm(windows[-1].page, site.url, dag_id)

    yield of
    for window in windows:
        window.page.close()  # what it still has to report, it reports now
        window.problems.clear()  # Airflow's own form loads an editor from another host, in vain


def refusal(site, dag_id: str, run_id: str) -> str:
    """Wait until a run has failed at its first task, and return that task's log."""
    with site.client("admin") as client:
        run = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        until = time.monotonic() + 120
        while client.get(run).json()["state"] not in ("failed", "success"):
            assert time.monotonic() < until, f"{run_id} has not ended"
            time.sleep(0.3)
        tasks = client.get(f"{run}/taskInstances").json()["task_instances"]
        assert {task["task_id"] for task in tasks if task["state"] in ("failed", "success")} == {"check_request"}
        return client.get(f"{run}/taskInstances/check_request/logs/1").text


def test_history_form__explains_itself_and_a_range_that_ends_before_it_starts_fails_before_any_job(form, site):
    opened = form("fraud_history")
    assert [opened.field(name).get_attribute("type") for name in ("start", "end")] == ["date", "date"]
    assert opened.options("steps") == list(HISTORY_STEPS)
    text = opened.page.get_by_role("dialog").inner_text()
    for words in ("everything before the daily schedule", "To ask what another version says: rescore", "step rescore"):
        assert words in text
    opened.fill("start", "2026-03-10")
    opened.fill("end", "2026-03-01")
    opened.choose("steps", "features")
    opened.submit()
    said = refusal(site, "fraud_history", opened.run_id)
    assert "the range ends on 2026-03-01, before it starts on 2026-03-10" in said
    opened.page.goto(f"{site.url}/dags/fraud_history/runs/{opened.run_id}")
    opened.page.wait_for_selector("text=Failed")


def test_training_form__explains_itself_and_a_version_that_there_is_not_fails_before_any_job(form, site):
    opened = form("fraud_training")
    text = opened.page.get_by_role("dialog").inner_text()
    for words in ("Only labels known before this day", "Overrides by candidate as JSON", "Required actions before it"):
        assert words in text
    opened.choose("candidates")
    assert opened.submit_button.is_disabled()  # nothing to train
    opened.choose("candidates", "random_forest")
    assert not opened.submit_button.is_disabled()
    assert "xgboost" in opened.options("candidates")
    opened.fill("window_days", 500)
    assert opened.field("window_days").input_value() == "180"
    opened.section("Instead of training")
    assert opened.options("retraining") == ["as it is", "pause", "resume"]
    opened.fill("promote_version", 99)
    opened.submit()
    assert "there is no model version 99" in refusal(site, "fraud_training", opened.run_id)
