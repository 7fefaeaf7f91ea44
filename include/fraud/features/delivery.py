"""What delivered days must be, and how what is not is refused: in the same words by every engine."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from fraud.days import days_between
from fraud.errors import DataError, MissingInputError
from fraud.features.catalogue import LOOK_BACK_DAYS
from fraud.schema import IDS_PER_DAY

__all__ = [
    "LABEL_SOURCE",
    "days_with_look_back",
    "delivered_twice",
    "needed_days",
    "no_labels",
    "out_of_order",
    "torn_verdict",
    "unreadable",
    "world_start",
    "wrong_columns",
    "wrong_type",
    "wrong_value",
]

LABEL_SOURCE = "chargeback"
"""Features see these labels only: they come with the deliveries, so that days can be recomputed in any order."""


def days_with_look_back(start: date, end: date) -> list[date]:
    """Return the days of a range and those before it that its features may need."""
    return days_between(start - timedelta(days=LOOK_BACK_DAYS), end)


def world_start(day: date, transaction_id: int) -> date:
    """Return the first day of the world in which a day has a transaction: its ids count days from there."""
    return day - timedelta(days=min(transaction_id // IDS_PER_DAY, (day - date.min).days))


def needed_days(where: str, start: date, end: date, present: Collection[date], first: date) -> list[date]:
    """Return the days that the features of a range are made of: these and their look-back, as far as the world goes.

    Parameters
    ----------
    where
        Folder of the delivered days, ``tx_date=…/*.parquet``, for the message.
    start, end
        First and last day whose features are wanted.
    present
        Days that were delivered.
    first
        First day of the world.

    Raises
    ------
    MissingInputError
        Naming the first day that should be there.
    """
    wanted = [day for day in days_with_look_back(start, end) if day >= min(first, start)]
    for day in wanted:
        if day not in present:
            raise MissingInputError(
                f"{where}/tx_date={day} holds no Parquet file, but the features of {start} to {end} need every "
                f"day from {wanted[0]} on; deliver that day, then run this again"
            )
    return wanted


def no_labels(folder: str) -> MissingInputError:
    """Refuse a day whose labels were not delivered."""
    return MissingInputError(f"{folder} holds no Parquet file; deliver that day's labels, then run this again")


def unreadable(file: str, reason: object) -> DataError:
    """Refuse a file that is no Parquet."""
    return DataError(f"{file}: not a Parquet file that can be read ({reason}); deliver it again")


def wrong_columns(file: str, found: list[str], expected: list[str]) -> DataError:
    """Refuse a file with unknown, missing or reordered columns."""
    odd = ", ".join(sorted(set(found) ^ set(expected)) or ["order"])
    return DataError(f"{file}: unexpected columns ({odd}): has {found}, expected {expected}")


def wrong_type(file: str, column: str, found: object, expected: object) -> DataError:
    """Refuse a column of another type."""
    return DataError(f"{file}: column {column} is {found}, expected {expected}; deliver it in that type")


def wrong_value(file: str, row: int, column: str, found: object, expected: str) -> DataError:
    """Refuse a value."""
    return DataError(f"{file}: row {row}: {column} is {found}, expected {expected}; correct it and deliver again")


def delivered_twice(file: str, row: int, transaction_id: int) -> DataError:
    """Refuse a transaction id that was there before."""
    return DataError(
        f"{file}: row {row}: transaction {transaction_id} is there twice, expected every transaction once; "
        "remove one of the two rows"
    )


def out_of_order(file: str, row: int, transaction_id: int, before: int) -> DataError:
    """Refuse rows or files that are not in the order of ids and of time."""
    return DataError(
        f"{file}: row {row}: transaction {transaction_id} follows {before} but has a lower id or an earlier "
        "tx_datetime, expected files and rows in the order of both; sort them and deliver again"
    )


def torn_verdict(where: str, transaction_id: int, moment: object) -> DataError:
    """Refuse two verdicts on one transaction at one moment: neither is the later one."""
    return DataError(
        f"{where}: transaction {transaction_id} is labelled both fraud and genuine at {moment}, "
        "expected one verdict a moment; remove the wrong label"
    )
