"""A world lived through once: every transaction, its features and its truth as arrays, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fraud.features.catalogue import LOOK_BACK_DAYS, feature_names
from fraud.features.engine import compute_features
from fraud.simulator.labels import chargebacks
from fraud.simulator.simulation import DayResult, simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import World

__all__ = ["FEATURE_VERSION", "LABEL_DELAY_DAYS", "NAMES", "History", "Shared", "live"]

FEATURE_VERSION = "v1"
NAMES = feature_names(FEATURE_VERSION)
LABEL_DELAY_DAYS = 7

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class History:
    """Transactions of the days with full windows, in order, shape (n,) or (n, features).

    Days are indices of the world; :meth:`rows` gives a range of them.
    """

    world: World
    transaction_id: Integers
    day: Integers
    customer: Integers
    features: npt.NDArray[np.float64]
    is_fraud: npt.NDArray[np.bool_]

    def rows(self, first: int, last: int) -> slice:
        """Return the rows of the days from first to last, both included."""
        bounds = np.searchsorted(self.day, [first, last + 1])
        return slice(int(bounds[0]), int(bounds[1]))

    def date(self, day: int) -> date:
        """Return the date of a day."""
        return self.world.date_of(day)


@dataclass(slots=True)
class Shared:
    """The days that several worlds have in common: those before ``until``, as the first one lived through them."""

    until: int
    simulated: list[DayResult] = field(default_factory=list)
    labels: list[pa.Table] = field(default_factory=list)
    features: list[pa.Table] = field(default_factory=list)


def live(world: World, days: int, shared: Shared | None = None) -> History:
    """Simulate the days of a world and compute their features, as the daily jobs would have.

    Features see the chargebacks as they became known. Labels for training and monitoring need not be cut here: a
    transaction's is known :data:`LABEL_DELAY_DAYS` later, to the second, which whole days make the same as the
    warehouse's cut.

    Parameters
    ----------
    world
        The world.
    days
        How many.
    shared
        Days that need not be lived through again; filled by the first world.
    """
    shared = shared or Shared(days)
    known = len(shared.simulated)
    simulated = [*shared.simulated, *(simulate(world, day) for day in range(known, days))]
    labels = [*shared.labels, *(chargebacks(world, day) for day in range(known, days))]
    computed = list(shared.features)
    for first, last in ((LOOK_BACK_DAYS, shared.until - 1), (shared.until, days - 1))[len(computed) :]:
        if first <= last:
            seen = slice(first - LOOK_BACK_DAYS, last + 1)
            transactions = pa.concat_tables([transactions_table(one) for one in simulated[seen]])
            dates = world.date_of(first), world.date_of(last)
            known_labels = pa.concat_tables(labels[seen])
            computed.append(compute_features(transactions, known_labels, *dates, FEATURE_VERSION))
    shared.simulated, shared.labels = simulated[: shared.until], labels[: shared.until]
    shared.features = computed[:1]
    table = pa.concat_tables(computed)
    scored = simulated[LOOK_BACK_DAYS:]
    return History(
        world=world,
        transaction_id=table["transaction_id"].to_numpy(),
        day=np.concatenate([np.full(len(one), one.day) for one in scored]),
        customer=np.concatenate([one.customer_id for one in scored]),
        features=np.column_stack([table[name].to_numpy() for name in NAMES]),
        is_fraud=np.concatenate([one.is_fraud for one in scored]),
    )
