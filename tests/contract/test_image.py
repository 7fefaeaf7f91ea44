"""The image's recipe: what it installs is what is tested here, and complete."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "docker" / "fraud"


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
