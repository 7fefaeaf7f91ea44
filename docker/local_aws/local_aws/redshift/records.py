"""Results as the Data API gives them: the columns' metadata, and each value in the field of its type."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from local_aws.redshift.errors import SqlError

__all__ = ["column_metadata", "pages", "size_of"]

_TYPES = {
    "SMALLINT": ("int2", 5),
    "INTEGER": ("int4", 10),
    "BIGINT": ("int8", 19),
    "HUGEINT": ("int8", 19),
    "FLOAT": ("float4", 8),
    "DOUBLE": ("float8", 17),
    "BOOLEAN": ("bool", 1),
    "VARCHAR": ("varchar", 65535),
    '"NULL"': ("unknown", 0),
    "DATE": ("date", 13),
    "TIME": ("time", 15),
    "TIMESTAMP": ("timestamp", 29),
    "TIMESTAMP WITH TIME ZONE": ("timestamptz", 35),
}
_SIGNED = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})
PAGE_BYTES = 1_000_000
"""Size at which a page of a result ends (GetStatementResult gives a result in pages)."""
MOST_BYTES = 500 * 2**20
"""Largest result of the Data API (mgmt/data-api)."""


def column_metadata(name: str, kind: str) -> dict[str, Any]:
    """Return the metadata of a result's column.

    Raises
    ------
    SqlError
        When Redshift has no such type.
    """
    scale = 0
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", kind):
        type_name, precision, scale = "numeric", int(decimal[1]), int(decimal[2])
    elif kind in _TYPES:
        type_name, precision = _TYPES[kind]
    else:
        raise SqlError(f'column "{name}" has type {kind.lower()}, which Redshift does not have')
    return {
        "isCaseSensitive": type_name in ("varchar", "unknown"),
        "isCurrency": False,
        "isSigned": type_name in _SIGNED,
        "label": name,
        "length": 0,
        "name": name,
        "nullable": 1,
        "precision": precision,
        "scale": scale,
        "schemaName": "",
        "tableName": "",
        "typeName": type_name,
    }


def pages(rows: Sequence[tuple[Any, ...]]) -> Iterator[list[list[dict[str, Any]]]]:
    """Yield a result's rows in pages; a result without rows is one empty page."""
    page: list[list[dict[str, Any]]] = []
    size = 0
    for row in rows:
        record = [_field(value) for value in row]
        page.append(record)
        size += sum(len(str(value)) + 20 for value in row)
        if size >= PAGE_BYTES:
            yield page
            page, size = [], 0
    if page or not rows:
        yield page


def size_of(rows: Sequence[tuple[Any, ...]]) -> int:
    """Return the bytes of a result as the API counts them.

    Raises
    ------
    SqlError
        When it is more than the Data API gives out.
    """
    size = sum(len(str(value)) for row in rows for value in row)
    if size > MOST_BYTES:
        raise SqlError(f"the result has {size} bytes, more than the {MOST_BYTES} of the Data API", hint="UNLOAD it")
    return size


def _field(value: Any) -> dict[str, Any]:
    if value is None:
        return {"isNull": True}
    if isinstance(value, bool):
        return {"booleanValue": value}
    if isinstance(value, int):
        return {"longValue": value}
    if isinstance(value, float):
        return (
            {"doubleValue": value}
            if json.dumps(value) not in ("NaN", "Infinity", "-Infinity")
            else {"stringValue": str(value)}
        )
    if isinstance(value, datetime.datetime):
        text = value.isoformat(sep=" ")
        return {"stringValue": text.removesuffix(":00") if value.tzinfo else text}
    return {"stringValue": str(value)}
