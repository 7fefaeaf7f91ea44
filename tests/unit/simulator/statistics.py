"""Tests of whether production days follow the handbook's model: each a p-value, small where they do not.

Every test compares days of a world with the replay of the handbook's data set. They are run at a level of 1e-4 each;
with ten of them, a correct simulator with another seed fails one in about 1 of 1,000 runs. Seeds are fixed, so a test
that passes goes on passing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fraud.simulator.handbook import replay, replay_profiles
from fraud.simulator.population import Customers, Terminals, population
from fraud.simulator.simulation import simulate
from fraud.simulator.worlds import World

LEVEL = 1e-4
RADIUS = 5.0
CUSTOMERS_COUNTED = 1000


@dataclass
class Sample:
    """Transactions of some days, whose customers and terminals are known."""

    customers: Customers
    terminals: Terminals
    days: int
    day: NDArray[np.int64]
    second: NDArray[np.int64]
    customer: NDArray[np.int64]
    terminal: NDArray[np.int64]
    cents: NDArray[np.int64]
    scenario: NDArray[np.int64]

    @property
    def in_means(self) -> NDArray[np.float64]:
        """Amounts in the customer's own mean: one distribution for all customers."""
        return self.cents / 100 / self.customers.mean_amount[self.customer]


def handbook_sample(world: World) -> Sample:
    data = replay(world)
    second = data.seconds % 86400
    columns = (data.days, second, data.customer, data.terminal, data.cents, data.scenario)
    return Sample(*replay_profiles(world), world.days, *columns)


def production_sample(world: World, days: int) -> Sample:
    residents = population(world, 0)
    results = [simulate(world, day) for day in range(days)]
    names = ("seconds", "customer_id", "terminal_id", "cents", "verdict")
    columns = [np.concatenate([getattr(result, name) for result in results]) for name in names]
    day = np.repeat(np.arange(days), [len(result) for result in results])
    return Sample(residents.customers, residents.terminals, days, day, *columns)


def two_sided(z: float) -> float:
    return float(2 * stats.norm.sf(abs(z)))


def counts(one: Sample, other: Sample) -> float:
    """Transactions a day and unit of rate are a ratio of two Poisson numbers: z-test of their difference."""
    exposure = [sample.customers.mean_nb_tx_per_day.sum() * sample.days for sample in (one, other)]
    rates = [len(sample.day) / exposed for sample, exposed in zip((one, other), exposure, strict=True)]
    return two_sided((rates[0] - rates[1]) / np.sqrt(rates[0] / exposure[0] + rates[1] / exposure[1]))


def customers_apart(one: Sample, other: Sample) -> float:
    """A customer's transactions are Poisson: their dispersion, over customers, is compared by a z-test."""

    def dispersion(sample: Sample) -> tuple[float, float]:
        found = np.bincount(sample.customer, minlength=len(sample.customers.ids))
        expected = sample.customers.mean_nb_tx_per_day * len(sample.day) / sample.customers.mean_nb_tx_per_day.sum()
        busy = expected > 20
        return float(((found - expected)[busy] ** 2 / expected[busy]).sum() / busy.sum()), float(
            np.sqrt(2 / busy.sum())
        )

    (a, sd_a), (b, sd_b) = dispersion(one), dispersion(other)
    return two_sided((a - b) / np.hypot(sd_a, sd_b))


def amounts(one: Sample, other: Sample) -> float:
    """Kolmogorov-Smirnov test of the amounts in the customer's means, without the multiplied ones."""
    return float(stats.ks_2samp(*(sample.in_means[sample.scenario != 3][::4] for sample in (one, other))).pvalue)


def times(one: Sample, other: Sample) -> float:
    """Kolmogorov-Smirnov test of the time of day."""
    return float(stats.ks_2samp(one.second[::4], other.second[::4]).pvalue)


def terminal_choice(sample: Sample, radius: float = RADIUS) -> float:
    """Chi-squared test that each customer's terminals are uniform over those within the radius.

    Pearson's sum of a multinomial of n over k equal cells has mean k - 1 and variance 2 (k - 1)(n - 1) / n exactly;
    summed over a thousand customers it is normal. A terminal out of reach is impossible: p = 0.
    """
    total = mean = variance = 0.0
    size = len(sample.terminals.ids)
    own = sample.customer < CUSTOMERS_COUNTED
    pairs = np.bincount(sample.customer[own] * size + sample.terminal[own], minlength=CUSTOMERS_COUNTED * size)
    for customer, found in enumerate(pairs.reshape(CUSTOMERS_COUNTED, size)):
        n = found.sum()
        x = sample.terminals.x - sample.customers.x[customer]
        y = sample.terminals.y - sample.customers.y[customer]
        reached = np.sqrt(x * x + y * y) < radius
        if found[~reached].any():
            return 0.0
        k = reached.sum()
        if n > 0 and k > 1:
            total += ((found[reached] - n / k) ** 2).sum() * k / n
            mean += k - 1
            variance += 2 * (k - 1) * (n - 1) / n
    return two_sided((total - mean) / np.sqrt(variance))


def high_amounts(one: Sample, other: Sample) -> float:
    """Frauds of scenario 1 are Poisson with a rate that the profiles give: z-test of observed over expected."""
    ratios, variances = [], []
    for sample in (one, other):
        people = sample.customers
        above = stats.norm.sf(220, people.mean_amount, people.std_amount)
        expected = (people.mean_nb_tx_per_day * above).sum() * sample.days * len(sample.day)
        expected /= people.mean_nb_tx_per_day.sum() * sample.days
        found = (sample.scenario == 1).sum()
        ratios.append(found / expected)
        variances.append(found / expected**2)
    return two_sided((ratios[0] - ratios[1]) / np.sqrt(sum(variances)))


def _per_victim(sample: Sample, scenario: int, column: NDArray[np.int64]) -> tuple[float, float]:
    """Return frauds of a scenario a transaction, and its standard error: a fixed number of victims drawn at random."""
    frauds = np.bincount(column[sample.scenario == scenario])
    frauds = frauds[frauds > 0]
    return float(frauds.sum() / len(sample.day)), float(np.sqrt(len(frauds)) * frauds.std() / len(sample.day))


def compromised_terminals(one: Sample, other: Sample) -> float:
    """Share of scenario 2, z-test; frauds at one terminal come together, so terminals are the draws."""
    (a, sd_a), (b, sd_b) = (_per_victim(sample, 2, sample.terminal) for sample in (one, other))
    return two_sided((a - b) / np.hypot(sd_a, sd_b))


def compromised_cards(one: Sample, other: Sample) -> float:
    """Share of scenario 3, z-test; frauds on one card come together, so cards are the draws."""
    (a, sd_a), (b, sd_b) = (_per_victim(sample, 3, sample.customer) for sample in (one, other))
    return two_sided((a - b) / np.hypot(sd_a, sd_b))


def stolen_amounts(one: Sample, other: Sample) -> float:
    """Kolmogorov-Smirnov test of the amounts of scenario 3, in the customer's means."""
    return float(stats.ks_2samp(*(sample.in_means[sample.scenario == 3] for sample in (one, other))).pvalue)
