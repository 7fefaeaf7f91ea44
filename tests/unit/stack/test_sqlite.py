"""Airflow's sessions on SQLite: who comes second waits for others, where that does no harm, and is not refused."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from local_aws.stack.sqlite import session_maker
from local_stack import wait_until


class Base(DeclarativeBase):
    """Tables of these tests."""


class Line(Base):
    """A line of what Airflow calls ``log``."""

    __tablename__ = "log"
    n: Mapped[int] = mapped_column(primary_key=True)


class Other(Base):
    """A row of any other table."""

    __tablename__ = "others"
    n: Mapped[int] = mapped_column(primary_key=True)


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
    Base.metadata.create_all(engines[0])
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


def test_audit_log__is_not_waited_for_in_an_event_loop(tmp_path: Path) -> None:
    """Who holds the database is another request of the same server, which needs the loop to come to its end."""
    engine = create_engine(f"sqlite:///{tmp_path / 'airflow.db'}", connect_args={"timeout": 30})
    Base.metadata.create_all(engine)
    make = session_maker(engine)

    async def act(holder: Session) -> int:
        with make() as session:
            session.add(Line(n=1))
            session.commit()
            seen = session.scalar(text("SELECT count(*) FROM log"))
        holder.commit()
        return seen

    with make() as holder:
        holder.execute(text("INSERT INTO others VALUES (1)"))
        assert asyncio.run(act(holder)) == 0
    with make() as session:
        wait_until(lambda: session.scalar(text("SELECT count(*) FROM log")) == 1)
    engine.dispose()


@pytest.mark.parametrize(("row", "in_loop"), [(Line, False), (Other, True)])
def test_rows__are_otherwise_there_when_they_are_committed(sessions, row, in_loop) -> None:
    _, ours, other = sessions

    async def write() -> None:
        with ours() as session:
            session.add(row(n=1))
            session.commit()

    if in_loop:
        asyncio.run(write())
    else:
        with ours() as session:
            session.add(row(n=1))
            session.commit()
    with other() as session:
        assert session.get(row, 1) is not None
