"""Airflow's metadata in SQLite, where one writes at a time: who comes second waits for its turn, and is not refused.

SQLite refuses, with "database is locked", a transaction that reads before it writes if another has written meanwhile.
Airflow's savepoints (a backfill makes one for each run) begin such transactions, which left half of a backfill behind;
they begin by writing here.

And Airflow's API server writes each user's action to its audit log in its event loop, and waits there while another
writes. That may be a request of the same server, which needs the loop to come to its commit: then nothing moves until
SQLite gives up, no request is answered meanwhile, and the user's ends with an error. So here a thread writes that log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session, sessionmaker

__all__ = ["CONNECT", "MetadataSession", "session_maker"]

CONNECT = {"timeout": 20}
"""Arguments of a connection: seconds that it waits while others write, fewer than any client of Airflow waits."""

AUDIT_LOG = "log"
"""The table of users' actions."""

logger = logging.getLogger(__name__)


class MetadataSession(Session):
    """A session that never waits for other writers in an event loop."""

    def commit(self) -> None:
        """Commit; what goes to the audit log from within an event loop a moment later."""
        lines = [one for one in self.new if one.__table__.name == AUDIT_LOG]
        if lines and _in_event_loop():
            for line in lines:
                self.expunge(line)
            _audit_log.submit(_write, self.get_bind(), lines)
        super().commit()


_audit_log = ThreadPoolExecutor(1, thread_name_prefix="audit-log")


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _write(bind: Engine | Connection, lines: Sequence[object]) -> None:
    try:
        with Session(bind) as session, session.begin():
            session.add_all(lines)
    except Exception:
        logger.exception("the audit log lacks %d lines", len(lines))


def session_maker(engine: Engine) -> sessionmaker[MetadataSession]:
    """Make sessions as Airflow does (its option ``sql_alchemy_session_maker``) that wait where waiting does no harm."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "savepoint", _begin_writing)
    return sessionmaker(engine, class_=MetadataSession, autoflush=False, expire_on_commit=False)


def _begin_writing(connection: Connection, _name: str | None) -> None:
    if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql("BEGIN IMMEDIATE")
