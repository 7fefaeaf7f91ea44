"""Fixtures that more than one suite uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_stack import TESTS, LocalStack


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A running local AWS (``endpoint``, ``state_dir``, ``client(service)``) that knows the toy image too."""
    images = TESTS / "local_aws" / "images.json"
    options = ("--images", str(images), "--stop-seconds", "1")
    stack = LocalStack(tmp_path_factory.mktemp("local_aws") / "state", options).start()
    yield stack
    stack.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file, and all those of one stack, in one worker; start with the demo, which takes longest.

    Its recorded calls are looked at last, so that whatever else was done to its stack is among them.
    """
    for item in items:
        stack = next((name for name in ("demo", "site") if name in getattr(item, "fixturenames", ())), None)
        item.add_marker(pytest.mark.xdist_group(stack or item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: ("demo" not in getattr(item, "fixturenames", ()), "e2e/test_calls.py" in item.nodeid))
