"""A world lived through once: every transaction, its features and its truth as arrays, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fraud.features.catalogue import LOOK_BACK_DAYS, feature_names
from fraud.features.engine import compute_features
from fraud.simulator.labels import chargebacks
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import World

__all__ = ["FEATURE_VERSION", "LABEL_DELAY_DAYS", "NAMES", "History", "live"]

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


def live(world: World, days: int) -> History:
    """Simulate the days of a world and compute their features, as the daily jobs would have.

    Features see the chargebacks as they became known. Labels for training and monitoring need not be cut here: a
    transaction's is known :data:`LABEL_DELAY_DAYS` later, to the second, which whole days make the same as the
    warehouse's cut.
    """
    simulated = [simulate(world, day) for day in range(days)]
    transactions = pa.concat_tables([transactions_table(one) for one in simulated])
    labels = pa.concat_tables([chargebacks(world, day) for day in range(days)])
    first, last = world.date_of(LOOK_BACK_DAYS), world.date_of(days - 1)
    table = compute_features(transactions, labels, first, last, FEATURE_VERSION)
    skipped = transactions.num_rows - table.num_rows
    return History(
        world=world,
        transaction_id=table["transaction_id"].to_numpy(),
        day=np.concatenate([np.full(len(one), one.day) for one in simulated])[skipped:],
        customer=transactions["customer_id"].to_numpy()[skipped:],
        features=np.column_stack([table[name].to_numpy() for name in NAMES]),
        is_fraud=np.concatenate([one.is_fraud for one in simulated])[skipped:],
    )
