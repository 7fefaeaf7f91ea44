"""What the Data API remembers of statements, in one SQLite file: a restart keeps results and ends what was running."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from local_aws.database import Database

__all__ = ["Document", "Statements"]

Document = dict[str, Any]

KEPT_SECONDS = 24 * 3600
"""How long results can be fetched (mgmt/data-api)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS statements (
  position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, parent TEXT, created REAL NOT NULL,
  document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS parents ON statements (parent);
CREATE TABLE IF NOT EXISTS pages (
  id TEXT NOT NULL, page INTEGER NOT NULL, records TEXT NOT NULL, PRIMARY KEY (id, page));
CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, id TEXT NOT NULL);
"""


class Statements:
    """Statements and sub-statements as the API describes them, and the pages of their results.

    Parameters
    ----------
    path
        The SQLite file; made when it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)
        self._end_lost()

    def _end_lost(self) -> None:
        """End what a dead server left running, and forget what is older than results are kept."""
        old = (time.time() - KEPT_SECONDS,)
        with self._database.transaction():
            self._database.execute("DELETE FROM tokens WHERE id IN (SELECT id FROM statements WHERE created < ?)", old)
            self._database.execute("DELETE FROM pages WHERE id IN (SELECT id FROM statements WHERE created < ?)", old)
            self._database.execute("DELETE FROM statements WHERE created < ?", old)
            for identity, text in self._database.query("SELECT id, document FROM statements"):
                document = json.loads(text)
                if document["Status"] in ("SUBMITTED", "PICKED", "STARTED"):
                    document |= {"Status": "FAILED", "Error": "ERROR: the server was restarted while the statement ran"}
                    self.put(identity, document)

    def add(self, documents: Iterable[Document], token: str | None = None) -> None:
        """Add a statement, with its sub-statements after it; a token names it for a repeated request."""
        parent = None
        with self._database.transaction():
            for document in documents:
                self._database.execute(
                    "INSERT INTO statements (id, parent, created, document) VALUES (?, ?, ?, ?)",
                    (document["Id"], parent, document["CreatedAt"], json.dumps(document)),
                )
                if parent is None:
                    parent = document["Id"]
                    if token is not None:
                        self._database.execute("INSERT INTO tokens VALUES (?, ?)", (token, parent))

    def find_token(self, token: str) -> Document | None:
        """Return the statement that was submitted with a token."""
        rows = self._database.query("SELECT id FROM tokens WHERE token = ?", (token,))
        return self.get(rows[0][0]) if rows else None

    def get(self, identity: str) -> Document | None:
        """Return a statement or sub-statement."""
        rows = self._database.query("SELECT document FROM statements WHERE id = ?", (identity,))
        return json.loads(rows[0][0]) if rows else None

    def children(self, identity: str) -> list[Document]:
        """Return the sub-statements of a batch in order."""
        rows = self._database.query("SELECT document FROM statements WHERE parent = ? ORDER BY position", (identity,))
        return [json.loads(row[0]) for row in rows]

    def put(self, identity: str, document: Document) -> None:
        """Replace what is known of a statement."""
        self._database.execute("UPDATE statements SET document = ? WHERE id = ?", (json.dumps(document), identity))

    def newest(self) -> Iterable[Document]:
        """Return the statements that are no sub-statements, the newest first."""
        rows = self._database.query("SELECT document FROM statements WHERE parent IS NULL ORDER BY position DESC")
        return (json.loads(row[0]) for row in rows)

    def put_pages(self, identity: str, pages: Iterable[list[Any]]) -> None:
        """Keep the pages of a result."""
        rows = [(identity, number, json.dumps(page)) for number, page in enumerate(pages)]
        self._database.execute_many("INSERT INTO pages VALUES (?, ?, ?)", rows)

    def page(self, identity: str, number: int) -> list[Any] | None:
        """Return one page of a result."""
        rows = self._database.query("SELECT records FROM pages WHERE id = ? AND page = ?", (identity, number))
        return json.loads(rows[0][0]) if rows else None

    def close(self) -> None:
        """Close the file."""
        self._database.close()
