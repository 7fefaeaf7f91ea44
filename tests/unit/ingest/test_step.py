"""The ingest step and the simulator go through the same gate; the step writes all of a day or nothing."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud.containers.paths import JobPaths
from fraud.containers.process import main
from fraud.containers.steps import ingest, simulate
from fraud.errors import DataError
from fraud.ingest.delivery import write_delivery
from fraud.ingest.policy import CHECKS
from fraud.simulator.worlds import anchor, load_world

WORLD = anchor(load_world("tiny"), date(2026, 1, 1))
FIRST, LAST = date(2025, 12, 20), date(2025, 12, 29)


def job(folder) -> JobPaths:
    paths = JobPaths(folder)
    paths.input("world").mkdir(parents=True)
    (paths.input("world") / "world.json").write_text(WORLD.to_json())
    return paths


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    paths = job(tmp_path_factory.mktemp("simulated"))
    simulate.run(paths, FIRST, LAST)
    return paths


def copy_delivery(simulated, paths: JobPaths, day: date):
    """Deliver a simulated day as files from outside."""
    folder = paths.input("landing") / f"tx_date={day}"
    root = simulated.base / "processing" / "output"
    sources = {
        "transactions": root / f"transactions/tx_date={day}/part.parquet",
        "labels": root / f"labels/known_date={day}/source=chargeback/part.parquet",
        "customers": next((root / "customers").glob("*.parquet")),
        "terminals": next((root / "terminals").glob("*.parquet")),
    }
    files = []
    for kind, source in sources.items():
        (folder / kind).mkdir(parents=True)
        files.append(shutil.copy(source, folder / kind / "part.parquet"))
    write_delivery(folder, day, files)
    return folder


def test_ingest__of_the_simulators_own_days_gives_the_simulators_bytes(simulated, tmp_path) -> None:
    paths = job(tmp_path)
    for offset in range((LAST - FIRST).days + 1):
        copy_delivery(simulated, paths, FIRST + timedelta(days=offset))
    ingest.run(paths, FIRST, LAST)
    for folder in ("transactions", "labels", "quarantine"):
        for path in sorted(simulated.output(folder).rglob("*.parquet")):
            assert (paths.output(folder) / path.relative_to(simulated.output(folder))).read_bytes() == path.read_bytes()
    summary = json.loads((paths.output("summary") / f"{LAST}.json").read_text())
    assert summary["quarantined"] == {}
    assert summary["warnings"] == []
    assert summary["world"] == WORLD.content_hash


def test_ingest__knows_the_transactions_of_days_admitted_before(simulated, tmp_path) -> None:
    paths = job(tmp_path)
    copy_delivery(simulated, paths, LAST)
    about = LAST - timedelta(days=7)
    before = paths.input("transactions") / f"tx_date={about}" / "part.parquet"
    before.parent.mkdir(parents=True)
    known = pq.ParquetFile(simulated.output("transactions") / f"tx_date={about}" / "part.parquet").read()
    pq.write_table(known.slice(2), before)
    ingest.run(paths, LAST, LAST)
    summary = json.loads((paths.output("summary") / f"{LAST}.json").read_text())
    assert summary["quarantined"] == {"labels": {"label_transaction": 2}}
    aside = pq.ParquetFile(paths.output("quarantine") / f"date={LAST}" / "part.parquet").read()
    assert aside["check"].to_pylist() == ["label_transaction"] * 2
    assert f"quarantine/date={LAST}/part.parquet" in summary["files"]


def test_ingest__writes_nothing_of_a_refused_day_and_says_why(simulated, tmp_path, monkeypatch, capsys) -> None:
    paths = job(tmp_path)
    folder = copy_delivery(simulated, paths, FIRST)
    (folder / "transactions" / "part.parquet").write_bytes(b"PAR1")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    assert main(["ingest", "--start", str(FIRST), "--end", str(FIRST)]) == DataError.exit_code
    message = (tmp_path / "output" / "message").read_text()
    assert message.startswith(f"the delivery of {FIRST} is refused: transactions/part.parquet has 4 bytes")
    assert message.strip() in capsys.readouterr().err.replace("ingest: ", "")
    assert not [path for path in (tmp_path / "processing" / "output").rglob("*") if path.is_file()]


def test_ingest__profiles_are_named_by_what_was_delivered(simulated, tmp_path) -> None:
    paths = job(tmp_path)
    copy_delivery(simulated, paths, FIRST)
    folder = copy_delivery(simulated, paths, FIRST + timedelta(days=1))
    customers = folder / "customers" / "part.parquet"
    table = pq.ParquetFile(customers).read()
    richer = table.set_column(3, "mean_amount", pa.array([50.0] * len(table)))
    pq.write_table(richer, customers)
    write_delivery(folder, FIRST + timedelta(days=1), sorted(folder.rglob("*.parquet")))
    ingest.run(paths, FIRST, FIRST + timedelta(days=1))
    assert len(list(paths.output("customers").glob("*.parquet"))) == 2
    assert len(list(paths.output("terminals").glob("*.parquet"))) == 1


def test_documentation__has_every_check_with_its_verdict() -> None:
    page = (Path(__file__).parents[3] / "docs" / "ingest.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{name}` | {check.verdict} | {check.meaning} |" for name, check in CHECKS.items()]
