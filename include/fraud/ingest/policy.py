"""Every check of a delivery: its name, what must hold, and what becomes of a delivery for which it does not.

``refuse``
    Nothing of the day is loaded: the file as a whole cannot be trusted. Correct it and deliver the day again.
``quarantine``
    The row is set aside with the name of the check, counted and shown; the rest of the day goes on.
``warn``
    The day goes on; the warning is in its manifest and among the notices of its decision.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["CHECKS", "LIMITS", "Check", "Limits"]

Verdict = Literal["refuse", "quarantine", "warn"]


class Check(NamedTuple):
    """One check."""

    verdict: Verdict
    meaning: str


CHECKS: dict[str, Check] = {
    # the files
    "manifest": Check("refuse", "delivery.json is there and has the promised form"),
    "manifest_date": Check("refuse", "delivery.json names the day of its folder"),
    "complete": Check("refuse", "there is a file, be it without rows, for each of the four tables"),
    "listed": Check("refuse", "the files are those that delivery.json lists, no fewer and no more"),
    "content": Check("refuse", "every file has the listed size and SHA-256"),
    "parquet": Check("refuse", "every file is a Parquet file that can be read to its end"),
    "size": Check("refuse", "no file unpacks to more than the limit"),
    "row_count": Check("refuse", "every file has the listed number of rows"),
    "missing_column": Check("refuse", "every column is there, once"),
    "extra_column": Check("warn", "there are no other columns (they are left out)"),
    "type": Check("refuse", "every column has its type, or one that becomes it without loss; moments name their zone"),
    "encoding": Check("refuse", "text is UTF-8, and values lie in the range of their type"),
    # the rows of every table
    "null": Check("quarantine", "every value is there"),
    "repeated": Check("quarantine", "a row comes once, within a file and across files (the first one stays)"),
    "contradicted": Check("quarantine", "no two rows say different things of the same key (neither stays)"),
    # customers and terminals
    "profile": Check("quarantine", "positions lie on the 100 x 100 grid; means and rates are finite and not negative"),
    # transactions
    "late": Check("quarantine", "no transaction of an earlier day (to add one, deliver that day again, whole)"),
    "wrong_day": Check("quarantine", "date and moment are of the delivered day, UTC"),
    "whole_seconds": Check("quarantine", "moments are whole seconds"),
    "identity": Check("quarantine", "the id is of the delivered day"),
    "amount": Check("quarantine", "amounts are 0 or more and not above the limit"),
    "unknown_customer": Check("quarantine", "the customer is among the delivered customers"),
    "unknown_terminal": Check("quarantine", "the terminal is among the delivered terminals"),
    "order": Check("refuse", "ids are in the order of time"),
    # labels
    "label_source": Check("quarantine", "deliveries bring chargebacks"),
    "label_day": Check("quarantine", "a label becomes known on the day that delivers it, however old its transaction"),
    "label_before": Check("quarantine", "a label becomes known after its transaction's day began"),
    "label_identity": Check("quarantine", "the label's transaction id and date are of the same day"),
    "label_transaction": Check("quarantine", "the transaction was delivered and admitted, as far back as is looked"),
    # the day
    "share": Check("refuse", "few rows of a table are quarantined"),
    "volume": Check("refuse", "the transactions are not far fewer or far more than the customers' rates promise"),
    "volume_unusual": Check("warn", "the transactions are about as many as the customers' rates promise"),
}


class Limits(NamedTuple):
    """Numbers of the checks above."""

    file_bytes: int = 16 << 30
    """Most bytes that a file may unpack to."""
    rows: int = 10**9
    """Most rows of a file: the ids of a day."""
    amount: int = 1_000_000
    """Largest amount of a transaction."""
    quarantined_share: float = 0.05
    """Largest share of a table's rows that may be quarantined."""
    volume: tuple[float, float] = (0.2, 5.0)
    """Least and most transactions, in those expected."""
    volume_unusual: tuple[float, float] = (0.5, 2.0)
    """Least and most transactions without a warning, in those expected."""
    volume_rows: int = 100
    """Expected transactions below which chance alone explains any number."""


LIMITS = Limits()
