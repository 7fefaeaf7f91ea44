"""The list of what was erased: cards and their transactions, without saying which belongs to which."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fraud.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Erased"]


@dataclass(frozen=True, slots=True)
class Erased:
    """Customers and transactions that may stand nowhere any more."""

    customers: frozenset[int] = frozenset()
    transactions: frozenset[int] = frozenset()

    @classmethod
    def from_json(cls, text: str | None, where: str = "the list of what was erased") -> Erased:
        """Read the list; none means that nothing was erased.

        Raises
        ------
        DataError
            When the text is not such a list: going on without it would bring cards back.
        """
        if text is None:
            return cls()
        try:
            content = json.loads(text)
            return cls(*(frozenset(map(int, content[name])) for name in ("customer_ids", "transaction_ids")))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f'{where} is not {{"customer_ids": […], "transaction_ids": […]}}: {error!r}; restore its last version'
            ) from None

    @classmethod
    def read(cls, folder: Path) -> Erased:
        """Read the list from a job's input folder; without one nothing was erased."""
        path = folder / "erased.json"
        return cls.from_json(path.read_text(encoding="utf-8") if path.is_file() else None, path.name)

    def to_json(self) -> str:
        """Return the list's text: the same list gives the same bytes."""
        content = {"customer_ids": sorted(self.customers), "transaction_ids": sorted(self.transactions)}
        return json.dumps(content, sort_keys=True) + "\n"

    def with_more(self, customers: Iterable[int] = (), transactions: Iterable[int] = ()) -> Erased:
        """Return the list with more in it."""
        return Erased(self.customers | frozenset(customers), self.transactions | frozenset(transactions))

    def names(self, row: Any) -> bool:
        """Tell whether a row, as JSON has it, is about something erased."""
        return isinstance(row, dict) and (
            _number(row.get("customer_id")) in self.customers or _number(row.get("transaction_id")) in self.transactions
        )

    def keep(self, table: pa.Table) -> pa.Table:
        """Return a table without the rows that are about something erased; the same one when there are none."""
        import pyarrow as pa  # noqa: PLC0415  (workers have no pyarrow)
        import pyarrow.compute as pc  # noqa: PLC0415

        for column, ids in (("customer_id", self.customers), ("transaction_id", self.transactions)):
            if ids and column in table.column_names:
                gone = pc.is_in(table[column], pa.array(sorted(ids), table[column].type))
                if pc.any(gone).as_py():
                    table = table.filter(pc.invert(gone))
        return table


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
