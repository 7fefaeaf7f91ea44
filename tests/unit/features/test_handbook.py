from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud.errors import ConfigurationError, DataError, MissingInputError
from fraud.features.catalogue import feature_names
from fraud.features.handbook import add_features, count_ties, transform_folder
from fraud.simulator.handbook import replay
from fraud.simulator.worlds import load_world
from unit.features.rolling import rolling_features

ORACLE = Path(__file__).parents[2] / "oracle" / "handbook.json"
PUBLISHED = Path(__file__).parents[2] / "oracle" / "published.json"
FEATURES = [name.upper() for name in feature_names("v1")[1:]]


@pytest.fixture(scope="module")
def published() -> pa.Table:
    """Return the handbook's data set with our features."""
    return add_features(replay(load_world("handbook")).table())


def assert_equal_but_for_ties(data: pa.Table) -> None:
    """Hold our features to the pandas formulation; only rows that share card and second with another may differ."""
    frame = data.to_pandas()
    tied = frame.duplicated(["CUSTOMER_ID", "TX_DATETIME"], keep=False).to_numpy()
    theirs = rolling_features(frame.drop(columns=FEATURES))
    for name in FEATURES:
        differs = np.abs(frame[name].to_numpy() - theirs[name].to_numpy()) > 1e-9
        assert not (differs & ~tied).any(), name
    assert tied.mean() < 1e-4


def test_handbook_features__equal_the_rolling_formulation() -> None:
    world = load_world("handbook").model_copy(update={"customers": 150, "terminals": 200, "days": 60, "radius": 15.0})
    data = add_features(replay(world).table())
    assert data.num_rows > 10_000
    assert data["TERMINAL_ID_RISK_30DAY_WINDOW"].to_numpy().max() > 0
    assert_equal_but_for_ties(data)


@pytest.mark.slow
def test_handbook_features__equal_the_rolling_formulation_on_the_whole_data_set(published: pa.Table) -> None:
    assert_equal_but_for_ties(published)
    assert count_ties(published) == {"card": 58, "terminal": 24}


def test_ties__are_counted_by_card_and_by_terminal() -> None:
    frame = pd.concat([small(), small().assign(TERMINAL_ID=3), small().assign(CUSTOMER_ID=[4, 4, 5])[:2]])
    frame["TX_DATETIME"] = frame["TX_DATETIME"].where(frame["TRANSACTION_ID"] != 2, pd.Timestamp("2020-01-01"))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    assert count_ties(table) == {"card": 6, "terminal": 4}
    assert count_ties(table.slice(0, 0)) == {"card": 0, "terminal": 0}


def test_handbook_features__are_the_published_ones_but_for_ties(published: pa.Table) -> None:
    """Held to as the whole numbers that a value was made of, since the last bits of an average are nobody's promise."""
    anchor = json.loads(PUBLISHED.read_text())["features"]
    frame = published.to_pandas()
    tied = frame.duplicated(["CUSTOMER_ID", "TX_DATETIME"], keep=False).to_numpy()
    assert tied.sum() == anchor["tied_rows"]
    for name, sha256 in anchor["sha256"].items():
        values = frame[name].to_numpy(dtype=np.float64)
        if "AVG_AMOUNT" in name:
            values = values * frame[name.replace("AVG_AMOUNT", "NB_TX")].to_numpy() * 100
        elif "RISK" in name:
            values = values * frame[name.replace("RISK", "NB_TX")].to_numpy()
        whole = np.rint(values).astype(np.int64)[~tied]
        assert hashlib.sha256(whole.tobytes()).hexdigest() == sha256, name
    assert list(anchor["sha256"]) == FEATURES


def test_handbook_features__have_the_published_means(published: pa.Table) -> None:
    """Every pair of one card and second adds one to the counts of the row that the handbook puts first."""
    means = json.loads(ORACLE.read_text())["feature_means"]
    frame = published.select(["CUSTOMER_ID", "TX_DATETIME"]).to_pandas()
    pairs = int((frame.value_counts() - 1).sum())
    assert 20 <= pairs <= 40
    for name in FEATURES:
        difference = published[name].to_numpy().mean() - means[name]
        if "CUSTOMER_ID_NB" in name:
            assert difference * published.num_rows == pytest.approx(pairs, abs=1e-6)
        elif "CUSTOMER_ID_AVG" in name:
            assert abs(difference) < 1e-4
        else:
            assert difference == pytest.approx(0, abs=1e-12)


def small() -> pd.DataFrame:
    moments = pd.date_range("2018-04-01", periods=3, freq="D")
    return pd.DataFrame(
        {
            "TRANSACTION_ID": range(3),
            "TX_DATETIME": moments,
            "CUSTOMER_ID": 1,
            "TERMINAL_ID": 2,
            "TX_AMOUNT": [1.1, 2.2, 3.3],
            "TX_FRAUD": 0,
        }
    )


def test_handbook_features__keep_what_was_there() -> None:
    data = pa.Table.from_pandas(small(), preserve_index=False)
    assert add_features(data).select(data.column_names).equals(data)


def test_handbook_features__refuse_a_missing_column() -> None:
    data = pa.Table.from_pandas(small().drop(columns="TX_FRAUD"), preserve_index=False)
    with pytest.raises(DataError, match="no column TX_FRAUD"):
        add_features(data)


@pytest.mark.parametrize(("order", "column"), [([1, 0, 2], "TRANSACTION_ID"), ([0, 0, 1], "TRANSACTION_ID")])
def test_handbook_features__refuse_rows_out_of_order(order: list[int], column: str) -> None:
    with pytest.raises(DataError, match=f"{column} does not ascend"):
        add_features(pa.Table.from_pandas(small().iloc[order], preserve_index=False))


def test_transform_folder__writes_each_file_with_its_features(tmp_path: Path) -> None:
    data = pa.Table.from_pandas(small(), preserve_index=False)
    for name, part in (("a.parquet", data.slice(0, 1)), ("b.parquet", data.slice(1))):
        (tmp_path / "in" / "transactions").mkdir(parents=True, exist_ok=True)
        pq.write_table(part, tmp_path / "in" / "transactions" / name)
    whole = transform_folder(tmp_path / "in", tmp_path / "out")
    assert whole.equals(add_features(data))
    assert pq.read_table(tmp_path / "out" / "transactions" / "b.parquet").equals(whole.slice(1))


def test_transform_folder__refuses_bad_input_and_writes_nothing(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    folder = source / "transactions"
    folder.mkdir(parents=True)
    with pytest.raises(MissingInputError, match="in: no transactions"):
        transform_folder(source, target)
    data = pa.Table.from_pandas(small(), preserve_index=False)
    pq.write_table(data, folder / "a.parquet")
    with pytest.raises(ConfigurationError, match="would be overwritten"):
        transform_folder(source, source / ".." / "in")
    pq.write_table(data.drop_columns("TX_FRAUD"), folder / "b.parquet")
    with pytest.raises(DataError, match=r"b.parquet: other columns or types than .*a.parquet"):
        transform_folder(source, target)
    (folder / "b.parquet").write_text("no")
    with pytest.raises(DataError, match=r"b.parquet: not a Parquet file"):
        transform_folder(source, target)
    assert not target.exists()
