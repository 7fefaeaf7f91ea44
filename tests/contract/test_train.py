"""The training container, as SageMaker runs it: folders in, ``model/`` or a reason in ``output/failure`` out."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fraud.containers import train
from fraud.features.catalogue import feature_names
from fraud.models import artefact

NAMES = feature_names("v1")
GOOD = {"candidate": "logistic_regression", "seed": "0", "feature_version": "v1"}


def csv(rows=400, seed=0):
    """Lines of a training file: a fraud in ten, told apart by the first feature."""
    rng = np.random.default_rng(seed)
    is_fraud = np.arange(rows) % 10 == 0
    features = rng.normal(size=(rows, len(NAMES))) + np.outer(is_fraud, [3.0] + [0.0] * (len(NAMES) - 1))
    return [f"{int(label)}," + ",".join(map(repr, row)) for label, row in zip(is_fraud, features.tolist(), strict=True)]


def put(base, files, hyperparameters, channel="train"):
    config = base / "input" / "config" / "hyperparameters.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps(hyperparameters))
    folder = base / "input" / "data" / channel
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines))


def run(base, monkeypatch):
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))
    code = train.main()
    failure = base / "output" / "failure"
    return code, failure.read_text() if failure.exists() else None


@pytest.mark.parametrize("candidate", ["xgboost", "logistic_regression", "decision_tree"])
def test_train__leaves_a_model_that_says_what_it_is(tmp_path, monkeypatch, candidate):
    put(tmp_path, {"000.csv": csv()}, GOOD | {"candidate": candidate, "_tuning_objective_metric": "x"})
    assert run(tmp_path, monkeypatch) == (0, None)
    model = artefact.load(tmp_path / "model")
    assert model.features == NAMES
    described = model.description
    assert (described["candidate"], described["feature_version"], described["seed"]) == (candidate, "v1", 0)
    assert (described["rows"], described["frauds"]) == (400, 40)
    assert len(described["train_digest"]) == 64
    assert not [path for path in (tmp_path / "model").iterdir() if path.suffix in {".pkl", ".pickle", ".joblib"}]


def test_train__several_files_are_one_set_in_order_of_name(tmp_path, monkeypatch):
    lines = csv()
    put(tmp_path / "one", {"part.csv": lines}, GOOD)
    put(tmp_path / "two", {"0001_part_00": lines[150:], "0000_part_00": lines[:150], "0002_part_00": []}, GOOD)
    scores = []
    for base in (tmp_path / "one", tmp_path / "two"):
        assert run(base, monkeypatch) == (0, None)
        features, _ = train.read_channel(base / "input" / "data" / "train", len(NAMES))
        scores.append(artefact.load(base / "model").predict_proba(features))
    assert (scores[0] == scores[1]).all()


def test_train__hyperparameters_reach_the_model(tmp_path, monkeypatch):
    put(tmp_path, {"a.csv": csv()}, GOOD | {"candidate": "xgboost", "num_round": "3", "max_depth": "2"})
    assert run(tmp_path, monkeypatch) == (0, None)
    described = artefact.load(tmp_path / "model").description["hyperparameters"]
    assert (described["num_round"], described["max_depth"], described["eta"]) == (3, 2, 0.1)


def test_train__a_validation_channel_prints_the_tuning_jobs_metrics(tmp_path, monkeypatch, capsys):
    put(tmp_path, {"a.csv": csv()}, GOOD)
    put(tmp_path, {"a.csv": csv(seed=1)}, GOOD, channel="validation")
    assert run(tmp_path, monkeypatch) == (0, None)
    printed = dict(line.split("=") for line in capsys.readouterr().out.splitlines() if line.startswith("validation:"))
    assert 0.8 < float(printed["validation:average_precision"]) <= 1
    assert 0.9 < float(printed["validation:auc_roc"]) <= 1


LINES = csv(40)


def with_line(number, text):
    return [*LINES[: number - 1], text, *LINES[number:]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line.partition(",")[2] for line in LINES], "train/a.csv: line 1 has 15 fields, expected 16"),
        ([f"{line.partition(',')[2]},0" for line in LINES], "expected the label, 0 or 1; write the label as the first"),
        ([f"0,{line.partition(',')[2]}" for line in LINES], "all 40 training rows are genuine transactions"),
        ([f"1,{line.partition(',')[2]}" for line in LINES], "all 40 training rows are frauds"),
        (with_line(7, LINES[6].replace(LINES[6].split(",")[3], "nan")), "train/a.csv: line 7, field 4 is nan"),
        (with_line(7, LINES[6].replace(LINES[6].split(",")[3], "")), "train/a.csv: line 7, field 4 is ''"),
        (["label," + ",".join(NAMES), *LINES], "train/a.csv: line 1, field 1 is 'label'"),
        (with_line(9, LINES[8] + ",1"), "train/a.csv: line 9 has 17 fields, expected 16"),
        (with_line(9, ""), "train/a.csv: line 9 is empty"),
        (["\x00\x01\x02"], "train/a.csv: line 1 has 1 fields"),
        ([], "channel train has no rows"),
    ],
)
def test_train__refuses_data_by_file_and_line(tmp_path, monkeypatch, lines, message):
    put(tmp_path, {"a.csv": lines}, GOOD)
    code, failure = run(tmp_path, monkeypatch)
    assert code in (4, 5)
    assert message in failure
    assert "\n" not in failure
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        (GOOD | {"depth": "3"}, "candidate logistic_regression: hyperparameter 'depth' is unknown; choose from C"),
        (GOOD | {"C": "-1"}, "hyperparameter C is '-1'; expected a number from 0.0001 to 10000"),
        (GOOD | {"candidate": "svm"}, "candidate 'svm' is unknown; choose from"),
        (GOOD | {"seed": "one"}, "hyperparameter seed is 'one', expected a whole number from 0"),
        (GOOD | {"feature_version": "v9"}, "'v9'"),
        ({"seed": "0", "feature_version": "v1"}, "hyperparameter 'candidate' is missing"),
        (["candidate"], "hyperparameters.json is a list, expected an object of texts"),
    ],
)
def test_train__refuses_hyperparameters_by_name(tmp_path, monkeypatch, hyperparameters, message):
    put(tmp_path, {"a.csv": LINES}, hyperparameters)
    code, failure = run(tmp_path, monkeypatch)
    assert code == 3
    assert message in failure
    assert not (tmp_path / "model").exists()


def test_train__refuses_a_missing_channel(tmp_path, monkeypatch):
    put(tmp_path, {"a.csv": LINES}, GOOD, channel="training")
    code, failure = run(tmp_path, monkeypatch)
    assert (code, "channel train has no rows" in failure) == (5, True)


def test_train__without_hyperparameters(tmp_path, monkeypatch):
    code, failure = run(tmp_path, monkeypatch)
    assert code == 5
    assert "hyperparameters.json cannot be read" in failure


def test_train__a_bug_keeps_its_traceback_and_says_so(tmp_path, monkeypatch, capsys):
    put(tmp_path, {"a.csv": LINES}, GOOD)
    monkeypatch.setattr(train.training, "fit", lambda *_, **__: 1 / 0)
    assert run(tmp_path, monkeypatch) == (1, "internal error: ZeroDivisionError: division by zero")
    assert json.loads(capsys.readouterr().err)["traceback"].endswith("ZeroDivisionError: division by zero")


def test_train__runs_with_a_literal_opt_ml(tmp_path):
    private = "mount -t tmpfs t /opt && mkdir /opt/ml && mount --bind {} /opt/ml && exec {} -m fraud.containers.train"
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-Urm", "true"], check=False).returncode:
        pytest.skip("user namespaces are not to be had here: /opt/ml cannot be made private")
    if sys.executable.startswith("/opt/"):
        pytest.skip("this Python lies under /opt, which the test covers")
    put(tmp_path, {"a.csv": csv()}, GOOD)
    environment = {name: value for name, value in os.environ.items() if name != "SAGEMAKER_BASE_DIR"}
    command = ["unshare", "-Urm", "sh", "-c", private.format(tmp_path, sys.executable)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["model.json", "model.skops"]
    (tmp_path / "input" / "data" / "train" / "a.csv").write_text("no,numbers\n")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert json.loads(done.stderr)["message"] == "train/a.csv: line 1 has 2 fields, expected 16"
    assert (tmp_path / "output" / "failure").read_text() == "train/a.csv: line 1 has 2 fields, expected 16"
