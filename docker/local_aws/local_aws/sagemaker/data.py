"""Moving objects between S3 and a job's folders, as SageMaker does."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from local_aws.objects import Missing, Stored, find, list_prefix, parse_uri, put_file
from local_aws.sagemaker.errors import JobFailed

__all__ = ["Source", "download", "list_source", "pack", "unpack", "upload_folder"]


class Source(NamedTuple):
    """An input object and its path relative to the input."""

    stored: Stored
    relative: str


def list_source(uri: str, data_type: str) -> list[Source]:
    """Return the objects of an input.

    Parameters
    ----------
    uri
        A prefix or the URI of a manifest.
    data_type
        ``S3Prefix`` or ``ManifestFile``.

    Raises
    ------
    JobFailed
        When there is none, or the manifest is not one.
    """
    try:
        bucket, key = parse_uri(uri)
        sources = list(_prefix(bucket, key) if data_type == "S3Prefix" else _manifest(bucket, key))
    except (Missing, ValueError) as error:
        raise JobFailed(f"ClientError: Data download failed: {error}") from None
    if not sources:
        raise JobFailed(
            f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data source. '
            "Please ensure that the bucket exists and that objects exist under that S3 prefix."
        )
    return sources


def _prefix(bucket: str, prefix: str) -> Iterator[Source]:
    for stored in list_prefix(bucket, prefix):
        if stored.key.endswith("/"):
            continue  # a folder's place holder
        rest = stored.key[len(prefix) :]
        if not rest:
            relative = prefix.rpartition("/")[2]
        elif prefix.endswith("/") or not prefix or rest.startswith("/"):
            relative = rest.lstrip("/")
        else:
            relative = stored.key[prefix.rfind("/") + 1 :]
        yield Source(stored, relative)


def _manifest(bucket: str, key: str) -> Iterator[Source]:
    place = f"s3://{bucket}/{key}"
    try:
        entries = json.loads(find(bucket, key).path.read_bytes())
        root = entries[0]["prefix"]
    except (json.JSONDecodeError, UnicodeDecodeError, LookupError, TypeError):
        raise ValueError(f'{place} is no manifest; expected [{{"prefix": "s3://…"}}, "relative/key", …]') from None
    source_bucket, source_prefix = parse_uri(root)
    for entry in entries[1:]:
        if not isinstance(entry, str):
            raise ValueError(f"{place}: entry {entry!r} is no relative key")
        yield Source(find(source_bucket, source_prefix + entry), entry.lstrip("/"))


def download(uri: str, data_type: str, folder: Path) -> None:
    """Copy an input's objects below a folder, each at its relative path.

    Raises
    ------
    JobFailed
        When an object is missing, or its key cannot be a path below the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in list_source(uri, data_type):
        target = folder / source.relative
        if not target.resolve().is_relative_to(folder.resolve()):
            raise JobFailed(f"ClientError: Data download failed: key {source.stored.key!r} leaves the input's folder")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.stored.path, target)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            reason = f"key {source.stored.key!r} is both a file and a folder"
            raise JobFailed(f"ClientError: Data download failed: {reason}") from None


def upload_folder(folder: Path, uri: str) -> int:
    """Move every file below a folder to a prefix; return how many."""
    try:
        bucket, prefix = parse_uri(uri)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in files:
            relative = path.relative_to(folder).as_posix()
            put_file(bucket, f"{prefix.rstrip('/')}/{relative}".lstrip("/"), path)
    except (Missing, ValueError) as error:
        raise JobFailed(f"ClientError: Failed to upload outputs to {uri}: {error}") from None
    return len(files)


def pack(folder: Path, archive: Path) -> None:
    """Make a ``tar.gz`` of a folder's content: the same files give the same bytes."""

    def normalise(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, arcname=path.relative_to(folder).as_posix(), recursive=False, filter=normalise)


def unpack(uri: str, folder: Path) -> None:
    """Unpack a model's ``tar.gz`` from S3; nothing in it may lead outside the folder.

    Raises
    ------
    JobFailed
        When it is missing or no archive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(find(*parse_uri(uri)).path, "r:gz") as tar:
            tar.extractall(folder, filter="data")
    except (Missing, ValueError, tarfile.TarError, OSError, EOFError) as error:
        raise JobFailed(f"ClientError: Failed to load model data {uri}: {error}") from None
