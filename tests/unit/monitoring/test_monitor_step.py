"""The monitor step over real files: what it writes, that it writes the same again, and that bad days are reported."""

import json
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from fraud.containers.paths import JobPaths
from fraud.containers.steps import monitor
from fraud.errors import ConfigurationError, MissingInputError
from fraud.features.catalogue import feature_names
from fraud.monitoring.decision import look
from fraud.monitoring.observation import DayMetrics
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
from fraud.settings import DriftThresholds
from unit.monitoring.days import drifted, lossy

NAMES = feature_names("v1")
START, END = date(2026, 3, 1), date(2026, 3, 3)
ROWS = 60


def features(rows: int, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    columns = {name: draw.gamma(2.0, 10.0, rows) for name in NAMES}
    return columns | {"tx_during_weekend": np.zeros(rows), "tx_during_night": (draw.random(rows) < 0.2).astype(float)}


def write_day(inputs: Path, day: date, version: int = 1) -> None:
    ids = day.toordinal() * 10**9 + np.arange(ROWS)
    days = pa.array([day] * ROWS, pa.date32())
    table = pa.table({"transaction_id": ids, "tx_date": days, **features(ROWS, day.toordinal())})
    write_parquet(table, inputs / f"features/tx_date={day}/part.parquet")
    columns = [ids, days, np.full(ROWS, version, np.int32), np.random.default_rng(day.toordinal()).beta(1, 20, ROWS)]
    predictions = pa.Table.from_arrays([pa.array(one) for one in columns], schema=arrow_schema("predictions"))
    write_parquet(predictions, inputs / f"predictions/tx_date={day}/part.parquet")


def write_labels(inputs: Path) -> None:
    parts = []
    for report in (START + timedelta(days=offset) for offset in range(3)):
        days = np.repeat([report - timedelta(days=7 + offset) for offset in range(7)], 20)
        parts.append(
            pa.table(
                {
                    "report_date": pa.array([report] * 140, pa.date32()),
                    "transaction_id": np.arange(140),
                    "tx_date": pa.array(list(days), pa.date32()),
                    "customer_id": np.arange(140) % 20,
                    "tx_amount": pa.array([1] * 140, pa.decimal128(12, 2)),
                    "score": np.linspace(0, 1, 140),
                    "model_version": np.ones(140, np.int32),
                    "is_fraud": np.arange(140) % 10 == 0,
                }
            )
        )
    write_parquet(pa.concat_tables(parts), inputs / "labelled/000.parquet")


@pytest.fixture
def paths(tmp_path: Path) -> JobPaths:
    inputs = tmp_path / "processing" / "input"
    for offset in range(-2, 3):
        write_day(inputs, START + timedelta(days=offset))
    write_labels(inputs)
    reference = pa.table({**features(400, 1), "score": np.random.default_rng(1).beta(1, 20, 400)})
    write_parquet(reference, inputs / "reference/version=1/reference.parquet")
    baseline = {"feature_version": "v1", "mean": 0.5, "transactions": 4 * 7 * 24, "weeks": [{}] * 4}
    (inputs / "reference/version=1/baseline.json").write_text(json.dumps(baseline))
    thresholds = DriftThresholds(min_current_rows=100, min_reference_rows=100, min_frauds=2)
    request = {"drift": thresholds.model_dump(), "alert_budget": 5, "feature_version": "v1", "label_delay_days": 7}
    (inputs / "request").mkdir()
    (inputs / "request/request.json").write_text(json.dumps(request))
    return JobPaths(tmp_path)


def metrics_of(paths: JobPaths, day: date) -> DayMetrics:
    return DayMetrics.model_validate_json((paths.output("reports") / f"date={day}" / "metrics.json").read_text())


def contents(paths: JobPaths) -> dict[str, bytes]:
    root = paths.base / "processing" / "output"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_step__writes_every_day_and_the_page_of_the_last(paths: JobPaths) -> None:
    monitor.run(paths, START, END)
    days = [START + timedelta(days=offset) for offset in range(3)]
    expected = {f"reports/date={END}/report.html"}
    for day in days:
        expected |= {f"reports/date={day}/metrics.json", f"summary/{day}.json"}
        expected |= {f"{table}/date={day}/part.parquet" for table in ("drift_metrics", "performance")}
    assert set(contents(paths)) == expected
    for day in days:
        metrics = metrics_of(paths, day)
        assert metrics.no_evidence == {}
        assert metrics.current_rows == 2 * ROWS
        assert metrics.volume_ratio == pytest.approx(ROWS / (24 / 0.4))
        summary = json.loads((paths.output("summary") / f"{day}.json").read_text())
        assert summary["model_version"] == 1
        assert set(summary["files"]) == {name for name in expected if f"date={day}/" in name}
        for table in ("drift_metrics", "performance"):
            written = pq.read_table(paths.output(table) / f"date={day}/part.parquet", partitioning=None)
            assert written.schema.equals(arrow_schema(table))
            assert written.num_rows == summary["rows"][table] > 0
            assert not any(column.null_count for column in written.columns)


def test_step__writes_the_same_bytes_again_and_alone(paths: JobPaths, tmp_path: Path) -> None:
    monitor.run(paths, START, END, html="all")
    first = contents(paths)
    monitor.run(paths, START, END, html="all")
    assert contents(paths) == first
    (tmp_path / "processing/output").rename(tmp_path / "range")
    for day in (END - timedelta(days=1), END):
        monitor.run(paths, day, day, html="all")
    alone = contents(paths)
    assert alone == {name: first[name] for name in alone}
    assert sum(name.endswith("report.html") for name in alone) == 2


def test_page__needs_nothing_from_outside_and_says_what_was_seen(paths: JobPaths) -> None:
    monitor.run(paths, END, END)
    page = (paths.output("reports") / f"date={END}/report.html").read_text()
    assert not re.search(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert "Drift of 2026-03-03" in page
    assert "Labelled performance" in page
    assert "Drift in column 'tx_amount'" in page


def spoil_empty(inputs: Path) -> None:
    for kind in ("features", "predictions"):
        path = inputs / f"{kind}/tx_date={END}/part.parquet"
        write_parquet(pq.read_table(path, partitioning=None).slice(0, 0), path)


def spoil_missing(inputs: Path) -> None:
    (inputs / f"predictions/tx_date={END}/part.parquet").unlink()


def spoil_half(inputs: Path) -> None:
    path = inputs / f"predictions/tx_date={END}/part.parquet"
    write_parquet(pq.read_table(path, partitioning=None).slice(0, 30), path)


def spoil_versions(inputs: Path) -> None:
    path = inputs / f"predictions/tx_date={END}/part.parquet"
    table = pq.read_table(path, partitioning=None)
    versions = pa.array(np.where(np.arange(ROWS) < 5, 2, 1).astype(np.int32))
    write_parquet(table.set_column(2, "model_version", versions), path)


def spoil_column(inputs: Path) -> None:
    path = inputs / f"features/tx_date={END}/part.parquet"
    write_parquet(pq.read_table(path, partitioning=None).drop_columns("tx_amount"), path)


def spoil_file(inputs: Path) -> None:
    (inputs / f"features/tx_date={END}/part.parquet").write_bytes(b"no Parquet")


def spoil_reference(inputs: Path) -> None:
    (inputs / "reference/version=1/reference.parquet").unlink()


def spoil_feature_set(inputs: Path) -> None:
    path = inputs / "reference/version=1/baseline.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"feature_version": "v2"}))


@pytest.mark.parametrize(
    ("spoil", "what", "why"),
    [
        (spoil_empty, "predictions", "2026-03-03 has no transactions"),
        (spoil_missing, "predictions", "the predictions of 2026-03-03 are missing"),
        (spoil_half, "predictions", "60 transactions, and 30 predictions"),
        (spoil_versions, "predictions", "scored by 2 model versions"),
        (spoil_column, "predictions", "the features of 2026-03-03 cannot be read"),
        (spoil_file, "predictions", "the features of 2026-03-03 cannot be read"),
        (spoil_reference, "reference", "the reference of version 1 cannot be read"),
        (spoil_feature_set, "reference", "the reference of version 1 has features v2, the day v1"),
    ],
)
def test_bad_day__is_reported_without_evidence(paths: JobPaths, spoil: object, what: str, why: str) -> None:
    spoil(paths.base / "processing/input")  # type: ignore[operator]
    monitor.run(paths, END, END)
    metrics = metrics_of(paths, END)
    assert why in metrics.no_evidence[what]
    assert metrics.columns == {}
    assert metrics.alert_rate_ratio is None
    assert why in (paths.output("reports") / f"date={END}/report.html").read_text()


def spoil_classes(inputs: Path) -> None:
    path = inputs / "labelled/000.parquet"
    table = pq.read_table(path, partitioning=None)
    write_parquet(table.set_column(7, "is_fraud", pa.array([False] * table.num_rows)), path)


def spoil_scored(inputs: Path) -> None:
    path = inputs / "labelled/000.parquet"
    table = pq.read_table(path, partitioning=None)
    for name in ("score", "model_version"):
        nothing = pa.nulls(table.num_rows, table.schema.field(name).type)
        table = table.set_column(table.column_names.index(name), name, nothing)
    write_parquet(table, path)


@pytest.mark.parametrize(
    ("spoil", "alarm"),
    [
        (spoil_empty, "unlabelled"),
        (spoil_missing, "unlabelled"),
        (spoil_reference, "unlabelled"),
        (spoil_feature_set, "unlabelled"),
        (spoil_classes, "labels"),
        (spoil_scored, "labels"),
    ],
)
def test_bad_input__neither_starts_an_alarm_nor_ends_one(paths: JobPaths, spoil: object, alarm: str) -> None:
    spoil(paths.base / "processing/input")  # type: ignore[operator]
    monitor.run(paths, END, END, html="none")
    metrics = metrics_of(paths, END).model_copy(update={"model_version": 1})
    bad = [metrics, metrics.model_copy(update={"date": END + timedelta(days=1)})]
    before = [
        lossy(1, columns=drifted(1).columns).model_copy(update={"date": END - timedelta(days=offset)})
        for offset in (2, 1)
    ]
    assert alarm not in look(bad, DriftThresholds(min_frauds=2)).alarms
    assert alarm in look([*before, *bad], DriftThresholds(min_frauds=2)).alarms


def test_constant_column__is_said_and_left_out(paths: JobPaths) -> None:
    for offset in range(-2, 3):
        path = paths.input("features") / f"tx_date={START + timedelta(days=offset)}/part.parquet"
        table = pq.read_table(path, partitioning=None)
        same = pa.array(np.full(table.num_rows, 7.0))
        write_parquet(table.set_column(table.column_names.index("tx_amount"), "tx_amount", same), path)
    monitor.run(paths, END, END)
    metrics = metrics_of(paths, END)
    assert metrics.no_evidence == {"column tx_amount": "tx_amount is constant"}
    assert "tx_amount" not in metrics.columns
    assert "tx_amount is constant" in (paths.output("reports") / f"date={END}/report.html").read_text()


def test_labels__none_unloaded_is_none_known(paths: JobPaths) -> None:
    (paths.base / "processing/input/labelled/000.parquet").unlink()
    monitor.run(paths, END, END, html="none")
    metrics = metrics_of(paths, END)
    assert metrics.performance == {}
    assert "0 of 3 days were scored and have labels" in metrics.no_evidence["labels short"]
    assert not (paths.output("reports") / f"date={END}/report.html").exists()


def test_labels__of_unscored_transactions_are_left_out_and_counted(paths: JobPaths) -> None:
    path = paths.base / "processing/input/labelled/000.parquet"
    table = pq.read_table(path, partitioning=None)
    stray = pa.array(np.arange(table.num_rows) % 140 == 3)
    for name in ("score", "model_version"):
        column = pc.if_else(stray, pa.scalar(None, table[name].type), table[name])
        table = table.set_column(table.column_names.index(name), name, column)
    write_parquet(table, path)
    monitor.run(paths, END, END, html="none")
    metrics = metrics_of(paths, END)
    assert metrics.unknown_labels == 1
    assert metrics.performance["long"].transactions == 139


def test_labels__of_another_report_day_are_not_seen(paths: JobPaths) -> None:
    monitor.run(paths, START, START, html="none")
    assert metrics_of(paths, START).performance["long"].transactions == 140


def test_request__wrong_is_refused_by_field(paths: JobPaths) -> None:
    path = paths.base / "processing/input/request/request.json"
    path.write_text(json.dumps({"drift": {"feature_wasserstein": -1}}))
    with pytest.raises(ConfigurationError, match=r"request\.json: drift\.feature_wasserstein: .*greater than 0"):
        monitor.run(paths, END, END)
    path.unlink()
    with pytest.raises(MissingInputError, match=r"request\.json cannot be read"):
        monitor.run(paths, END, END)


def test_arguments__that_make_no_sense_are_refused(paths: JobPaths) -> None:
    with pytest.raises(ConfigurationError, match="is before --start"):
        monitor.run(paths, END, START)
    with pytest.raises(ConfigurationError, match="expected all, last or none"):
        monitor.run(paths, START, END, html="some")
