"""Candidates: every model that a training run can train, declared as data.

Imported where DAGs are parsed, so it needs nothing but pydantic. A hyperparameter's default is what ships; a run may
override it within its range, and a tuning job searches the tuned ones.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fraud.errors import ConfigurationError

__all__ = [
    "CANDIDATES",
    "Candidate",
    "Hyperparameter",
    "candidate",
    "overrides_schema",
    "parse_hyperparameters",
    "read_overrides",
    "training_hyperparameters",
    "tuning_ranges",
    "validate_hyperparameters",
]

Value = int | float | str

_OVERRIDES = 'expected JSON by candidate, like {"xgboost": {"max_depth": 5}}'


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hyperparameter(_Declaration):
    """One hyperparameter: its shipped value, its kind, and what it may be set to (both ends included)."""

    default: Value
    kind: Literal["integer", "continuous", "choice"]
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    search: tuple[float, float] | None = Field(
        None, description="what a tuning job searches; narrower, so that it pays"
    )
    logarithmic: bool = Field(False, description="search on a logarithmic scale")

    def parse(self, text: Any) -> Value:
        """Return the value that a text (as SageMaker passes it) stands for.

        Raises
        ------
        ValueError
            Saying what was expected.
        """
        if self.kind == "choice":
            if str(text) not in self.choices:
                raise ValueError(f"expected one of {', '.join(self.choices)}")
            return str(text)
        wanted = (
            f"expected {'a whole number' if self.kind == 'integer' else 'a number'} from {self.low:g} to {self.high:g}"
        )
        try:
            value = int(str(text)) if self.kind == "integer" else float(str(text))
        except ValueError:
            raise ValueError(wanted) from None
        if not (math.isfinite(value) and (self.low or 0) <= value <= (self.high or 0)):
            raise ValueError(wanted)
        return value


class Candidate(_Declaration):
    """A model that can be trained: which image runs it, which estimator it is, and what it is good for."""

    name: str
    image: Literal["own", "builtin_xgboost"] = "own"
    estimator: Literal["xgboost", "logistic_regression", "decision_tree", "random_forest", "isolation_forest"]
    good_for: str
    hyperparameters: Mapping[str, Hyperparameter]
    fixed: Mapping[str, str] = Field(default_factory=dict, description="passed as they are, never overridden")


Search = tuple[float, float] | None


def _integer(default: int, low: int, high: int, *, search: Search = None, log: bool = False) -> Hyperparameter:
    return Hyperparameter(default=default, kind="integer", low=low, high=high, search=search, logarithmic=log)


def _number(default: float, low: float, high: float, *, search: Search = None, log: bool = False) -> Hyperparameter:
    return Hyperparameter(default=default, kind="continuous", low=low, high=high, search=search, logarithmic=log)


def _choice(default: str, *choices: str) -> Hyperparameter:
    return Hyperparameter(default=default, kind="choice", choices=choices)


def _xgboost(
    trees: int, depth: int, eta: float, *, tree_method: str = "hist", weight: float = 1.0
) -> dict[str, Hyperparameter]:
    return {
        "num_round": _integer(trees, 1, 4000, search=(50, 400)),
        "max_depth": _integer(depth, 1, 12, search=(2, 7)),
        "eta": _number(eta, 0.005, 1.0, search=(0.03, 0.3), log=True),
        "min_child_weight": _number(1.0, 0.0, 1000.0),
        "subsample": _number(1.0, 0.1, 1.0),
        "colsample_bytree": _number(1.0, 0.1, 1.0),
        "lambda": _number(1.0, 0.0, 1000.0),
        "scale_pos_weight": _number(weight, 0.01, 10_000.0),
        # 0.5 is what the handbook's XGBoost started from; since 2.0 the library starts from the share of frauds, which
        # is worse here (AP .564 against .639 on the book's test week).
        "base_score": _number(0.5, 0.0001, 0.9999),
        "tree_method": _choice(tree_method, "hist", "exact", "approx"),
    }


def _tree(depth: int | None) -> dict[str, Hyperparameter]:
    # Depth 0 means no limit: SageMaker passes texts, and None is not one that a range can hold.
    return {
        "max_depth": _integer(depth or 0, 0, 100, search=(2, 30)),
        "min_samples_leaf": _integer(1, 1, 10_000, search=(1, 200), log=True),
        "class_weight": _choice("none", "none", "balanced"),
    }


_DECLARED = (
    Candidate(
        name="xgboost_builtin",
        image="builtin_xgboost",
        estimator="xgboost",
        good_for="AWS's own container: nothing to build or patch, scores as good as ours",
        hyperparameters=_xgboost(100, 3, 0.3),
        fixed={"objective": "binary:logistic", "eval_metric": "aucpr"},
    ),
    Candidate(
        name="xgboost",
        estimator="xgboost",
        good_for="the tuned default: best average precision on the handbook's data",
        hyperparameters=_xgboost(200, 4, 0.1),
    ),
    Candidate(
        name="logistic_regression",
        estimator="logistic_regression",
        good_for="a linear model anybody can read; what more complex ones must beat",
        hyperparameters={
            "C": _number(1.0, 0.0001, 10_000.0, search=(0.001, 100.0), log=True),
            "max_iter": _integer(100, 10, 10_000),
            "class_weight": _choice("none", "none", "balanced"),
        },
    ),
    Candidate(
        name="xgboost_book",
        estimator="xgboost",
        good_for="the handbook's XGBoost, for comparison: its library's defaults of 2021",
        hyperparameters=_xgboost(100, 6, 0.3, tree_method="exact"),
    ),
    Candidate(
        name="xgboost_balanced",
        estimator="xgboost",
        good_for="cost-sensitive learning (handbook, chapter 6): a fraud weighs as much as twenty genuine transactions",
        hyperparameters=_xgboost(200, 4, 0.1, weight=20.0),
    ),
    Candidate(
        name="decision_tree_depth_2",
        estimator="decision_tree",
        good_for="four leaves: the rule of thumb that an investigator can keep in mind",
        hyperparameters=_tree(2),
    ),
    Candidate(
        name="decision_tree",
        estimator="decision_tree",
        good_for="shows what overfitting costs: an unlimited tree, as in the handbook",
        hyperparameters=_tree(None),
    ),
    Candidate(
        name="random_forest",
        estimator="random_forest",
        good_for="the handbook's best model by average precision; robust without tuning, slower to score",
        hyperparameters={"n_estimators": _integer(100, 10, 1000, search=(50, 200)), **_tree(None)},
    ),
    Candidate(
        name="isolation_forest",
        estimator="isolation_forest",
        good_for="the unsupervised baseline: what can be had without a single label; its score is no probability",
        hyperparameters={
            "n_estimators": _integer(100, 10, 1000, search=(50, 200)),
            "max_samples": _integer(256, 2, 100_000, search=(64, 4096), log=True),
        },
    ),
)

CANDIDATES: Mapping[str, Candidate] = MappingProxyType({declared.name: declared for declared in _DECLARED})
"""The declared candidates by name."""


def candidate(name: str) -> Candidate:
    """Return the candidate of a name.

    Raises
    ------
    ConfigurationError
        When there is none of that name.
    """
    try:
        return CANDIDATES[name]
    except KeyError:
        raise ConfigurationError(f"candidate {name!r} is unknown; choose from {', '.join(CANDIDATES)}") from None


def parse_hyperparameters(name: str, overrides: Mapping[str, Any]) -> dict[str, Value]:
    """Return every hyperparameter of a candidate as a value, the shipped ones where nothing overrides them.

    Raises
    ------
    ConfigurationError
        When the candidate or an override is unknown, or one is out of range, naming it and what was expected.
    """
    declared = candidate(name).hyperparameters
    unknown = [key for key in overrides if key not in declared]
    if unknown:
        raise ConfigurationError(
            f"candidate {name}: hyperparameter {unknown[0]!r} is unknown; choose from {', '.join(declared)}"
        )
    values = {key: hyperparameter.default for key, hyperparameter in declared.items()}
    for key, given in overrides.items():
        try:
            values[key] = declared[key].parse(given)
        except ValueError as error:
            raise ConfigurationError(f"candidate {name}: hyperparameter {key} is {given!r}; {error}") from None
    return values


def validate_hyperparameters(name: str, overrides: Mapping[str, Any]) -> dict[str, str]:
    """Return every hyperparameter of a candidate as SageMaker passes it, a text; see :func:`parse_hyperparameters`."""
    return {key: str(value) for key, value in parse_hyperparameters(name, overrides).items()}


def training_hyperparameters(
    name: str, overrides: Mapping[str, Any], *, seed: int, feature_version: str
) -> dict[str, str]:
    """Return the whole ``HyperParameters`` of a candidate's training job.

    AWS's container refuses names that it does not know, so only our own image is told the candidate and the features.
    """
    declared = candidate(name)
    values = {**validate_hyperparameters(name, overrides), **declared.fixed, "seed": str(seed)}
    if declared.image == "own":
        values |= {"candidate": name, "feature_version": feature_version}
    return values


def overrides_schema() -> dict[str, Any]:
    """Return the JSON schema of overrides by candidate, so that Airflow refuses what training would refuse.

    A text is let through, for :func:`read_overrides` to check: Airflow's field for an object is an editor that browsers
    load from another host, so the form has a field for text.
    """

    def values(declared: Hyperparameter) -> dict[str, Any]:
        if declared.kind == "choice":
            return {"type": "string", "enum": list(declared.choices)}
        number = "integer" if declared.kind == "integer" else "number"
        return {"type": number, "minimum": declared.low, "maximum": declared.high}

    return {
        "type": ["null", "string", "object"],
        "format": "multiline",
        "additionalProperties": False,
        "properties": {
            name: {
                "type": "object",
                "additionalProperties": False,
                "properties": {key: values(declared) for key, declared in one.hyperparameters.items()},
            }
            for name, one in CANDIDATES.items()
        },
    }


def read_overrides(given: str | Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return overrides by candidate from what a form or a caller gave: JSON text, a mapping, or nothing.

    Raises
    ------
    ConfigurationError
        When the text is no JSON, or not an object of objects.

    Examples
    --------
    >>> read_overrides('{"xgboost": {"max_depth": 5}}')
    {'xgboost': {'max_depth': 5}}
    """
    try:
        overrides = json.loads(given or "{}") if isinstance(given, str | None) else dict(given)
    except ValueError as error:
        raise ConfigurationError(f"hyperparameters: {error}; {_OVERRIDES}") from None
    if not isinstance(overrides, dict) or not all(isinstance(values, dict) for values in overrides.values()):
        raise ConfigurationError(f"hyperparameters: got {given!r}; {_OVERRIDES}")
    return overrides


