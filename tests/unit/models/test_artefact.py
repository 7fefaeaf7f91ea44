"""Models: fitted, saved, read again, explained; and what is refused to be read."""

import io
import json
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import skops.io
import xgboost
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from fraud.errors import DataError, MissingInputError
from fraud.models import artefact, training
from fraud.models.candidates import CANDIDATES
from unit.models.packing import pack

NAMES = ("amount", "risk", "noise")
QUICK = {"num_round": 15, "n_estimators": 10}


def rows(size=1500, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(size, len(NAMES)))
    return features, features[:, 0] + 2 * features[:, 1] + rng.normal(scale=0.3, size=size) > 3


@pytest.fixture(scope="module")
def models():
    features, is_fraud = rows()
    return {
        name: training.fit(
            name,
            features,
            is_fraud,
            feature_names=NAMES,
            seed=1,
            overrides={key: value for key, value in QUICK.items() if key in declared.hyperparameters},
        )
        for name, declared in CANDIDATES.items()
    }


@pytest.mark.parametrize("name", CANDIDATES)
def test_model__scores_the_same_after_reading_from_folder_and_archive(models, name, tmp_path):
    model = models[name]
    features, _ = rows(seed=2)
    artefact.save(model, tmp_path / "model")
    (tmp_path / "model.tar.gz").write_bytes(pack(model.files()))
    expected = model.predict_proba(features)
    assert expected.shape == (len(features),)
    assert ((expected >= 0) & (expected <= 1)).all()
    for path in (tmp_path / "model", tmp_path / "model.tar.gz"):
        again = artefact.load(path)
        assert (again.predict_proba(features) == expected).all()
        assert (again.explain(features[:5]) == model.explain(features[:5])).all()
        assert again.features == NAMES
        assert again.description["candidate"] == name


@pytest.mark.parametrize("name", sorted(set(CANDIDATES) - {"isolation_forest"}))
def test_model__explains_what_the_labels_were_made_of(models, name):
    features, is_fraud = rows(seed=3)
    pushed = models[name].explain(features[is_fraud]).mean(axis=0)
    assert pushed[1] > 0
    assert pushed.argmin() == 2 or abs(pushed[2]) < pushed[1] / 4


def test_model__shap_contributions_add_up_to_the_log_odds(models):
    features, _ = rows(seed=4)
    model = models["xgboost"]
    score = model.predict_proba(features)
    log_odds = np.log(score / (1 - score))
    rest = log_odds - model.explain(features).sum(axis=1)
    assert np.ptp(rest) < 1e-3  # what is left is the same for all: the expected log-odds


def test_model__linear_terms_add_up_to_the_log_odds(models):
    features, _ = rows(seed=4)
    model = models["logistic_regression"]
    score = model.predict_proba(features)
    rest = np.log(score / (1 - score)) - model.explain(features).sum(axis=1)
    assert np.ptp(rest) < 1e-6


def test_fit__is_the_same_for_the_same_seed():
    features, is_fraud = rows()
    for name in ("xgboost", "random_forest"):
        overrides = {"num_round": 5} if name == "xgboost" else {"n_estimators": 10}
        first, second = (
            training.fit(name, features, is_fraud, feature_names=NAMES, seed=7, overrides=overrides) for _ in range(2)
        )
        assert (first.predict_proba(features) == second.predict_proba(features)).all()
    assert first.description == second.description


def test_files__are_the_same_bytes_in_another_process() -> None:
    program = """
import hashlib
import numpy as np
from fraud.models import training
features = np.random.default_rng(0).normal(size=(300, 2))
for name in ("logistic_regression", "random_forest"):
    model = training.fit(name, features, features[:, 1] > 1, feature_names=("a", "b"), seed=0)
    print(name, hashlib.sha256(model.files()["model.skops"]).hexdigest())
"""
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_fit__describes_the_model(models):
    described = models["xgboost_balanced"].description
    assert described["hyperparameters"]["scale_pos_weight"] == 20.0
    assert (described["rows"], described["features"], described["seed"]) == (1500, list(NAMES), 1)
    assert described["versions"]["xgboost"] == xgboost.__version__


