"""The fast distances against Evidently's own, and against the definitions."""

import numpy as np
import pytest

from fraud.monitoring.distances import Distances, jensen_shannon, wasserstein
from fraud.monitoring.report import EvidentlyDistances
from fraud.settings import DriftThresholds


def columns(rows: int, seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {
        "amount": draw.gamma(2.0, 30.0 * scale, rows),
        "count": draw.poisson(3 * scale, rows).astype(float),
        "risk": np.where(draw.random(rows) < 0.05, draw.random(rows), 0.0),
        "tx_during_night": (draw.random(rows) < 0.17 * scale).astype(float),
        "constant": np.full(rows, 2.0),
        "with_gaps": np.where(draw.random(rows) < 0.01, np.nan, draw.normal(size=rows)),
    }


@pytest.mark.parametrize(("before", "now", "scale"), [(6000, 900, 1.0), (500, 2000, 1.3), (1, 1, 1.0), (40, 7, 2.0)])
def test_distances__equal_evidentlys(before: int, now: int, scale: float) -> None:
    reference, current = columns(before, 1), columns(now, 2, scale)
    names = tuple(reference)
    fast = Distances(reference)(current, names)
    slow = EvidentlyDistances(reference, DriftThresholds())(current, names)
    assert {name: one.method for name, one in fast.items()} == {name: one.method for name, one in slow.items()}
    for name in names:
        assert fast[name].value == pytest.approx(slow[name].value, abs=1e-9), name


def test_distances__equal_those_in_evidentlys_report() -> None:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from pandas import DataFrame

    reference, current = columns(3000, 1), columns(800, 2, 1.2)
    names = ["amount", "count", "risk", "with_gaps"]
    definition = DataDefinition(numerical_columns=names, categorical_columns=["tx_during_night"])
    metrics = [ValueDrift(column=name, method="wasserstein", threshold=0.1) for name in names]
    metrics.append(ValueDrift(column="tx_during_night", method="jensenshannon", threshold=0.05))
    datasets = [Dataset.from_pandas(DataFrame(one), data_definition=definition) for one in (current, reference)]
    answered = Report(metrics).run(*datasets).dict()["metrics"]
    expected = {one["config"]["column"]: one["value"] for one in answered}
    found = EvidentlyDistances(reference, DriftThresholds())(current, list(expected))
    assert {name: one.value for name, one in found.items()} == pytest.approx(expected, abs=1e-12)


def test_wasserstein__is_the_cost_of_moving_one_sample_onto_the_other() -> None:
    draw = np.random.default_rng(3)
    reference, current = draw.normal(size=50), draw.normal(1.0, 2.0, size=50)
    moved = np.mean(np.abs(np.sort(reference) - np.sort(current)))
    assert wasserstein(reference, current) == pytest.approx(moved / np.std(reference))


def test_wasserstein__is_the_area_between_the_distribution_functions_ties_and_far_values_included() -> None:
    draw = np.random.default_rng(8)
    for _ in range(200):
        sizes = draw.integers(1, 40, 2)
        reference, current = (
            draw.choice([1.0, 1e6]) * draw.integers(-1, 5, size) + draw.random(size).round(1) for size in sizes
        )
        points = np.unique(np.concatenate((reference, current)))
        shares = [np.mean(values[:, None] <= points[:-1], axis=0) for values in (reference, current)]
        area = np.sum(np.abs(shares[0] - shares[1]) * np.diff(points))
        assert wasserstein(reference, current) == pytest.approx(area / max(np.std(reference), 0.001), rel=1e-9)


def test_wasserstein__of_a_shift_is_the_shift_in_deviations() -> None:
    values = np.arange(100.0)
    assert wasserstein(values, values + 7) == pytest.approx(7 / np.std(values))


def test_jensen_shannon__of_equal_and_of_disjoint_samples() -> None:
    zeros, ones = np.zeros(5), np.ones(9)
    assert jensen_shannon(zeros, np.zeros(50)) == 0.0
    assert jensen_shannon(zeros, ones) == pytest.approx(np.sqrt(np.log(2)))
