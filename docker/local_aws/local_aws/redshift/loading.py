"""COPY from S3: Parquet as strict as Redshift's, by position and exact type, and plain CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp
from sqlglot.tokenizer_core import Token

from local_aws import objects
from local_aws.redshift.definitions import Column, columns_of, quoted
from local_aws.redshift.errors import SqlError, from_duckdb, syntax_error
from local_aws.redshift.options import Reader, read_options

__all__ = ["Copy", "LoadError", "parse_copy"]

_PARQUET_OPTIONS = {"MANIFEST": "flag", "STATUPDATE": "switch"}
_CSV_OPTIONS = _PARQUET_OPTIONS | {
    "COMPUPDATE": "switch",
    "DELIMITER": "text",
    "EMPTYASNULL": "flag",
    "IGNOREHEADER": "number",
    "NULL": "text",
    "REGION": "text",
}
_INTEGERS = {16: "SMALLINT", 32: "INTEGER", 64: "BIGINT"}


class LoadError(SqlError):
    """A load failed because of a file; what SYS_LOAD_ERROR_DETAIL says about it."""

    def __init__(self, message: str, detail: str, file: str, column: str = "", kind: str = "") -> None:
        super().__init__(message, detail)
        self.file, self.column, self.kind, self.reason = file, column, kind, detail


@dataclass(frozen=True)
class _File:
    uri: str
    path: Path
    size: int


@dataclass(frozen=True)
class Copy:
    """A COPY, read but not run."""

    table: exp.Table
    columns: tuple[str, ...]
    uri: str
    options: dict[str, str | float | bool]

    def run(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Load the files and return the number of rows.

        Raises
        ------
        SqlError
            When the table or a file does not exist, or a file does not fit the table. Nothing is loaded then.
        """
        known = columns_of(connection, self.table)
        by_name = {column.name: column for column in known}
        for name in self.columns:
            if name not in by_name:
                raise SqlError(f'column "{name}" of relation "{self.table.name}" does not exist')
        columns = [by_name[name] for name in self.columns] if self.columns else known
        is_parquet = self.options.get("FORMAT") == "PARQUET"
        files = _files(self.uri, bool(self.options.get("MANIFEST")), need_length=is_parquet)
        sources = _parquet_sources(files, columns) if is_parquet else [_csv_source(files, columns, self.options)]
        target = f"{quoted(self.table.db, self.table.name)} ({', '.join(quoted(column.name) for column in columns)})"
        count = 0
        try:
            for source in sources:
                row = connection.execute(f"INSERT INTO {target} {source}").fetchone()
                count += row[0] if row else 0
        except duckdb.InterruptException as error:
            raise from_duckdb(error) from None
        except duckdb.Error as error:
            raise self._diagnose(connection, files, columns, is_parquet, error) from None
        return count

    def _diagnose(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Sequence[_File],
        columns: Sequence[Column],
        is_parquet: bool,
        error: duckdb.Error,
    ) -> SqlError:
        """Find the file and column that a failed load failed at."""
        table = self.table.name
        message = (
            "Spectrum Scan Error"
            if is_parquet
            else (f"Load into table '{table}' failed.  Check 'sys_load_error_detail' system table for details.")
        )
        # The failed insertion has aborted the caller's transaction: look at the files outside of it.
        with connection.cursor() as outside:
            for file in files if is_parquet else ():
                for position, column in enumerate(columns):
                    name = quoted(pq.read_schema(file.path).names[position])
                    row = outside.execute(
                        f"SELECT count(*) FILTER (WHERE {name} IS NULL), max(strlen(CAST({name} AS VARCHAR))) "  # noqa: S608
                        f"FROM read_parquet(?, hive_partitioning = false)",
                        [str(file.path)],
                    ).fetchone()
                    nulls, longest = row or (0, 0)
                    if column.not_null and nulls:
                        detail = f"Cannot insert a NULL value into column {column.name}, File name: {file.uri}"
                        return LoadError(message, detail, file.uri, column.name, column.type)
                    if column.length is not None and (longest or 0) > column.length:
                        detail = (
                            "The length of the data column "
                            f"{column.name} is longer than the length defined in the table. "
                            f"Table: {column.length}, Data: {longest}, File name: {file.uri}"
                        )
                        return LoadError(message, detail, file.uri, column.name, f"varchar({column.length})")
        return LoadError(message, str(from_duckdb(error)).removeprefix("ERROR: "), files[0].uri)


