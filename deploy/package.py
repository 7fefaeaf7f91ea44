"""What Amazon MWAA takes, and nothing else: a DAGs folder, ``plugins.zip``, ``requirements.txt``, a startup script.

Built from the checkout alone, so the same commit and settings give the same bytes: an unchanged file is not uploaded
again, and only changed plugins, requirements or settings make MWAA restart its containers.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from fraud.errors import ConfigurationError, FraudError
from fraud.settings import Settings

__all__ = ["ROOT", "airflow_version", "build", "run_tool", "startup_script"]

ROOT = Path(__file__).parents[1]
PLUGINS_ON_MWAA = "/usr/local/airflow/plugins"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".DS_Store")
_FIXED = {"apache-airflow"}  # nobody can replace it there


def airflow_version(requirements: Path = ROOT / "requirements.txt") -> str:
    """Return the version of Airflow that ``requirements.txt`` names: the one place that does.

    Raises
    ------
    ConfigurationError
        When it names none.
    """
    found = re.search(r"^apache-airflow==(\S+)$", requirements.read_text(), re.MULTILINE)
    if found is None:
        raise ConfigurationError(f"{requirements}: no line apache-airflow==VERSION; MWAA has to be told which")
    return found[1]


def build(out: Path, settings: Mapping[str, str], *, with_wheels: bool = True) -> list[str]:
    """Write the four things into a folder, replacing what was there.

    Parameters
    ----------
    out
        Folder to write.
    settings
        ``FRAUD_*`` variables of the deployment.
    with_wheels
        Install from ``plugins.zip`` alone, as an environment without a way to the internet must; else from the index.

    Returns
    -------
    list of str
        A line for each thing, with its size.

    Raises
    ------
    ConfigurationError
        When a setting is wrong, or there are no constraints for the version of Airflow.
    """
    version = airflow_version()
    constraints = ROOT / "requirements" / f"constraints-airflow-{version}.txt"
    if not constraints.exists():
        raise ConfigurationError(f"{constraints} does not exist; put Airflow {version}'s own constraints there")
    startup = startup_script(settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        _dags(made / "dags")
        wheels = _wheels(constraints, version, made / "wheels") if with_wheels else []
        _plugins(made / "plugins.zip", constraints, wheels)
        shutil.rmtree(made / "wheels", ignore_errors=True)
        (made / "requirements.txt").write_text(requirements(offline=with_wheels))
        (made / "startup.sh").write_text(startup)
        made.chmod(0o755)
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    count = sum(1 for path in (out / "dags").rglob("*") if path.is_file())
    return [
        f"{out}/dags: {count} files for Airflow {version}",
        f"{out}/plugins.zip: {(out / 'plugins.zip').stat().st_size / 2**20:.2f} MB, {len(wheels)} wheels",
        f"{out}/requirements.txt: {'from plugins.zip alone' if with_wheels else 'from the package index'}",
        f"{out}/startup.sh: {len(settings)} settings",
    ]


def startup_script(settings: Mapping[str, str]) -> str:
    """Return the script that sets the deployment's settings in every container of the environment.

    Raises
    ------
    ConfigurationError
        When a setting is wrong: better here than in every task.
    """
    Settings.from_environment(settings)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(settings.items())]
    return (
        "\n".join(["#!/bin/sh", "# Settings of this deployment (fraud.settings), written by `make package`.", *lines])
        + "\n"
    )


def requirements(*, offline: bool) -> str:
    """Return MWAA's ``requirements.txt``: the project's, held to the constraints that travel in ``plugins.zip``."""
    named = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
    source = ["--no-index", f"--find-links {PLUGINS_ON_MWAA}"] if offline else []
    return "\n".join([f"--constraint {PLUGINS_ON_MWAA}/constraints.txt", *source, *named]) + "\n"


def _dags(folder: Path) -> None:
    shutil.copytree(ROOT / "dags", folder, ignore=_LEFT_OUT)
    shutil.copytree(ROOT / "include" / "fraud", folder / "fraud", ignore=_LEFT_OUT)


def _plugins(path: Path, constraints: Path, wheels: list[Path]) -> None:
    plugins = ROOT / "plugins"
    files = {str(file.relative_to(plugins)): file for file in plugins.rglob("*") if file.is_file()}
    files = {name: file for name, file in files.items() if "__pycache__" not in name}
    files |= {"constraints.txt": constraints} | {wheel.name: wheel for wheel in wheels}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


def _wheels(constraints: Path, version: str, folder: Path) -> list[Path]:
    """Download what ``requirements.txt`` needs and MWAA's image does not hold already."""
    there = ROOT / "deploy" / "mwaa" / f"packages-{version}.txt"
    if not there.exists():
        raise ConfigurationError(f"{there} does not exist; write what MWAA's image holds there, a pin a line")
    held = {_name(line): line for line in there.read_text().splitlines() if "==" in line}
    resolved = run_tool(
        "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-emit-index-url",
        "--python-version", "3.12", "--constraint", str(constraints), str(ROOT / "requirements.txt"),
    )  # fmt: skip
    pins = [line.split(";")[0].strip() for line in resolved.splitlines() if "==" in line]
    lacking = [pin for pin in pins if _name(pin) not in held and _name(pin) not in _FIXED]
    if not lacking:
        return []
    run_tool(
        "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
        "--python-version", "312", "--platform", "manylinux2014_x86_64", "--dest", str(folder), *lacking,
    )  # fmt: skip
    return sorted(folder.glob("*.whl"))


def _name(pin: str) -> str:
    return re.split(r"[=\[]", pin.strip())[0].lower().replace("_", "-").replace(".", "-")


def run_tool(module: str, *arguments: str) -> str:
    """Run a tool of this environment (uv, pip) and return what it printed.

    Raises
    ------
    FraudError
        With the last line that it said, when it fails.
    """
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FraudError(f"{module} {' '.join(arguments[:2])} failed: {last}; is there a network?")
    return done.stdout
