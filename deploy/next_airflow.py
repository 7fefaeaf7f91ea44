"""``make next-airflow``: do the DAGs and the plugin load with another version of Airflow, as MWAA's image has it?"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

from deploy.loading import Loaded, load, make_environment
from deploy.package import ROOT, build
from fraud.errors import ConfigurationError

__all__ = ["try_version"]


def try_version(version: str, folder: Path) -> Loaded:
    """Package the deployment and load it with a version of Airflow.

    Raises
    ------
    ConfigurationError
        When there are no constraints of that version.
    """
    constraints = ROOT / "requirements" / f"constraints-airflow-{version}.txt"
    if not constraints.exists():
        raise ConfigurationError(f"{constraints} does not exist; put Airflow {version}'s own constraints there")
    build(folder / "mwaa", {}, with_wheels=False)
    with zipfile.ZipFile(folder / "mwaa" / "plugins.zip") as archive:
        archive.extractall(folder / "plugins")
    named = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    named = [f"apache-airflow=={version}" if line.startswith("apache-airflow==") else line for line in named]
    make_environment(folder / "environment", [*named, "--constraint", str(constraints)])
    return load(folder / "environment", folder / "home", folder / "mwaa" / "dags", folder / "plugins", {})


def main(version: str) -> int:
    """Try a version and print what was found; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="next-airflow-") as folder:
        loaded = try_version(version, Path(folder))
    print(f"Airflow {version}: DAGs {', '.join(loaded.dags) or 'none'}; plugins {', '.join(loaded.plugins) or 'none'}")
    for path, error in loaded.errors.items():
        print(f"{path}:\n{error}")
    return 1 if loaded.errors or not loaded.dags else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
