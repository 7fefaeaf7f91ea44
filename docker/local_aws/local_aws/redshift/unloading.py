"""UNLOAD to S3: a query's rows as Parquet or CSV files, named and guarded as Redshift does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlglot.tokenizer_core import Token

from local_aws import objects
from local_aws.redshift.definitions import quoted
from local_aws.redshift.errors import SqlError
from local_aws.redshift.options import Reader, read_options

__all__ = ["Unload", "parse_unload"]

_OPTIONS = {
    "ALLOWOVERWRITE": "flag",
    "CLEANPATH": "flag",
    "EXTENSION": "text",
    "MANIFEST": "flag",
    "MAXFILESIZE": "size",
    "PARALLEL": "switch",
    "REGION": "text",
}
_CSV_OPTIONS = _OPTIONS | {"DELIMITER": "text", "HEADER": "flag", "NULL": "text"}
_MOST_MEGABYTES = 6.2 * 1024
SLICES = 2
"""Files that a parallel UNLOAD writes at once; callers must not count on how many they are."""


@dataclass(frozen=True)
class Unload:
    """An UNLOAD, read but not run."""

    select: str
    uri: str
    options: dict[str, str | float | bool]

    def run(self, connection: duckdb.DuckDBPyConnection, translate: Callable[[str], str], folder: Path) -> int:
        """Write the query's rows and return their number.

        Parameters
        ----------
        connection
            Session to read in.
        translate
            Turns the query into DuckDB's SQL, refusing what Redshift refuses.
        folder
            Empty folder to write files in before they become objects.

        Raises
        ------
        SqlError
            When the query is refused or fails, or objects lie under the prefix and neither ALLOWOVERWRITE nor CLEANPATH
            was said. No object is written or removed then.
        """
        bucket, prefix = objects.parse_uri(self.uri)
        try:
            existing = [one.key for one in objects.list_prefix(bucket, prefix)]
        except objects.Missing as missing:
            raise SqlError("S3ServiceException:The specified bucket does not exist,Status 404", str(missing)) from None
        if existing and not (self.options.get("ALLOWOVERWRITE") or self.options.get("CLEANPATH")):
            raise SqlError(
                "Specified unload destination on S3 is not empty. Consider using a different bucket / prefix, manually "
                "removing the target files in S3, or using the ALLOWOVERWRITE option.",
                detail=f"s3://{bucket}/{existing[0]} exists",
            )
        query = _shaped(connection, translate(self.select), is_text=self.options["FORMAT"] == "CSV")
        rows, files = self._stage(connection, query, folder)
        if self.options.get("CLEANPATH"):
            for key in existing:
                objects.delete(bucket, key)
        entries = []
        for suffix, path in files:
            entries.append({"url": f"s3://{bucket}/{prefix}{suffix}", "meta": {"content_length": path.stat().st_size}})
            objects.put_file(bucket, prefix + suffix, path)
        if self.options.get("MANIFEST"):
            objects.put_bytes(bucket, f"{prefix}manifest", json.dumps({"entries": entries}).encode())
        return rows

    def _stage(
        self, connection: duckdb.DuckDBPyConnection, query: str, folder: Path
    ) -> tuple[int, list[tuple[str, Path]]]:
        extension = str(self.options.get("EXTENSION", "parquet" if self.options["FORMAT"] == "PARQUET" else ""))
        ending = f".{extension}" if extension else ""
        if self.options.get("PARALLEL") is False:
            rows, paths = self._write(connection, query, folder)
            return rows, [(f"{number:03d}{ending}", path) for number, path in enumerate(paths)]
        total, files = 0, []
        connection.execute(f"CREATE OR REPLACE TEMP TABLE unloaded AS {query}")
        for part in range(SLICES):
            portion = f"SELECT * FROM unloaded WHERE rowid % {SLICES} = {part} ORDER BY rowid"  # noqa: S608
            rows, paths = self._write(connection, portion, folder / f"slice{part}")
            if rows or not part:
                total += rows
                files += [(f"{part:04d}_part_{number:02d}{ending}", path) for number, path in enumerate(paths)]
        connection.execute("DROP TABLE temp.unloaded")
        return total, files

    def _write(self, connection: duckdb.DuckDBPyConnection, query: str, folder: Path) -> tuple[int, list[Path]]:
        """Write a query's rows in their order into files of at most MAXFILESIZE; return how many, and the files."""
        folder.mkdir(parents=True, exist_ok=True)
        whole = folder / "whole"
        rows = self._write_file(connection, query, whole)
        most = int(float(self.options.get("MAXFILESIZE", _MOST_MEGABYTES)) * 2**20)
        parts = -(-whole.stat().st_size // most)
        if parts <= 1:
            return rows, [whole]
        # DuckDB's own splitting mixes the rows of its threads: cut by row number, finer until every file fits.
        connection.execute(f"CREATE OR REPLACE TEMP TABLE cut AS {query}")
        row = connection.execute("SELECT min(rowid) FROM cut").fetchone()
        first = row[0] if row else 0  # not 0 within a transaction
        while True:
            step, paths = -(-rows // parts), []
            for number in range(parts):
                paths.append(folder / f"part{number}")
                between = f"rowid >= {first + number * step} AND rowid < {first + (number + 1) * step}"
                self._write_file(connection, f"SELECT * FROM cut WHERE {between} ORDER BY rowid", paths[-1])  # noqa: S608
            if step == 1 or all(path.stat().st_size <= most for path in paths):
                connection.execute("DROP TABLE temp.cut")
                return rows, paths
            parts += 1

    def _write_file(self, connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
        if self.options["FORMAT"] == "PARQUET":
            how = "FORMAT parquet, COMPRESSION snappy"
        else:
            delimiter, null = str(self.options.get("DELIMITER", ",")), str(self.options.get("NULL", ""))
            header = "true" if self.options.get("HEADER") else "false"
            how = f"FORMAT csv, HEADER {header}, DELIMITER '{delimiter}', NULLSTR '{null}', QUOTE '\"', ESCAPE '\"'"
        row = connection.execute(f"COPY ({query}) TO '{path}' ({how})").fetchone()
        return int(row[0]) if row else 0


def parse_unload(tokens: list[Token]) -> Unload:
    """Read an UNLOAD statement.

    Raises
    ------
    SqlError
        When Redshift's UNLOAD has no such form or option.
    """
    reader = Reader(tokens)
    reader.expect("UNLOAD")
    reader.expect("(")
    select = reader.text()
    reader.expect(")")
    reader.expect("TO")
    uri = reader.text()
    if not re.fullmatch(r"s3://[^/]+/.*", uri):
        raise SqlError(f"UNLOAD destination {uri!r} is not an S3 path; expected s3://bucket/prefix")
    is_parquet = any(token.text.upper() == "PARQUET" for token in tokens)
    options = read_options(reader, _OPTIONS if is_parquet else _CSV_OPTIONS, "UNLOAD")
    if "FORMAT" not in options:
        raise SqlError("UNLOAD of delimited text is not implemented by the local Redshift", hint="say FORMAT AS CSV")
    if options.get("CLEANPATH") and options.get("ALLOWOVERWRITE"):
        raise SqlError("CLEANPATH and ALLOWOVERWRITE can't be specified together", hint="see r_UNLOAD")
    size = options.get("MAXFILESIZE")
    if size is not None and not 5 <= float(size) <= _MOST_MEGABYTES:
        raise SqlError("MAXFILESIZE must be between 5 MB and 6.2 GB", hint="see r_UNLOAD")
    for name in ("DELIMITER", "NULL"):
        if "'" in str(options.get(name, "")) or (name == "DELIMITER" and len(str(options.get(name, ","))) != 1):
            raise SqlError(f"{name} {options[name]!r} is not implemented by the local Redshift")
    return Unload(select, uri, options)


def _shaped(connection: duckdb.DuckDBPyConnection, query: str, is_text: bool) -> str:
    """Return the query with columns as Redshift writes them: BIGINT sums, and ``t`` or ``f`` in text."""
    described = [(row[0], row[1]) for row in connection.execute(f"DESCRIBE {query}").fetchall()]
    parts = []
    for name, kind in described:
        column = quoted(name)
        if kind == "HUGEINT":
            parts.append(f"CAST({column} AS BIGINT) AS {column}")
        elif kind == "BOOLEAN" and is_text:
            parts.append(f"CASE WHEN {column} THEN 't' WHEN NOT {column} THEN 'f' END AS {column}")
        else:
            parts.append(column)
    if not any(" AS " in part for part in parts):
        return query
    return f"SELECT {', '.join(parts)} FROM ({query})"  # noqa: S608
