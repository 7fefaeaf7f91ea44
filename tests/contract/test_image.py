"""The image's recipe: what it installs is what is tested here, and complete."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from deploy.package import run_tool

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "docker" / "fraud"
MEGABYTES = 700
"""Of the image's own; its base has 300 at most, and both together must stay below 1,000."""


def pins(path):
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("minor", [11, 12])
def test_image__installs_what_the_tests_ran_with(minor):
    image, local = (
        pins(path)
        for path in (RECIPE / f"requirements-py3{minor}.txt", ROOT / "requirements" / f"local-py3{minor}.txt")
    )
    assert {name: version for name, version in image.items() if local.get(name) != version} == {}


@pytest.mark.parametrize("minor", [11, 12])
def test_image__lock_holds_every_package_of_the_jobs_and_hashes(minor):
    wanted = re.findall(r"^([A-Za-z0-9._-]+)", (ROOT / "requirements" / "job.in").read_text(), re.MULTILINE)
    text = (RECIPE / f"requirements-py3{minor}.txt").read_text()
    pinned = pins(RECIPE / f"requirements-py3{minor}.txt")
    assert [name for name in wanted if name.lower() not in pinned] == []
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "index-url" not in text


@pytest.mark.parametrize("name", ["train", "serve", "fraud"])
def test_image__commands_can_be_run(name):
    script = RECIPE / "bin" / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\nexec python ")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strip") is None, reason="needs strip (Debian: binutils), as the image's build does")
def test_image__what_is_left_of_its_packages_runs_every_job(tmp_path):
    environment, python = tmp_path / "fraud", tmp_path / "fraud" / "bin" / "python"
    lock = RECIPE / f"requirements-py3{sys.version_info.minor}.txt"
    run_tool("uv", "venv", "--quiet", "--python", sys.executable, str(environment))
    # Copies, since what is stripped must not be the package cache's own file.
    options = ("--quiet", "--link-mode", "copy", "--no-deps", "--require-hashes", "--python", str(python))
    run_tool("uv", "pip", "install", *options, "-r", str(lock))
    subprocess.run([RECIPE / "slim", environment], check=True)
    shutil.copytree(ROOT / "include" / "fraud", environment / "include" / "fraud")
    variables = {"PATH": f"{python.parent}:/usr/bin:/bin", "PYTHONPATH": str(environment / "include")}
    variables |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [python, RECIPE / "warm.py"], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    assert size / 1e6 < MEGABYTES
