"""A day as it is delivered: files beside a ``delivery.json``, which is written last and says what they hold.

::

    landing/tx_date=2026-03-01/delivery.json
                               transactions/*.parquet   the day's transactions
                               labels/*.parquet         chargeback labels that became known on the day
                               customers/*.parquet      all customers, as of the day
                               terminals/*.parquet      all terminals, as of the day

``delivery.json``: ``{"date": "2026-03-01", "files": {"transactions/part.parquet": {"bytes": …, "sha256": "…",
"rows": …}, …}}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import date as Date
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from fraud.erasure.erased import Erased
from fraud.errors import DataError
from fraud.ingest.policy import CHECKS, LIMITS
from fraud.schema import arrow_schema

__all__ = ["DELIVERY", "SCHEMAS", "Delivered", "Delivery", "DeliveryRefused", "read_delivery", "write_delivery"]

DELIVERY = "delivery.json"

SCHEMAS = {
    "customers": "customers",
    "terminals": "terminals",
    "transactions": "transactions",
    "labels": "label_deliveries",
}
"""Table of ``fraud.schema`` by folder of a delivery, in the order in which they are checked."""

_MOST_SAID = 5

Kind = Callable[[pa.DataType], bool]

_FileName = Annotated[
    str,
    StringConstraints(pattern=r"^(transactions|labels|customers|terminals)/[A-Za-z0-9][A-Za-z0-9._-]{0,100}\.parquet$"),
]


class DeliveryRefused(DataError):
    """Nothing of a delivered day may be loaded.

    Attributes
    ----------
    checks
        Names of the checks that failed (``fraud.ingest.policy``).
    """

    def __init__(self, day: Date, problems: Sequence[tuple[str, str]]) -> None:
        self.checks = [check for check, _ in problems]
        said = [f"{what} (check {check}: {CHECKS[check].meaning})" for check, what in problems[:_MOST_SAID]]
        if len(problems) > _MOST_SAID:
            said.append(f"and {len(problems) - _MOST_SAID} more")
        super().__init__(f"the delivery of {day} is refused: {'; '.join(said)}; correct it and deliver the day again")


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    bytes: int = Field(ge=0)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    rows: int = Field(ge=0)


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    date: Date
    files: dict[_FileName, _File]


class Delivered:
    """One delivered table: its rows, and where each came from.

    Attributes
    ----------
    rows
        The columns of the schema, by its types.
    digest
        SHA-256 over the digests of its files: the same files, the same digest.
    """

    def __init__(self, parts: Sequence[tuple[str, pa.Table]], digest: str) -> None:
        self._parts = parts
        self.rows = pa.concat_tables([table for _, table in parts]).combine_chunks()
        self.digest = digest
        self._files = [name for name, _ in parts]
        self._ends = np.cumsum([table.num_rows for _, table in parts])

    def without(self, erased: Erased) -> Delivered:
        """Return the table without the rows that were erased on request; the others keep their places."""
        kept = [(name, erased.keep(table)) for name, table in self._parts]
        if all(table is before for (_, table), (_, before) in zip(kept, self._parts, strict=True)):
            return self
        return Delivered(kept, self.digest)

    def place(self, position: int) -> tuple[str, int]:
        """Return file and row, from 0, of a row of the table."""
        index = int(np.searchsorted(self._ends, position, side="right"))
        return self._files[index], position - int(self._ends[index - 1] if index else 0)


class Delivery:
    """What was delivered for a day, in form: every table by folder, and warnings about it by check."""

    def __init__(self, day: Date, tables: dict[str, Delivered], warnings: list[tuple[str, str]]) -> None:
        self.day, self.tables, self.warnings = day, tables, warnings


def write_delivery(folder: Path, day: Date, files: Sequence[Path]) -> Path:
    """Write the ``delivery.json`` of files below a day's folder; return its path."""
    described = {}
    for path in sorted(files):
        described[str(path.relative_to(folder))] = {
            "bytes": path.stat().st_size,
            "sha256": _digest(path),
            "rows": pq.read_metadata(path).num_rows,
        }
    manifest = folder / DELIVERY
    scratch = manifest.with_name(f".{DELIVERY}")
    scratch.write_text(json.dumps({"date": str(day), "files": described}, indent=1) + "\n", encoding="utf-8")
    scratch.replace(manifest)
    return manifest


def read_delivery(folder: Path, day: Date) -> Delivery:
    """Read a delivered day.

    Parameters
    ----------
    folder
        The day's folder.
    day
        The day that it must be.

    Raises
    ------
    DeliveryRefused
        When it does not have the promised form, with everything that is wrong about its files.
    """
    manifest = _read_manifest(folder, day)
    problems: list[tuple[str, str]] = []
    if manifest.date != day:
        problems.append(("manifest_date", f"{DELIVERY} is of {manifest.date}"))
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {DELIVERY}
    problems += [
        ("listed", f"{name} is listed in {DELIVERY} and missing") for name in sorted({*manifest.files} - found)
    ]
    problems += [("listed", f"{name} is not listed in {DELIVERY}") for name in sorted(found - {*manifest.files})]
    warnings: list[tuple[str, str]] = []
    tables = {}
    for kind in SCHEMAS:
        parts: list[tuple[str, pa.Table]] = []
        names = sorted(name for name in manifest.files if name.startswith(f"{kind}/"))
        if not names:
            problems.append(("complete", f"there is no file of {kind}"))
        for name in names:
            if name not in found:
                continue
            try:
                parts.append((name, _read(folder / name, name, manifest.files[name], kind, warnings)))
            except _Problem as problem:
                problems.append((problem.check, problem.what))
        if parts:
            digest = hashlib.sha256("".join(manifest.files[name].sha256 for name in names).encode()).hexdigest()
            tables[kind] = Delivered(parts, digest)
    if problems:
        raise DeliveryRefused(day, problems)
    return Delivery(day, tables, warnings)


