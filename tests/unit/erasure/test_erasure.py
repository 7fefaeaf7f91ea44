"""A card that is erased is nowhere any more, the books agree with the files, everything else stays as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from card_objects import LAST, simulated
from fraud.containers.paths import JobPaths
from fraud.containers.process import main
from fraud.erasure.erased import Erased
from fraud.erasure.search import find
from fraud.erasure.tree import erase
from fraud.errors import DataError
from fraud.ingest.delivery import read_delivery


def overlaid(objects: Path, erased: Erased) -> Path:
    """Erase, and put what changes in place."""
    changed = objects.parent / "changed"
    erase(objects, changed, erased)
    shutil.copytree(changed, objects, dirs_exist_ok=True)
    shutil.rmtree(changed)
    return objects


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifests(root: Path) -> dict[str, Any]:
    return {str(path.relative_to(root)): json.loads(path.read_text()) for path in (root / "manifests").rglob("*.json")}


def table(root: Path, key: str) -> pa.Table:
    return pq.ParquetFile(root / key).read()


def test_card__stands_in_every_layer_before_and_in_none_after(objects: Path, erased: Erased) -> None:
    layers = {line.split("/")[0] for line in find(objects, erased)}
    assert layers == {
        "alerts", "features", "landing", "monitoring", "predictions", "quarantine", "raw", "scoring", "staging",
        "truth",
    }  # fmt: skip
    assert list(find(overlaid(objects, erased), erased)) == []


def test_books__agree_with_the_files_and_with_each_other(objects: Path, erased: Erased) -> None:
    before = manifests(objects)
    overlaid(objects, erased)
    after = manifests(objects)
    assert before.keys() == after.keys()
    assert all(before[key] != after[key] for key in after if "transactions" in key)
    for manifest in after.values():
        for key, described in manifest["files"].items():
            content = (objects / key).read_bytes()
            assert described == {"bytes": len(content), "sha256": sha256(content)}
        for key, digest in manifest["inputs"].items():
            assert sha256((objects / key).read_bytes()) == digest
    scoring = after[f"manifests/scoring/{LAST}.json"]
    for name, key in (("predictions", f"predictions/tx_date={LAST}/"), ("alerts", f"alerts/alert_date={LAST}/")):
        assert scoring["rows"][name] == table(objects, f"{key}part.parquet").num_rows
        assert scoring["rows"][name] < before[f"manifests/scoring/{LAST}.json"]["rows"][name]
    for path in (objects / "summaries").rglob("*.json"):
        summary, manifest = json.loads(path.read_text()), after[f"manifests/{path.relative_to(objects / 'summaries')}"]
        assert summary["rows"] == manifest["rows"]
        assert sorted(map(str, summary["files"].values())) == sorted(map(str, manifest["files"].values()))


def test_rows__of_others_stay_as_they_were(objects: Path, deployment: Path, erased: Erased) -> None:
    overlaid(objects, erased)
    for key in (f"raw/transactions/tx_date={LAST}/part.parquet", f"alerts/alert_date={LAST}/part.parquet"):
        others = [row for row in table(deployment, key).to_pylist() if row["customer_id"] not in erased.customers]
        assert table(objects, key).to_pylist() == others
    key = f"features/version=v1/tx_date={LAST}/part.parquet"
    others = [row for row in table(deployment, key).to_pylist() if row["transaction_id"] not in erased.transactions]
    assert table(objects, key).to_pylist() == others
    assert (objects / "training/run/models/model.tar.gz").read_bytes() == b"a model"


def test_day__that_is_delivered_again_does_not_bring_the_card_back(
    objects: Path, erased: Erased, tmp_path: Path
) -> None:
    """The job that computes the days again writes the same bytes that the erasure left."""
    overlaid(objects, erased)
    again = simulated(tmp_path / "again", erased)
    for name in ("transactions", "labels", "customers", "terminals"):
        assert files(again / name) == files(objects / "raw" / name)
    assert files(again / "truth") == files(objects / "truth")
    assert files(again / "summary") == files(objects / "summaries/transactions")


def test_delivery__is_still_one_and_its_rows_are_left_out_at_the_gate(objects: Path, erased: Erased) -> None:
    overlaid(objects, erased)
    delivered = read_delivery(objects / f"landing/tx_date={LAST}", LAST)
    assert all(table.without(erased) is table for table in delivered.tables.values())


def test_reference__loses_the_rows_that_the_card_left_in_it(objects: Path, deployment: Path, erased: Erased) -> None:
    key = "training/run/reference/xgboost/reference.parquet"
    features = table(deployment, f"features/version=v1/tx_date={LAST}/part.parquet").to_pylist()
    gone = sum(row["transaction_id"] in erased.transactions for row in features)
    overlaid(objects, erased)
    assert gone > 0
    assert table(objects, key).num_rows == table(deployment, key).num_rows - gone
    assert (objects / "training/run/train/000.csv").read_bytes() == b""


def test_monitor__keeps_the_cards_of_the_alerts_that_are_left(objects: Path, erased: Erased) -> None:
    overlaid(objects, erased)
    day, cards = (json.loads((objects / f"monitoring/{name}/{LAST}.json").read_text()) for name in ("days", "cards"))
    assert {str(alert["rank"]) for alert in day["alerts"]} == set(cards["cards"])
    assert len(day["alerts"]) == 19
    assert "1" in cards["outcomes"]


def test_erasure__once_more_changes_nothing(objects: Path, erased: Erased, tmp_path: Path) -> None:
    overlaid(objects, erased)
    report = erase(objects, tmp_path / "changed", erased)
    assert report == (0, 0)
    assert not (tmp_path / "changed").exists() or files(tmp_path / "changed") == {}


def test_erasure__of_transactions_that_the_list_does_not_name_yet_finds_them_by_their_card(
    objects: Path, erased: Erased
) -> None:
    assert list(find(overlaid(objects, Erased(erased.customers)), erased)) == []


def test_erasure__that_was_broken_off_is_not_papered_over(objects: Path, erased: Erased, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    erase(objects, changed, erased)
    key = f"raw/transactions/tx_date={LAST}/part.parquet"
    shutil.copyfile(changed / key, objects / key)
    with pytest.raises(DataError, match=rf"{key} is not what manifests/transactions/{LAST}.*replace_objects"):
        erase(objects, tmp_path / "second", erased)


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("monitoring/new.json", '{"a": [{"customer_id": CARD}]}'),
        ("monitoring/new.json", '{"text": "{\\"customer_id\\": \\"CARD\\"}"}'),
        ("scoring/output/part.csv", "5,1\nTX,0.3\n"),
        ("staging/r/x.csv", "a,b,TX\n"),
        ("reports/report.html", "<td>TX</td>"),
    ],
)
def test_search__finds_a_card_wherever_it_was_put(tmp_path: Path, erased: Erased, key: str, content: str) -> None:
    path = tmp_path / key
    path.parent.mkdir(parents=True)
    text = content.replace("CARD", str(min(erased.customers))).replace("TX", str(max(erased.transactions)))
    path.write_text(text)
    assert [line.split(" ")[0] for line in find(tmp_path, erased)] == [key]
    path.write_text(content.replace("CARD", "999999").replace("TX", str(10**17)))
    assert list(find(tmp_path, erased)) == []


def test_verification__fails_with_what_is_left_and_where(
    objects: Path, erased: Erased, tmp_path: Path, monkeypatch
) -> None:
    paths = JobPaths(tmp_path / "job")
    shutil.copytree(objects, paths.input("objects"))
    paths.input("erasures").mkdir()
    (paths.input("erasures") / "erased.json").write_text(erased.to_json())
    paths.input("left").mkdir()
    (paths.input("left") / "000.csv").write_text("alerts,2\nfeatures,0\n")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(paths.base))
    assert main(["verify_erasure"]) == DataError.exit_code
    told = paths.message.read_text()
    assert f"object alerts/alert_date={LAST}/alerts.json names" in told
    assert "and 3" in told or "more" in told


def test_list__that_is_broken_stops_deliveries() -> None:
    with pytest.raises(DataError, match="restore its last version"):
        Erased.from_json('{"customer_ids": [1]}')