@pytest.mark.parametrize(("label", "kind"), [(False, "genuine transactions"), (True, "frauds")])
def test_fit__refuses_one_class(label, kind):
    features, _ = rows(50)
    with pytest.raises(DataError, match=f"all 50 training rows are {kind}; both classes are needed"):
        training.fit("xgboost", features, np.full(50, label), feature_names=NAMES, seed=0)


def test_load__opens_what_awss_container_leaves(models, tmp_path):
    content = models["xgboost"].files()["model.ubj"]
    (tmp_path / "model.tar.gz").write_bytes(pack({"xgboost-model": content}))
    model = artefact.load(tmp_path / "model.tar.gz")
    features, _ = rows(seed=5)
    assert (model.predict_proba(features) == models["xgboost"].predict_proba(features)).all()
    assert (model.explain(features[:9]) == models["xgboost"].explain(features[:9])).all()
    assert (model.features, model.n_features) == (None, 3)


def test_load__a_model_that_is_not_there(tmp_path):
    with pytest.raises(MissingInputError, match="there is no model at"):
        artefact.load(tmp_path / "model.tar.gz")


def good(models):
    return models["logistic_regression"].files()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda files: {}, "holds none of model.json, model.ubj, model.skops, xgboost-model"),
        (lambda files: {"model.json": files["model.json"]}, "neither model.ubj nor model.skops"),
        (lambda files: files | {"model.json": b"{"}, "model.json is not the JSON object"),
        (lambda files: files | {"model.json": b"[]"}, "model.json is not the JSON object"),
        (lambda files: files | {"model.json": b'{"features": ["a"]}'}, "takes 3 features, its model.json names 1"),
        (lambda files: files | {"model.skops": files["model.skops"][:500]}, "model.skops cannot be read"),
        (lambda files: {"xgboost-model": b"binf\x00\x00"}, "train with sagemaker-xgboost 3.0 or later"),
        (lambda files: {"model.json": files["model.json"], "model.ubj": b"\x00"}, "cannot read the model"),
    ],
)
def test_load__refuses_what_is_no_model(models, tmp_path, spoil, message):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(pack(spoil(good(models))))
    with pytest.raises(DataError) as caught:
        artefact.load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_load__refuses_types_that_are_not_scikit_learns(models, tmp_path):
    foreign = skops.io.dumps(make_pipeline(FunctionTransformer(func=json.loads)))
    (tmp_path / "model.tar.gz").write_bytes(pack(good(models) | {"model.skops": foreign}))
    with pytest.raises(DataError, match=r"holds types that are not scikit-learn's \(json\.loads\); do not use it"):
        artefact.load(tmp_path / "model.tar.gz")


def test_load__unpacks_nothing_and_follows_no_link(models, tmp_path):
    path = tmp_path / "in" / "model.tar.gz"
    path.parent.mkdir()
    secret = tmp_path / "secret"
    secret.write_text("{}")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        escaping = tarfile.TarInfo("../escaped")
        archive.addfile(escaping)
        link = tarfile.TarInfo("model.json")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    path.write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=r"model\.json must be one regular file"):
        artefact.load(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in", "secret"]


def test_load__refuses_what_is_no_archive(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(b"not an archive at all")
    with pytest.raises(DataError, match="is no readable tar archive"):
        artefact.load(tmp_path / "model.tar.gz")


def test_load__refuses_a_cut_archive(models, tmp_path):
    content = pack(models["xgboost"].files())
    (tmp_path / "model.tar.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="is no readable tar archive"):
        artefact.load(tmp_path / "model.tar.gz")


def test_require__names_both_lists_of_features(models):
    models["xgboost"].require(NAMES, "candidate")
    with pytest.raises(
        DataError, match="champion was trained on amount, risk, noise, the data has amount, noise, risk;"
    ):
        models["xgboost"].require(("amount", "noise", "risk"), "champion")