class _Problem(Exception):
    def __init__(self, check: str, what: str) -> None:
        super().__init__(what)
        self.check, self.what = check, what


def _read_manifest(folder: Path, day: Date) -> _Manifest:
    try:
        return _Manifest.model_validate_json((folder / DELIVERY).read_bytes())
    except FileNotFoundError:
        raise DeliveryRefused(day, [("manifest", f"{DELIVERY} is missing")]) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DeliveryRefused(day, [("manifest", f"{DELIVERY}: {where or 'text'}: {first['msg']}")]) from None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read(path: Path, name: str, listed: _File, kind: str, warnings: list[tuple[str, str]]) -> pa.Table:
    """Return a file's rows by the schema of its kind."""
    size = path.stat().st_size
    if size != listed.bytes:
        raise _Problem("content", f"{name} has {size} bytes, {DELIVERY} says {listed.bytes}")
    if _digest(path) != listed.sha256:
        raise _Problem("content", f"{name} has another SHA-256 than {DELIVERY} says")
    try:
        return _typed(pq.ParquetFile(path), name, listed, kind, warnings)
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        # Names of columns that are no UTF-8 are a UnicodeDecodeError, sizes that cannot be a MemoryError.
        reason = str(error).partition("\n")[0][:200]
        raise _Problem("parquet", f"{name} cannot be read as Parquet: {reason}") from None


def _typed(file: pq.ParquetFile, name: str, listed: _File, kind: str, warnings: list[tuple[str, str]]) -> pa.Table:
    expected = arrow_schema(SCHEMAS[kind])
    metadata = file.metadata
    unpacked = sum(metadata.row_group(index).total_byte_size for index in range(metadata.num_row_groups))
    if unpacked > LIMITS.file_bytes or metadata.num_rows > LIMITS.rows:
        raise _Problem(
            "size",
            f"{name} unpacks to {unpacked} bytes and {metadata.num_rows} rows, "
            f"at most {LIMITS.file_bytes} and {LIMITS.rows} are taken",
        )
    if metadata.num_rows != listed.rows:
        raise _Problem("row_count", f"{name} has {metadata.num_rows} rows, {DELIVERY} says {listed.rows}")
    names = file.schema_arrow.names
    for column in expected.names:
        if (times := names.count(column)) != 1:
            raise _Problem("missing_column", f"{name} has the column {column} {times} times, expected once")
    extra = sorted(set(names) - set(expected.names))
    table = file.read(columns=expected.names).select(expected.names)
    if table.num_rows != listed.rows:
        raise _Problem("row_count", f"{name} gives {table.num_rows} rows, {DELIVERY} says {listed.rows}")
    columns = [_cast(table[field.name], field, name) for field in expected]
    if extra:
        warnings.append(("extra_column", f"{name} has other columns, left out: {', '.join(extra)[:200]}"))
    return pa.Table.from_arrays(columns, schema=pa.schema([field.with_nullable(True) for field in expected]))


def _cast(values: pa.ChunkedArray, field: pa.Field, name: str) -> pa.ChunkedArray:
    """Return a column in its promised type; a column of a type that means something else is refused."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        raise _Problem("encoding", f"{name}: column {field.name}: {str(error).partition(chr(10))[0][:200]}") from None
    if not _means_the_same(values.type, field.type):
        raise _Problem("type", f"{name}: column {field.name} is {values.type}, expected {field.type}")
    try:
        return values.cast(field.type)
    except pa.ArrowInvalid as error:
        reason = str(error).partition("\n")[0][:200]
        raise _Problem("type", f"{name}: column {field.name} does not become {field.type}: {reason}") from None


def _means_the_same(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Say whether values of a type can be taken for those of another, if they fit."""
    kinds = pa.types
    accepted: list[tuple[Kind, tuple[Kind, ...]]] = [
        (kinds.is_integer, (kinds.is_integer,)),
        (kinds.is_floating, (kinds.is_floating, kinds.is_integer)),
        # Not from whole numbers, which may be cents, and not from binary fractions.
        (kinds.is_decimal, (kinds.is_decimal,)),
        (kinds.is_timestamp, (lambda one: kinds.is_timestamp(one) and one.tz is not None,)),
        (kinds.is_date, (kinds.is_date,)),
        (kinds.is_string, (kinds.is_string, kinds.is_large_string, kinds.is_string_view)),
        (kinds.is_boolean, (kinds.is_boolean,)),
    ]
    return any(wants(wanted) and any(is_one(found) for is_one in kind) for wants, kind in accepted)
