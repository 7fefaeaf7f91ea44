"""One Redshift database on one DuckDB file: sessions, transactions, and a lock for each table that is written."""

from __future__ import annotations

import contextlib
import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp
from sqlglot.tokenizer_core import Token

from local_aws.redshift import rules
from local_aws.redshift.averages import note_scales
from local_aws.redshift.definitions import check_identity, define, quoted
from local_aws.redshift.dialect import parse, tokenize
from local_aws.redshift.errors import CancelledError, SqlError, from_duckdb, not_implemented
from local_aws.redshift.loading import Copy, LoadError, parse_copy
from local_aws.redshift.translate import bind, generate, normalise
from local_aws.redshift.unloading import Unload, parse_unload

__all__ = ["Engine", "Result", "Session"]

_TRANSACTIONS = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT"})
_MAINTENANCE = frozenset({"ANALYZE", "VACUUM"})

REOPEN = 100
"""After so many sessions the file is closed once nobody uses it: what DuckDB holds of it in memory grows with use."""


@dataclass(frozen=True)
class Result:
    """What a statement gave: its rows where it is a query, else how many rows it changed (-1: it changes none)."""

    count: int = -1
    columns: Sequence[tuple[str, str]] = ()
    rows: Sequence[tuple[Any, ...]] = ()

    @property
    def has_rows(self) -> bool:
        """Whether the statement was a query."""
        return bool(self.columns)


@dataclass
class _Locks:
    """A lock for each table, made when first asked for."""

    guard: threading.Lock = field(default_factory=threading.Lock)
    locks: dict[str, threading.RLock] = field(default_factory=dict)

    @contextlib.contextmanager
    def hold(self, names: Sequence[str], cancelled: threading.Event) -> Iterator[None]:
        """Hold the locks of these tables; taken in the order of their names, so that nobody waits in a circle."""
        with contextlib.ExitStack() as stack:
            for name in sorted(set(names)):
                with self.guard:
                    lock = self.locks.setdefault(name, threading.RLock())
                while not lock.acquire(timeout=0.2):
                    if cancelled.is_set():
                        raise CancelledError
                stack.callback(lock.release)
            yield


class Engine:
    """A database.

    Parameters
    ----------
    folder
        Where its files are; made when it does not exist.
    database
        Its name in Redshift.
    memory
        What DuckDB may use before it spills to the folder.
    """

    def __init__(self, folder: Path, database: str, memory: str = "1GB") -> None:
        self.database, self._folder = database, folder
        self.staging = folder / "staging"
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True)
        self._memory = memory
        self._locks, self._guard = _Locks(), threading.Lock()
        self._open = self._used = 0
        self._connection: duckdb.DuckDBPyConnection | None = None
        with self._connected() as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS public")
            for name in ("functions.sql", "system.sql"):
                text = (files("local_aws.redshift") / name).read_text("utf-8")
                for statement in connection.extract_statements(text):
                    # A function that the default of a column uses cannot be made anew: it stays as it is.
                    with contextlib.suppress(duckdb.DependencyException):
                        connection.execute(statement)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection to the file, which is opened for the first, and now and then closed after the last."""
        with self._guard:
            if self._connection is None:
                self._connection = self._connect()
            connection = self._connection.cursor()
            self._open += 1
            self._used += 1
        try:
            yield connection
        finally:
            connection.close()
            with self._guard:
                self._open -= 1
                if self._open == 0 and self._used >= REOPEN:
                    self._close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        # The file's name is the catalogue's, which must not be that of a schema: names would be ambiguous.
        return duckdb.connect(
            self._folder / "redshift_catalogue.duckdb",
            config={
                "memory_limit": self._memory,
                # A checkpoint that fails on a full disk fails the statement that it came after, which stays committed.
                # So what is in the log goes to the file when that is closed, and never before.
                "wal_autocheckpoint": "1TiB",
                "temp_directory": str(self._folder / "spill"),
                "python_enable_replacements": "false",
            },
        )

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session; its temporary tables go with it."""
        with self._connected() as connection:
            for setting in ("TimeZone = 'UTC'", "integer_division = true", "search_path = 'public,main'"):
                connection.execute(f"SET {setting}")
            session = Session(self, connection, self._locks)
            try:
                yield session
            finally:
                session.over.set()

    def note_load_error(self, table: str, error: LoadError) -> None:
        """Keep what SYS_LOAD_ERROR_DETAIL tells about a failed load."""
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO main.sys_load_error_detail VALUES (now() AT TIME ZONE 'UTC', ?, ?, ?, ?, ?, ?)",
                [self.database, table, error.file, error.column, error.kind, error.reason],
            )

    def close(self) -> None:
        """Write everything to the file and close it."""
        with self._guard:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._used = None, 0

    def reopen(self) -> None:
        """Close the file once nobody uses it: DuckDB gives it up when it could not write what it had to."""
        self._used = REOPEN

    def delete(self) -> None:
        """Close the database and remove its files."""
        self.close()
        shutil.rmtree(self._folder)


