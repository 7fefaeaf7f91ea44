"""What is wrong with a world, in one sentence: file, line, field, reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from fraud.errors import ConfigurationError

__all__ = ["At", "Location", "refusal"]

Location = tuple[int | str, ...]


@dataclass
class At(ValueError):
    """A refusal that says where, relative to the validator that raises it."""

    where: Location
    reason: str

    def __str__(self) -> str:
        return self.reason


def refusal(error: ValidationError, content: Any, where: str, lines: Mapping[Location, int]) -> ConfigurationError:
    """Say the first thing that is wrong.

    Parameters
    ----------
    error
        What pydantic says.
    content
        What was validated.
    where
        Name of the file.
    lines
        Line of every field, as far as known.
    """
    first = error.errors()[0]
    location: Location = tuple(first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, At):
        location = (*location, *cause.where)
    field = _without_kinds(location, content)
    known = next((field[:n] for n in range(len(field), -1, -1) if field[:n] in lines), None)
    line = f" line {lines[known]}:" if known is not None else ""
    message = first["msg"].removeprefix("Value error, ")
    given = f" (got {first['input']!r})" if isinstance(first["input"], str | int | float) else ""
    return ConfigurationError(f"{where}:{line} {'.'.join(map(str, field)) or 'world'}: {message}{given}; correct it")


def _without_kinds(location: Location, content: Any) -> Location:
    """Drop the tags that pydantic puts into the location of a member of a tagged union."""
    field: list[int | str] = []
    for part in location:
        if isinstance(content, dict) and content.get("kind") == part and part not in content:
            continue
        field.append(part)
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            content = None
    return tuple(field)
