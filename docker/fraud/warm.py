"""Runs the image's entry points over a tiny world while it is built: compiles what they use, and proves it.

Python writes byte code, numba machine code, beside the sources; both stay in the image. A failing step fails the build.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from fraud.containers import process, serve, train
from fraud.features.catalogue import LOOK_BACK_DAYS, feature_names
from fraud.models import artefact
from fraud.simulator.worlds import anchor, load_world

FIRST = date(2024, 1, 1)
"""Any date: what is compiled does not depend on it."""


def main() -> None:
    base = Path(tempfile.mkdtemp())
    os.environ["SAGEMAKER_BASE_DIR"] = str(base)
    given, made = base / "processing" / "input", base / "processing" / "output"
    world = load_world("tiny")
    world = anchor(world, FIRST + timedelta(days=world.daily_from))
    (given / "world").mkdir(parents=True)
    (given / "world" / "world.json").write_text(world.to_json())
    last = FIRST + timedelta(days=LOOK_BACK_DAYS + 7)
    step("simulate", "--start", FIRST, "--end", last)
    for name in ("transactions", "labels"):
        shutil.copytree(made / name, given / name)
    start = FIRST + timedelta(days=LOOK_BACK_DAYS)
    step("features", "--start", start, "--end", last, "--version", "v2")
    step("features", "--start", start, "--end", last, "--version", "v1")
    fit(base, made, start)
    for module in ("collect", "evaluate", "monitor", "investigate"):
        subprocess.run([sys.executable, "-c", f"import fraud.containers.steps.{module}"], check=True)
    model = artefact.load(base / "model")
    serve.application(model)
    print(f"warm: trained on {model.description['rows']} rows")  # noqa: T201


def step(name: str, *arguments: object) -> None:
    """Run one processing step, or fail the build."""
    if process.main([name, *map(str, arguments)]):
        raise SystemExit(f"warm: step {name} failed")


def fit(base: Path, made: Path, start: date) -> None:
    """Train every kind of estimator once on the first day's features, labelled by amount."""
    lines = (made / "scoring" / f"tx_date={start}" / "part.csv").read_text().splitlines()
    rows = [line.partition(",")[2] for line in lines]
    folder = base / "input" / "data" / "train"
    folder.mkdir(parents=True)
    labelled = (f"{int(float(row.partition(',')[0]) > 60)},{row}\n" for row in rows)
    (folder / "part.csv").write_text("".join(labelled))
    config = base / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True)
    for candidate in ("random_forest", "isolation_forest", "logistic_regression", "xgboost"):
        config.write_text(json.dumps({"candidate": candidate, "seed": "0", "feature_version": "v1"}))
        if train.main():
            raise SystemExit(f"warm: training {candidate} failed: {(base / 'output' / 'failure').read_text()}")
    if len(feature_names("v1")) != len(rows[0].split(",")):
        raise SystemExit("warm: features and scoring input disagree")


if __name__ == "__main__":
    main()
