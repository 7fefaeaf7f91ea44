"""Training: from a candidate and labelled rows to a fitted model."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fraud.errors import DataError
from fraud.models.artefact import Model, ScikitModel, XgboostModel
from fraud.models.candidates import Value, candidate, parse_hyperparameters

__all__ = ["fit"]


def fit(
    name: str,
    features: npt.NDArray[np.float64],
    is_fraud: npt.NDArray[np.bool_],
    *,
    feature_names: Sequence[str],
    seed: int,
    overrides: Mapping[str, Any] | None = None,
    description: Mapping[str, Any] | None = None,
) -> Model:
    """Fit a candidate.

    Scikit-learn's models standardise first, as the handbook does (chapter 3, baseline fraud detection system), and keep
    the scaler inside the saved model; XGBoost's trees do not depend on scale.

    Parameters
    ----------
    name
        The candidate to train.
    features
        One row a transaction, shape (n, features).
    is_fraud
        The labels, shape (n,).
    feature_names
        The features' names, in column order.
    seed
        Seed of everything random in the fit.
    overrides
        Hyperparameters that differ from the shipped ones.
    description
        More facts for the artefact's ``model.json``.

    Raises
    ------
    ConfigurationError
        When the candidate or an override is unknown, or one is out of range.
    DataError
        When all labels are of one class.
    """
    values = parse_hyperparameters(name, overrides or {})
    estimator = candidate(name).estimator
    frauds = int(is_fraud.sum())
    if frauds in (0, len(is_fraud)):
        kind = "frauds" if frauds else "genuine transactions"
        raise DataError(
            f"all {len(is_fraud)} training rows are {kind}; both classes are needed: train on a longer window or check "
            "the labels"
        )
    facts = {
        "candidate": name,
        "estimator": estimator,
        "features": list(feature_names),
        "frauds": frauds,
        "hyperparameters": values,
        "rows": len(is_fraud),
        "seed": seed,
        "versions": {"numpy": np.__version__, "python": platform.python_version()},
        **(description or {}),
    }
    if estimator == "xgboost":
        return _fit_xgboost(values, features, is_fraud, seed, facts)
    return _fit_scikit(values, features, is_fraud, seed, facts)


def _fit_xgboost(
    values: Mapping[str, Value],
    features: npt.NDArray[np.float64],
    is_fraud: npt.NDArray[np.bool_],
    seed: int,
    facts: dict[str, Any],
) -> Model:
    import xgboost  # noqa: PLC0415  (each estimator loads its own library only)

    facts["versions"]["xgboost"] = xgboost.__version__
    parameters = {name: value for name, value in values.items() if name != "num_round"}
    booster = xgboost.train(
        {**parameters, "objective": "binary:logistic", "seed": seed},
        xgboost.DMatrix(features, label=is_fraud.astype(np.float32)),
        num_boost_round=values["num_round"],
    )
    return XgboostModel(facts, booster)


def _fit_scikit(
    values: Mapping[str, Value],
    features: npt.NDArray[np.float64],
    is_fraud: npt.NDArray[np.bool_],
    seed: int,
    facts: dict[str, Any],
) -> Model:
    import sklearn  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    facts["versions"]["scikit-learn"] = sklearn.__version__
    parameters: dict[str, Any] = dict(values)
    if parameters.get("class_weight") == "none":
        parameters["class_weight"] = None
    if parameters.get("max_depth") == 0:
        parameters["max_depth"] = None
    if facts["estimator"] in ("random_forest", "isolation_forest"):
        parameters["n_jobs"] = -1
    pipeline = make_pipeline(StandardScaler(), _scikit(facts["estimator"])(**parameters, random_state=seed))
    pipeline.fit(features, is_fraud)
    # What a feature is replaced by to see how much it matters, where a model has no contributions of its own.
    facts["typical"] = [float(value) for value in np.median(features, axis=0)]
    return ScikitModel(facts, pipeline)


def _scikit(estimator: str) -> Any:
    from sklearn.ensemble import IsolationForest, RandomForestClassifier  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415

    return {
        "logistic_regression": LogisticRegression,
        "decision_tree": DecisionTreeClassifier,
        "random_forest": RandomForestClassifier,
        "isolation_forest": IsolationForest,
    }[estimator]
