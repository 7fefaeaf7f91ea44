"""What is left of each kind of file when erased cards are taken out of it.

Rows go by their ``customer_id`` or ``transaction_id``. Files whose rows have neither, though they are about single
cards (:data:`NAMELESS`), are emptied: nothing reads them again once the run that wrote them has ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fraud.erasure.erased import Erased
from fraud.ingest.gate import QUARANTINE
from fraud.parquet import write_parquet

__all__ = ["NAMELESS", "Vectors", "erase_file", "erased_vectors", "erased_with_rows"]

NAMELESS = (
    "training/*/train/*",
    "training/*/tuning/*.csv",
    "staging/*/activity/*",
    "staging/*/card/*",
)
"""Keys of CSV files about single cards that name none: training sets, and what a run has unloaded for itself."""

Vectors = dict[tuple[str, ...], set[tuple[Any, ...]]]
"""Day and features of erased transactions, by the names of the columns."""


def erased_with_rows(source: Path, keys: Iterable[str], erased: Erased) -> Erased:
    """Return the list with the transactions that files name together with an erased card."""
    more: set[int] = set()
    for key in keys:
        if key.endswith(".parquet"):
            file = pq.ParquetFile(source / key)
            if {"customer_id", "transaction_id"} <= set(file.schema_arrow.names):
                table = file.read(columns=["customer_id", "transaction_id"])
                wanted = Erased(erased.customers).keep(table)
                if wanted.num_rows < table.num_rows:
                    here = set(table["transaction_id"].to_pylist()) - set(wanted["transaction_id"].to_pylist())
                    more |= here
    return erased.with_more(transactions=more)


def erased_vectors(source: Path, keys: Iterable[str], erased: Erased) -> Vectors:
    """Return the features of erased transactions, by which a reference's rows, which name nobody, are recognised."""
    found: Vectors = {}
    for key in keys:
        if key.startswith("features/") and key.endswith(".parquet"):
            table = pq.ParquetFile(source / key).read()
            kept = erased.keep(table)
            if kept.num_rows < table.num_rows:
                gone = Erased(transactions=frozenset(kept["transaction_id"].to_pylist())).keep(table)
                names = tuple(name for name in table.column_names if name != "transaction_id")
                found.setdefault(names, set()).update(_rows(gone, names))
    return found


def erase_file(
    path: Path, key: str, erased: Erased, vectors: Vectors, alerted: dict[str, set[str]]
) -> bytes | int | None:
    """Take what was erased out of a file.

    Parameters
    ----------
    path, key
        The file, and the object key that it has; a Parquet file is written again in place.
    erased
        What goes.
    vectors
        :func:`erased_vectors`.
    alerted
        Ranks that are left among a day's alerts, by day; files of the monitor's days are to come before its cards.

    Returns
    -------
    bytes, int or None
        New content, or the number of rows taken out of a Parquet file, or None when nothing changes.
    """
    if any(fnmatchcase(key, pattern) for pattern in NAMELESS):
        return b"" if path.stat().st_size else None
    if key.endswith(".parquet"):
        return _erase_parquet(path, key, erased, vectors)
    if key.endswith(".json"):
        return _erase_json(path, key, erased, alerted)
    if key.endswith((".csv", ".out")):
        return _erase_lines(path, erased)
    return None


def _erase_parquet(path: Path, key: str, erased: Erased, vectors: Vectors) -> int | None:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    reference = fnmatchcase(key, "training/*/reference/*.parquet")
    quarantine = names == QUARANTINE.names
    if not (reference or quarantine or {"customer_id", "transaction_id"} & set(names)):
        return None
    table = file.read()
    if quarantine:
        kept = table.filter(
            pa.array([not erased.names(json.loads(text)) for text in table["content"].to_pylist()], pa.bool_())
        )
    elif reference:
        columns = tuple(name for name in names if name != "score")
        gone = vectors.get(columns, set())
        kept = table.filter(pa.array([row not in gone for row in _rows(table, columns)], pa.bool_()))
    else:
        kept = erased.keep(table)
    if kept.num_rows == table.num_rows:
        return None
    write_parquet(kept, path)
    return int(table.num_rows - kept.num_rows)


def _erase_json(path: Path, key: str, erased: Erased, alerted: dict[str, set[str]]) -> bytes | None:
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    if fnmatchcase(key, "monitoring/cards/*.json"):
        ranks = alerted.get(Path(key).stem)
        if ranks is None:
            return None
        changed = {
            **content,
            **{
                name: {rank: row for rank, row in content[name].items() if rank in ranks}
                for name in ("cards", "outcomes")
            },
        }
    else:
        changed = _without(content, erased)
        if fnmatchcase(key, "monitoring/days/*.json"):
            alerted[Path(key).stem] = {str(alert["rank"]) for alert in changed["alerts"]}
    if changed == content:
        return None
    return _as_it_was_written(text, content, changed).encode()


def _without(content: Any, erased: Erased) -> Any:
    if isinstance(content, list):
        return [_without(one, erased) for one in content if not erased.names(one)]
    if isinstance(content, dict):
        return {name: _without(value, erased) for name, value in content.items()}
    return content


def _as_it_was_written(text: str, before: Any, after: Any) -> str:
    """Return JSON in the same style as the text had: compact, or one line, or indented."""
    for style in ({"separators": (",", ":")}, {}, {"indent": 1}):
        if json.dumps(before, sort_keys=True, **style).strip() == text.strip():
            break
    return json.dumps(after, sort_keys=True, **style) + "\n"


def _erase_lines(path: Path, erased: Erased) -> bytes | None:
    """Take lines out that begin with the id of an erased transaction."""
    gone = {str(number).encode() for number in erased.transactions}
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if line.split(b",", 1)[0].strip() not in gone]
    return None if len(kept) == len(lines) else b"".join(kept)


def _rows(table: pa.Table, names: Iterable[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))
