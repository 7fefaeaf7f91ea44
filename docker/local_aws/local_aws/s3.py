"""moto's S3, made durable: object bodies are files, everything else about an object is a row in the database.

moto keeps bodies in memory and forgets them with the process. Here a key's body is a file under ``bodies/``, written
before the row that names it; a body that a key no longer needs goes a while after the row that dropped it, so that a
kill at any point leaves each key with a body, and a reader of the old version is not cut off.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import shutil
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3 import models, responses
from moto.s3.utils import _VersionedKeyStore

from local_aws.database import Database

__all__ = ["Store", "install"]

GRACE_SECONDS = 60
"""How long a dropped body stays for readers that have already found its key."""

OWN = {"name", "body", "bucket_name", "contentsize", "last_modified", "_etag", "_metadata"}
"""What a key has for itself always."""

NEVER_OWN = {"lock", "_value_buffer", "_max_buffer_size", "_time_progressed"}
"""What keys whose bodies are files do without."""


class FileKey(models.FakeKey):
    """A key whose body is a file; ``value`` may be set to bytes, or to a path that is then moved into place.

    Of moto's three dozen attributes most have the same value in every key. Those are the class's, and a key holds what
    is its own: every object of every day is held in memory.
    """

    folder: ClassVar[Path]
    doomed: ClassVar[deque[tuple[float, Path]]]
    common: ClassVar[dict[str, Any]]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.body: str | None = None
        super().__init__(*arguments, **named)
        self.acl = self.common["acl"]

    def __setattr__(self, name: str, value: Any) -> None:
        if name in NEVER_OWN:
            return
        if name not in self.common or value != self.common[name]:
            super().__setattr__(name, value)
        else:
            with contextlib.suppress(AttributeError):
                delattr(self, name)

    @property
    def value(self) -> bytes:
        """The whole body."""
        return self.path.read_bytes()

    @value.setter
    def value(self, new: bytes | str | Path) -> None:
        self.dispose()
        identity = uuid.uuid4().hex
        body = f"{identity[:2]}/{identity}"
        target = self.folder / body
        target.parent.mkdir(exist_ok=True)
        if isinstance(new, Path):
            with new.open("rb") as stream:
                digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            shutil.move(new, target)
        else:
            content = new.encode() if isinstance(new, str) else new
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            target.write_bytes(content)
        self.body = body
        self.contentsize = target.stat().st_size
        self._etag = self._etag or digest

    @property
    def path(self) -> Path:
        """The file that holds the body; never to be changed."""
        if self.body is None:
            raise FileNotFoundError(f"object {self.name!r} has no body")
        return self.folder / self.body

    def dispose(self, garbage: bool = False) -> None:
        """Let the body go, later; a key that is merely collected keeps it."""
        if not garbage and self.body is not None:
            self.doomed.append((time.monotonic() + GRACE_SECONDS, self.path))
            self.body = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "multipart": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)

    def __del__(self) -> None:
        pass

    @classmethod
    def keep_in(cls, folder: Path, doomed: deque[tuple[float, Path]]) -> None:
        """Say where bodies are, and give the class what keys have in common: what moto gives a new one."""
        new = cls.__bases__[0]("", b"", DEFAULT_ACCOUNT_ID, "aws", version_id="null")
        cls.folder, cls.doomed = folder, doomed
        cls.common = {name: value for name, value in vars(new).items() if name not in OWN}
        new.dispose()
        for name, value in cls.common.items():
            setattr(cls, name, value)


class TrackedKeys(_VersionedKeyStore):
    """A bucket's keys, which tells the store about each one that changes."""

    def __init__(self, bucket: str, store: Store) -> None:
        super().__init__()
        self._bucket, self._store = bucket, store

    def setlist(self, key: str, list_: Any) -> None:
        """Replace a key's versions."""
        super().setlist(key, list_)
        self._store.changed(self._bucket, key)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._store.changed(self._bucket, key)

    def pop(self, key: str) -> None:  # type: ignore[override]
        """Forget a key."""
        super().pop(key)
        self._store.changed(self._bucket, key)


class DurableBackend(models.S3Backend):
    """moto's S3 backend with tracked keys."""

    store: ClassVar[Store]

    @property
    def _url_module(self) -> Any:
        import moto.s3.urls  # noqa: PLC0415  (resolved late, as moto itself does)

        return moto.s3.urls

    def create_bucket(self, bucket_name: str, region_name: str, *arguments: Any, **named: Any) -> Any:
        """Create a bucket whose keys are tracked."""
        bucket = super().create_bucket(bucket_name, region_name, *arguments, **named)
        bucket.keys = TrackedKeys(bucket_name, self.store)
        self.store.changed(bucket_name, None)
        return bucket

    def delete_bucket(self, bucket_name: str) -> Any:
        """Delete a bucket."""
        bucket = super().delete_bucket(bucket_name)
        self.store.changed(bucket_name, None)
        return bucket


