"""A person's answer is kept whatever it is: the stock operator forgets who refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


class TaskInstance:
    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.mark.parametrize(
    ("option", "user", "timedout"),
    [
        ("Approve", {"id": "1", "name": "ann"}, False),
        ("Reject", {"id": "1", "name": "ann"}, False),
        ("Reject", None, True),
    ],
)
def test_answer__is_kept_before_the_stock_operator_acts_on_it(monkeypatch, tmp_path, option, user, timedout) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    from fraud.orchestration.approval import ANSWER, Approval

    operator = Approval(task_id="ask", subject="?", defaults="Reject", response_timeout=timedelta(hours=1))
    event = {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2026, 1, 20, 9, tzinfo=UTC),
        "responded_by_user": user,
        "timedout": timedout,
    }
    ti = TaskInstance()
    operator.execute_complete({"ti": ti}, event)
    assert ti.pushed[ANSWER] == {
        "chosen_options": [option],
        "responded_by_user": user,
        "timedout": timedout,
        "responded_at": "2026-01-20 09:00:00+00:00",
    }
