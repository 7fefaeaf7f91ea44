"""Fixtures that more than one suite uses."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from local_stack import TESTS, LocalStack


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Put logging back as it was: a job that runs in the test's own process sets it up for a process of its own."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running local AWS (``endpoint``, ``state_dir``, ``client(service)``) that knows the toy image too."""
    images = TESTS / "local_aws" / "images.json"
    options = ("--images", str(images), "--stop-seconds", "1")
    stack = LocalStack(tmp_path_factory.mktemp("local_aws") / "state", options).start()
    yield stack
    stack.stop()


ONE_STACK = ("tests/e2e/", "tests/browser/")
"""Folders whose tests share a stack."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the demo, which takes longest; look at its calls last, when all else was done to its stack."""
    items.sort(key=lambda item: (not item.nodeid.startswith(ONE_STACK[0]), "e2e/test_calls.py" in item.nodeid))


class FileScheduling(LoadScopeScheduling):
    """Keeps the tests of a file in one worker, and those of one stack too; files begin in the order collected.

    pytest-xdist's own ``loadgroup`` (3.8) has no effect with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in ONE_STACK if file.startswith(folder)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileScheduling:
    config.option.loadscopereorder = False
    return FileScheduling(config, log)
