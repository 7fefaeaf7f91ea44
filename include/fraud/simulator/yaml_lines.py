"""YAML with line numbers, so that a refusal can say where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fraud.errors import ConfigurationError
from fraud.simulator.refusals import Location

__all__ = ["parse_yaml"]


def parse_yaml(path: Path) -> tuple[Any, dict[Location, int]]:
    """Read a YAML file.

    Returns
    -------
    content, lines
        The content as plain values, and the line (from 1) of every field by its location.

    Raises
    ------
    ConfigurationError
        When it is not YAML, or gives a field twice; names the file and the line.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path}: line {line}: not YAML: {error.problem}; correct it") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML in UTF-8: {error}; correct it") from None
    lines: dict[Location, int] = {}
    if node is not None:
        _collect(node, (), lines, path)
    return content, lines


def _collect(node: yaml.Node, location: Location, lines: dict[Location, int], path: Path) -> None:
    lines.setdefault(location, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect(item, (*location, index), lines, path)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            field = (*location, str(key.value))
            if field in lines:
                raise ConfigurationError(
                    f"{path}: line {key.start_mark.line + 1}: {'.'.join(map(str, field))}: given twice "
                    f"(first in line {lines[field]}); keep one"
                )
            lines[field] = key.start_mark.line + 1
            _collect(value, field, lines, path)
