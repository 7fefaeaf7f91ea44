"""The processing steps ``collect`` and ``evaluate``, run on files as SageMaker lays them out."""

import functools
import json
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud.containers.paths import JobPaths
from fraud.containers.steps import collect, evaluate
from fraud.errors import ConfigurationError, DataError, MissingInputError
from fraud.features.catalogue import feature_names
from fraud.models import artefact, training
from fraud.parquet import write_parquet
from fraud.schema import arrow_schema
from unit.models.packing import pack

NAMES = feature_names("v1")
DAY = date(2024, 2, 28)
NEXT = date(2024, 2, 29)


def drawn(rng, rows):
    features = np.abs(rng.normal(size=(rows, len(NAMES))))
    risk = features[:, 0] + features[:, 12]
    return features, risk + rng.normal(scale=0.5, size=rows) > 3.2


@functools.cache
def fitted(name="xgboost", seed=0, informed=True, rows=4000):
    rng = np.random.default_rng(seed)
    features, is_fraud = drawn(rng, rows)
    if not informed:
        rng.shuffle(is_fraud)
    overrides = {"num_round": 10} if name.startswith("xgboost") else {}
    return training.fit(name, features, is_fraud, feature_names=NAMES, seed=0, overrides=overrides)


def put_model(folder, model):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.tar.gz").write_bytes(pack(model.files()))


@pytest.fixture
def paths(tmp_path):
    return JobPaths(tmp_path)


@pytest.fixture(scope="module")
def champion():
    return fitted("logistic_regression")


@pytest.fixture
def scored(paths, champion):
    """Two days of scored transactions; each has its features, its scores from the model, and its deliveries."""
    put_model(paths.input("model"), champion)
    rng = np.random.default_rng(3)
    days = {}
    for day in (DAY, NEXT):
        rows = 400
        identifiers = (day - date(2024, 1, 1)).days * 10**9 + np.arange(rows)
        features, _ = drawn(rng, rows)
        customers = rng.integers(0, 60, rows)
        table = pa.table({"transaction_id": identifiers, "tx_date": pa.array([day] * rows, pa.date32())})
        for column, name in enumerate(NAMES):
            table = table.append_column(name, pa.array(features[:, column]))
        write_parquet(table, paths.input("features") / f"tx_date={day}" / "part.parquet")
        shuffled = rng.permutation(rows)
        raw = pa.table({"transaction_id": identifiers[shuffled], "customer_id": customers[shuffled]})
        write_parquet(raw, paths.input("transactions") / f"tx_date={day}" / "part.parquet")
        scores = champion.predict_proba(features)
        write_scores(paths, day, zip(identifiers.tolist(), scores.tolist(), strict=True))
        days[day] = {"transaction": identifiers, "customer": customers, "score": scores, "features": features}
    return days


def write_scores(paths, day, pairs):
    path = paths.input("transform") / f"tx_date={day}" / "part.csv.out"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{identifier},{score!r}\n" for identifier, score in pairs))
    return path


def output(paths, name, day):
    partition = "alert_date" if name == "alerts" else "tx_date"
    return pq.read_table(paths.output(name) / f"{partition}={day}" / "part.parquet", partitioning=None)


def test_collect__keeps_every_score(paths, scored):
    collect.run(paths, DAY, NEXT, 7, 10)
    for day, given in scored.items():
        table = output(paths, "predictions", day)
        assert table.schema.equals(arrow_schema("predictions"))
        assert table["transaction_id"].to_pylist() == given["transaction"].tolist()
        assert table["score"].to_pylist() == given["score"].tolist()
        assert set(table["model_version"].to_pylist()) == {7}
        assert set(table["tx_date"].to_pylist()) == {day}


