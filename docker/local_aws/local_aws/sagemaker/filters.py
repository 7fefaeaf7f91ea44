"""The JSONPath subset that batch transform applies to CSV records: ``$``, ``$[1:]``, ``$[0,-1]``, ``$[0,2:4]``."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence

__all__ = ["FilterError", "join_record", "parse_filter", "split_record"]

SELECTOR = re.compile(r"\s*(?:(?P<index>-?\d+)|(?P<start>-?\d+)?\s*:\s*(?P<end>-?\d+)?)\s*")


class FilterError(Exception):
    """A filter cannot be read, or a record has not the column that it names."""


def parse_filter(text: str) -> Callable[[Sequence[str]], list[str]]:
    """Return the function that picks a record's columns.

    Parameters
    ----------
    text
        JSONPath: the whole record, an index (negative from the end), a slice (end excluded), or a union of them.

    Raises
    ------
    FilterError
        When it is none of these; the function raises it for an index that the record has not.

    Examples
    --------
    >>> parse_filter("$[0,-1]")(["7", "12.5", "0.25"])
    ['7', '0.25']
    """
    if text.strip() == "$":
        return list
    found = re.fullmatch(r"\s*\$\[(.+)\]\s*", text)
    selectors = [SELECTOR.fullmatch(part) for part in found[1].split(",")] if found else []
    if not selectors or None in selectors:
        raise FilterError(f"filter {text!r} is not supported; expected '$', '$[1:]', '$[0,-1]' or the like")
    picks: list[int | slice] = []
    for selector in selectors:
        parts = selector.groupdict() if selector else {}
        if parts["index"] is not None:
            picks.append(int(parts["index"]))
        else:
            picks.append(slice(*(int(parts[end]) if parts[end] is not None else None for end in ("start", "end"))))

    def pick(record: Sequence[str]) -> list[str]:
        chosen: list[str] = []
        for one in picks:
            if isinstance(one, slice):
                chosen.extend(record[one])
            elif -len(record) <= one < len(record):
                chosen.append(record[one])
            else:
                raise FilterError(f"filter {text!r}: there is no column {one} in a record of {len(record)}")
        return chosen

    return pick


def split_record(line: str) -> list[str]:
    """Split a CSV line, quoted fields too."""
    return line.split(",") if '"' not in line else next(csv.reader([line]), [""])


def join_record(values: Sequence[str]) -> str:
    """Make a CSV line, quoting what needs it."""
    if not any(character in value for value in values for character in ',"'):
        return ",".join(values)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(values)
    return stream.getvalue()