@dataclass
class Session:
    """One connection, with its temporary tables; used by one thread at a time, cancelled from any."""

    engine: Engine
    connection: duckdb.DuckDBPyConnection
    locks: _Locks
    cancelled: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Stop what runs; it ends with :class:`CancelledError`."""
        self.cancelled.set()
        threading.Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        """Interrupt until the session is over: DuckDB forgets an interruption that comes just before a statement."""
        with contextlib.suppress(duckdb.ConnectionException):
            self.connection.interrupt()
            while not self.over.wait(0.05):
                self.connection.interrupt()

    def run(self, statements: Sequence[str], parameters: Mapping[str, str] | None = None) -> Iterator[Result]:
        """Run statements as one transaction and yield the result of each; it is committed when all are yielded.

        Raises
        ------
        SqlError
            At the first statement that is refused or fails; nothing of the transaction stays then, but for what a
            TRUNCATE before has committed.
        """
        is_batch = len(statements) > 1
        with self.locks.hold([name for text in statements for name in self._written(text)], self.cancelled):
            try:
                self.connection.begin()
                for text in statements:
                    if self.cancelled.is_set():
                        raise CancelledError
                    yield self._run_one(text, parameters or {}, is_batch)
                self.connection.commit()
            except duckdb.Error as error:
                if isinstance(error, duckdb.FatalException):
                    self.engine.reopen()
                self._rollback()
                # An interruption shows as whatever the statement was doing then.
                raise (CancelledError() if self.cancelled.is_set() else from_duckdb(error)) from None
            except BaseException:
                self._rollback()
                raise

    def _rollback(self) -> None:
        # A failed statement may have ended the transaction already; closing the session ends an interrupted one's.
        with contextlib.suppress(duckdb.TransactionException, duckdb.InterruptException, duckdb.FatalException):
            self.connection.rollback()

    def _run_one(self, text: str, parameters: Mapping[str, str], is_batch: bool) -> Result:
        tokens = tokenize(text)
        word = tokens[0].text.upper()
        if word in _TRANSACTIONS:
            raise SqlError(
                f"{word} is not allowed: a statement, or a batch of them, is a transaction of its own",
                hint="leave it out (BatchExecuteStatement runs as one transaction)",
            )
        if word == "COPY":
            return self._copy(parse_copy(tokens, self.engine.database))
        if word == "UNLOAD":
            return self._unload(parse_unload(tokens))
        if word in _MAINTENANCE:
            return self._maintain(word, tokens, is_batch)
        return self._execute(text, tokens, parameters)

    def _execute(self, text: str, tokens: list[Token], parameters: Mapping[str, str]) -> Result:
        tree = self._read(text, tokens, parameters)
        if isinstance(tree, exp.Create | exp.Drop | exp.Alter):
            for statement in define(self.connection, tree):
                self.connection.execute(statement)
            return Result()
        if isinstance(tree, exp.TruncateTable):
            return self._truncate(tree)
        if isinstance(tree, exp.Insert) and tree.expression is not None:
            check_identity(self.connection, tree)
        if isinstance(tree, exp.Select) and tree.args.get("into"):
            into = tree.args["into"].pop()
            create = exp.Create(this=into.this, kind="TABLE", expression=tree)
            for statement in define(self.connection, create):
                self.connection.execute(statement)
            return Result()
        cursor = self.connection.execute(generate(tree))
        if not isinstance(tree, exp.Query):
            row = cursor.fetchone()
            return Result(count=int(row[0]) if row else 0)
        columns = [(name.lower(), str(kind)) for name, kind, *_ in cursor.description]
        rows = cursor.fetchall()
        return Result(len(rows), columns, rows)

    def _read(self, text: str, tokens: list[Token], parameters: Mapping[str, str]) -> exp.Expr:
        rules.check_tokens(tokens)
        tree = bind(parse(text, tokens), parameters)
        rules.check(tree)
        tree = normalise(tree, self.engine.database)
        note_scales(self.connection, tree)
        return tree

    def _translate(self, query: str) -> str:
        tree = self._read(query, tokenize(query), {})
        if not isinstance(tree, exp.Query) or tree.args.get("into"):
            raise SqlError("UNLOAD takes a SELECT statement")
        if tree.args.get("limit"):
            raise SqlError(
                "Limit clause is not supported", hint="nest it: SELECT … WHERE id IN (SELECT … LIMIT n) (r_UNLOAD)"
            )
        return generate(tree)

    def _copy(self, copy: Copy) -> Result:
        try:
            return Result(count=copy.run(self.connection))
        except LoadError as error:
            self.engine.note_load_error(copy.table.name, error)
            raise

    def _unload(self, unload: Unload) -> Result:
        folder = self.engine.staging / uuid.uuid4().hex
        folder.mkdir()
        try:
            return Result(count=unload.run(self.connection, self._translate, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _truncate(self, tree: exp.TruncateTable) -> Result:
        # TRUNCATE commits the transaction it runs in, with all that was done before it (r_TRUNCATE).
        for table in tree.expressions:
            self.connection.execute(f"TRUNCATE {quoted(table.db, table.name)}")
        self.connection.commit()
        self.connection.begin()
        return Result()

    def _maintain(self, word: str, tokens: list[Token], is_batch: bool) -> Result:
        if word == "VACUUM" and is_batch:
            raise SqlError("VACUUM cannot run inside a transaction block", hint="see r_VACUUM_command")
        known = {"FULL", "SORT", "ONLY", "DELETE", "REINDEX", "RECLUSTER", "VERBOSE", "PREDICATE", "COLUMNS", "ALL"}
        names = [token.text.lower() for token in tokens[1:] if token.text.upper() not in known and token.text != "."]
        if any(not name.replace("_", "").isalnum() for name in names) or len(names) > 2:
            raise not_implemented(f"{word} with these options")
        if names:
            self.connection.execute(f"SELECT 1 FROM {quoted(*names)} LIMIT 0")  # noqa: S608
        return Result()

    def _written(self, text: str) -> list[str]:
        """Return the tables that a statement writes; nothing where it is refused anyway when its turn comes."""
        try:
            tokens = tokenize(text)
            if tokens[0].text.upper() == "COPY":
                table = parse_copy(tokens, self.engine.database).table
                return [f"{table.db or 'public'}.{table.name}"]
            if tokens[0].text.upper() in ("SELECT", "WITH", "UNLOAD", *_TRANSACTIONS, *_MAINTENANCE):
                return []
            tree = normalise(parse(text, tokens), self.engine.database)
        except SqlError:
            return []
        targets = tree.args.get("tables") or (tree.expressions if isinstance(tree, exp.TruncateTable) else [tree.this])
        names = []
        for target in targets:
            found = target.find(exp.Table) if isinstance(target, exp.Expr) else None
            if found is not None:
                names.append(f"{found.db or 'public'}.{found.name}")
        return names
