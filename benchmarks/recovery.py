"""What of a loss can be had back at all: ``python -m benchmarks.recovery``.

The evaluation asks that nine tenths of what a repairable drift takes are back within 24 days. This measures what
training that promotes whatever comes brings back in the same worlds over the same days, by how often it trains and how
soon it knows the labels: what a gate has to choose from.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from statistics import mean, median

import numpy as np
from benchmarks.document import machine, write_section
from tqdm import tqdm

from fraud.models.artefact import Model
from fraud.models.metrics import average_precision
from fraud.models.training import fit
from fraud.monitoring.loop.history import LABEL_DELAY_DAYS, NAMES, History, live
from fraud.monitoring.loop.kinds import FIRST_SCORED, episode_start, kind, world_of
from fraud.monitoring.loop.scores import RECOVERY_DAYS, REPAIRED_BY
from fraud.monitoring.loop.training import held_out
from fraud.settings import Settings, TrainingDefaults

SEEDS = range(9101, 9111)
Days = Callable[[int, int], tuple[int, int]]
"""From the drift's first day and the day that is scored to the first and last day trained on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="amounts")
    options = parser.parse_args()
    where = machine()
    training = Settings.from_environment({}).training
    late, window = LABEL_DELAY_DAYS + 1, training.window_days
    policies: dict[str, tuple[int, Days]] = {
        "every week, labels a week late": (7, lambda start, day: (day - late - window + 1, day - late)),
        "every day, labels a week late": (1, lambda start, day: (day - late - window + 1, day - late)),
        "every week, drifted days alone": (7, lambda start, day: (start, day - late)),
        "every day, labels known at once": (1, lambda start, day: (day - window, day - 1)),
    }
    shares = [recovered(options.kind, seed, training, policies) for seed in tqdm(SEEDS, unit="world")]
    lines = [
        f"`python -m benchmarks.recovery`, {where}.",
        "",
        f"Share of the average precision lost to `{options.kind}` that is back on days {REPAIRED_BY + 1} to "
        f"{REPAIRED_BY + RECOVERY_DAYS}, where every model that is trained is promoted; seeds {SEEDS[0]} to "
        f"{SEEDS[-1]}.",
        "",
        "| trained | median | least | most |",
        "| --- | --- | --- | --- |",
    ]
    for name in policies:
        found = [one[name] for one in shares]
        lines.append(f"| {name} | {median(found):.2f} | {min(found):.2f} | {max(found):.2f} |")
    print("\n".join(lines))
    write_section("What can be had back of a loss", "\n".join(lines))


def recovered(
    name: str, seed: int, training: TrainingDefaults, policies: dict[str, tuple[int, Days]]
) -> dict[str, float]:
    """Return the share of a world's loss that each way of training brings back."""
    start = episode_start(seed)
    days = range(start + REPAIRED_BY, start + REPAIRED_BY + RECOVERY_DAYS)
    history = live(world_of(kind(name), seed), days.stop)
    trained = ~held_out(history.customer, training.holdout_percent)

    def model(first: int, last: int) -> Model:
        rows = history.rows(first, last)
        chosen = rows.start + np.flatnonzero(trained[rows])
        features, is_fraud = history.features[chosen], history.is_fraud[chosen]
        return fit(training.candidates[0], features, is_fraud, feature_names=NAMES, seed=training.seed)

    last = FIRST_SCORED - 1 - LABEL_DELAY_DAYS
    champion = model(last - training.window_days + 1, last)
    before = mean(daily(history, champion, range(FIRST_SCORED, start)))
    never = mean(daily(history, champion, days))

    def level(every: int, window: Days) -> float:
        blocks = (days[position : position + every] for position in range(0, len(days), every))
        return mean(one for block in blocks for one in daily(history, model(*window(start, block[0])), block))

    return {each: (level(*policy) - never) / (before - never) for each, policy in policies.items()}


def daily(history: History, model: Model, days: range) -> Iterator[float]:
    """Yield the average precision of each day, by the truth."""
    for day in days:
        rows = history.rows(day, day)
        yield average_precision(history.is_fraud[rows], model.predict_proba(history.features[rows]))


if __name__ == "__main__":
    main()
