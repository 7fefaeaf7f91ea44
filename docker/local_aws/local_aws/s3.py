"""moto's S3, made durable: object bodies are files, everything else about an object is a row in the database.

moto keeps all of it in memory and forgets it with the process. Here a key's body is a file under ``bodies/``, written
before the row that names it, and a key is read from its row when it is asked for. A body that a key no longer needs
goes a while after the row that dropped it, so that a kill at any point leaves each key with a body, and a reader of the
old version is not cut off.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import pickle
import shutil
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3 import models, responses
from moto.s3.exceptions import NoSuchUpload

from local_aws.database import Database

__all__ = ["Store", "install"]

GRACE_SECONDS = 60
"""How long a dropped body stays for readers that have already found its key."""

NOT_STORED = {"lock", "_value_buffer", "_max_buffer_size"}
"""What keys whose bodies are files do without."""

PAGE = 200
"""Rows that are in memory at a time when keys are listed."""

PROTOCOL = pickle.HIGHEST_PROTOCOL


class FileKey(models.FakeKey):
    """A key whose body is a file; ``value`` may be set to bytes, or to a path that is then moved into place."""

    store: ClassVar[Store]
    common: ClassVar[dict[str, Any]]
    """What moto gives a new key: of three dozen attributes most stay so, and are in no row."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.body: str | None = None
        super().__init__(*arguments, **named)

    @property
    def value(self) -> bytes:
        """The whole body."""
        return self.path.read_bytes()

    @value.setter
    def value(self, new: bytes | str | Path) -> None:
        self.dispose()
        self.body = self.store.new_body()
        target = self.path
        if isinstance(new, Path):
            with new.open("rb") as stream:
                digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            shutil.move(new, target)
        else:
            content = new.encode() if isinstance(new, str) else new
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            target.write_bytes(content)
        self.contentsize = target.stat().st_size
        self._etag = self._etag or digest

    @property
    def path(self) -> Path:
        """The file that holds the body; never to be changed."""
        if self.body is None:
            raise FileNotFoundError(f"object {self.name!r} has no body")
        return self.store.bodies / self.body

    def dispose(self, garbage: bool = False) -> None:
        """Let the body go, later; a key that is merely collected keeps it."""
        if not garbage and self.body is not None:
            self.store.drop_body(self.body)
            self.body = None

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in NOT_STORED and (name not in self.common or value != self.common[name])
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(self.common)
        self.__dict__.update(state)

    def __del__(self) -> None:
        pass

    @classmethod
    def keep_in(cls, store: Store) -> None:
        """Say which store has the bodies, and find out what keys have in common."""
        cls.store = store
        new = models.FakeKey("", b"", DEFAULT_ACCOUNT_ID, "aws", version_id="null")
        # Metadata moto changes in place: no two keys may have the same.
        cls.common = {name: value for name, value in vars(new).items() if name not in NOT_STORED | {"_metadata"}}
        new.dispose()


class Keys:
    """A bucket's keys as moto uses them: by name, each with its versions, the last one being what the key is.

    Names and numbers are those of the rows; what a request has changed is among them when it is over.

    Parameters
    ----------
    store
        Reads and keeps the versions of each key.
    bucket
        Whose keys these are.
    prefix
        What their names begin with.
    """

    def __init__(self, store: Store, bucket: str, prefix: str = "") -> None:
        self._store, self._bucket, self._prefix = store, bucket, prefix

    def below(self, prefix: str) -> Keys:
        """Return those that begin with a prefix."""
        return Keys(self._store, self._bucket, prefix)

    def getlist(self, key: str, default: Any = None) -> Any:
        """Return a key's versions."""
        return self._store.versions(self._bucket, key) or default

    def setlist(self, key: str, list_: list[Any]) -> None:
        """Replace a key's versions."""
        for version in self.getlist(key, []):
            if isinstance(version, FileKey) and version not in list_:
                version.dispose()
        self._store.replace(self._bucket, key, list_)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a key's last version."""
        return self.getlist(key, [default])[-1]

    def __getitem__(self, key: str) -> Any:
        if not (versions := self.getlist(key)):
            raise KeyError(key)
        return versions[-1]

    def __setitem__(self, key: str, value: Any) -> None:
        self.setlist(key, [*self.getlist(key, []), value])

    def pop(self, key: str) -> None:
        """Forget a key that is there."""
        if key not in self:
            raise KeyError(key)
        self.setlist(key, [])

    def __contains__(self, key: str) -> bool:
        return bool(self.getlist(key))

    def __len__(self) -> int:
        return self._store.count(self._bucket)

    def item_size(self) -> int:
        """Return how many there are: moto asks whether there are any."""
        return len(self)

    def iterlists(self) -> Iterator[tuple[str, list[Any]]]:
        """Yield names in order with the keys' versions."""
        return ((name, versions) for name, versions, _ in self._store.rows(self._bucket, self._prefix))

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield names in order with the keys' last versions."""
        return ((name, versions[-1]) for name, versions in self.iterlists())


