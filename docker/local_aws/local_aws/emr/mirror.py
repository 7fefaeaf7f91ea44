"""S3 for Spark, whose package brings no connector: objects as files, which Spark reaches by their own s3:// URIs.

The objects that a job names are copied below a folder a bucket; Hadoop's view file system shows these folders as the
buckets. When the job has ended, what it wrote, changed or deleted there is done to the objects.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from local_aws.objects import Missing, Stored, delete, find, list_prefix, parse_uri, put_file
from local_aws.sagemaker.data import list_source
from local_aws.sagemaker.errors import JobFailed

__all__ = ["Mirror"]

S3_URI = re.compile(r"s3://[^\s,'\"]+")
LIST_OF_FILES = re.compile(rb'\s*\[\s*\{\s*"prefix"\s*:\s*"s3://')
Seen = tuple[int, int, int]


class Mirror:
    """Copies of the objects that some texts name.

    Parameters
    ----------
    folder
        Where the copies go, ``<bucket>/<key>``.
    texts
        A job's entry point, arguments and parameters.

    Raises
    ------
    JobFailed
        When a bucket does not exist.
    """

    def __init__(self, folder: Path, texts: Iterable[str]) -> None:
        self._folder = folder
        self._seen: dict[Path, Seen] = {}
        self.buckets: set[str] = set()
        try:
            for uri in sorted({uri for text in texts for uri in S3_URI.findall(text)}):
                self._copy_all(uri)
        except (Missing, ValueError) as error:
            raise JobFailed(str(error)) from None

    def options(self) -> dict[str, str]:
        """Return Spark's configuration that makes the copies its S3."""
        options = {
            "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
            "spark.hadoop.fs.viewfs.overload.scheme.target.s3.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
            # The raw one leaves no checksum files beside the objects.
            "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
        }
        for bucket in sorted(self.buckets):
            key = f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback"
            options[key] = (self._folder / bucket).as_uri()
        return options

    def write_back(self) -> None:
        """Do to the objects what was done to their copies."""
        for path, seen in self._seen.items():
            if not path.exists():
                delete(*self._object(path))
            elif _state(path) == seen:
                path.unlink()
        for path in sorted(self._folder.rglob("*")):
            if path.is_file():
                put_file(*self._object(path), path)

    def _object(self, path: Path) -> tuple[str, str]:
        bucket, _, key = path.relative_to(self._folder).as_posix().partition("/")
        return bucket, key

    def _copy_all(self, uri: str) -> None:
        bucket, key = parse_uri(uri)
        for stored in list_prefix(bucket, key):
            if stored.key == key or not key or key.endswith("/") or stored.key.startswith(f"{key}/"):
                self._copy(bucket, stored)
        self.buckets.add(bucket)
        (self._folder / bucket).mkdir(parents=True, exist_ok=True)
        if key.endswith(".json") and self._is_list_of_files(bucket, key):
            for source in list_source(uri, "ManifestFile"):
                self._copy(bucket, source.stored)

    def _is_list_of_files(self, bucket: str, key: str) -> bool:
        try:
            return LIST_OF_FILES.match(find(bucket, key).path.read_bytes()[:200]) is not None
        except Missing:
            return False

    def _copy(self, bucket: str, stored: Stored) -> None:
        target = self._folder / bucket / stored.key
        if stored.key.endswith("/") or target in self._seen:
            return
        if not target.resolve().is_relative_to((self._folder / bucket).resolve()):
            raise ValueError(f"key {stored.key!r} leaves its bucket's folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stored.path, target)
        self._seen[target] = _state(target)


def _state(path: Path) -> Seen:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
