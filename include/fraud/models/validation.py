"""What may be learnt from and measured on when labels come late (handbook, chapter 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Fold", "compromised", "prequential"]

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def compromised(
    day: Integers, customer: Integers, is_fraud: Flags, *, delay_days: int, memory_days: int | None = None
) -> Flags:
    """Say of each transaction whether its card was already known to be compromised.

    On day d the frauds of day d - delay - 1 and before are known: the handbook's ``get_train_test_set`` removes such
    cards, for an investigator would have blocked them. Only frauds among the given rows are seen.

    Parameters
    ----------
    day, customer, is_fraud
        Day number, customer id and label of each transaction, shape (n,).
    delay_days
        Days until a label is known.
    memory_days
        Days after which a card counts as reissued; None, as in the handbook, for never.

    Returns
    -------
    ndarray
        Shape (n,), True where the card was known.
    """
    known = np.unique(np.stack([customer[is_fraud], day[is_fraud]], axis=1), axis=0)
    if not len(known):
        return np.zeros(len(day), bool)
    # One sortable number for (customer, day): the last fraud of the card on or before the last known day.
    first, span = int(day.min()), int(day.max() - day.min()) + 1
    last_known = np.clip(day - delay_days - 1 - first, -1, span - 1)
    position = (
        np.searchsorted(known[:, 0] * span + (known[:, 1] - first), customer * span + last_known, side="right") - 1
    )
    found = known[np.maximum(position, 0)]
    same = (position >= 0) & (found[:, 0] == customer) & (last_known >= 0)
    if memory_days is None:
        return np.asarray(same)
    return np.asarray(same & (found[:, 1] - first > last_known - memory_days))


@dataclass(frozen=True, slots=True)
class Fold:
    """Days of one train/test split, as day numbers; ends are exclusive."""

    train_start: int
    train_end: int
    test_start: int
    test_end: int

    def train(self, day: Integers) -> Flags:
        """Return which rows are trained on."""
        return (day >= self.train_start) & (day < self.train_end)

    def test(self, day: Integers, customer: Integers, is_fraud: Flags) -> Flags:
        """Return which rows are tested on: the test days without the cards known to be compromised by then.

        As in the handbook's ``get_train_test_set``, frauds count as known from the first training day on.
        """
        seen = np.flatnonzero((day >= self.train_start) & (day < self.test_end))
        known = compromised(day[seen], customer[seen], is_fraud[seen], delay_days=self.test_start - self.train_end)
        rows = np.zeros(len(day), bool)
        rows[seen] = ~known & (day[seen] >= self.test_start)
        return rows


def prequential(
    last_train_start: int, folds: int, *, train_days: int = 7, delay_days: int = 7, test_days: int = 7
) -> Iterator[Fold]:
    """Yield the splits of a prequential validation, latest first: each a test window earlier than the one before.

    Parameters
    ----------
    last_train_start
        First training day of the latest fold.
    folds
        How many.
    train_days, delay_days, test_days
        Lengths of the training window, of the labels' delay between the two, and of the test window.
    """
    for number in range(folds):
        start = last_train_start - number * test_days
        end = start + train_days
        yield Fold(start, end, end + delay_days, end + delay_days + test_days)
