"""A deployment's objects as files: days of the world ``tiny`` by the real steps, the rest in the pipeline's form."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fraud.containers.paths import JobPaths
from fraud.containers.steps import features, simulate
from fraud.containers.summary import write_summary
from fraud.erasure.erased import Erased
from fraud.ingest.delivery import write_delivery
from fraud.ingest.gate import QUARANTINE
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
from fraud.simulator.worlds import anchor, load_world

WORLD = anchor(load_world("tiny"), date(2026, 3, 1))
DAYS = [WORLD.date_of(index) for index in range(9)]
LAST = DAYS[-1]


def simulated(folder: Path, erased: Erased | None = None) -> Path:
    """Simulate the days, as the job does; return its outputs."""
    paths = JobPaths(folder)
    paths.input("world").mkdir(parents=True)
    (paths.input("world") / "world.json").write_text(WORLD.to_json())
    if erased:
        paths.input("erasures").mkdir()
        (paths.input("erasures") / "erased.json").write_text(erased.to_json())
    simulate.run(paths, DAYS[0], LAST)
    return folder / "processing" / "output"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def record(root: Path, step: str, summary: Path, roots: dict[str, str], inputs: list[str]) -> None:
    """Write a manifest as the task after the job does, its summary beside it."""
    content = json.loads(summary.read_text())
    files = {}
    for name, described in content["files"].items():
        output, _, rest = name.partition("/")
        files[f"{roots[output]}{rest}"] = described
    made_of = {key: sha256((root / key).read_bytes()) for key in inputs}
    manifest = {**content, "files": files, "step": step, "inputs": made_of, "settings": {}}
    for folder, text in (("manifests", manifest), ("summaries", content)):
        path = root / folder / step / summary.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text, indent=1, sort_keys=True) + "\n")


def make_objects(work: Path) -> Path:
    """Write a deployment's objects, by key, below a folder; return theirs."""
    root = work / "objects"
    delivered = simulated(work / "simulate")
    raw = {name: f"raw/{name}/" for name in ("transactions", "labels", "customers", "terminals")}
    raw |= {"quarantine": "quarantine/", "truth": "truth/"}
    for name, key in raw.items():
        shutil.copytree(delivered / name, root / key)
    for day in DAYS:
        record(root, "transactions", delivered / "summary" / f"{day}.json", raw, [])
    (root / "world").mkdir()
    (root / "world/world.json").write_text(WORLD.to_json())

    paths = JobPaths(work / "features")
    for name in ("transactions", "labels"):
        shutil.copytree(root / "raw" / name, paths.input(name))
    features.run(paths, LAST, LAST, "v1")
    made = work / "features" / "processing" / "output"
    shutil.copytree(made / "features", root / "features/version=v1")
    shutil.copytree(made / "scoring", root / "scoring/input")
    record(
        root, "features", made / "summary" / f"{LAST}.json",
        {"features": "features/version=v1/", "scoring": "scoring/input/"}, [f"manifests/transactions/{LAST}.json"],
    )  # fmt: skip
    _score(root, work / "collect")
    _rest(root)
    return root


