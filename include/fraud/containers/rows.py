"""CSV rows as the containers take them: numbers only, no header, and every refusal names the line."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from fraud.errors import DataError

__all__ = ["parse_rows"]


def parse_rows(content: bytes | pa.Buffer, columns: int, where: str) -> npt.NDArray[np.float64]:
    """Return the rows of a CSV text.

    Parameters
    ----------
    content
        Lines of numbers separated by commas, without a header; the last line may lack its line end.
    columns
        Numbers expected on each line.
    where
        What the text is, for messages: a file's name or "the body".

    Returns
    -------
    ndarray
        Shape (lines, columns).

    Raises
    ------
    DataError
        When the text is empty or a line is not that many finite numbers, naming the first such line and its field.
    """
    names = [str(number) for number in range(columns)]
    try:
        table = csv.read_csv(
            pa.BufferReader(content),
            read_options=csv.ReadOptions(column_names=names, use_threads=False),
            parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[]),
        )
    except pa.ArrowInvalid as error:
        raise _first_fault(bytes(content), columns, where) or DataError(f"{where}: {error}; send plain CSV") from None
    rows = np.empty((table.num_rows, columns))
    for position, column in enumerate(table.columns):
        rows[:, position] = column.to_numpy()
    if not np.isfinite(rows).all():
        line, field = np.argwhere(~np.isfinite(rows))[0] + 1
        raise DataError(f"{where}: line {line}, field {field} is {rows[line - 1, field - 1]}, expected a finite number")
    return rows


def _first_fault(content: bytes, columns: int, where: str) -> DataError | None:
    """Look for the first line that is at fault, to say so: the fast reader does not."""
    if not content.strip():
        return DataError(f"{where} is empty, expected lines of {columns} numbers")
    lines = content.removesuffix(b"\n").split(b"\n")
    for line, text in enumerate(lines, start=1):
        fields = text.removesuffix(b"\r").split(b",")
        if not fields[0] and len(fields) == 1:
            return DataError(f"{where}: line {line} is empty, expected {columns} numbers")
        if len(fields) != columns:
            return DataError(f"{where}: line {line} has {len(fields)} fields, expected {columns}")
        for field, value in enumerate(fields, start=1):
            try:
                finite = math.isfinite(float(value))
            except ValueError:
                finite = False
            if not finite:
                shown = value[:40].decode("utf-8", "replace")
                return DataError(f"{where}: line {line}, field {field} is {shown!r}, expected a finite number")
    return None
