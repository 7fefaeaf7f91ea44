"""Airflow's sessions on SQLite: what reads and then writes within a savepoint waits for others, and is not refused."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from local_aws.stack.sqlite import session_maker


def read_and_write_amid(first: Session, second: Session) -> None:
    """Write in the first session what it has read, after the second has tried to write in between."""
    with first.begin_nested():
        first.execute(text("SELECT * FROM numbers")).all()
        second.execute(text("INSERT INTO numbers VALUES (2)"))
        second.commit()
        first.execute(text("DELETE FROM numbers"))
    first.commit()


@pytest.fixture
def sessions(tmp_path: Path):
    """Return two factories for one database: Airflow's own way, and ours."""
    engines = [create_engine(f"sqlite:///{tmp_path / 'airflow.db'}", connect_args={"timeout": 0}) for _ in range(3)]
    with engines[0].begin() as connection:
        connection.execute(text("PRAGMA journal_mode = WAL"))
        connection.execute(text("CREATE TABLE numbers (n INTEGER)"))
    yield sessionmaker(engines[0]), session_maker(engines[1]), session_maker(engines[2])
    for engine in engines:
        engine.dispose()


def test_savepoint__that_reads_before_it_writes_keeps_others_waiting(sessions) -> None:
    as_airflow, ours, other = sessions
    with as_airflow() as first, other() as second, pytest.raises(OperationalError, match=r"locked\n\[SQL: DELETE"):
        read_and_write_amid(first, second)
    with ours() as first, other() as second, pytest.raises(OperationalError, match=r"locked\n\[SQL: INSERT"):
        read_and_write_amid(first, second)  # the other would wait, were there time


def test_savepoint__within_a_transaction_begins_no_other(sessions) -> None:
    _, ours, _ = sessions
    with ours() as session:
        session.execute(text("INSERT INTO numbers VALUES (1)"))
        with session.begin_nested():
            session.execute(text("INSERT INTO numbers VALUES (2)"))
        session.commit()
        assert session.execute(text("SELECT count(*) FROM numbers")).scalar() == 2