class DurableBackend(models.S3Backend):
    """moto's S3 backend, whose buckets have their keys from the store."""

    store: ClassVar[Store]

    @property
    def _url_module(self) -> Any:
        import moto.s3.urls  # noqa: PLC0415  (resolved late, as moto itself does)

        return moto.s3.urls

    def create_bucket(self, bucket_name: str, region_name: str, *arguments: Any, **named: Any) -> Any:
        """Create a bucket."""
        bucket = super().create_bucket(bucket_name, region_name, *arguments, **named)
        bucket.keys = Keys(self.store, bucket_name)
        return bucket

    def list_objects(self, bucket: Any, prefix: str | None, *arguments: Any, **named: Any) -> Any:
        """List keys; those without the prefix are not even read."""
        below = copy.copy(bucket)
        below.keys = bucket.keys.below(prefix or "")
        return super().list_objects(below, prefix, *arguments, **named)

    def complete_multipart_upload(self, bucket_name: str, multipart_id: str, body: Any) -> Any:
        """Make one object of the parts, which then go."""
        upload = self.get_bucket(bucket_name).multiparts.get(multipart_id)
        if upload is None:
            raise NoSuchUpload(upload_id=multipart_id)
        key = super().complete_multipart_upload(bucket_name, multipart_id, body)
        upload.dispose()
        upload.parts.clear()
        return key

    def get_object(
        self, bucket_name: str, key_name: str, version_id: str | None = None, part_number: Any = None, **named: Any
    ) -> Any:
        """Return a key, whole: its parts are gone."""
        key = super().get_object(bucket_name, key_name, version_id, **named)
        if part_number and key is not None and key.multipart:
            raise NotImplementedError("reading one part of an object")
        return key


@dataclass
class Request:
    """What one request has to do with: the keys that it read, each with its row, bodies it made and no longer needs."""

    keys: dict[tuple[str, str], tuple[list[Any], bytes | None]] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


