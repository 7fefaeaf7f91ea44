"""The SQLite file that every acknowledged write goes to before it is acknowledged.

Write-ahead logging without a sync at each commit: a killed process loses nothing, a power cut at most the last
moments and never the consistency.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenacity import Retrying, before_sleep_log, retry_if_exception_type, wait_fixed

__all__ = ["Database", "persist"]

logger = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS s3_buckets (name TEXT PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS s3_keys (bucket TEXT, name TEXT, state BLOB NOT NULL, PRIMARY KEY (bucket, name));
CREATE TABLE IF NOT EXISTS services (service TEXT PRIMARY KEY, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log_events (
  stream TEXT NOT NULL, position INTEGER PRIMARY KEY AUTOINCREMENT, ingested INTEGER NOT NULL,
  timestamp INTEGER NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_events_stream ON log_events (stream, position);
CREATE TABLE IF NOT EXISTS sagemaker (
  region TEXT, kind TEXT, name TEXT, position INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL,
  UNIQUE (region, kind, name));
"""


class Database:
    """One connection that the server's threads share under a lock.

    Parameters
    ----------
    path
        The database file; made when it does not exist.
    schema
        Statements that make what it is to hold, where that is not there.
    """

    def __init__(self, path: Path, schema: str = SCHEMA) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA cache_size = -512")  # KiB; the kernel has the file's pages anyway
        self._connection.executescript(schema)

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement."""
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement, committed when this returns; return the number of rows it changed."""
        with self._lock:
            return self._connection.execute(sql, parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the statements within all happen or none; other threads wait."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back when the disk was full, but not always.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for every row, in one transaction."""
        with self.transaction():
            self._connection.executemany(sql, rows)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def persist(write: Callable[[], None]) -> None:
    """Write what nobody could be told the failure of, how background work ended: while the disk is full, again.

    Without it such work would be described as running for ever. The file's end is the end of this too.
    """
    Retrying(
        retry=retry_if_exception_type(sqlite3.OperationalError),
        wait=wait_fixed(0.2),
        before_sleep=before_sleep_log(logger, logging.WARNING),
    )(write)
