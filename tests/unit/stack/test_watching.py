"""Watching runs: steps from task instances, and an end that says why."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from fraud.errors import FraudError
from local_aws.stack import watching
from local_aws.stack.watching import Watch, seconds_of, short_log, steps_of

NOW = 1_772_500_000.0  # 2026-03-03T01:06:40Z


def task(
    task_id: str, state: str | None, start: str | None = None, end: str | None = None, **fields: Any
) -> dict[str, Any]:
    stamp = "2026-03-03T{}+00:00"
    return {
        "id": f"{task_id}{fields}",
        "dag_id": "fraud_daily",
        "dag_run_id": "scheduled__2026-03-01",
        "logical_date": "2026-03-01T01:00:00Z",
        "task_id": task_id,
        "state": state,
        "start_date": stamp.format(start) if start else None,
        "end_date": stamp.format(end) if end else None,
        "try_number": 1,
        "map_index": -1,
    } | fields


def test_steps__are_the_task_groups_in_the_order_in_which_they_began() -> None:
    steps = steps_of(
        [
            task("features.plan_features", "success", "01:00:30", "01:00:31"),
            task("features.compute_features", "running", "01:00:32"),
            task("transactions.load", "success", "01:00:10", "01:00:20"),
            task("transactions.simulate", "success", "01:00:05", "01:00:09"),
            task("check_request", "success", "01:00:00", "01:00:02"),
            task("scoring.transform", None),
        ],
        NOW,
    )
    assert [step.name for step in steps] == ["check", "transactions", "features", "scoring"]
    check, transactions, features, scoring = steps
    assert (transactions.done, transactions.total, transactions.seconds) == (2, 2, 15.0)
    assert (features.done, features.total, features.active) == (1, 2, ("compute_features",))
    assert features.seconds == 370.0  # until now
    assert (scoring.seconds, scoring.ran, check.label) == (0.0, False, "2026-03-01")


def test_steps__waiting_for_another_day_is_no_work() -> None:
    (step,) = steps_of(
        [
            task("scoring.wait_for_drift_of_the_day_before", "deferred", "01:00:00"),
            task("scoring.transform", None),
        ],
        NOW,
    )
    assert (step.active, step.seconds) == ((), 0.0)


def test_steps__runs_without_an_interval_are_named_by_their_dag() -> None:
    steps = steps_of(
        [
            task("train.x", "success", "01:00:00", "01:00:01", dag_id="fraud_training", logical_date=None),
            task("train.x", "skipped", dag_id="fraud_history", logical_date=None),
        ],
        NOW,
    )
    assert [(step.label, step.ran) for step in steps] == [("training", True), ("history", False)]


def test_seconds__come_from_start_and_end() -> None:
    assert seconds_of(task("x", "success", "01:00:00", "01:00:02", duration=99.0)) == 2.0
    assert seconds_of(task("x", None)) == 0.0


def test_log__long_lines_keep_beginning_and_end() -> None:
    (line,) = short_log(["first", "a" * 1000 + "reason"], 1)
    assert line.startswith("aaa")
    assert line.endswith("reason")
    assert len(line) < 450


class Api:
    """What Airflow says at each look."""

    def __init__(self, *looks: list[dict[str, Any]]) -> None:
        self.looks = list(looks)
        self.asked = 0

    def tasks(self, dag_id: str) -> list[dict[str, Any]]:
        self.asked += 1
        return self.looks[min(self.asked, len(self.looks)) - 1]

    def log(self, task: dict[str, Any]) -> list[str]:
        return [f"the log of {task['task_id']}", "ERROR the job said why"]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "POLL_SECONDS", 0)


def watch(api: Api, alive: Any = lambda: None) -> tuple[str, str]:
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    error = ""
    try:
        Watch(api, console, alive).until("x", ["fraud_daily"], 2, lambda: api.asked >= len(api.looks))
    except FraudError as caught:
        error = str(caught)
    return console.file.getvalue(), error


def test_watch__tells_each_step_once_and_each_repeated_try() -> None:
    before = [
        task("features.plan", "running", "01:00:00"),
        task("features.load", "up_for_retry", "01:00:00", "01:00:01"),
    ]
    after = [
        task("features.plan", "success", "01:00:00", "01:00:04"),
        task("features.load", "success", "01:00:00", "01:00:05"),
    ]
    told, error = watch(Api(before, before, after, after))
    assert error == ""
    assert len(re.findall(r"2026-03-01  features +5\.0 s", told)) == 1
    assert told.count("features.load failed in try 1 and is tried again") == 1


def test_watch__a_failed_task_ends_it_with_the_log_and_what_to_do() -> None:
    waiting = task("drift.trigger_training", "failed", "01:00:00", "01:00:09")
    cause = task("train.fit", "failed", "01:00:00", "01:00:05", dag_id="fraud_training", dag_run_id="drift__1")
    _, error = watch(Api([waiting, cause]))
    assert "task train.fit of fraud_training, run drift__1, failed" in error
    assert "ERROR the job said why" in error
    assert "run the same command again" in error


def test_watch__a_dead_component_ends_it() -> None:
    def dead() -> None:
        raise FraudError("scheduler has ended")

    assert watch(Api([], []), dead)[1] == "scheduler has ended"


def test_watch__nothing_moving_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "STALLED_SECONDS", -1)
    still = [task("features.plan", "running", "01:00:00")]
    assert "nothing has moved" in watch(Api(still, still, still))[1]