def test_collect__alerts_are_those_of_a_plain_loop(paths, scored):
    blocked = [3, 17]
    compromised = pa.table(
        {"alert_date": pa.array([DAY, DAY, NEXT], pa.date32()), "customer_id": pa.array([*blocked, 5], pa.int64())}
    )
    write_parquet(compromised, paths.input("compromised") / "0000_part_00.parquet")
    collect.run(paths, DAY, DAY, 1, 10)
    given = scored[DAY]
    best = {}
    for identifier, customer, score in zip(
        given["transaction"].tolist(), given["customer"].tolist(), given["score"].tolist(), strict=True
    ):
        if customer not in blocked and (customer not in best or score > best[customer][0]):
            best[customer] = (score, identifier)
    expected = sorted((-score, customer, identifier) for customer, (score, identifier) in best.items())[:10]
    table = output(paths, "alerts", DAY)
    assert table.schema.equals(arrow_schema("alerts"))
    rows = table.to_pylist()
    assert [(-row["score"], row["customer_id"], row["transaction_id"]) for row in rows] == expected
    assert [row["rank"] for row in rows] == list(range(1, 11))
    assert {row["alert_date"] for row in rows} == {DAY}


def test_collect__equal_scores_rank_by_customer_and_transaction(paths, scored):
    given = scored[DAY]
    write_scores(paths, DAY, [(identifier, 0.5) for identifier in given["transaction"].tolist()])
    collect.run(paths, DAY, DAY, 1, 5)
    rows = output(paths, "alerts", DAY).to_pylist()
    customers = sorted(set(given["customer"].tolist()))[:5]
    assert [row["customer_id"] for row in rows] == customers
    firsts = [int(given["transaction"][given["customer"] == customer].min()) for customer in customers]
    assert [row["transaction_id"] for row in rows] == firsts


def test_collect__reasons_are_the_largest_contributions(paths, scored, champion):
    collect.run(paths, DAY, DAY, 1, 20)
    given = scored[DAY]
    for row in output(paths, "alerts", DAY).to_pylist():
        position = row["transaction_id"] - int(given["transaction"][0])
        contributions = champion.explain(given["features"][[position]])[0]
        reasons = json.loads(row["reasons"])
        assert [reason["feature"] for reason in reasons] == [NAMES[i] for i in np.argsort(-contributions)[:3]]
        assert reasons[0]["contribution"] == pytest.approx(contributions.max(), rel=1e-5)
        assert reasons[0]["value"] == pytest.approx(given["features"][position][contributions.argmax()], rel=1e-5)
        assert len(row["reasons"]) <= 512


def test_collect__fewer_cards_than_the_budget(paths, scored):
    collect.run(paths, DAY, DAY, 1, 1000)
    assert output(paths, "alerts", DAY).num_rows == len(set(scored[DAY]["customer"].tolist()))


def test_collect__the_json_holds_the_alerts_of_the_table(paths, scored):
    collect.run(paths, DAY, DAY, 1, 10)
    rows = json.loads((paths.output("alerts") / f"alert_date={DAY}" / "alerts.json").read_text())
    table = output(paths, "alerts", DAY).to_pylist()
    for row in table:
        row |= {"alert_date": str(row["alert_date"]), "reasons": json.loads(row["reasons"])}
    assert rows == table


def test_collect__same_inputs_give_the_same_bytes(paths, scored):
    collect.run(paths, DAY, NEXT, 1, 10)
    first = {path: path.read_bytes() for path in sorted(paths.output("").rglob("*.*"))}
    collect.run(paths, DAY, DAY, 1, 10)
    assert {path: path.read_bytes() for path in sorted(paths.output("").rglob("*.*"))} == first
    summary = json.loads((paths.output("summary") / f"{DAY}.json").read_text())
    assert summary["rows"] == {"alerts": 10, "predictions": 400}
    assert summary["model_version"] == 1
    assert sorted(summary["files"]) == [
        f"alerts/alert_date={DAY}/alerts.json",
        f"alerts/alert_date={DAY}/part.parquet",
        f"predictions/tx_date={DAY}/part.parquet",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pairs: pairs[:5] + pairs[6:], "transaction 58000000005 has no score (1 in all)"),
        (lambda pairs: [*pairs, pairs[9]], "transaction 58000000009 is scored twice (1 in all)"),
        (lambda pairs: [*pairs, (1, 0.5)], "transaction 1 is scored but has no features (1 in all)"),
        (lambda pairs: [(pairs[0][0], 1.5), *pairs[1:]], "transaction 58000000000 has score 1.5, expected 0 to 1"),
        (lambda pairs: [*pairs[:2], (pairs[2][0], float("nan")), *pairs[3:]], "line 3, field 2 is nan"),
    ],
)
def test_collect__refuses_scores_that_do_not_fit(paths, scored, change, message):
    given = scored[DAY]
    pairs = list(zip(given["transaction"].tolist(), given["score"].tolist(), strict=True))
    write_scores(paths, DAY, change(pairs))
    with pytest.raises(DataError) as caught:
        collect.run(paths, DAY, DAY, 1, 10)
    assert message in str(caught.value)
    assert not list(paths.output("predictions").rglob("*.parquet"))


