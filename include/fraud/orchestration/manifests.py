"""A day is the unit of truth: every step's output for a day is a set of files and one manifest, written last.

A manifest says what was written (rows, sizes, digests), from what (the manifests it came from, by digest) and how
(settings). It holds no clock time: the same inputs give the same manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, NamedTuple

from fraud import layout
from fraud.days import days_between
from fraud.errors import ConflictError, DataError, MissingInputError
from fraud.orchestration.objects import Objects

__all__ = [
    "Manifest",
    "check_days",
    "copy_manifest",
    "digest",
    "input_manifest",
    "read_days",
    "record_days",
    "written_days",
]


ONE_DAY = timedelta(days=1)


class Manifest(NamedTuple):
    """A manifest as read: its key, the digest of its text, its content."""

    key: str
    digest: str
    content: dict[str, Any]

    def files(self, prefix: str, source: str = "") -> list[str]:
        """Return the keys of the day's files below a prefix, relative to it."""
        return [key[len(prefix) :] for key in sorted(self.content["files"]) if key.startswith(prefix) and source in key]


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def written_days(objects: Objects, step: str, first: date, last: date) -> list[date]:
    """Return the days of a range that a step has written, in order."""
    key_of = partial(layout.manifest, step)
    found = objects.sizes(key_of(first), key_of(last))
    return [day for day in days_between(first, last) if key_of(day) in found]


def read_days(objects: Objects, step: str, days: Iterable[date], purpose: str) -> list[Manifest]:
    """Return a step's manifests of some days.

    Raises
    ------
    MissingInputError
        Naming the first day that the step has not written.
    """
    manifests = []
    for day in days:
        key = layout.manifest(step, day)
        text = objects.read_text(key)
        if text is None:
            raise MissingInputError(
                f"{purpose} needs {step} of {day}, which is missing ({key}); "
                f"run fraud_history with step '{step}' over that day first"
            )
        manifests.append(Manifest(key, digest(text), json.loads(text)))
    return manifests


def check_days(
    objects: Objects, step: str, days: Sequence[date], summary: Callable[[date], str], roots: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Check the outputs of some days against what the job said about them.

    Parameters
    ----------
    objects
        The deployment's bucket.
    step, days
        What was done and for which days, in order.
    summary
        Key of the object in which the job described a day's outputs (``fraud.containers.summary``).
    roots
        Key prefix of each of the job's outputs.

    Returns
    -------
    list of dict
        The summaries, their files named by key.

    Raises
    ------
    MissingInputError
        When the job left no summary for a day.
    DataError
        When an output is missing or has another size than the job wrote.
    """
    checked = []
    for day in days:
        content = objects.read_json(summary(day))
        if content is None:
            raise MissingInputError(
                f"the job of step {step} left no summary for {day} ({summary(day)}); look at the job's log"
            )
        named = {}
        for relative, described in content["files"].items():
            output, _, rest = relative.partition("/")
            named[f"{roots[output]}{rest}"] = described
        checked.append({**content, "files": named})
    expected = {key: described["bytes"] for content in checked for key, described in content["files"].items()}
    for root in roots.values():
        below = sorted(key for key in expected if key.startswith(root))
        found = objects.sizes(below[0], below[-1]) if below else {}
        for key in below:
            if found.get(key) != expected[key]:
                what = f"has {found[key]} bytes" if key in found else "is missing"
                raise DataError(
                    f"{key} {what} where the job wrote {expected[key]} bytes; clear the job's task to write it again"
                )
    return checked


def record_days(
    objects: Objects,
    step: str,
    days: Sequence[date],
    summary: Callable[[date], str],
    roots: Mapping[str, str],
    inputs: Callable[[date], Sequence[Manifest]],
    settings: Mapping[str, Any],
    world: str,
) -> list[dict[str, Any]]:
    """Check the outputs of some days (:func:`check_days`) and write their manifests.

    Parameters
    ----------
    objects, step, days, summary, roots
        As for :func:`check_days`.
    inputs
        The manifests that a day's outputs come from.
    settings
        The settings that the outputs depend on.
    world
        Content hash of the world that the days belong to.

    Raises
    ------
    ConflictError
        When a day was written for another world.
    """
    recorded = []
    for day, content in zip(days, check_days(objects, step, days, summary, roots), strict=True):
        manifest = {
            **content,
            "step": step,
            "date": str(day),
            "world": world,
            "inputs": {manifest.key: manifest.digest for manifest in inputs(day)},
            "settings": dict(settings),
        }
        before = objects.read_json(layout.manifest(step, day))
        if before is not None and before["world"] != world:
            raise ConflictError(
                f"{layout.manifest(step, day)} belongs to world {before['world'][:12]}, not {world[:12]}; "
                "use another prefix for another world"
            )
        if manifest != before:
            objects.write_json(layout.manifest(step, day), manifest)
        recorded.append(manifest)
    return recorded


def copy_manifest(objects: Objects, key: str, manifests: Iterable[Mapping[str, Any]], prefix: str) -> str:
    """Write the manifest of a ``COPY`` of those files of some days that lie below a prefix; return its URI.

    Raises
    ------
    DataError
        When there is no such file, since Redshift refuses an empty manifest.
    """
    entries = [
        {
            "url": objects.layout.uri(file),
            "mandatory": True,
            "meta": {"content_length": described["bytes"]},
        }
        for manifest in manifests
        for file, described in sorted(manifest["files"].items())
        if file.startswith(prefix) and file.endswith(".parquet")
    ]
    if not entries:
        raise DataError(f"no file below {prefix} to load; the step wrote none for these days")
    objects.write_json(key, {"entries": entries})
    return objects.layout.uri(key)


def input_manifest(objects: Objects, key: str, root: str, relative: Iterable[str]) -> str:
    """Write the manifest of a SageMaker input (``S3DataType: ManifestFile``) and return its URI.

    Parameters
    ----------
    objects, key
        Where the manifest goes.
    root
        Key prefix that the container's folder stands for.
    relative
        Keys of the files, relative to the root.
    """
    objects.write_json(key, [{"prefix": objects.layout.uri(root)}, *relative])
    return objects.layout.uri(key)
