"""S3 of the local AWS beside moto's own, of which it keeps neither keys nor bodies in memory; and when it fails."""

import itertools
import json
import random
import subprocess
import sys
import threading

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from local_stack import REGION

NAMES = [f"{day}/{part}" for day in ("a", "a-b", "a/b", "é") for part in ("x", "y", "z/w")]

PROGRAM = """
import json, sys, tracemalloc
from pathlib import Path
from local_aws import s3
from local_aws.database import Database
from local_aws.services import forget_instances

forget_instances()
folder = Path(sys.argv[1])
database = Database(folder / "state.db")
store = s3.install(folder, database)
with store.request("bucket"):
    store.backend.create_bucket("bucket", "us-east-1")

def put(key, body):
    with store.request("bucket"):
        store.backend.put_object_tagging(store.backend.put_object("bucket", key, body), {})

def report(**values):
    print(json.dumps(values))

"""


def run(program, folder):
    """Run a program on a store in the folder and return what it reports."""
    command = [sys.executable, "-c", PROGRAM + program, str(folder)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


@pytest.fixture(scope="module")
def original():
    """Clients of moto's own S3."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.Session("local", "local", region_name=REGION).client("s3", endpoint_url=f"http://{host}:{port}")
    yield client
    server.stop()


def change(s3, bucket, chance):
    """Change one of a few keys in some way."""
    key, other = chance.choices(NAMES, k=2)
    kind = chance.choice(["put", "put", "put", "copy", "tag", "delete", "delete many", "describe"])
    if kind == "put":
        body, number = chance.randbytes(chance.randrange(9)), str(chance.random())
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"n": number})
    elif kind == "copy":
        s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": other}, StorageClass="STANDARD_IA")
    elif kind == "tag":
        s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "n", "Value": str(chance.random())}]})
    elif kind == "delete":
        s3.delete_object(Bucket=bucket, Key=key)
    elif kind == "delete many":
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": other}]})
    else:
        s3.put_object_acl(Bucket=bucket, Key=key, ACL="public-read")


def outcome(call):
    """Return the code of the error that a call ends with."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "done"


def described(s3, bucket):
    """Return all that can be read of a bucket, but for times and names that are drawn."""
    listings = []
    for prefix, delimiter in itertools.product(("", "a", "a/", "é/", "none"), ("", "/")):
        for page in s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": 3}
        ):
            listings.append(
                (
                    [(o["Key"], o["Size"], o["ETag"], o["StorageClass"]) for o in page.get("Contents", [])],
                    [one["Prefix"] for one in page.get("CommonPrefixes", [])],
                )
            )
    found = s3.list_object_versions(Bucket=bucket)
    versions = [(v["Key"], v["Size"], v["ETag"], v["IsLatest"]) for v in found.get("Versions", [])]
    markers = [(m["Key"], m["IsLatest"]) for m in found.get("DeleteMarkers", [])]
    objects = {}
    for name in sorted({key for keys, _ in listings for key, *_ in keys}):
        where = {"Bucket": bucket, "Key": name}
        got = s3.get_object(**where)
        objects[name] = (
            got["Body"].read(),
            got["Metadata"],
            s3.get_object_tagging(**where)["TagSet"],
            [grant["Permission"] for grant in s3.get_object_acl(**where)["Grants"]],
        )
    return {"listings": listings, "versions": versions, "markers": markers, "objects": objects}


@pytest.mark.parametrize("versioned", [False, True])
def test_bucket__after_many_changes_is_as_motos_own(local_aws, original, versioned):
    bucket = f"twin-{versioned}".lower()
    seen = []
    for s3 in (local_aws.client("s3"), original):
        s3.create_bucket(Bucket=bucket)
        if versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        chance = random.Random(1)
        outcomes = [outcome(lambda s3=s3, chance=chance: change(s3, bucket, chance)) for _ in range(150)]
        seen.append({"outcomes": outcomes} | described(s3, bucket))
    assert seen[0] == seen[1]
    assert set(seen[0]["outcomes"]) > {"done"}


def test_versions__that_many_put_at_once_are_all_there(local_aws):
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="crowd")
    s3.put_bucket_versioning(Bucket="crowd", VersioningConfiguration={"Status": "Enabled"})
    bodies = {f"{writer} {step}" for writer in range(4) for step in range(10)}

    def write(writer):
        for step in range(10):
            s3.put_object(Bucket="crowd", Key="one", Body=f"{writer} {step}")

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    versions = s3.list_object_versions(Bucket="crowd")["Versions"]
    where = {"Bucket": "crowd", "Key": "one"}
    assert {s3.get_object(**where, VersionId=v["VersionId"])["Body"].read().decode() for v in versions} == bodies


def test_upload__is_completed_once_however_often_it_is_asked_for(local_aws):
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="parts")
    where = {"Bucket": "parts", "Key": "big"}
    where["UploadId"] = s3.create_multipart_upload(**where)["UploadId"]
    etag = s3.upload_part(**where, PartNumber=1, Body=b"a")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    first, second = (s3.complete_multipart_upload(**where, MultipartUpload=parts)["ETag"] for _ in range(2))
    assert first == second
    with pytest.raises(ClientError, match="400"):
        s3.head_object(Bucket="parts", Key="big", PartNumber=1)
    s3.delete_object(Bucket="parts", Key="big")
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.complete_multipart_upload(**where, MultipartUpload=parts)


def test_objects__cost_no_memory(tmp_path):
    """The index of every object of every day would otherwise grow for as long as the server runs."""
    program = """
for number in range(500):
    put(f"features/part-{number:06d}.parquet", b"x")
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
for number in range(500, 1500):
    put(f"features/part-{number:06d}.parquet", b"x")
report(bytes=(tracemalloc.get_traced_memory()[0] - before) / 1000)
"""
    assert run(program, tmp_path)["bytes"] < 100


def test_metadata__is_a_keys_own(tmp_path):
    program = """
put("one", b"x")
put("other", b"x")
with store.request("bucket"):
    store.backend.get_object("bucket", "one").set_metadata({"n": "1"})
report(**{name: store.backend.get_object("bucket", name).metadata.get("n") for name in ("one", "other")})
"""
    assert run(program, tmp_path) == {"one": "1", "other": None}


def test_request__that_fails_leaves_everything_as_it_was(tmp_path):
    program = """
with store.request("bucket"):
    store.backend.put_object_tagging(store.backend.put_object("bucket", "key", b"old"), {"age": "old"})
try:
    with store.request("bucket"):
        store.backend.put_object_tagging(store.backend.put_object("bucket", "key", b"new"), {"late": "yes"})
        store.backend.put_bucket_versioning("bucket", "Enabled")
        raise ValueError
except ValueError:
    pass
try:
    with store.request("other"):
        store.backend.create_bucket("other", "us-east-1")
        raise ValueError
except ValueError:
    pass
s3.GRACE_SECONDS = 0
put("later", b"sweeps")
put("later", b"what may go")
bucket = store.backend.buckets["bucket"]
report(
    value=store.backend.get_object("bucket", "key").value.decode(),
    tags=store.backend.tagger.get_tag_dict_for_resource(store.backend.get_object("bucket", "key").arn),
    versioning=bucket.versioning_status,
    buckets=list(store.backend.buckets),
    bodies=sum(1 for _ in store.bodies.glob("*/*")),
)
"""
    assert run(program, tmp_path) == {
        "value": "old",
        "tags": {"age": "old"},
        "versioning": None,
        "buckets": ["bucket"],
        "bodies": 2,
    }
