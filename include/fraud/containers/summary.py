"""What a job says about the outputs that it wrote for a day: the task after it checks and keeps it in the manifest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fraud.containers.paths import JobPaths

__all__ = ["summary_text", "write_summary", "write_text"]


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def summary_text(day: date, rows: Mapping[str, int], files: Mapping[str, Mapping[str, Any]], **extra: Any) -> str:
    """Return the text of ``summary/<day>.json``: rows by table, size and SHA-256 by file, and anything else."""
    content = {"date": str(day), "rows": dict(sorted(rows.items())), "files": files, **extra}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def write_summary(paths: JobPaths, day: date, rows: Mapping[str, int], files: Sequence[Path], **extra: Any) -> None:
    """Write ``summary/<day>.json``: rows by table, and size and SHA-256 of every file that the day consists of.

    Parameters
    ----------
    paths
        The job's folders.
    day
        The day that the files belong to.
    rows
        Number of rows by table name.
    files
        The day's files, all below ``processing/output``.
    **extra
        Anything else that belongs in the day's manifest (a world's content hash, a model version).
    """
    root = paths.base / "processing" / "output"
    described = {}
    for path in sorted(files):
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        described[str(path.relative_to(root))] = {"bytes": path.stat().st_size, "sha256": digest}
    write_text(paths.output("summary") / f"{day}.json", summary_text(day, rows, described, **extra))