class Store:
    """Buckets and keys in the database, bodies in files.

    What changes S3 does so within :meth:`request`, one at a time: moto changes keys that it got as it pleases, and at
    the end all that is different is written, or, when that fails, nothing. Who only reads waits for nobody.
    """

    def __init__(self, database: Database, bodies: Path) -> None:
        self._database, self.bodies = database, bodies
        self._lock = threading.Lock()
        self._local = threading.local()
        self._buckets: dict[str, bytes] = {}
        self._doomed: deque[tuple[float, Path]] = deque()

    @property
    def backend(self) -> models.S3Backend:
        """The one S3 backend."""
        return models.s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    @contextlib.contextmanager
    def request(self, bucket: str | None) -> Iterator[None]:
        """Change what is in a bucket, or the bucket itself; all of it is durable when this is over.

        An exception from within, or from writing, leaves everything as it was.
        """
        with self._lock:
            request = self._local.request = Request()
            try:
                yield
                self._write(request, bucket)
            except BaseException:
                self._revert(request, bucket)
                raise
            finally:
                del self._local.request
            until = time.monotonic() + GRACE_SECONDS
            self._doomed.extend((until, self.bodies / body) for body in request.dropped)
            self._sweep()

    def new_body(self) -> str:
        """Return a name for a new body, whose folder is there."""
        identity = uuid.uuid4().hex
        body = f"{identity[:2]}/{identity}"
        self._local.request.new.append(body)
        (self.bodies / body).parent.mkdir(exist_ok=True)
        return body

    def drop_body(self, body: str) -> None:
        """Let a body go a while after the request."""
        self._local.request.dropped.append(body)

    def versions(self, bucket: str, key: str) -> list[Any]:
        """Return a key's versions: within a request always the same ones."""
        request = getattr(self._local, "request", None)
        if request is not None and (bucket, key) in request.keys:
            return request.keys[bucket, key][0]
        found = self._database.query("SELECT state FROM s3_keys WHERE bucket = ? AND name = ?", (bucket, key))
        row = found[0][0] if found else None
        versions = pickle.loads(row)[0] if row else []  # noqa: S301  (written by this program)
        if request is not None:
            request.keys[bucket, key] = versions, row
        return versions

    def replace(self, bucket: str, key: str, versions: list[Any]) -> None:
        """Give a key other versions; with none of them it is no more."""
        self.versions(bucket, key)
        keys = self._local.request.keys
        keys[bucket, key] = versions, keys[bucket, key][1]

    def count(self, bucket: str) -> int:
        """Return how many keys a bucket has."""
        return int(self._database.query("SELECT COUNT(*) FROM s3_keys WHERE bucket = ?", (bucket,))[0][0])

    def rows(self, bucket: str, prefix: str = "") -> Iterator[tuple[str, list[Any], dict[str, dict[str, str]]]]:
        """Yield name, versions and tags (by ARN) of the keys that begin with a prefix, in the order of names."""
        sql = "SELECT name, state FROM s3_keys WHERE bucket = ? AND name >= ? AND name < ? ORDER BY name LIMIT ?"
        first, end = prefix, prefix + chr(sys.maxunicode)
        while page := self._database.query(sql, (bucket, first, end, PAGE)):
            for name, state in page:
                yield name, *pickle.loads(state)  # noqa: S301
            first = page[-1][0] + "\0"

    def _write(self, request: Request, bucket: str | None) -> None:
        with self._database.transaction():
            for (name, key), (versions, row) in request.keys.items():
                tags = {one.arn: self._tags(one.arn) for one in versions if isinstance(one, FileKey)}
                state = pickle.dumps((versions, tags), PROTOCOL) if versions else None
                if state is None:
                    self._database.execute("DELETE FROM s3_keys WHERE bucket = ? AND name = ?", (name, key))
                elif state != row:
                    self._database.execute("INSERT OR REPLACE INTO s3_keys VALUES (?, ?, ?)", (name, key, state))
            if bucket is not None:
                self._write_bucket(bucket)

    def _write_bucket(self, name: str) -> None:
        held = self.backend.buckets.get(name)
        if held is None:
            if name in self._buckets:
                self._database.execute("DELETE FROM s3_buckets WHERE name = ?", (name,))
                del self._buckets[name]
            return
        # The parts of unfinished uploads were acknowledged too: they are part of the bucket's own state.
        attributes = {attribute: value for attribute, value in held.__dict__.items() if attribute != "keys"}
        state = pickle.dumps((attributes, self._tags(held.arn)), PROTOCOL)
        if state != self._buckets.get(name):
            self._database.execute("INSERT OR REPLACE INTO s3_buckets VALUES (?, ?)", (name, state))
            self._buckets[name] = state

    def _revert(self, request: Request, bucket: str | None) -> None:
        for body in request.new:
            (self.bodies / body).unlink(missing_ok=True)
        for versions, row in request.keys.values():
            for arn in [one.arn for one in versions if isinstance(one, FileKey)]:
                self._restore_tags(arn, {})
            for arn, tags in (pickle.loads(row)[1] if row else {}).items():  # noqa: S301
                self._restore_tags(arn, tags)
        if bucket in self._buckets:
            self._read_bucket(bucket, self._buckets[bucket])
        elif bucket is not None:
            self.backend.buckets.pop(bucket, None)
            models.s3_backends.bucket_accounts.pop(bucket, None)

    def _read_bucket(self, name: str, state: bytes) -> None:
        attributes, tags = pickle.loads(state)  # noqa: S301
        bucket = object.__new__(models.FakeBucket)
        bucket.__dict__.update(attributes)
        bucket.keys = Keys(self, name)
        self.backend.buckets[name] = bucket
        self._buckets[name] = state
        models.s3_backends.bucket_accounts[name] = (bucket.partition, bucket.account_id)
        self._restore_tags(bucket.arn, tags)

    def _tags(self, arn: str) -> dict[str, str]:
        tags = self.backend.tagger.get_tag_dict_for_resource(arn)
        if not tags:  # of every object ever put moto notes that it has none
            self.backend.tagger.delete_all_tags_for_resource(arn)
        return tags

    def _restore_tags(self, arn: str, tags: dict[str, str]) -> None:
        self.backend.tagger.delete_all_tags_for_resource(arn)
        if tags:
            self.backend.tagger.tag_resource(arn, [{"Key": key, "Value": value} for key, value in tags.items()])

    def _sweep(self) -> None:
        while self._doomed and self._doomed[0][0] < time.monotonic():
            _, path = self._doomed.popleft()
            path.unlink(missing_ok=True)

    def load(self) -> None:
        """Bring back the buckets and all tags, and remove the bodies that no key names."""
        for name, state in self._database.query("SELECT name, state FROM s3_buckets"):
            self._read_bucket(name, state)
        used = set()
        for name, bucket in self.backend.buckets.items():
            used.update(part.body for upload in bucket.multiparts.values() for part in upload.parts.values())
            for _, versions, tags in self.rows(name):
                used.update(version.body for version in versions if isinstance(version, FileKey))
                for arn, values in tags.items():
                    self._restore_tags(arn, values)
        for path in self.bodies.glob("*/*"):
            if f"{path.parent.name}/{path.name}" not in used:
                path.unlink()


def install(state_dir: Path, database: Database) -> Store:
    """Put the durable backend in moto's place and load what is stored.

    Parameters
    ----------
    state_dir
        Folder of the server's state; bodies go below ``s3/bodies``.
    database
        Where metadata is kept.
    """
    bodies = state_dir / "s3" / "bodies"
    bodies.mkdir(parents=True, exist_ok=True)
    store = DurableBackend.store = Store(database, bodies)
    FileKey.keep_in(store)
    models.FakeKey = responses.FakeKey = FileKey  # type: ignore[misc]
    models.s3_backends.backend = DurableBackend
    store.load()
    return store
