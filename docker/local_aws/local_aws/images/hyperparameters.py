"""Hyperparameters of AWS's built-in XGBoost (container line 1.7): names, types, ranges, and what goes with what.

Checked as the container checks them, in its order: what is required, what is known, types, ranges, dependencies. See
https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["UserError", "check_hyperparameters"]


class UserError(Exception):
    """The user can mend it: a hyperparameter or the data is wrong."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers between two ends, each of which may be open."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.low_open else value >= self.low
        return above and (value < self.high if self.high_open else value <= self.high)

    def __str__(self) -> str:
        left = "(-inf" if self.low == -math.inf else f"{'(' if self.low_open else '['}{self.low}"
        right = "+inf)" if self.high == math.inf else f"{self.high}{')' if self.high_open else ']'}"
        return f"{left}, {right}"


AT_LEAST_0, AT_LEAST_1 = Interval(0), Interval(1)
UNIT = Interval(0, 1)
FLAG = ("true", "false")
METRICS = (
    *("aft-nloglik", "auc", "aucpr", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik"),
    *("interval-regression-accuracy", "logloss", "mae", "map", "mape", "merror", "mlogloss", "mphe", "ndcg"),
    *("poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik"),
)
"""The library's own metrics; those that the container adds to them (accuracy, f1, …) are refused."""

OBJECTIVES = (
    *("binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax", "multi:softprob"),
    *("rank:pairwise", "rank:ndcg", "rank:map", "reg:linear", "reg:squarederror", "reg:logistic", "reg:gamma"),
    *("reg:pseudohubererror", "reg:squaredlogerror", "reg:absoluteerror", "reg:tweedie", "survival:aft"),
    "survival:cox",
)

KNOWN: dict[str, tuple[Callable[[str], Any], Any]] = {
    "num_round": (int, AT_LEAST_1),
    "csv_weights": (int, UNIT),
    "early_stopping_rounds": (int, AT_LEAST_1),
    "booster": (str, ("gbtree", "gblinear", "dart")),
    "verbosity": (int, Interval(0, 3)),
    "nthread": (int, AT_LEAST_1),
    "eta": (float, UNIT),
    "gamma": (float, AT_LEAST_0),
    "max_depth": (int, AT_LEAST_0),
    "min_child_weight": (float, AT_LEAST_0),
    "max_delta_step": (float, AT_LEAST_0),
    "subsample": (float, Interval(0, 1, low_open=True)),
    "colsample_bytree": (float, Interval(0, 1, low_open=True)),
    "colsample_bylevel": (float, Interval(0, 1, low_open=True)),
    "colsample_bynode": (float, Interval(0, 1, low_open=True)),
    "lambda": (float, AT_LEAST_0),
    "alpha": (float, AT_LEAST_0),
    "tree_method": (str, ("auto", "exact", "approx", "hist", "gpu_hist")),
    "scale_pos_weight": (float, Interval(0, low_open=True)),
    "process_type": (str, ("default", "update")),
    "grow_policy": (str, ("depthwise", "lossguide")),
    "max_leaves": (int, AT_LEAST_0),
    "max_bin": (int, AT_LEAST_0),
    "sample_type": (str, ("uniform", "weighted")),
    "normalize_type": (str, ("tree", "forest")),
    "rate_drop": (float, UNIT),
    "one_drop": (int, UNIT),
    "skip_drop": (float, UNIT),
    "lambda_bias": (float, UNIT),
    "tweedie_variance_power": (float, Interval(1, 2, low_open=True, high_open=True)),
    "objective": (str, OBJECTIVES),
    "num_class": (int, Interval(2)),
    "base_score": (float, AT_LEAST_0),
    "eval_metric": (lambda text: text.split(","), METRICS),
    "seed": (int, Interval(-(2**31), 2**31 - 1, low_open=True, high_open=True)),
    "num_parallel_tree": (int, AT_LEAST_1),
    "save_model_on_termination": (str, FLAG),
    "aft_loss_distribution": (str, ("normal", "logistic", "extreme")),
    "aft_loss_distribution_scale": (float, AT_LEAST_0),
    "deterministic_histogram": (str, FLAG),
    "sampling_method": (str, ("uniform", "gradient_based")),
    # What a tuning job adds: measured beside eval_metric.
    "_tuning_objective_metric": (str, tuple(f"validation:{metric}" for metric in METRICS)),
}
"""Type and range by name."""

ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}

ELSEWHERE = (
    *("sketch_eps", "updater", "dsplit", "refresh_leaf", "predictor", "monotone_constraints"),
    *("interaction_constraints", "_kfold", "_num_cv_round", "prob_buffer_row"),
    "use_dask_gpu_training",
)
"""Hyperparameters that the container takes and the local AWS does not."""


def check_hyperparameters(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the hyperparameters as values of their types.

    Parameters
    ----------
    given
        Text by name, as SageMaker hands them over; aliases are resolved.

    Raises
    ------
    UserError
        In the container's words, naming the hyperparameter.
    """
    texts = {ALIASES.get(name, name): text for name, text in given.items()}
    if "num_round" not in texts:
        raise UserError("Missing required hyperparameter: num_round")
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name in ELSEWHERE:
            raise UserError(f"Hyperparameter {name}: not supported by the local AWS; leave it out")
        if name not in KNOWN:
            raise UserError(f"Extraneous hyperparameter found: {name}")
        try:
            values[name] = KNOWN[name][0](text)
        except ValueError:
            raise UserError(f"Hyperparameter {name}: could not parse value (caused by ValueError)") from None
    for name, value in values.items():
        _check_range(name, value)
    _check_together(values)
    return values


def _check_range(name: str, value: Any) -> None:
    allowed = KNOWN[name][1]
    shown = allowed if isinstance(allowed, Interval) else list(allowed)
    if name == "eval_metric":
        if any(metric.split("@")[0] not in METRICS for metric in value):
            raise UserError(f"Hyperparameter {name}: value {value} not in range {shown}")
    elif value not in allowed:
        raise UserError(f"Hyperparameter {name}: {value} is not in {shown}")


def _check_together(values: Mapping[str, Any]) -> None:
    objective = values.get("objective", "reg:squarederror")
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    metrics = values.get("eval_metric", [])
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    for metric in metrics:
        kind, threshold, number = metric.partition("@")
        if threshold and kind not in ("error", "ndcg", "map"):
            raise UserError(
                f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should "
                "be one of these options: 'error', 'ndcg', 'map'."
            )
        if threshold and not _is_number(number):
            raise UserError(f"Threshold value 't' in '{kind}@t' expects float input.")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
