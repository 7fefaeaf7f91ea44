"""What SageMaker remembers, a JSON document each: jobs, models, package groups, packages."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from local_aws.database import Database

__all__ = ["AlreadyThere", "Document", "Records"]

Document = dict[str, Any]


class AlreadyThere(Exception):
    """A record of this kind and name exists."""


class Records:
    """Documents by region, kind and name; each write is durable when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, region: str, kind: str, name: str, document: Document) -> None:
        """Add a record.

        Raises
        ------
        AlreadyThere
            When the name is taken.
        """
        try:
            self._database.execute(
                "INSERT INTO sagemaker (region, kind, name, document) VALUES (?, ?, ?, ?)",
                (region, kind, name, json.dumps(document)),
            )
        except sqlite3.IntegrityError:
            raise AlreadyThere(name) from None

    def get(self, region: str, kind: str, name: str) -> Document | None:
        """Return a record, or nothing."""
        rows = self._database.query(
            "SELECT document FROM sagemaker WHERE region = ? AND kind = ? AND name = ?", (region, kind, name)
        )
        return json.loads(rows[0][0]) if rows else None

    def change(self, region: str, kind: str, name: str, edit: Callable[[Document], None]) -> Document | None:
        """Edit a record as one step and return it; nothing when there is none."""
        with self._database.transaction():
            document = self.get(region, kind, name)
            if document is not None:
                edit(document)
                self._database.execute(
                    "UPDATE sagemaker SET document = ? WHERE region = ? AND kind = ? AND name = ?",
                    (json.dumps(document), region, kind, name),
                )
        return document

    def delete(self, region: str, kind: str, name: str) -> bool:
        """Remove a record; say whether there was one."""
        sql = "DELETE FROM sagemaker WHERE region = ? AND kind = ? AND name = ?"
        return self._database.execute(sql, (region, kind, name)) > 0

    def list(self, kinds: Sequence[str], region: str | None = None) -> list[tuple[str, str, str, Document]]:
        """Return region, kind, name and document of all records of some kinds, in order of creation."""
        marks = ", ".join("?" for _ in kinds)
        where = f"kind IN ({marks})" + (" AND region = ?" if region else "")
        rows = self._database.query(
            f"SELECT region, kind, name, document FROM sagemaker WHERE {where} ORDER BY position",  # noqa: S608
            [*kinds, region] if region else [*kinds],
        )
        return [(where_, kind, name, json.loads(text)) for where_, kind, name, text in rows]
