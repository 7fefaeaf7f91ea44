"""Spark for tests, where there is one."""

from __future__ import annotations

import importlib.util
import shutil

import pytest

needs_spark = pytest.mark.skipif(
    shutil.which("java") is None or importlib.util.find_spec("pyspark") is None,
    reason="needs Java 17 and pyspark: install a Java runtime and run `make spark`; CI does both",
)
