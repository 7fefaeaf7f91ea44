"""``process replace``: objects put in the place of others, as they are."""

from __future__ import annotations

import shutil

from fraud.containers.paths import JobPaths

__all__ = ["run"]


def run(paths: JobPaths) -> None:
    """Copy the input ``changed/`` to the output ``objects/``."""
    shutil.copytree(paths.input("changed"), paths.output("objects"), dirs_exist_ok=True)
