"""Looks for erased cards in whatever a deployment keeps; shares nothing with what takes them out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fraud.erasure.erased import Erased
from fraud.schema import IDS_PER_DAY

__all__ = ["find"]

_FIELD = re.compile(rb"\"?(customer_id|transaction_id)\\?\"?\s*:\s*\\?\"?(\d+)")
_FIRST = re.compile(rb"^\"?(\d+)", re.MULTILINE)
_NUMBER = re.compile(rb"\d{10,}")


def find(source: Path, erased: Erased) -> Iterator[str]:
    """Yield what names an erased card or transaction, one line a file.

    Columns and JSON fields go by their name, the first field of a CSV line may be a transaction; beyond that any number
    of ten digits or more that is the id of an erased transaction counts, wherever it stands.

    Parameters
    ----------
    source
        The deployment's objects by key.
    erased
        What may stand nowhere any more.
    """
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        key = str(path.relative_to(source))
        if key.endswith(".parquet"):
            found = _in_parquet(path, erased)
        else:
            content = path.read_bytes()
            found = _in_text(content, erased)
            if key.endswith((".csv", ".out")):
                found |= {int(number) for number in _FIRST.findall(content)} & erased.transactions
        if found:
            yield f"{key} names {len(found)} of them, for example {min(found)}"


def _in_parquet(path: Path, erased: Erased) -> set[int]:
    found: set[int] = set()
    table = pq.ParquetFile(path).read()
    for field in table.schema:
        column = table[field.name]
        if pa.types.is_integer(field.type):
            ids = {"customer_id": erased.customers, "transaction_id": erased.transactions}.get(field.name, frozenset())
            found |= ids.intersection(column.to_pylist())
        elif pa.types.is_string(field.type):
            found |= _in_text("\n".join(text or "" for text in column.to_pylist()).encode(), erased)
    return found


def _in_text(content: bytes, erased: Erased) -> set[int]:
    ids = {b"customer_id": erased.customers, b"transaction_id": erased.transactions}
    found = {int(number) for name, number in _FIELD.findall(content) if int(number) in ids[name]}
    long = {number for number in erased.transactions if number >= IDS_PER_DAY}
    return found | ({int(number) for number in _NUMBER.findall(content)} & long)
