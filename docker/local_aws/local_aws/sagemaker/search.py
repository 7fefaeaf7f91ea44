"""The points that a hyperparameter tuning job tries: drawn from ranges, or every combination of categories.

A point depends on the job and its own number alone, so what has been tried need not be remembered.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping

from local_aws.sagemaker.errors import RequestRefused
from local_aws.sagemaker.records import Document

__all__ = ["check_search", "grid_size", "point"]

KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")


def check_search(configuration: Document) -> None:
    """Refuse a search that cannot be made, here or on AWS.

    Parameters
    ----------
    configuration
        HyperParameterTuningJobConfig.

    Raises
    ------
    RequestRefused
        Naming the strategy or range.
    """
    strategy, ranges = configuration["Strategy"], configuration.get("ParameterRanges", {})
    if strategy not in ("Random", "Grid"):
        raise _refused(f"The local AWS searches by strategy Random or Grid, not {strategy}")
    names = [one["Name"] for kind in KINDS for one in ranges.get(kind, [])]
    if not names or ranges.get("AutoParameters"):
        raise _refused("The local AWS needs ParameterRanges with at least one range, and no AutoParameters")
    for name in names:
        if names.count(name) > 1:
            raise _refused(f"Hyperparameter {name!r} has more than one range")
    if strategy == "Grid" and any(ranges.get(kind) for kind in KINDS[:2]):
        raise _refused("Strategy Grid supports only CategoricalParameterRanges")
    if strategy == "Random" and "MaxNumberOfTrainingJobs" not in configuration["ResourceLimits"]:
        raise _refused("Strategy Random needs ResourceLimits.MaxNumberOfTrainingJobs")
    for kind, parse in zip(KINDS[:2], (int, float), strict=True):
        for one in ranges.get(kind, []):
            _check_range(one, parse)


def grid_size(configuration: Document) -> int | None:
    """Return how many points a grid has; ``None`` for a random search, which does not end by itself."""
    if configuration["Strategy"] != "Grid":
        return None
    ranges = configuration["ParameterRanges"]["CategoricalParameterRanges"]
    return math.prod(len(one["Values"]) for one in ranges)


def point(configuration: Document, name: str, number: int) -> dict[str, str]:
    """Return one point's hyperparameters as texts.

    Parameters
    ----------
    configuration
        HyperParameterTuningJobConfig; its ``RandomSeed`` decides what is drawn, else the job's name.
    name
        The tuning job.
    number
        The point's number, from 0; for a grid below :func:`grid_size`.
    """
    ranges = configuration["ParameterRanges"]
    categories = ranges.get("CategoricalParameterRanges", [])
    if configuration["Strategy"] == "Grid":
        combinations = itertools.product(*(one["Values"] for one in categories))
        chosen = next(itertools.islice(combinations, number, None))
        return dict(zip((one["Name"] for one in categories), chosen, strict=True))
    generator = random.Random(f"{configuration.get('RandomSeed', name)}/{number}")  # noqa: S311  (a search, no secret)
    drawn = {one["Name"]: generator.choice(one["Values"]) for one in categories}
    for one in ranges.get("IntegerParameterRanges", []):
        low, high = int(one["MinValue"]), int(one["MaxValue"])
        # Half a step wider on each side, so that the ends are as likely as the others.
        value = round(_draw(generator, one, low - 0.5 if _linear(one) else low, high + 0.5 if _linear(one) else high))
        drawn[one["Name"]] = str(min(max(value, low), high))
    for one in ranges.get("ContinuousParameterRanges", []):
        drawn[one["Name"]] = repr(_draw(generator, one, float(one["MinValue"]), float(one["MaxValue"])))
    return drawn


def _linear(declared: Mapping[str, str]) -> bool:
    return declared.get("ScalingType", "Auto") in ("Linear", "Auto")


def _draw(generator: random.Random, declared: Mapping[str, str], low: float, high: float) -> float:
    if _linear(declared):
        return generator.uniform(low, high)
    if declared["ScalingType"] == "Logarithmic":
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        value = 1 - math.exp(generator.uniform(math.log(1 - high), math.log(1 - low)))
    return min(max(value, low), high)


def _check_range(declared: Mapping[str, str], parse: type[int] | type[float]) -> None:
    name, scaling = declared["Name"], declared.get("ScalingType", "Auto")
    try:
        low, high = parse(declared["MinValue"]), parse(declared["MaxValue"])
    except ValueError:
        noun = "whole numbers" if parse is int else "numbers"
        raise _refused(f"MinValue and MaxValue of hyperparameter {name!r} must be {noun}") from None
    if not low < high:
        raise _refused(f"MinValue of hyperparameter {name!r} must be less than its MaxValue")
    if scaling == "Logarithmic" and low <= 0:
        raise _refused(f"Logarithmic scaling of hyperparameter {name!r} needs a MinValue greater than 0")
    if scaling == "ReverseLogarithmic" and (parse is int or low < 0 or high >= 1):
        raise _refused(
            f"ReverseLogarithmic scaling of hyperparameter {name!r} needs continuous values from 0 to below 1"
        )


def _refused(message: str) -> RequestRefused:
    return RequestRefused("ValidationException", message)
