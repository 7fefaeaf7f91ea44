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

import pyarrow as pa
import pyarrow.parquet as pq
from plotly.offline import get_plotlyjs

from fraud.containers import process, serve, train
from fraud.features.catalogue import LOOK_BACK_DAYS, feature_names
from fraud.models import artefact
from fraud.monitoring.measure import SCORE
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
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
    for module in ("collect", "evaluate", "investigate"):
        subprocess.run([sys.executable, "-c", f"import fraud.containers.steps.{module}"], check=True)
    model = artefact.load(base / "model")
    serve.application(model)
    report(given, made, model, last)
    if not (made / "reports" / f"date={last}" / "report.html").stat().st_size > 1e6:
        raise SystemExit("warm: the drift report's page is not complete")
    get_plotlyjs()  # of the handbook's report, which takes too long to be made here
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


def report(given: Path, made: Path, model: artefact.Model, last: date) -> None:
    """Report a day's drift, with its page: only then does Evidently read the scripts that a page is made of."""
    shutil.copytree(made / "features", given / "features")
    scored = []
    for path in sorted((given / "features").rglob("*.parquet")):
        table = pq.read_table(path, partitioning=None)
        rows = table.select(model.features).to_pandas().to_numpy()
        scored.append(table.append_column(SCORE, pa.array(model.predict_proba(rows), pa.float64())))
        columns = [table["transaction_id"], table["tx_date"], pa.array([1] * len(table), pa.int32()), scored[-1][SCORE]]
        predictions = pa.Table.from_arrays(columns, schema=arrow_schema("predictions"))
        write_parquet(predictions, given / "predictions" / path.relative_to(given / "features"))
    reference = given / "reference" / "version=1"
    write_parquet(pa.concat_tables(scored), reference / "reference.parquet")
    baseline = {"feature_version": "v1", "mean": 0.5, "transactions": 1000, "weeks": [{}] * 4}
    (reference / "baseline.json").write_text(json.dumps(baseline))
    (given / "request").mkdir()
    (given / "request" / "request.json").write_text(json.dumps({"drift": {"min_reference_rows": 100}}))
    step("monitor", "--start", last, "--end", last, "--html", "last")


if __name__ == "__main__":
    main()
