"""What is different between deployments: one YAML file each, parameters of the templates by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from fraud.errors import ConfigurationError

__all__ = ["HERE", "Deployment", "read_environment"]

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment by name, and its values of the templates' parameters."""

    name: str
    values: Mapping[str, str]


def read_environment(name: str, folder: Path = HERE / "environments") -> Deployment:
    """Read ``environments/<name>.yaml``.

    Raises
    ------
    ConfigurationError
        When the name is no name of an environment, or there is no such file.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,15}", name):
        raise ConfigurationError(f"{name!r} is no environment's name; expected 2 to 16 lower-case letters, digits or -")
    path = folder / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise ConfigurationError(f"{path} does not exist; copy one of {known} to it and set its values")
    values = yaml.safe_load(path.read_text()) or {}
    wrong = [key for key, value in values.items() if not isinstance(value, str | int)]
    if wrong:
        raise ConfigurationError(f"{path}: {wrong[0]} is neither text nor a whole number; quote it")
    return Deployment(name, {key: str(value) for key, value in values.items()})