def parse_copy(tokens: list[Token], database: str) -> Copy:
    """Read a COPY statement.

    Raises
    ------
    SqlError
        When Redshift's COPY has no such form or option.
    """
    reader = Reader(tokens)
    reader.expect("COPY")
    names = [reader.word()]
    while reader.accept("."):
        names.append(reader.word())
    if len(names) == 3 and names.pop(0) != database:
        raise SqlError("COPY loads a table of its own database")
    columns = []
    if reader.accept("("):
        columns.append(reader.word())
        while reader.accept(","):
            columns.append(reader.word())
        reader.expect(")")
    reader.expect("FROM")
    uri = reader.text()
    if not uri.startswith("s3://"):
        raise SqlError(f"COPY source {uri!r} is not implemented by the local Redshift; expected s3://bucket/prefix")
    is_parquet = any(token.text.upper() == "PARQUET" for token in tokens)
    options = read_options(reader, _PARQUET_OPTIONS if is_parquet else _CSV_OPTIONS, "COPY")
    if "FORMAT" not in options:
        raise SqlError("COPY of delimited text is not implemented by the local Redshift", hint="say FORMAT AS CSV")
    table = exp.Table(this=exp.to_identifier(names[-1]), db=exp.to_identifier(names[0]) if len(names) > 1 else None)
    return Copy(table, tuple(columns), uri, options)


def _files(uri: str, is_manifest: bool, need_length: bool) -> list[_File]:
    try:
        bucket, key = objects.parse_uri(uri)
        if is_manifest:
            return _manifest_files(uri, objects.find(bucket, key).path.read_bytes(), need_length)
        found = [_File(f"s3://{bucket}/{one.key}", one.path, one.size) for one in objects.list_prefix(bucket, key)]
    except objects.Missing as missing:
        raise SqlError("S3ServiceException:The specified key does not exist.,Status 404", detail=str(missing)) from None
    if not found:
        raise SqlError(f"The specified S3 prefix '{key}' does not exist", detail=f"no object begins with {uri}")
    return [one for one in found if not (one.uri.endswith("/") and one.size == 0)]


