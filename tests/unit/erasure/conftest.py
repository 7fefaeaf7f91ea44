"""A deployment's objects as files, and a card to erase from them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from card_objects import card_to_erase, make_objects
from fraud.erasure.erased import Erased


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Objects by key; made once, copy before changing."""
    return make_objects(tmp_path_factory.mktemp("deployment"))


@pytest.fixture
def objects(deployment: Path, tmp_path: Path) -> Path:
    """A copy of the deployment's objects."""
    return Path(shutil.copytree(deployment, tmp_path / "objects"))


@pytest.fixture(scope="session")
def erased(deployment: Path) -> Erased:
    """The list that erases a card."""
    return card_to_erase(deployment)
