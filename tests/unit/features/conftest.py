"""The folder of a world's first days, delivered once for every test that spoils a copy of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fraud.containers.paths import JobPaths

from .deliveries import deliver


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the world's first days, as delivered."""
    paths = JobPaths(tmp_path_factory.mktemp("delivered"))
    deliver(paths)
    return paths.base


@pytest.fixture
def paths(tmp_path: Path, delivered: Path) -> JobPaths:
    shutil.copytree(delivered, tmp_path, dirs_exist_ok=True)
    return JobPaths(tmp_path)
