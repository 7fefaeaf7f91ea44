"""A full disk refuses writes and loses none; what ran then is said to have ended once there is room to say so."""

import sqlite3

import pytest
from botocore.exceptions import ClientError

from faults.disk import Disk
from faults.inprocess import kill_jobs
from local_aws.database import persist
from local_jobs import ended, log_of, process, put, read
from local_stack import LocalStack, wait_until
from redshift_client import Warehouse


@pytest.fixture
def small(tmp_path):
    """A server on a small disk, and the disk."""
    if not Disk.possible():
        pytest.skip("no user namespaces here, which a small disk takes")
    (tmp_path / "state").mkdir()
    disk = Disk(tmp_path / "state")
    stack = LocalStack(tmp_path / "state", prefix=disk.prefix)
    try:
        yield stack.start(), disk
    finally:
        stack.stop()
        disk.close()


def insert_for_ever(warehouse):
    """Submit statements until one is refused: a file that was longer before has some room left."""
    while True:
        warehouse.submit("INSERT INTO numbers VALUES (0)")


def test_end__that_cannot_be_written_down_is_written_later():
    tries = iter([sqlite3.OperationalError("database or disk is full"), None])

    def write():
        if (error := next(tries)) is not None:
            raise error

    persist(write)
    assert next(tries, "no more") == "no more"


def test_objects__are_refused_and_those_there_stay(small):
    stack, disk = small
    stack.client("s3").create_bucket(Bucket="data")
    put(stack, "data/", kept="1")
    disk.fill()
    with pytest.raises(ClientError) as refused:
        put(stack, "data/", kept="2" * 100_000)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert read(stack, "s3://data/kept") == b"1"
    disk.free()
    put(stack, "data/", kept="3")
    stack.kill()
    stack.start()
    assert read(stack, "s3://data/kept") == b"3"


def test_statement__that_runs_meanwhile_comes_to_an_end_and_later_ones_run(small):
    stack, disk = small
    warehouse = Warehouse.create(stack, "full")
    numbers = "SELECT ROW_NUMBER() OVER () AS n FROM information_schema.columns a, information_schema.columns b"
    warehouse.run(["CREATE TABLE numbers (n BIGINT)", f"INSERT INTO numbers {numbers} LIMIT 1000"])
    running = warehouse.submit("SELECT COUNT(*) FROM numbers a, numbers b, numbers c WHERE a.n * b.n > c.n")
    wait_until(lambda: warehouse.data.describe_statement(Id=running)["Status"] != "SUBMITTED")
    disk.fill()
    with pytest.raises(ClientError, match="the local AWS failed"):
        insert_for_ever(warehouse)
    disk.free()
    assert warehouse.wait(running)["Status"] in ("FINISHED", "FAILED")
    kept = warehouse.rows("SELECT COUNT(*) FROM numbers")
    warehouse.run("INSERT INTO numbers VALUES (-1)")
    stack.kill()
    stack.start()
    assert warehouse.rows("SELECT COUNT(*) - 1 FROM numbers") == kept


def test_job__that_dies_meanwhile_is_described_as_failed(small):
    stack, disk = small
    name = process(stack, "import time; print('ready', flush=True); time.sleep(600)")
    wait_until(lambda: "ready" in log_of(stack, "processing", name))
    disk.fill()
    assert kill_jobs(stack.state_dir) > 0
    disk.free()
    assert ended(stack, "processing", name)["ProcessingJobStatus"] == "Failed"