class Store:
    """Writes what changed in S3 to the database, and reads all of it back.

    Within :meth:`request` changes are gathered and written at its end, for moto goes on filling in a key after storing
    it; outside of one they are written at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = threading.local()
        # Reading a key and writing its row is one step, or an older state could be written over a newer one.
        self._lock = threading.Lock()
        self._doomed: deque[tuple[float, Path]] = deque()

    @property
    def backend(self) -> models.S3Backend:
        """The one S3 backend."""
        return models.s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    @contextlib.contextmanager
    def request(self, bucket: str | None = None, key: str | None = None) -> Iterator[None]:
        """Gather the changes of a request that addresses a bucket or key, and write them when it is done."""
        self._local.pending = {(bucket, key)} if bucket else set()
        try:
            yield
        finally:
            pending, self._local.pending = self._local.pending, None
            for name, changed in sorted(pending, key=lambda pair: (pair[0], pair[1] or "")):
                with self._lock:
                    self._write(name, changed)
            self._sweep()

    def changed(self, bucket: str, key: str | None) -> None:
        """Note that a key, or with ``None`` the bucket itself, changed."""
        pending = getattr(self._local, "pending", None)
        if pending is None:
            with self._lock:
                self._write(bucket, key)
        else:
            pending.add((bucket, key))

    def _write(self, bucket: str, key: str | None) -> None:
        held = self.backend.buckets.get(bucket)
        if held is None:
            with self._database.transaction():
                self._database.execute("DELETE FROM s3_buckets WHERE name = ?", (bucket,))
                self._database.execute("DELETE FROM s3_keys WHERE bucket = ?", (bucket,))
            return
        if key is not None:
            versions = held.keys.getlist(key)
            if not versions:
                self._database.execute("DELETE FROM s3_keys WHERE bucket = ? AND name = ?", (bucket, key))
            else:
                tags = {one.arn: self._tags(one.arn) for one in versions if isinstance(one, FileKey)}
                state = pickle.dumps((versions, tags), protocol=pickle.HIGHEST_PROTOCOL)
                self._database.execute("INSERT OR REPLACE INTO s3_keys VALUES (?, ?, ?)", (bucket, key, state))
        if key is None or held.multiparts or getattr(held, "had_uploads", False):
            # The parts of unfinished uploads were acknowledged too: they are part of the bucket's own state.
            held.had_uploads = bool(held.multiparts)
            state = pickle.dumps(
                ({name: value for name, value in held.__dict__.items() if name != "keys"}, self._tags(held.arn)),
                protocol=pickle.HIGHEST_PROTOCOL,
            )
            self._database.execute("INSERT OR REPLACE INTO s3_buckets VALUES (?, ?)", (bucket, state))

    def _tags(self, arn: str) -> dict[str, str]:
        return self.backend.tagger.get_tag_dict_for_resource(arn)

    def _sweep(self) -> None:
        while self._doomed and self._doomed[0][0] < time.monotonic():
            _, path = self._doomed.popleft()
            path.unlink(missing_ok=True)

    def load(self) -> None:
        """Bring back every bucket and key, and remove the bodies that none of them names."""
        backend = self.backend
        for name, state in self._database.query("SELECT name, state FROM s3_buckets"):
            attributes, tags = pickle.loads(state)  # noqa: S301  (written by this program)
            bucket = object.__new__(models.FakeBucket)
            bucket.__dict__.update(attributes)
            bucket.keys = TrackedKeys(name, self)
            backend.buckets[name] = bucket
            models.s3_backends.bucket_accounts[name] = (bucket.partition, bucket.account_id)
            self._restore_tags(bucket.arn, tags)
        used = {
            part.path
            for bucket in backend.buckets.values()
            for upload in bucket.multiparts.values()
            for part in upload.parts.values()
        }
        acls = {pickle.dumps(bucket.acl): bucket.acl for bucket in backend.buckets.values()}
        for bucket_name, name, state in self._database.query("SELECT bucket, name, state FROM s3_keys"):
            versions, tags = pickle.loads(state)  # noqa: S301
            dict.__setitem__(backend.buckets[bucket_name].keys, name, versions)
            for version in versions:
                if isinstance(version, FileKey):
                    used.add(version.path)
                    version.acl = acls.setdefault(pickle.dumps(version.acl), version.acl)
            for arn, values in tags.items():
                self._restore_tags(arn, values)
        for path in FileKey.folder.glob("*/*"):
            if path not in used:
                path.unlink()

    def _restore_tags(self, arn: str, tags: dict[str, str]) -> None:
        if tags:
            self.backend.tagger.tag_resource(arn, [{"Key": key, "Value": value} for key, value in tags.items()])


def install(state_dir: Path, database: Database) -> Store:
    """Put the durable backend in moto's place and load what is stored.

    Parameters
    ----------
    state_dir
        Folder of the server's state; bodies go below ``s3/bodies``.
    database
        Where metadata is kept.
    """
    folder = state_dir / "s3" / "bodies"
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(database)
    FileKey.keep_in(folder, store._doomed)
    DurableBackend.store = store
    models.FakeKey = responses.FakeKey = FileKey  # type: ignore[misc]
    models.s3_backends.backend = DurableBackend
    store.load()
    return store
