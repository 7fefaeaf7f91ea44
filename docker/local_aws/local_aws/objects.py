"""S3 for the server's own code: jobs, COPY and UNLOAD read and write objects without a request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends

from local_aws.s3 import DurableBackend

__all__ = ["Missing", "Stored", "delete", "find", "list_prefix", "parse_uri", "put_bytes", "put_file"]


class Missing(Exception):
    """A bucket or an object does not exist; the message names it."""


class Stored(NamedTuple):
    """An object as it lies in the store; ``path`` must not be changed."""

    key: str
    path: Path
    size: int


def parse_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{uri!r} is no S3 URI; expected s3://bucket/key")
    return parts.netloc, uri.removeprefix(f"s3://{parts.netloc}").lstrip("/")


def _bucket(name: str):  # type: ignore[no-untyped-def]  # moto's FakeBucket
    try:
        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(name)
    except MissingBucket:
        raise Missing(f"bucket {name!r} does not exist") from None


def find(bucket: str, key: str) -> Stored:
    """Return one object.

    Raises
    ------
    Missing
        When the bucket or the object does not exist.
    """
    held = _bucket(bucket).keys.get(key)
    if held is None or not hasattr(held, "path"):
        raise Missing(f"object s3://{bucket}/{key} does not exist")
    return Stored(key, held.path, held.contentsize)


def list_prefix(bucket: str, prefix: str) -> Iterator[Stored]:
    """Yield the objects whose keys begin with a prefix, in key order."""
    for key, held in _bucket(bucket).keys.below(prefix).items():
        if hasattr(held, "path"):
            yield Stored(key, held.path, held.contentsize)


def put_bytes(bucket: str, key: str, content: bytes) -> None:
    """Store an object; it is durable when this returns."""
    _put(bucket, key, content)


def put_file(bucket: str, key: str, source: Path) -> None:
    """Store a file as an object by moving it; it is durable when this returns."""
    _put(bucket, key, source)


def delete(bucket: str, key: str) -> None:
    """Delete an object; none there is no error."""
    _bucket(bucket)
    with DurableBackend.store.request(bucket):
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].delete_object(bucket, key)


def _put(bucket: str, key: str, content: bytes | Path) -> None:
    _bucket(bucket)
    with DurableBackend.store.request(bucket):
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, content)
