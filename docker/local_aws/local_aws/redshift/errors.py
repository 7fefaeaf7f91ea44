"""What Redshift says when it refuses a statement or a statement fails, and DuckDB's errors in those words."""

from __future__ import annotations

import re

import duckdb

__all__ = ["CancelledError", "SqlError", "from_duckdb", "not_implemented", "syntax_error"]


class SqlError(Exception):
    """A statement is refused or fails; the text is what the Data API gives as ``Error``.

    Parameters
    ----------
    message
        One sentence in Redshift's words, without the leading ``ERROR:``.
    detail
        What Redshift shows on a line of its own below the message.
    hint
        What to do; where the local warehouse knows the page of the documentation, its name.
    """

    def __init__(self, message: str, detail: str | None = None, hint: str | None = None) -> None:
        lines = [f"ERROR: {message}"]
        lines += [f"  Detail: {detail}"] if detail else []
        lines += [f"  Hint: {hint}"] if hint else []
        super().__init__("\n".join(lines))


class CancelledError(SqlError):
    """The statement was cancelled while it ran."""

    def __init__(self) -> None:
        super().__init__("Query cancelled on user's request")


def syntax_error(near: str, hint: str | None = None) -> SqlError:
    """Return the error for text that Redshift's grammar does not have."""
    return SqlError(f'syntax error at or near "{near}"', hint=hint)


def not_implemented(what: str) -> SqlError:
    """Return the error for what Redshift has and the local warehouse has not."""
    return SqlError(f"{what} is not implemented by the local Redshift", hint="write the statement another way")


# DuckDB's message -> Redshift's, groups filled in; tried in this order.
_MESSAGES: tuple[tuple[str, str], ...] = (
    (
        r"CHECK constraint failed on table .* with expression CHECK\(\(strlen\(\"?([^\")]+)\"?\) <= (\d+)\)\)",
        "value too long for type character varying({1})",
    ),
    (r"NOT NULL constraint failed: [^.]+\.\"?([^\"]+?)\"?$", "Cannot insert a NULL value into column {0}"),
    (r"(?:Table|View|Entry) with name \"*(.+?)\"* does not exist", 'relation "{0}" does not exist'),
    (r"Table \"?(.+?)\"? does not exist", 'relation "{0}" does not exist'),
    (r"Schema with name \"?(.+?)\"? does not exist", 'schema "{0}" does not exist'),
    (r"(?:Table|View) with name \"?(.+?)\"? already exists", 'Relation "{0}" already exists'),
    (r"Schema with name \"?(.+?)\"? already exists", 'Schema "{0}" already exists'),
    (r"Referenced column \"(.+?)\" not found", 'column "{0}" does not exist'),
    (r"Referenced table \"(.+?)\" not found", 'missing FROM-clause entry for table "{0}"'),
    (r"does not have a column (?:named|with name) \"(.+?)\"", 'column "{0}" does not exist'),
    (r"Values list \"(.+?)\" does not have a column named \"(.+?)\"", 'column "{1}" does not exist'),
    (r"Ambiguous reference to column name \"(.+?)\"", 'column reference "{0}" is ambiguous'),
    (
        r"column \"(.+?)\" must appear in the GROUP BY clause",
        'column "{0}" must appear in the GROUP BY clause or be used in an aggregate function',
    ),
    (r"[Dd]ivision by zero", "division by zero"),
    (r"cannot affect the same target row more than once", "Found multiple matches to update the same tuple."),
    (r"Could not convert string '(.*)' to INT(16|32|64)", 'invalid input syntax for integer: "{0}"'),
    (r"Could not convert string '(.*)' to (?:DOUBLE|FLOAT)", 'invalid input syntax for type double precision: "{0}"'),
    (r"Could not convert string \"(.*)\" to DECIMAL", 'invalid input syntax for type numeric: "{0}"'),
    (r"invalid date field format: \"(.*?)\"", 'invalid input syntax for type date: "{0}"'),
    (r"invalid timestamp field format: \"(.*?)\"", 'invalid input syntax for type timestamp: "{0}"'),
    (r"out of range for the destination type INT16", "smallint out of range"),
    (r"out of range for the destination type INT32", "integer out of range"),
    (r"out of range for the destination type INT64", "bigint out of range"),
    (r"Overflow in (?:addition|subtraction|multiplication) of INT32", "integer out of range"),
    (r"Overflow in (?:addition|subtraction|multiplication) of INT64", "bigint out of range"),
    (r"(?:Could not cast value|Casting value) .* to (?:type )?DECIMAL", "Numeric data overflow (result precision)"),
    (r"syntax error at or near \"(.+?)\"", 'syntax error at or near "{0}"'),
    (r"(?:Scalar|Aggregate|Table)? ?Function with name (\S+?) does not exist", "function {0}() does not exist"),
    (r"(?:has|table .* has) (\d+) columns? but (\d+) values were supplied", "INSERT has {1} values for {0} columns"),
    (r"(?:write-write|Transaction) conflict", "1023: Serializable isolation violation on table"),
)
_COMPILED = tuple((re.compile(pattern, re.MULTILINE), text) for pattern, text in _MESSAGES)


def from_duckdb(error: duckdb.Error) -> SqlError:
    """Return Redshift's error for one of DuckDB's; what has no counterpart keeps DuckDB's first line."""
    if isinstance(error, duckdb.InterruptException):
        return CancelledError()
    text = str(error)
    for pattern, message in _COMPILED:
        if match := pattern.search(text):
            return SqlError(message.format(*match.groups()))
    first = text.split("\n", 1)[0]
    return SqlError(re.sub(r"^\w+(?: \w+)* Error: ", "", first))
