"""The few objects that the page reads, from the deployment's bucket."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
from botocore.exceptions import BotoCoreError, ClientError

CHUNK_BYTES = 256 * 1024
KEPT_OBJECTS = 32


class StorageError(Exception):
    """The bucket cannot be read."""


class StoredObject(NamedTuple):
    """An object that is about to be read: its entity tag, its size, its content in chunks."""

    etag: str
    size: int
    chunks: Iterator[bytes]


class Storage:
    """Objects by keys relative to the deployment's prefix."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._kept: dict[str, tuple[str, bytes]] = {}
        self._client: Any = None
        self._lock = threading.Lock()

    @classmethod
    def from_environment(cls) -> Storage:
        """Read the deployment's bucket and prefix, the variables that the DAGs read too, and make the client.

        Making the first client takes a fifth of a second, which is not for the first reader to wait.
        """
        storage = cls(os.environ.get("FRAUD_BUCKET", "fraud-local"), os.environ.get("FRAUD_PREFIX", ""))
        storage._s3()
        return storage

    def open(self, key: str) -> StoredObject | None:
        """Return an object, or None when there is none.

        Raises
        ------
        StorageError
            When the bucket cannot be read.
        """
        return self._open(key)

    def read(self, key: str) -> tuple[str, bytes] | None:
        """Return an object's entity tag and content, or None when there is none.

        What was read lately is kept, and taken from there as long as the bucket says that it is still the same.
        """
        kept = self._kept.get(key)
        found = self._open(key, IfNoneMatch=kept[0]) if kept else self._open(key)
        if found is None:
            self._kept.pop(key, None)
            return None
        if kept and found.etag == kept[0]:
            return kept
        content = (found.etag, b"".join(found.chunks))
        with self._lock:
            self._kept[key] = content
            while len(self._kept) > KEPT_OBJECTS:
                del self._kept[next(iter(self._kept))]
        return content

    def list(self, prefix: str) -> list[str]:
        """Return the keys below a prefix, relative to the deployment's, sorted."""
        try:
            pages = (
                self._s3()
                .get_paginator("list_objects_v2")
                .paginate(Bucket=self.bucket, Prefix=f"{self.prefix}{prefix}")
            )
            return sorted(entry["Key"][len(self.prefix) :] for page in pages for entry in page.get("Contents", []))
        except (ClientError, BotoCoreError) as error:
            raise StorageError(self._why(error)) from None

    def _open(self, key: str, **unless: str) -> StoredObject | None:
        try:
            answer = self._s3().get_object(Bucket=self.bucket, Key=f"{self.prefix}{key}", **unless)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("NoSuchKey", "404"):
                return None
            if code == "304":
                return StoredObject(unless["IfNoneMatch"], 0, iter(()))
            raise StorageError(self._why(error)) from None
        except BotoCoreError as error:
            raise StorageError(self._why(error)) from None
        return StoredObject(answer["ETag"], answer["ContentLength"], answer["Body"].iter_chunks(CHUNK_BYTES))

    def _s3(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = boto3.client("s3")
            return self._client

    def _why(self, error: Exception) -> str:
        return (
            f"Bucket {self.bucket!r} cannot be read: {error}. Check FRAUD_BUCKET, the AWS region and endpoint, and the "
            "role of the Airflow web server."
        )
