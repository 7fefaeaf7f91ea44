"""The handbook's generator as its chapter 3 describes it, one loop inside another: the slow twin of the replay."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fraud.simulator.ordering import quicksort_order


@dataclass
class Row:
    seconds: int
    customer: int
    terminal: int
    amount: float
    scenario: int = 0

    @property
    def day(self) -> int:
        return self.seconds // 86400


def generate(customers: int, terminals: int, days: int, radius: float) -> list[Row]:
    """Return all transactions, with frauds, in time order (ties: as NumPy's quicksort leaves them)."""
    profiles = np.random.RandomState(0)
    people = [[profiles.uniform(*span) for span in ((0, 100), (0, 100), (5, 100), (0, 4))] for _ in range(customers)]
    profiles = np.random.RandomState(1)
    places = np.array([[profiles.uniform(0, 100), profiles.uniform(0, 100)] for _ in range(terminals)])
    rows = []
    for customer, (x, y, mean, rate) in enumerate(people):
        near = np.where(np.sqrt(((places - [x, y]) ** 2).sum(axis=1)) < radius)[0].tolist()
        rows += _spend(customer, mean, rate, near, days)
    rows = [rows[i] for i in quicksort_order(np.array([row.seconds for row in rows]))]
    _frauds(rows, customers, terminals)
    return rows


def _spend(customer: int, mean: float, rate: float, near: list[int], days: int) -> list[Row]:
    numbers, choices = np.random.RandomState(customer), random.Random(customer)
    rows = []
    for day in range(days):
        for _ in range(numbers.poisson(rate)):
            second = int(numbers.normal(43200, 20000))
            if not 0 < second < 86400:
                continue
            amount = numbers.normal(mean, mean / 2)
            if amount < 0:
                amount = numbers.uniform(0, mean * 2)
            if near:
                rows.append(
                    Row(day * 86400 + second, customer, choices.choice(near), round(float(np.round(amount, 2)), 2))
                )
    return rows


def _frauds(rows: list[Row], customers: int, terminals: int) -> None:
    last = max(row.day for row in rows)
    for row in rows:
        if row.amount > 220:
            row.scenario = 1
    for day in range(last):
        hit = set(pd.Series(range(terminals)).sample(n=2, random_state=day))
        for row in rows:
            if day <= row.day < day + 28 and row.terminal in hit:
                row.scenario = 2
    for day in range(last):
        hit = set(pd.Series(range(customers)).sample(n=3, random_state=day))
        candidates = [row for row in rows if day <= row.day < day + 14 and row.customer in hit]
        for row in random.Random(day).sample(candidates, int(len(candidates) / 3)):
            row.amount *= 5
            row.scenario = 3
