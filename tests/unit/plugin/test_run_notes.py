"""Notes of runs: the tasks' sentences in order, never over a person's words, for this project's runs alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from .conftest import PLUGINS  # noqa: F401  (puts the plugins on the path)


class Session:
    """Answers the one question that is asked."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences

    def execute(self, statement: Any) -> list[Any]:
        self.asked = str(statement.compile(compile_kwargs={"literal_binds": True}))
        return [SimpleNamespace(value=sentence) for sentence in self.sentences]


@pytest.fixture
def note(monkeypatch):
    """Return a function: the note of a run after its end."""
    import sqlalchemy.orm

    from fraud_run_notes import RunNotes

    def of(*sentences: str, dag_id: str = "fraud_daily", written: Any = None, ends: str = "success") -> str | None:
        session = Session(*sentences)
        monkeypatch.setattr(sqlalchemy.orm, "object_session", lambda _: session)
        run = SimpleNamespace(dag_id=dag_id, run_id="r", dag_run_note=written, note=None)
        getattr(RunNotes(), f"on_dag_run_{ends}")(run, "")
        if hasattr(session, "asked"):
            assert "xcom.key = 'note'" in session.asked
            assert "xcom.run_id = 'r'" in session.asked
        return run.note

    return of


@pytest.mark.parametrize("ends", ["success", "failed"])
def test_note__is_what_the_tasks_said(note, ends) -> None:
    assert note("Scored 9,600", "Nothing drifted", ends=ends) == "Scored 9,600\n\nNothing drifted"


def test_note__of_a_run_that_said_nothing_is_none(note) -> None:
    assert note() is None


def test_note__of_a_person_stays(note) -> None:
    assert note("Scored", written=SimpleNamespace(user_id="ann")) is None
    assert note("Scored", written=SimpleNamespace(user_id=None)) == "Scored"


def test_note__of_another_dag_is_none_of_ours(note) -> None:
    assert note("Scored", dag_id="billing") is None


def test_note__fits_the_column(note) -> None:
    assert len(note("x" * 5000)) == 1000
