"""Distances between a column now and in the reference, as Evidently computes them, for many days at once.

The drift report takes them from Evidently itself; the scorer of the closed loop, which looks at thousands of days, from
here. A test holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from fraud.monitoring.observation import ColumnDrift

__all__ = ["CATEGORICAL", "Distances", "jensen_shannon", "wasserstein"]

Floats = npt.NDArray[np.float64]

CATEGORICAL = ("tx_during_night",)
"""Columns of few values: Jensen-Shannon distance, where the others get Wasserstein's."""

_LEAST_DEVIATION = 0.001  # Evidently's, so that a constant reference divides by something


def wasserstein(reference: Floats, current: Floats, *, is_sorted: bool = False) -> float:
    """Return the first Wasserstein distance in standard deviations of the reference.

    That is the area between the two empirical distribution functions (Ramdas, García Trillos, Cuturi 2017), divided by
    the reference's population standard deviation.

    Parameters
    ----------
    reference, current
        Values, shape (n,) and (m,), finite.
    is_sorted
        Whether the reference ascends already.
    """
    before = reference if is_sorted else np.sort(reference)
    now = np.sort(current)
    values = np.sort(np.concatenate((before, now)), kind="stable")
    gaps = np.diff(values)
    share_before = np.searchsorted(before, values[:-1], side="right") / before.size
    share_now = np.searchsorted(now, values[:-1], side="right") / now.size
    area = float(np.sum(np.abs(share_before - share_now) * gaps))
    return area / max(float(np.std(before)), _LEAST_DEVIATION)


def jensen_shannon(reference: Floats, current: Floats) -> float:
    """Return the Jensen-Shannon distance (natural logarithm) between the shares of each value.

    The square root of the mean Kullback-Leibler divergence from the mean distribution (Lin 1991).
    """
    values = np.union1d(reference, current)
    shares = [
        np.bincount(np.searchsorted(values, one), minlength=values.size) / one.size for one in (reference, current)
    ]
    middle = (shares[0] + shares[1]) / 2
    divergence = 0.0
    for share in shares:
        present = share > 0
        divergence += float(np.sum(share[present] * np.log(share[present] / middle[present]))) / 2
    return float(np.sqrt(max(divergence, 0.0)))


class Distances:
    """Distances to one reference, whose columns are sorted once."""

    def __init__(self, reference: Mapping[str, Floats]) -> None:
        self._sorted = {name: np.sort(values[np.isfinite(values)]) for name, values in reference.items()}

    def __call__(self, current: Mapping[str, Floats], names: Sequence[str]) -> dict[str, ColumnDrift]:
        """Return the distance of each named column; values that are no number are left out."""
        found = {}
        for name in names:
            values = current[name][np.isfinite(current[name])]
            if name in CATEGORICAL:
                found[name] = ColumnDrift(method="jensenshannon", value=jensen_shannon(self._sorted[name], values))
            else:
                distance = wasserstein(self._sorted[name], values, is_sorted=True)
                found[name] = ColumnDrift(method="wasserstein", value=distance)
        return found