def test_collect__missing_scores_name_the_day(paths, scored):
    for path in (paths.input("transform") / f"tx_date={NEXT}").iterdir():
        path.unlink()
    with pytest.raises(MissingInputError, match=f"left no .out file for {NEXT}"):
        collect.run(paths, DAY, NEXT, 1, 10)


def test_collect__missing_features_name_the_day(paths, scored):
    with pytest.raises(MissingInputError, match="features of 2024-03-01 are missing"):
        collect.run(paths, DAY, date(2024, 3, 1), 1, 10)


def test_collect__refuses_a_range_that_ends_before_it_starts(paths):
    with pytest.raises(ConfigurationError, match="is before --start"):
        collect.run(paths, NEXT, DAY, 1, 10)


def test_collect__refuses_a_model_of_other_features(paths, scored):
    rng = np.random.default_rng(0)
    other = training.fit("xgboost", rng.normal(size=(100, 2)), rng.random(100) > 0.5, feature_names=["a", "b"], seed=0)
    put_model(paths.input("model"), other)
    with pytest.raises(DataError, match="model version 4 was trained on a, b, the data has tx_amount"):
        collect.run(paths, DAY, DAY, 4, 10)


START, END = date(2024, 1, 1), date(2024, 1, 28)


@pytest.fixture
def run_folder(paths):
    """A hold-out of 28 days of 200 customers, three candidates (one knows nothing), and the request."""
    rng = np.random.default_rng(11)
    rows = 28 * 400
    features, is_fraud = drawn(rng, rows)
    day = np.sort(rng.integers(0, 28, rows))
    dates = [START + timedelta(days=int(number)) for number in day]
    table = pa.table(
        {
            "transaction_id": day * 10**9 + np.arange(rows),
            "tx_date": pa.array(dates, pa.date32()),
            "tx_datetime": pa.array([datetime(d.year, d.month, d.day) for d in dates], pa.timestamp("us")),
            "customer_id": rng.integers(0, 200, rows),
            "is_fraud": is_fraud,
        }
    )
    for column, name in enumerate(NAMES):
        table = table.append_column(name, pa.array(features[:, column]))
    half = rows // 2
    write_parquet(table.slice(half), paths.input("holdout") / "0001_part_00.parquet")
    write_parquet(table.slice(0, half), paths.input("holdout") / "0000_part_00.parquet")
    put_model(paths.input("candidates/xgboost"), fitted("xgboost", seed=1))
    put_model(paths.input("candidates/logistic_regression"), fitted("logistic_regression", seed=1))
    put_model(paths.input("candidates/xgboost_balanced"), fitted("xgboost_balanced", seed=1, informed=False))
    return paths


def request_evaluation(paths, **changes):
    request = {
        "run": "weekly-2024-02-05",
        "kind": "scheduled",
        "feature_version": "v1",
        "as_of": "2024-02-05",
        "days": [str(START), str(END)],
        "start": str(START),
        "candidates": ["xgboost", "logistic_regression", "xgboost_balanced"],
        "champion_version": None,
        "alert_budget": 10,
        "holdout_percent": 40,
        "rule": {"bootstrap_samples": 100, "scheduled_min_frauds": 50},
        **changes,
    }
    path = paths.input("request") / "request.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(request))
    evaluate.run(paths)
    return json.loads((paths.output("evaluation") / "evaluation.json").read_text())


