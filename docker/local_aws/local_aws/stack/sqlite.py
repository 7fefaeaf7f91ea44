"""Airflow's metadata in SQLite, where one writes at a time: who comes second waits for its turn, and is not refused.

SQLite refuses, with "database is locked", a transaction that reads before it writes if another has written meanwhile.
Airflow's savepoints (a backfill makes one for each run) begin such transactions, which left half of a backfill behind;
they begin by writing here. And it refuses who has waited for long, in Python five seconds by default: on two busy cores
a scheduler can take longer over a transaction, and a user's request to start a run was answered with an error.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, sessionmaker

__all__ = ["CONNECT", "session_maker"]

CONNECT = {"timeout": 20}
"""Arguments of a connection: seconds that it waits while others write, fewer than any client of Airflow waits."""


def session_maker(engine: Engine) -> sessionmaker[Session]:
    """Make sessions as Airflow does (its option ``sql_alchemy_session_maker``), whose savepoints wait."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "savepoint", _begin_writing)
    return sessionmaker(engine, autoflush=False, expire_on_commit=False)


def _begin_writing(connection: Connection, _name: str | None) -> None:
    if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql("BEGIN IMMEDIATE")
