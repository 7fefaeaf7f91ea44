"""Airflow's metadata in SQLite, where a transaction that reads before it writes is refused if another has written.

Airflow's savepoints (a backfill makes one for each run) begin such transactions; "database is locked" left half of a
backfill behind. They begin by writing here, so that they wait for their turn.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, sessionmaker

__all__ = ["session_maker"]


def session_maker(engine: Engine) -> sessionmaker[Session]:
    """Make sessions as Airflow does (its option ``sql_alchemy_session_maker``), whose savepoints wait."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "savepoint", _begin_writing)
    return sessionmaker(engine, autoflush=False, expire_on_commit=False)


def _begin_writing(connection: Connection, _name: str | None) -> None:
    if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql("BEGIN IMMEDIATE")
