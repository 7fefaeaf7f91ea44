"""``process evaluate``: candidates and champion on the held-out customers, the verdict, the candidates' references."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from fraud.containers.paths import JobPaths
from fraud.containers.summary import write_text
from fraud.errors import ConfigurationError, DataError, MissingInputError
from fraud.features.catalogue import feature_names
from fraud.models import artefact
from fraud.models.evaluation import CHAMPION, EvaluationRequest, Holdout, baseline, evaluate
from fraud.parquet import write_parquet

__all__ = ["run"]

logger = logging.getLogger(__name__)

KEYS = ("transaction_id", "tx_date", "tx_datetime", "customer_id", "is_fraud")
REFERENCE_ROWS = 60_000
"""Most rows of a reference: a week of the handbook's world; more do not make Evidently's distances steadier."""


def run(paths: JobPaths) -> None:
    """Score the held-out transactions with every model, compare, and write ``evaluation`` and ``reference``.

    Raises
    ------
    ConfigurationError
        When ``request.json`` is wrong.
    MissingInputError
        When the request, the hold-out or a model is missing.
    DataError
        When the hold-out has other columns or days than requested, or one class only, or a model does not fit it.
    """
    request = _read_request(paths.input("request") / "request.json")
    names = feature_names(request.feature_version)
    table = _read_holdout(paths.input("holdout"), request, names)
    features = np.column_stack([table[name].to_numpy() for name in names])
    holdout = Holdout(
        day=_day_numbers(table, request.days[0]),
        customer=table["customer_id"].to_numpy(),
        amount=table["tx_amount"].to_numpy(),
        is_fraud=table["is_fraud"].to_numpy(),
    )
    folders = {name: paths.input("candidates") / name for name in request.candidates}
    if request.champion_version is not None:
        folders[CHAMPION] = paths.input("champion")
    scores = {}
    for name, folder in folders.items():
        model = artefact.load(folder / "model.tar.gz")
        model.require(names, name)
        scores[name] = model.predict_proba(features)
    result = evaluate(request, holdout, scores)
    result["holdout_digest"] = hashlib.sha256(
        table["transaction_id"].to_numpy().tobytes() + features.tobytes() + holdout.is_fraud.tobytes()
    ).hexdigest()
    step = -(-table.num_rows // REFERENCE_ROWS)
    kept = table.select(["tx_date", *names]).take(np.arange(0, table.num_rows, step))
    for name in request.candidates:
        folder = paths.output("reference") / name
        write_parquet(kept.append_column("score", pa.array(scores[name][::step])), folder / "reference.parquet")
        expected = {"candidate": name, "feature_version": request.feature_version}
        write_text(folder / "baseline.json", _json(expected | baseline(request, holdout, scores[name])))
    write_text(paths.output("evaluation") / "evaluation.json", _json(result))
    logger.info("%s", result["verdict"]["reason"])


def _read_request(path: Path) -> EvaluationRequest:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise MissingInputError(f"{path.name} cannot be read ({error.strerror}); the training run writes it") from None
    try:
        request = EvaluationRequest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(f"{path.name}: {field}: {first['msg']}; correct the training run's request") from None
    if request.days[1] < request.days[0]:
        raise ConfigurationError(f"{path.name}: days: {request.days[1]} is before {request.days[0]}; turn them around")
    if CHAMPION in request.candidates:
        raise ConfigurationError(
            f"{path.name}: candidates: no candidate may be called {CHAMPION!r}; give it another name"
        )
    return request


def _read_holdout(folder: Path, request: EvaluationRequest, names: tuple[str, ...]) -> pa.Table:
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise MissingInputError(f"there is no hold-out in {folder}; unload it first, with at least one customer")
    parts = []
    for path in files:
        part = pq.read_table(path, partitioning=None)
        if part.column_names != [*KEYS, *names]:
            raise DataError(
                f"holdout/{path.name} has columns {', '.join(part.column_names)}, expected "
                f"{', '.join([*KEYS, *names])} of feature version {request.feature_version}; unload it again"
            )
        for name in part.column_names:
            if part[name].null_count:
                raise DataError(f"holdout/{path.name}: {name} is null in {part[name].null_count} rows, expected none")
        parts.append(part)
    table = pa.concat_tables(parts).sort_by("transaction_id")
    first, last = request.days
    days = set(table["tx_date"].unique().to_pylist())
    outside = sorted(day for day in days if not first <= day <= last)
    if outside:
        raise DataError(f"the hold-out has transactions of {outside[0]}, expected {first} to {last}; unload it again")
    lacking = sorted({date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)} - days)
    if lacking:
        raise DataError(f"the hold-out has no labelled transaction of {lacking[0]}; load its labels, then unload again")
    return table


def _day_numbers(table: pa.Table, first: date) -> Any:
    return pc.subtract(table["tx_date"].cast(pa.int32()), (first - date(1970, 1, 1)).days).cast(pa.int64()).to_numpy()


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
