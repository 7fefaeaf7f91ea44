"""How the shipped hyperparameters were chosen: ``python -m benchmarks.hyperparameters``.

Prequential validation (handbook, chapter 5) on the handbook's data: 28 days trained on, 7 of delay, 7 tested on, in
windows that all end before 2018-07-25, where the book's training week begins: no later day took part in the choice.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np
from benchmarks.document import machine, write_section

from fraud.features.handbook import add_features
from fraud.models.candidates import CANDIDATES
from fraud.models.handbook import OUR_TRAIN_DAYS, TRAIN_START, Labelled, labelled, measure
from fraud.models.validation import Fold, prequential
from fraud.simulator.handbook import replay
from fraud.simulator.worlds import load_world

FIRST_FULL_DAY = 37  # the terminals' windows reach 37 days back
GRID = {
    "xgboost": {"max_depth": (3, 4, 5, 6), "eta": (0.1,), "num_round": (100, 200, 400)},
    "xgboost_builtin": {"max_depth": (3, 4, 6), "eta": (0.3,), "num_round": (50, 100)},
    "logistic_regression": {"C": (0.01, 1.0, 100.0)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidate", action="append", choices=sorted(GRID), help="repeatable; all unless told")
    options = parser.parse_args()
    where = machine()
    world = load_world("handbook")
    data = labelled(add_features(replay(world).table()), world.start)
    end = (TRAIN_START - data.start).days
    weeks = (end - FIRST_FULL_DAY - OUR_TRAIN_DAYS - 7) // 7
    folds = list(prequential(end - OUR_TRAIN_DAYS - 14, weeks, train_days=OUR_TRAIN_DAYS))
    lines = [
        f"`python -m benchmarks.hyperparameters`, {where}. Mean and standard deviation over {weeks} test weeks of the "
        f"handbook's data, all before {TRAIN_START}; shipped values in bold.",
        "",
        "| candidate | hyperparameters | AUC ROC | average precision | card precision@100 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in options.candidate or GRID:
        lines += search(data, folds, name)
    write_section("Hyperparameters", "\n".join(lines))


def search(data: Labelled, folds: list[Fold], name: str) -> list[str]:
    """Return a table row for each combination of a candidate's grid, best average precision first."""
    shipped = {key: CANDIDATES[name].hyperparameters[key].default for key in GRID[name]}
    rows = []
    for values in itertools.product(*GRID[name].values()):
        overrides = dict(zip(GRID[name], values, strict=True))
        found = [
            measure(data, name, fold.train(data.day), fold.test(data.day, data.customer, data.is_fraud), overrides)
            for fold in folds
        ]
        cells = [
            f"{np.mean(column):.4f} ± {np.std(column):.3f}"
            for column in (
                [one.auc_roc for one in found],
                [one.average_precision for one in found],
                [one.card_precision for one in found],
            )
        ]
        text = ", ".join(f"{key} {value}" for key, value in overrides.items())
        marked = f"**{text}**" if overrides == shipped else text
        rows.append((np.mean([one.average_precision for one in found]), f"| {name} | {marked} | {' | '.join(cells)} |"))
        print(rows[-1][1], flush=True)
    return [row for _, row in sorted(rows, reverse=True)]


if __name__ == "__main__":
    main()
