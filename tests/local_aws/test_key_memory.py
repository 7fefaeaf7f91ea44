"""What an object costs the server in memory: the index of every object of every day is held there."""

import subprocess
import sys

PROGRAM = """
import gc, sys, tracemalloc
from pathlib import Path
from local_aws import s3
from local_aws.database import Database
from local_aws.services import forget_instances

forget_instances()
folder = Path(sys.argv[1])
store = s3.install(folder, Database(folder / "state.db"))
store.backend.create_bucket("bucket", "us-east-1")
bucket = store.backend.buckets["bucket"]

def put(numbers):
    for number in numbers:
        name = f"features/v1/tx_date=2026-01-01/part-{number:06d}.parquet"
        with store.request("bucket", name):
            key = store.backend.put_object("bucket", name, b"x")
            key.set_metadata({"content-type": "text/csv", "x-amz-content-sha256": f"{number:064x}"})
            key.set_acl(bucket.acl)

def held():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

put(range(10))
tracemalloc.start()
before = held()
put(range(10, 1010))
print((held() - before) / 1000)
bucket.keys.clear()
store.backend.buckets.clear()
del bucket
before = held()
store.load()
print((held() - before) / 1010)
"""


def test_key__weighs_less_than_two_kilobytes_written_and_read_back(tmp_path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=True)
    written, read_back = map(float, done.stdout.split())
    assert written < 2048, written
    assert read_back < 2048, read_back
