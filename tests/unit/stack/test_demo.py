"""The demo's beginning and its closing table."""

import io
import math
from datetime import date

import pytest
from rich.console import Console
from sklearn.metrics import average_precision_score

from fraud.errors import ConfigurationError, ConflictError
from local_aws.stack.closing import day_of, episode_sentences, step_seconds, table_of
from local_aws.stack.control import deployment_ending_yesterday
from local_aws.stack.demo import Beginning, how_to_begin
from local_aws.stack.home import Deployment

DAY = date(2026, 3, 1)


def recorded(days: int | None = 5, finished: bool = False, world: str = "demo") -> Deployment:
    return Deployment(world, DAY, demo_days=days, demo_finished=finished)


@pytest.mark.parametrize(
    ("before", "beginning"),
    [
        (None, Beginning.NEW),
        (recorded(), Beginning.CONTINUE),
        (recorded(finished=True), Beginning.AGAIN),
        (recorded(days=3), Beginning.AGAIN),
        (recorded(world="tiny"), Beginning.AGAIN),
        (recorded(days=None), Beginning.AGAIN),
    ],
)
def test_demo__begins_by_what_was_there(before: Deployment | None, beginning: Beginning) -> None:
    assert (
        how_to_begin(before, "demo", 5, anything_ran=before is not None and before.demo_days is not None) is beginning
    )


def test_demo__never_wipes_what_no_demo_made() -> None:
    with pytest.raises(ConflictError, match=r"runs that no demo made.*make clean"):
        how_to_begin(recorded(days=None), "demo", 5, anything_ran=True)


def test_demo__an_unknown_world_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="atlantis"):
        deployment_ending_yesterday("atlantis", 5, demo=True)


SCORED = [
    {"transaction_id": 1, "customer_id": 10, "score": 0.9, "model_version": 2},
    {"transaction_id": 2, "customer_id": 11, "score": 0.8, "model_version": 2},
    {"transaction_id": 3, "customer_id": 10, "score": 0.1, "model_version": 2},
    {"transaction_id": 4, "customer_id": 12, "score": 0.7, "model_version": 2},
    {"transaction_id": 5, "customer_id": 13, "score": 0.95, "model_version": 2},
]
DECISION = {"signals": "tx_amount 0.12 over 0.10; alert-rate ratio 2.7", "alarm": "labels"}


def test_day__is_judged_by_the_truth_without_compromised_cards() -> None:
    day = day_of(DAY, SCORED, {2, 3, 5}, alerted={10, 12}, compromised={13}, decision=DECISION)
    assert (day.transactions, day.frauds, day.alerts, day.caught, day.champion) == (5, 3, 2, 1, 2)
    expected = average_precision_score([0, 1, 1, 0], [0.9, 0.8, 0.1, 0.7])
    assert day.average_precision == pytest.approx(expected)


def test_day__without_fraud_has_no_average_precision() -> None:
    day = day_of(DAY, SCORED, set(), {10}, set(), None)
    assert math.isnan(day.average_precision)
    assert (day.caught, day.alarm) == (0, "none")


def test_table__says_each_day_and_its_alarm() -> None:
    console = Console(file=io.StringIO(), width=160)
    console.print(
        table_of([day_of(DAY, SCORED, {2, 3, 5}, {10, 12}, {13}, DECISION), day_of(DAY, [], set(), set(), set(), None)])
    )
    text = console.file.getvalue()
    assert "2, ALARM (labels)" in text
    assert "v2" in text


def test_episodes__say_what_began_when_and_how_strong_it_is() -> None:
    episodes = [
        {"kind": "scenario_starts", "scenario": "card_testing", "start": 75, "strength": 1.0},
        {"kind": "amounts", "start": 80, "strength": 0.25},
    ]
    assert episode_sentences({"date": "2026-03-01", "day": 85, "episodes": episodes}) == [
        "the world, since 2026-02-19: scenario starts card_testing",
        "the world, since 2026-02-24: amounts, at 25% of its strength",
    ]
    assert episode_sentences({"date": "2026-03-01", "day": 85, "episodes": []}) == ["the world: as it always was"]


def test_step_seconds__costliest_first_waits_left_out() -> None:
    def task(task_id: str, seconds: int, state: str = "success") -> dict[str, str]:
        times = {"start_date": "2026-03-01T01:00:00Z", "end_date": f"2026-03-01T01:00:{seconds:02}Z"}
        return {"dag_id": "fraud_daily", "task_id": task_id, "state": state, **times}

    spent = step_seconds(
        [
            task("a.small", 1), task("a.small", 3), task("b.big", 9), task("b.big", 5), task("b.big", 7),
            task("b.wait_for_look_back", 50), task("c.failed", 40, "failed"),
        ]
    )  # fmt: skip
    assert spent == [("daily: b.big", 7.0, 21.0), ("daily: a.small", 2.0, 4.0)]
