"""What MWAA gets: laid out as MWAA lays it out, loaded by an Airflow that has nothing else."""

import re
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from deploy.loading import load, make_environment
from deploy.package import PLUGINS_ON_MWAA, ROOT, airflow_version, build, run_tool, startup_script

from fraud.errors import ConfigurationError
from fraud.settings import Settings

SETTINGS = {
    "FRAUD_ENVIRONMENT": "test",
    "FRAUD_BUCKET": "test-fraud",
    "FRAUD_DRIFT": '{"min_frauds": 20}',
    "FRAUD_WORLD": "it's a world",
}
IMAGE = ROOT / "deploy" / "mwaa" / f"packages-{airflow_version()}.txt"
# Compiled by MWAA against its own system's libraries; what they are for (its database and its queue) is not used here.
COMPILED_THERE = {"psycopg2", "pycurl"}
MWAA_SECONDS = 9 * 60


def held_by_mwaa():
    return [
        line for line in IMAGE.read_text().splitlines() if "==" in line and line.split("==")[0] not in COMPILED_THERE
    ]


def test_startup_script__sets_what_the_settings_read(tmp_path):
    script = tmp_path / "startup.sh"
    script.write_text(startup_script(SETTINGS))
    done = subprocess.run(
        ["sh", "-c", f". {script}; env -0"], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    variables = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if "=" in entry)
    assert {name: variables[name] for name in SETTINGS} == SETTINGS
    assert Settings.from_environment(variables).drift.min_frauds == 20


def test_startup_script__a_wrong_setting_is_refused_before_it_is_everywhere():
    with pytest.raises(ConfigurationError, match="FRAUD_ALERT_BUDGET"):
        startup_script({"FRAUD_ALERT_BUDGET": "many"})


def test_package__holds_the_library_and_no_leftovers(tmp_path):
    build(tmp_path / "mwaa", SETTINGS, with_wheels=False)
    files = {
        path.relative_to(tmp_path / "mwaa").as_posix() for path in (tmp_path / "mwaa").rglob("*") if path.is_file()
    }
    assert {"requirements.txt", "startup.sh", "plugins.zip", "dags/.airflowignore", "dags/fraud/settings.py"} <= files
    assert "dags/fraud/warehouse/tables/transactions.sql" in files
    assert [name for name in files if "__pycache__" in name or name.endswith(".pyc")] == []
    with zipfile.ZipFile(tmp_path / "mwaa" / "plugins.zip") as archive:
        assert {"constraints.txt", "fraud_monitor_plugin.py", "fraud_monitor/application.py"} <= set(archive.namelist())


def test_package__same_checkout_same_bytes(tmp_path):
    for name in ("one", "two"):
        build(tmp_path / name, SETTINGS, with_wheels=False)
    for name in ("plugins.zip", "requirements.txt", "startup.sh"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.slow
def test_package__requirements_are_held_to_the_constraints_and_reach_no_index(tmp_path):
    build(tmp_path / "mwaa", SETTINGS)
    lines = (tmp_path / "mwaa" / "requirements.txt").read_text().splitlines()
    assert lines[:3] == [
        f"--constraint {PLUGINS_ON_MWAA}/constraints.txt",
        "--no-index",
        f"--find-links {PLUGINS_ON_MWAA}",
    ]
    assert f"apache-airflow=={airflow_version()}" in lines


def test_constraints__pin_every_requirement_that_names_no_version():
    constraints = (ROOT / "requirements" / f"constraints-airflow-{airflow_version()}.txt").read_text().lower()
    named = (ROOT / "requirements.txt").read_text().splitlines()
    for line in [line for line in named if line and not line.startswith("#") and "==" not in line]:
        assert re.search(rf"^{re.escape(line.split('[')[0].lower())}==", constraints, re.MULTILINE), line


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_package__loads_in_an_airflow_that_has_only_what_mwaa_has(tmp_path):
    airflow = tmp_path / "usr" / "local" / "airflow"
    build(tmp_path / "mwaa", SETTINGS | {"FRAUD_WORLD": "demo"})
    airflow.mkdir(parents=True)
    (tmp_path / "mwaa" / "dags").rename(airflow / "dags")
    with zipfile.ZipFile(tmp_path / "mwaa" / "plugins.zip") as archive:
        archive.extractall(airflow / "plugins")
    required = (tmp_path / "mwaa" / "requirements.txt").read_text()
    (airflow / "requirements.txt").write_text(required.replace(PLUGINS_ON_MWAA, str(airflow / "plugins")))
    environment = tmp_path / "environment"
    make_environment(environment, [*held_by_mwaa(), "pip"])
    before = time.monotonic()
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", airflow / "requirements.txt"], check=True)
    seconds = time.monotonic() - before

    assert seconds < 240, f"{seconds:.0f} s of MWAA's {MWAA_SECONDS}"
    loaded = load(
        environment, tmp_path / "home", airflow / "dags", airflow / "plugins", SETTINGS | {"FRAUD_WORLD": "demo"}
    )
    assert loaded.errors == {}
    assert loaded.dags == ("fraud_daily", "fraud_history", "fraud_training")
    assert "fraud_monitor" in loaded.plugins
    frozen = run_tool("uv", "pip", "list", "--quiet", "--python", str(python))
    assert not re.search(r"^(numpy|pandas|pyarrow|scikit-learn|xgboost|fraud) ", frozen, re.MULTILINE)


def test_package__unknown_version_of_airflow_says_what_is_missing(tmp_path: Path):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("apache-airflow\n")
    with pytest.raises(ConfigurationError, match="apache-airflow==VERSION"):
        airflow_version(requirements)
