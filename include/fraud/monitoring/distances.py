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


def wasserstein(reference: Floats, current: Floats) -> float:
    """Return the first Wasserstein distance in standard deviations of the reference.

    That is the area between the two empirical distribution functions (Ramdas, García Trillos, Cuturi 2017), divided by
    the reference's population standard deviation.

    Parameters
    ----------
    reference, current
        Values, shape (n,) and (m,), finite.
    """
    return _Sorted(reference).distance(current)


class _Sorted:
    """A reference sorted once, so that a distance costs what sorting the current values costs.

    Between two neighbouring current values their distribution function is a constant c, and the reference's, which only
    rises, crosses it once: at the value of rank c. The area on both sides follows from the integral of the reference's
    distribution function, F(x) x - the sum of the values up to x, divided by n.
    """

    def __init__(self, reference: Floats) -> None:
        self._centre = float(np.mean(reference))  # so that values far from 0 lose no digits in the sums
        self._values = np.sort(reference) - self._centre
        self._sums = np.concatenate(([0.0], np.cumsum(self._values)))
        self._at_values = self._integral(self._values)
        self._deviation = max(float(np.std(reference)), _LEAST_DEVIATION)

    def distance(self, current: Floats) -> float:
        """Return the distance of the current values in standard deviations of the reference."""
        now = np.sort(current) - self._centre
        size, count = self._values.size, now.size
        ends = np.concatenate(([min(now[0], self._values[0])], now, [max(now[-1], self._values[-1])]))
        integral = self._integral(ends)
        before, after = ends[:-1], ends[1:]
        passed = np.arange(count + 1)
        # Rank of the first reference value whose share exceeds passed / count, in whole numbers, so without rounding.
        rank = np.minimum(passed * size // count, size - 1)
        crossing, at_crossing = self._values[rank], self._at_values[rank]
        early, late = crossing < before, crossing > after
        late[-1] = True  # no share exceeds 1
        crossing = np.where(late, after, np.where(early, before, crossing))
        at_crossing = np.where(late, integral[1:], np.where(early, integral[:-1], at_crossing))
        area = passed / count * (2 * crossing - before - after) + integral[:-1] + integral[1:] - 2 * at_crossing
        return float(np.sum(area)) / self._deviation

    def _integral(self, points: Floats) -> Floats:
        """Return the integral of the reference's distribution function up to each point, which ascend."""
        rank = np.searchsorted(self._values, points, side="right")
        integral: Floats = (rank * points - self._sums[rank]) / self._values.size
        return integral


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
        finite = {name: values[np.isfinite(values)] for name, values in reference.items()}
        self._few = {name: values for name, values in finite.items() if name in CATEGORICAL}
        self._sorted = {name: _Sorted(values) for name, values in finite.items() if name not in CATEGORICAL}

    def __call__(self, current: Mapping[str, Floats], names: Sequence[str]) -> dict[str, ColumnDrift]:
        """Return the distance of each named column; values that are no number are left out."""
        found = {}
        for name in names:
            values = current[name][np.isfinite(current[name])]
            if name in CATEGORICAL:
                found[name] = ColumnDrift(method="jensenshannon", value=jensen_shannon(self._few[name], values))
            else:
                found[name] = ColumnDrift(method="wasserstein", value=self._sorted[name].distance(values))
        return found
