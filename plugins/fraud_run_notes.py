"""Puts the sentences that the tasks of a run left together, as the run's note.

A task cannot write the note of its run: the task API has no call for it. So each leaves a sentence in XCom (key
``note``), and the scheduler, which calls this when a run ends, writes the note in the transaction that ends the run.
"""

from __future__ import annotations

from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

KEY = "note"
DAGS = "fraud_"
LONGEST = 1000


class RunNotes:
    """Listens to the ends of runs."""

    @hookimpl
    def on_dag_run_success(self, dag_run: Any, msg: str) -> None:
        """Write the note of a run that succeeded."""
        write_note(dag_run)

    @hookimpl
    def on_dag_run_failed(self, dag_run: Any, msg: str) -> None:
        """Write the note of a run that failed: what it did until then."""
        write_note(dag_run)


def write_note(dag_run: Any) -> None:
    """Set the note of a run of this project; what a person wrote stays."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415  (keeps the other components' start light)
    from sqlalchemy import select  # noqa: PLC0415
    from sqlalchemy.orm import object_session  # noqa: PLC0415

    session = object_session(dag_run)
    by_person = dag_run.dag_run_note is not None and dag_run.dag_run_note.user_id is not None
    if session is None or by_person or not dag_run.dag_id.startswith(DAGS):
        return
    found = session.execute(
        select(XComModel.value)
        .where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == KEY)
        .order_by(XComModel.timestamp, XComModel.task_id)
    )
    sentences = [str(XComModel.deserialize_value(row)) for row in found]
    if sentences:
        dag_run.note = "\n\n".join(sentences)[:LONGEST]


class FraudRunNotesPlugin(AirflowPlugin):
    """Notes of runs."""

    name = "fraud_run_notes"
    listeners = [RunNotes()]  # noqa: RUF012