def test_evaluate__first_champion_is_the_candidate_of_best_average_precision(run_folder):
    result = request_evaluation(run_folder, kind="bootstrap")
    precision = {name: values["average_precision"] for name, values in result["candidates"].items()}
    assert result["best"] == max(precision, key=precision.get)
    assert result["best"] != "xgboost_balanced"
    assert result["verdict"]["promote"] is True
    assert f"{result['best']} becomes the first champion" in result["verdict"]["reason"]
    assert result["champion"] is None
    assert result["compared"]["k"] == 4
    assert (result["compared"]["start"], result["compared"]["end"]) == ("2024-01-15", "2024-01-28")
    for values in result["candidates"].values():
        assert {"auc_roc", "average_precision", "card_precision", "card_recall", "brier", "expected_cost"} <= set(
            values
        )


def test_evaluate__a_better_challenger_replaces_a_champion_that_knows_nothing(run_folder):
    put_model(run_folder.input("champion"), fitted("xgboost", seed=2, informed=False))
    result = request_evaluation(run_folder, champion_version=3)
    verdict = result["verdict"]
    assert verdict["promote"] is True
    assert verdict["gain"] == pytest.approx(
        result["candidates"][result["best"]]["average_precision"] - result["champion"]["average_precision"]
    )
    assert 0 < verdict["gain_percentile"] < verdict["gain"]
    assert verdict["frauds"] == result["compared"]["frauds"]
    assert result["champion_version"] == 3


def test_evaluate__an_equal_challenger_does_not(run_folder):
    put_model(run_folder.input("champion"), fitted("xgboost", seed=1))
    put_model(run_folder.input("candidates/logistic_regression"), fitted("xgboost", seed=1, informed=False))
    result = request_evaluation(run_folder, champion_version=3)
    assert result["verdict"]["promote"] is False
    assert result["verdict"]["gain"] == 0
    assert "average precision gains +0.000, at least +0.020 needed" in result["verdict"]["reason"]
    result = request_evaluation(run_folder, champion_version=3, loss=False)
    assert "at least +0.100 needed while labels show no loss" in result["verdict"]["reason"]


def test_evaluate__is_deterministic(run_folder):
    put_model(run_folder.input("champion"), fitted("logistic_regression", seed=5))
    request_evaluation(run_folder, champion_version=3)
    first = {path: path.read_bytes() for path in sorted(run_folder.output("").rglob("*.*"))}
    request_evaluation(run_folder, champion_version=3)
    assert {path: path.read_bytes() for path in sorted(run_folder.output("").rglob("*.*"))} == first


def test_evaluate__writes_a_reference_and_a_baseline_for_each_candidate(run_folder):
    request_evaluation(run_folder)
    for name in ("xgboost", "logistic_regression", "xgboost_balanced"):
        reference = pq.read_table(run_folder.output("reference") / name / "reference.parquet", partitioning=None)
        assert reference.column_names == ["tx_date", *NAMES, "score"]
        assert reference.num_rows == 28 * 400
        model = artefact.load(run_folder.input("candidates") / name / "model.tar.gz")
        features = np.column_stack([reference[feature].to_numpy() for feature in NAMES])
        assert reference["score"].to_pylist() == model.predict_proba(features).tolist()
        weekly = json.loads((run_folder.output("reference") / name / "baseline.json").read_text())
        assert [week["end"] for week in weekly["weeks"]] == ["2024-01-07", "2024-01-14", "2024-01-21", "2024-01-28"]
        assert weekly["mean"] == pytest.approx(np.mean([week["average_precision"] for week in weekly["weeks"]]))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"kind": None}, ConfigurationError, "request.json: kind:"),
        ({"days": [str(END), str(START)]}, ConfigurationError, "is before 2024-01-28"),
        ({"days": [str(START), "2024-01-29"]}, DataError, "no labelled transaction of 2024-01-29"),
        ({"days": [str(START), "2024-01-27"]}, DataError, "transactions of 2024-01-28, expected 2024-01-01 to"),
        ({"feature_version": "v2"}, DataError, "of feature version v2; unload it again"),
        ({"candidates": ["random_forest"]}, MissingInputError, "there is no model at"),
        ({"rule": {"alarm_days": 0}}, ConfigurationError, "request.json: rule.alarm_days"),
    ],
)
def test_evaluate__refuses_a_wrong_request(run_folder, changes, error, message):
    with pytest.raises(error) as caught:
        request_evaluation(run_folder, **changes)
    assert message in str(caught.value)
    assert not list(run_folder.output("evaluation").iterdir())