def _score(root: Path, work: Path) -> None:
    """Alert every tenth transaction, and write what scoring, monitoring and training leave."""
    rows = pq.read_table(root / f"raw/transactions/tx_date={LAST}/part.parquet", partitioning=None)
    ids, customers = rows["transaction_id"].to_numpy(), rows["customer_id"].to_numpy()
    count = len(ids)
    versions = np.ones(count, np.int32)
    scores = np.linspace(0, 1, count)
    predictions = {"transaction_id": ids, "tx_date": [LAST] * count, "model_version": versions, "score": scores}
    first = np.unique(customers, return_index=True)[1][:20]
    alerts = {
        "alert_date": [LAST] * len(first), "rank": np.arange(1, len(first) + 1, dtype=np.int32),
        "customer_id": customers[first], "score": scores[first], "transaction_id": ids[first],
        "model_version": versions[first], "reasons": ["[]"] * len(first),
    }  # fmt: skip
    output = work / "processing" / "output"
    alert_table = pa.table(alerts, schema=arrow_schema("alerts"))
    write_parquet(
        pa.table(predictions, schema=arrow_schema("predictions")), output / f"predictions/tx_date={LAST}/part.parquet"
    )
    write_parquet(alert_table, output / f"alerts/alert_date={LAST}/part.parquet")
    listed = [{**row, "alert_date": str(row["alert_date"])} for row in alert_table.to_pylist()]
    (output / f"alerts/alert_date={LAST}/alerts.json").write_text(json.dumps(listed, sort_keys=True) + "\n")
    files = sorted(path for path in output.rglob("*") if path.is_file())
    write_summary(JobPaths(work), LAST, {"alerts": len(first), "predictions": count}, files, model_version=1)
    for name in ("predictions", "alerts"):
        shutil.copytree(output / name, root / name)
    record(
        root, "scoring", output / "summary" / f"{LAST}.json",
        {"predictions": "predictions/", "alerts": "alerts/"}, [f"manifests/features/{LAST}.json"],
    )  # fmt: skip
    part = {"date": str(LAST), "alerts": listed, "transactions": count}
    cards = {str(row["rank"]): [[0, 100, 0.5, None]] for row in listed}
    content = {"date": str(LAST), "as_of": str(LAST), "cards": cards, "outcomes": {"1": [0, 0]}}
    for folder, text in (("days", part), ("cards", content)):
        path = root / f"monitoring/{folder}/{LAST}.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(text, separators=(",", ":"), sort_keys=True) + "\n")
    out = root / "staging/run/transform/0/tx_date=0/part.csv.out"
    out.parent.mkdir(parents=True)
    out.write_text("".join(f"{number},0.5\n" for number in ids.tolist()))


def _rest(root: Path) -> None:
    """Write a quarantine, a delivery, and a training run."""
    rows = pq.read_table(root / f"raw/transactions/tx_date={LAST}/part.parquet", partitioning=None).slice(0, 500)
    aside = [
        {
            "table": "transactions",
            "file": "a.parquet",
            "row": n,
            "check": "late",
            "content": json.dumps({k: str(v) for k, v in row.items()}),
        }
        for n, row in enumerate(rows.to_pylist())
    ]
    write_parquet(pa.Table.from_pylist(aside, QUARANTINE), root / f"quarantine/date={LAST}/late.parquet")
    landing = root / f"landing/tx_date={LAST}"
    sources = {
        "transactions": root / f"raw/transactions/tx_date={LAST}/part.parquet",
        "labels": root / f"raw/labels/known_date={LAST}/source=chargeback/part.parquet",
        "customers": next((root / "raw/customers").iterdir()),
        "terminals": next((root / "raw/terminals").iterdir()),
    }
    files = []
    for kind, source in sources.items():
        (landing / kind).mkdir(parents=True)
        files.append(Path(shutil.copy(source, landing / kind / "part.parquet")))
    write_delivery(landing, LAST, files)
    feature_rows = pq.read_table(root / f"features/version=v1/tx_date={LAST}/part.parquet", partitioning=None)
    reference = feature_rows.drop_columns(["transaction_id"]).append_column(
        "score", pa.array([0.5] * feature_rows.num_rows)
    )
    write_parquet(reference, root / "training/run/reference/xgboost/reference.parquet")
    (root / "training/run/train").mkdir()
    (root / "training/run/train/000.csv").write_text("0,1.5,2.5\n")
    (root / "training/run/models").mkdir()
    (root / "training/run/models/model.tar.gz").write_bytes(b"a model")


def card_to_erase(root: Path) -> Erased:
    """Return an alerted card with transactions on several days, as the list that erases it."""
    alert = json.loads((root / f"alerts/alert_date={LAST}/alerts.json").read_text())[6]
    ids: set[int] = set()
    for day in DAYS:
        rows = pq.read_table(root / f"raw/transactions/tx_date={day}/part.parquet", partitioning=None).to_pylist()
        ids |= {row["transaction_id"] for row in rows if row["customer_id"] == alert["customer_id"]}
    return Erased(frozenset({alert["customer_id"]}), frozenset(ids))