def tuning_ranges(name: str, only: Iterable[str] = ()) -> dict[str, list[dict[str, str]]]:
    """Return a candidate's ``ParameterRanges`` for a SageMaker tuning job.

    Parameters
    ----------
    name
        The candidate; its tuned hyperparameters make up the search space.
    only
        Restricts the search to these.

    Raises
    ------
    ConfigurationError
        When the candidate is unknown, or a name is not one of its tuned hyperparameters.
    """
    tuned = {key: declared for key, declared in candidate(name).hyperparameters.items() if declared.search}
    ranges: dict[str, list[dict[str, str]]] = {"IntegerParameterRanges": [], "ContinuousParameterRanges": []}
    for key in list(only) or list(tuned):
        if key not in tuned:
            raise ConfigurationError(f"candidate {name}: {key!r} is not tuned; choose from {', '.join(tuned)}")
        declared = tuned[key]
        low, high = declared.search or (declared.low, declared.high)
        kind = "IntegerParameterRanges" if declared.kind == "integer" else "ContinuousParameterRanges"
        ranges[kind].append(
            {
                "Name": key,
                "MinValue": f"{low:g}",
                "MaxValue": f"{high:g}",
                "ScalingType": "Logarithmic" if declared.logarithmic else "Linear",
            }
        )
    return ranges
