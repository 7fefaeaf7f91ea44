"""The bucket as the page reads it: what did not change is not fetched again."""

import boto3
import pytest
from moto import mock_aws

from .conftest import PLUGINS  # noqa: F401  (puts the plugins on the path)


@pytest.fixture
def bucket(monkeypatch):
    """Return a client and a function that counts the bytes which the page has fetched."""
    from fraud_monitor.storage import Storage

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="fraud-local")
        yield client, Storage("fraud-local", "some/prefix")


def test_read__fetches_an_object_again_only_when_it_changed(bucket):
    client, storage = bucket
    put = lambda text: client.put_object(Bucket="fraud-local", Key="some/prefix/a.json", Body=text)  # noqa: E731
    put(b"one")
    first = storage.read("a.json")
    again = storage.read("a.json")
    assert first[1] == b"one"
    assert again[1] is first[1]  # the very bytes: the bucket answered that nothing changed
    put(b"two")
    assert storage.read("a.json")[1] == b"two"
    client.delete_object(Bucket="fraud-local", Key="some/prefix/a.json")
    assert storage.read("a.json") is None
    put(b"one")
    assert storage.read("a.json")[1] == b"one"


def test_read__keeps_the_objects_read_last_and_no_more(bucket):
    from fraud_monitor.storage import KEPT_OBJECTS

    client, storage = bucket
    for number in range(KEPT_OBJECTS + 2):
        client.put_object(Bucket="fraud-local", Key=f"some/prefix/{number}", Body=b"x")
        storage.read(str(number))
    assert len(storage._kept) == KEPT_OBJECTS
