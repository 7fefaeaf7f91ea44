"""Alerts: the day's most suspicious cards, and why each was chosen."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fraud.models.artefact import Model

__all__ = ["most_suspicious", "reasons"]

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def most_suspicious(
    transaction: Integers, customer: Integers, score: Floats, budget: int, *, compromised: Integers
) -> Integers:
    """Choose the cards to alert on one day.

    A card's score is the highest of its transactions; cards already known to be compromised are left out.

    Parameters
    ----------
    transaction, customer, score
        The day's transactions, shape (n,).
    budget
        Most cards that are alerted.
    compromised
        Customers left out.

    Returns
    -------
    ndarray
        Row numbers of the transactions that stand for the chosen cards, most suspicious first; ties by customer id, and
        within a card by transaction id.
    """
    rows = np.flatnonzero(~np.isin(customer, compromised))
    ordered = rows[np.lexsort((transaction[rows], customer[rows], -score[rows]))]
    # The first row of each card in that order is the one with its highest score.
    _, first = np.unique(customer[ordered], return_index=True)
    return ordered[np.sort(first)[:budget]]


def reasons(model: Model, features: Floats, names: Sequence[str], most: int = 3) -> list[str]:
    """Say what pushed each row's score most towards fraud.

    Parameters
    ----------
    model
        The model that scored.
    features
        Shape (n, features).
    names
        The features' names, in column order.
    most
        Features named for each row.

    Returns
    -------
    list of str
        A JSON list a row: ``[{"feature": …, "value": …, "contribution": …}, …]``, largest contribution first. The
        contribution's unit is the model's: see :meth:`fraud.models.artefact.Model.explain`.
    """
    contributions = model.explain(features)
    largest = np.argsort(-contributions, axis=1, kind="stable")[:, :most]
    return [
        json.dumps(
            [
                {
                    "feature": names[column],
                    "value": _rounded(features[row, column]),
                    "contribution": _rounded(contributions[row, column]),
                }
                for column in columns
            ]
        )
        for row, columns in enumerate(largest)
    ]


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
