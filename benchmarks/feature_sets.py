"""What the features that v2 adds are worth on the handbook's data: ``python -m benchmarks.feature_sets``.

Prequential validation (handbook, chapter 5): the same candidate, training days and test weeks, other columns.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from benchmarks.document import write_section

from fraud.features.catalogue import feature_names
from fraud.features.handbook import add_features
from fraud.models.handbook import METRICS, OUR_TRAIN_DAYS, Labelled, labelled, summarise, validate
from fraud.simulator.handbook import replay
from fraud.simulator.worlds import load_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidate", default="xgboost")
    parser.add_argument("--weeks", type=int, default=8, help="test weeks, counted back from the last")
    options = parser.parse_args()
    world = load_world("handbook")
    data = labelled(add_features(replay(world).table(), "v2"), world.start, "v2")
    baseline = feature_names("v1")
    added = [name for name in data.names if name not in baseline]
    sets = {"v1": baseline, **{f"v1 and `{name}`": (*baseline, name) for name in added}, "v2": data.names}
    weeks = {name: weekly(data, columns, options.candidate, options.weeks) for name, columns in sets.items()}
    lines = [
        f"`{options.candidate}` trained on {OUR_TRAIN_DAYS} days, tested on {options.weeks} weeks of the handbook's "
        "data; in brackets the mean difference from v1 over the weeks and how many of them are better.",
        "",
        "| features | AUC ROC | average precision | card precision@100 |",
        "| --- | --- | --- | --- |",
    ]
    for name, found in weeks.items():
        cells = []
        for metric in METRICS:
            gain = found[metric] - weeks["v1"][metric]
            versus = "" if name == "v1" else f" ({gain.mean():+.4f}, {(gain > 0).sum()} of {gain.size})"
            cells.append(f"{found[metric].mean():.4f}{versus}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    text = "\n".join(lines)
    print(text)
    write_section("Feature sets", text)


def weekly(data: Labelled, columns: tuple[str, ...], candidate: str, weeks: int) -> dict[str, np.ndarray]:
    """Return each metric's value in every test week, for a model that sees some columns only."""
    seen = [data.names.index(name) for name in columns]
    part = replace(data, names=columns, features=np.ascontiguousarray(data.features[:, seen]))
    row = summarise(part, validate(part, {candidate: OUR_TRAIN_DAYS}, weeks))["models"][0]
    return {metric: np.array(row[metric]["weeks"]) for metric in METRICS}


if __name__ == "__main__":
    main()
