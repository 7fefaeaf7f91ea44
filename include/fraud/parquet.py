"""Parquet files as every step writes them: zstd, whole or not at all, and the same bytes for the same table."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["write_parquet"]


def write_parquet(table: pa.Table, path: Path) -> Path:
    """Write a table to a file, through a temporary file in the same folder; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, scratch, compression="zstd")
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return path
