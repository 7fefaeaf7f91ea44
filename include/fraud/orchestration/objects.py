"""JSON objects of the deployment's bucket, by keys relative to its prefix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from posixpath import commonpath
from typing import Any

from fraud.layout import Layout

__all__ = ["Objects"]


class Objects:
    """Small objects in S3 and what is known about large ones."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @cached_property
    def client(self) -> Any:
        """The S3 client of the deployment's AWS connection."""
        from airflow.providers.amazon.aws.hooks.s3 import S3Hook

        return S3Hook().get_conn()

    def size(self, relative: str) -> int | None:
        """Return an object's size in bytes, or None when there is no such object."""
        from botocore.exceptions import ClientError

        try:
            head = self.client.head_object(Bucket=self.layout.bucket, Key=self.layout.key(relative))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise
        return int(head["ContentLength"])

    def exists(self, relative: str) -> bool:
        """Tell whether there is such an object."""
        return self.size(relative) is not None

    def read_text(self, relative: str) -> str | None:
        """Return an object's text, or None when there is no such object."""
        try:
            answer = self.client.get_object(Bucket=self.layout.bucket, Key=self.layout.key(relative))
        except self.client.exceptions.NoSuchKey:
            return None
        return str(answer["Body"].read().decode("utf-8"))

    def lines(self, relative: str) -> Iterator[str]:
        """Yield an object's lines as they arrive."""
        body = self.client.get_object(Bucket=self.layout.bucket, Key=self.layout.key(relative))["Body"]
        for line in body.iter_lines():
            yield line.decode("utf-8")

    def read_json(self, relative: str) -> Any:
        """Return an object's parsed JSON, or None when there is no such object."""
        text = self.read_text(relative)
        return None if text is None else json.loads(text)

    def write_bytes(self, relative: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object whole."""
        self.client.put_object(
            Bucket=self.layout.bucket, Key=self.layout.key(relative), Body=content, ContentType=content_type
        )

    def write_text(self, relative: str, text: str, content_type: str = "application/json") -> None:
        """Write an object of text whole."""
        self.write_bytes(relative, text.encode(), content_type)

    def write_json(self, relative: str, content: Any) -> None:
        """Write an object as JSON with sorted keys: the same content gives the same bytes."""
        self.write_text(relative, json.dumps(content, indent=1, sort_keys=True) + "\n")

    def delete(self, relative: str) -> None:
        """Delete an object; none there is no error."""
        self.client.delete_object(Bucket=self.layout.bucket, Key=self.layout.key(relative))

    def sizes(self, first: str, last: str) -> dict[str, int]:
        """Return size in bytes by key of the objects whose keys lie from ``first`` to ``last``.

        One request a thousand objects, however many more there are. (``StartAfter`` leaves out the key that it names,
        hence one just before the first.)
        """
        full = self.layout.key
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.layout.bucket, Prefix=full(commonpath([first, last])), StartAfter=full(first)[:-1]
        )
        found: dict[str, int] = {}
        strip = len(full(""))
        for page in pages:
            for entry in page.get("Contents", []):
                if entry["Key"] > full(last):
                    return found
                found[entry["Key"][strip:]] = entry["Size"]
        return found

    def list(self, relative_prefix: str) -> list[str]:
        """Return the keys below a prefix, relative to the deployment's prefix, sorted."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.layout.bucket, Prefix=self.layout.key(relative_prefix)
        )
        strip = len(self.layout.key(""))
        return sorted(entry["Key"][strip:] for page in pages for entry in page.get("Contents", []))
