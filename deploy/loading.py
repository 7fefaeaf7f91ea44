"""Loads a packaged deployment with an Airflow of its own, as MWAA's containers do, and says what is there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.package import run_tool
from fraud.errors import FraudError

__all__ = ["Loaded", "load", "make_environment"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an Airflow found: DAGs, plugins, and the files that it could not import with the reason."""

    dags: tuple[str, ...]
    plugins: tuple[str, ...]
    errors: dict[str, str]


def make_environment(folder: Path, packages: Sequence[str]) -> None:
    """Make a virtual environment that holds exactly some packages and what they need."""
    run_tool("uv", "venv", "--quiet", str(folder))
    run_tool("uv", "pip", "install", "--quiet", "--compile-bytecode", "--python", str(folder / "bin/python"), *packages)


def load(environment: Path, home: Path, dags: Path, plugins: Path, settings: dict[str, str]) -> Loaded:
    """Import every DAG file and plugin with the Airflow of a virtual environment.

    Parameters
    ----------
    environment
        The virtual environment; nothing else is on the path of imports.
    home
        Folder for Airflow's database and logs.
    dags, plugins
        The two folders, as unpacked.
    settings
        What the startup script sets.

    Raises
    ------
    FraudError
        When Airflow itself fails.
    """
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "FRAUD", "PYTHON"))
    }
    variables |= {
        **settings,
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AWS_DEFAULT_REGION": "nowhere-1",
    }

    def airflow(*arguments: str) -> str:
        done = subprocess.run(
            [environment / "bin/airflow", *arguments],
            env=variables,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in (0, 1):  # 1: there are import errors, which are asked for
            raise FraudError(f"airflow {' '.join(arguments)} failed: {done.stderr[-2000:]}")
        return done.stdout

    home.mkdir(parents=True, exist_ok=True)
    airflow("db", "migrate")
    airflow("dags", "reserialize")
    found = {
        what: _json(airflow(*what.split(), "--output", "json"))
        for what in ("dags list", "plugins", "dags list-import-errors")
    }
    return Loaded(
        tuple(sorted(row["dag_id"] for row in found["dags list"])),
        tuple(sorted(row["name"] for row in found["plugins"])),
        {row["filepath"]: row["error"] for row in found["dags list-import-errors"]},
    )


def _json(output: str) -> list[dict[str, str]]:
    """Return the list that a command printed, after whatever was logged before it."""
    for line in reversed(output.splitlines()):
        if line.startswith("["):
            rows: list[dict[str, str]] = json.loads(line)
            return rows
    return []
