"""Erases cards from a deployment's objects; manifests, summaries and deliveries say afterwards what is there."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fraud.erasure.erased import Erased
from fraud.erasure.files import erase_file, erased_vectors, erased_with_rows
from fraud.errors import DataError

__all__ = ["Report", "erase"]

_ROWS = {
    "transactions": "transactions",
    "labels": "label_deliveries",
    "customers": "customers",
    "features": "features",
    "predictions": "predictions",
    "alerts": "alerts",
}
"""Name of a table in the rows of a manifest or summary, by the folder that its files lie in."""


class Report(NamedTuple):
    """What an erasure changed."""

    files: int
    rows: int


class _Change(NamedTuple):
    sha256: str
    size: int
    rows: int


def erase(source: Path, target: Path, erased: Erased) -> Report:
    """Write every object that changes when cards are erased below another folder, its books included.

    Parameters
    ----------
    source
        The deployment's objects by key.
    target
        Empty; gets the objects that change.
    erased
        What may stand nowhere any more.

    Raises
    ------
    DataError
        When a file is not what its manifest says: then an erasure was broken off while it replaced files, and the task
        that does so is to be run again, not a new erasure.
    """
    keys = sorted(str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    # The days of the monitor page come before its cards: which alerts are left decides which cards are.
    keys.sort(key=lambda key: not key.startswith("monitoring/days/"))
    books = [key for key in keys if _is_book(key)]
    erased = erased_with_rows(source, keys, erased)
    vectors = erased_vectors(source, keys, erased)
    alerted: dict[str, set[str]] = {}
    digests: dict[str, str] = {}
    changes: dict[str, _Change] = {}
    rows = 0
    for key in keys:
        if _is_book(key):
            continue
        digests[key] = _digest((source / key).read_bytes())
        copy = target / key
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / key, copy)
        found = erase_file(copy, key, erased, vectors, alerted)
        if found is None:
            copy.unlink()
            continue
        if isinstance(found, bytes):
            copy.write_bytes(found)
        taken = found if isinstance(found, int) else 0
        rows += taken
        content = copy.read_bytes()
        changes[digests[key]] = _Change(_digest(content), len(content), taken)
    _Books(source, target, digests, changes).write(books)
    for folder in sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    return Report(sum(path.is_file() for path in target.rglob("*")), rows)


def _is_book(key: str) -> bool:
    return key.startswith(("manifests/", "summaries/")) or (
        key.startswith("landing/") and key.endswith("/delivery.json")
    )


class _Books:
    """Manifests, summaries, deliveries: what they say of files that change, and of each other, changes with them."""

    def __init__(self, source: Path, target: Path, digests: Mapping[str, str], changes: Mapping[str, _Change]) -> None:
        self._source, self._target, self._digests, self._changes = source, target, digests, changes
        self._texts: dict[str, str] = {}

    def write(self, keys: list[str]) -> None:
        """Write those that change."""
        for key in keys:
            text = self._text(key)
            if text != (self._source / key).read_text(encoding="utf-8"):
                (self._target / key).parent.mkdir(parents=True, exist_ok=True)
                (self._target / key).write_text(text, encoding="utf-8")

    def _text(self, key: str) -> str:
        """Return a book's new text; those that it was made from come first."""
        if key not in self._texts:
            before = (self._source / key).read_text(encoding="utf-8")
            content = json.loads(before)
            changed = self._changed(key, content)
            # As they are written: indented by one, sorted but for a delivery's, which whoever delivers has written.
            sort = not key.startswith("landing/")
            self._texts[key] = before if changed == content else json.dumps(changed, indent=1, sort_keys=sort) + "\n"
        return self._texts[key]

    def _changed(self, book: str, content: dict[str, Any]) -> dict[str, Any]:
        files, rows = {}, dict(content.get("rows", {}))
        for name, described in content["files"].items():
            change = self._changes.get(described.get("sha256", ""))
            if book.startswith("manifests/"):
                self._refuse_other(book, name, described)
            if change is None:
                files[name] = described
                continue
            files[name] = described | {"bytes": change.size, "sha256": change.sha256}
            if "rows" in described:
                files[name]["rows"] = described["rows"] - change.rows
            table = next((_ROWS[part] for part in name.split("/") if part in _ROWS), "")
            if table in rows and not name.startswith("truth/"):
                rows[table] -= change.rows
        changed = {**content, "files": files, **({"rows": rows} if rows else {})}
        if "inputs" in content:
            changed["inputs"] = {key: self._input(key, digest) for key, digest in content["inputs"].items()}
        return changed

    def _refuse_other(self, book: str, key: str, described: Mapping[str, Any]) -> None:
        found = self._digests.get(key)
        if found is not None and found != described.get("sha256", found):
            raise DataError(
                f"{key} is not what {book} says; an erasure was broken off while it replaced files: "
                "clear its task replace_objects, or compute the day again, then erase again"
            )

    def _input(self, key: str, digest: str) -> str:
        """Return the digest of the manifest that another was made from, unless that had changed since anyway."""
        path = self._source / key
        if not path.is_file() or _digest(path.read_bytes()) != digest:
            return digest
        return _digest(self._text(key).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