def _manifest_files(uri: str, content: bytes, need_length: bool) -> list[_File]:
    try:
        entries = json.loads(content)["entries"]
        urls = [(entry["url"], bool(entry.get("mandatory", False)), entry.get("meta", {})) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SqlError(f"Manifest file is not in correct json format: {uri}") from None
    files = []
    for url, mandatory, meta in urls:
        length = meta.get("content_length")
        if need_length and not isinstance(length, int):
            raise SqlError(
                f"Manifest {uri} lacks meta.content_length for {url}",
                hint="COPY from Parquet needs the size of each file (loading-data-files-using-manifest)",
            )
        try:
            stored = objects.find(*objects.parse_uri(url))
        except (objects.Missing, ValueError) as error:
            if mandatory:
                raise LoadError(
                    "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey", str(error), url
                ) from None
            continue
        if need_length and length != stored.size:
            raise LoadError("Spectrum Scan Error", f"{url} has {stored.size} bytes, the manifest says {length}", url)
        files.append(_File(url, stored.path, stored.size))
    if not files:
        raise SqlError(f"No files to load: manifest {uri} names no object that exists")
    return files


def _parquet_sources(files: Sequence[_File], columns: Sequence[Column]) -> list[str]:
    """Check every file against the table, and return one query for each way in which files name their columns.

    DuckDB joins files by column name, Redshift by position: files of like names are read together.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        try:
            schema = pq.read_metadata(file.path).schema
        except (pa.ArrowException, OSError) as error:
            raise LoadError(
                "Spectrum Scan Error", f"{file.uri} is not a valid Parquet file: {error}", file.uri
            ) from None
        found = [schema.column(position) for position in range(len(schema))]
        if len(found) != len(columns):
            raise LoadError(
                "Spectrum Scan Error",
                "Unmatched number of columns between table and file. "
                f"Table columns: {len(columns)}, Data columns: {len(found)}, File name: {file.uri}",
                file.uri,
            )
        for column, part in zip(columns, found, strict=True):
            held = _parquet_type(part)
            if held != column.type.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMP").replace("FLOAT", "REAL"):
                logical = str(part.logical_type)
                described = part.physical_type.lower() + ("" if logical == "None" else f" {logical}")
                raise LoadError(
                    "Spectrum Scan Error",
                    f"File '{file.uri}' has an incompatible Parquet schema for column '{column.name}'. "
                    f"Column type: {column.type}, Parquet schema: {part.path} {described}",
                    file.uri,
                    column.name,
                    column.type,
                )
        groups.setdefault(tuple(part.path for part in found), []).append(str(file.path))
    return [
        f"SELECT * FROM read_parquet([{', '.join(_literal(path) for path in paths)}], hive_partitioning = false)"  # noqa: S608
        for paths in groups.values()
    ]


def _parquet_type(column: pq.ColumnSchema) -> str | None:
    """Return the Redshift type that a Parquet column loads into, or nothing."""
    logical = json.loads(column.logical_type.to_json())
    kind, physical = logical["Type"], column.physical_type
    if column.max_repetition_level:
        return None
    if kind == "Decimal":
        return f"DECIMAL({logical['precision']},{logical['scale']})"
    if kind == "Timestamp":
        return "TIMESTAMP" if logical["timeUnit"] in ("milliseconds", "microseconds") else None
    if kind == "Int":
        return _INTEGERS.get(logical["bitWidth"]) if logical["isSigned"] else None
    plain = {
        "INT32": "INTEGER",
        "INT64": "BIGINT",
        "FLOAT": "REAL",
        "DOUBLE": "DOUBLE",
        "BOOLEAN": "BOOLEAN",
        "INT96": "TIMESTAMP",
    }
    return {"String": "VARCHAR", "Date": "DATE", "None": plain.get(physical)}.get(kind)


def _csv_source(files: Sequence[_File], columns: Sequence[Column], options: dict[str, str | float | bool]) -> str:
    delimiter = str(options.get("DELIMITER", ","))
    if len(delimiter) != 1:
        raise syntax_error(delimiter, "DELIMITER is one character")
    null = str(options.get("NULL", "\\N"))
    empty_is_null = bool(options.get("EMPTYASNULL"))
    parts = []
    for column in columns:
        value = quoted(column.name)
        text = f"NULLIF({value}, {_literal(null)})"
        if column.type != "VARCHAR":
            text = f"CAST(NULLIF({text}, '') AS {column.type})"
        elif empty_is_null:
            text = f"NULLIF({text}, '')"
        parts.append(text)
    names = ", ".join(f"{_literal(column.name)}: 'VARCHAR'" for column in columns)
    paths = ", ".join(_literal(str(file.path)) for file in files)
    return (
        f"SELECT {', '.join(parts)} FROM read_csv([{paths}], header = false, auto_detect = false, "  # noqa: S608
        f"skip = {int(options.get('IGNOREHEADER', 0))}, delim = {_literal(delimiter)}, quote = '\"', escape = '\"', "
        f"nullstr = {_literal(chr(1))}, columns = {{{names}}}, hive_partitioning = false)"
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
