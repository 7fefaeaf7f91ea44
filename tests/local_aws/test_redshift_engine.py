"""The warehouse's file: closed now and then, and nobody who uses it notices."""

import resource
import threading

import duckdb
import psutil
import pytest

from local_aws.redshift import engine as module
from local_aws.redshift.engine import Engine
from local_aws.redshift.errors import SqlError


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A database whose file is closed after three sessions."""
    monkeypatch.setattr(module, "REOPEN", 3)
    engine = Engine(tmp_path, "fraud")
    yield engine
    engine.close()


class Full:
    """Lets no file become longer than the longest of a folder is."""

    def __init__(self):
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def __call__(self, folder):
        longest = max(path.stat().st_size for path in folder.iterdir() if path.is_file())
        resource.setrlimit(resource.RLIMIT_FSIZE, (longest + 10, self.before[1]))

    def over(self):
        """Lift the limit."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


@pytest.fixture
def full():
    """Make a disk full, for this process."""
    limit = Full()
    yield limit
    limit.over()


def is_open(folder):
    """Whether this process has the database's file open."""
    return any(one.path.startswith(str(folder)) for one in psutil.Process().open_files())


def run(engine, *statements):
    """Run statements in a session of their own and return the last one's rows."""
    with engine.session() as session:
        return list(session.run(statements))[-1].rows


def test_file__is_closed_after_some_sessions_and_what_was_written_is_there(engine, tmp_path):
    run(engine, "CREATE TABLE t (n INT)")
    assert is_open(tmp_path)
    run(engine, "INSERT INTO t VALUES (1)")
    assert not is_open(tmp_path)
    assert [run(engine, f"INSERT INTO t VALUES ({n})", "SELECT COUNT(*) FROM t") for n in range(5)] == [
        [(n + 2,)] for n in range(5)
    ]
    assert run(engine, "SELECT DATEADD(day, 1, '2026-01-31'::DATE)::VARCHAR") == [("2026-02-01 00:00:00",)]


def test_file__stays_open_for_as_long_as_somebody_uses_it(engine, tmp_path):
    with engine.session() as session:
        list(session.run(["CREATE TEMPORARY TABLE mine (n INT)"]))
        for _ in range(5):
            run(engine, "SELECT 1")
        (counted,) = session.run(["SELECT COUNT(*) FROM mine"])
        assert counted.rows == [(0,)]
        assert is_open(tmp_path)
    assert not is_open(tmp_path)


def test_sessions__of_many_threads_lose_nothing_while_the_file_is_closed_and_opened(engine):
    run(engine, "CREATE TABLE t (n INT)")

    def write():
        for n in range(25):
            run(engine, f"INSERT INTO t VALUES ({n})")

    writers = [threading.Thread(target=write) for _ in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert run(engine, "SELECT COUNT(*), SUM(n) FROM t") == [(100, 4 * 300)]


def test_file__is_not_written_to_while_it_is_open(engine, tmp_path, monkeypatch):
    """A checkpoint that failed would fail a statement that is committed."""
    monkeypatch.setattr(module, "REOPEN", 100)
    run(engine, "CREATE TABLE t (n BIGINT)")
    for _ in range(24):
        with engine.session() as session:
            session.connection.execute("INSERT INTO t SELECT hash(i) >> 1 FROM range(100000) numbers (i)")
    assert (tmp_path / "redshift_catalogue.duckdb.wal").stat().st_size > 17 << 20


def test_file__on_a_full_disk_can_be_read_also_when_it_was_closed(engine, tmp_path, full):
    run(engine, "CREATE TABLE t (n INT)")
    with engine.session() as session:
        session.connection.execute("INSERT INTO t SELECT i FROM range(100000) numbers (i)")
        full(tmp_path)
    assert not is_open(tmp_path)
    assert run(engine, "SELECT COUNT(*) FROM t") == [(100_000,)]
    with pytest.raises(SqlError, match="Could not write file"):
        run(engine, "INSERT INTO t VALUES (1)")
    full.over()
    run(engine, "INSERT INTO t VALUES (1)")
    assert run(engine, "SELECT COUNT(*) FROM t") == [(100_001,)]


def test_file__that_duckdb_gave_up_is_opened_again(engine, tmp_path, monkeypatch, full):
    monkeypatch.setattr(module, "REOPEN", 100)
    run(engine, "CREATE TABLE t (n INT)")
    with engine.session() as session:
        session.connection.execute("INSERT INTO t SELECT i FROM range(100000) numbers (i)")
        full(tmp_path)
        with pytest.raises(duckdb.FatalException):
            session.connection.execute("CHECKPOINT")
        with pytest.raises(SqlError, match="database has been invalidated"):
            list(session.run(["SELECT 1"]))
    assert run(engine, "SELECT COUNT(*) FROM t") == [(100_000,)]
