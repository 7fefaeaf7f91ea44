"""The stock approval operator with a memory: on a rejection the stock one returns nothing, nor who refused."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator

__all__ = ["ANSWER", "Approval"]

ANSWER = "answer"
"""XCom key of the answer: chosen_options, responded_at, responded_by_user (None when nobody answered in time)."""


class Approval(ApprovalOperator):
    """Asks a person under Browse → Required actions."""

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep the answer and go on as the stock operator does."""
        answer = {name: event.get(name) for name in ("chosen_options", "responded_by_user", "timedout")}
        context["ti"].xcom_push(ANSWER, {**answer, "responded_at": str(event.get("responded_at"))})
        return super().execute_complete(context, event)
