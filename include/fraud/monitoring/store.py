"""Files of the drift job: scored days, labels, references. What is wrong with one is said where it is used, not raised.

A missing or broken day is a finding of monitoring, not a reason to have no report.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fraud.monitoring.measure import SCORE, DayRows, Reference
from fraud.monitoring.performance import Labelled

__all__ = ["Labels", "read_day", "read_reference"]

_EPOCH = date(1970, 1, 1).toordinal()
_LABELLED = ("report_date", "transaction_id", "tx_date", "customer_id", "score", "model_version", "is_fraud")


class Labels:
    """Labels by report day, as unloaded: point in time was cut there.

    Parameters
    ----------
    folder
        Folder of ``*.parquet``; nothing is unloaded when no label is known.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
        parts = [pq.read_table(path, columns=list(_LABELLED), partitioning=None) for path in files]
        self._table = pa.concat_tables(parts) if parts else None
        self._report = _ordinals(self._table["report_date"]) if self._table else np.empty(0, np.int64)

    def known_on(self, day: date) -> Labelled:
        """Return what was known at the end of a day; nothing unloaded means nothing known.

        A label without model version is of a transaction that was not scored.
        """
        if self._table is None:
            none = np.empty(0, np.int64)
            return Labelled(none, none, none, np.empty(0), none, np.empty(0, bool))
        table = self._table.filter(pa.array(self._report == day.toordinal()))
        return Labelled(
            transaction_id=table["transaction_id"].to_numpy(),
            day=_ordinals(table["tx_date"]),
            customer=table["customer_id"].to_numpy(),
            score=_floats(table["score"]),
            version=pc.fill_null(table["model_version"], 0).to_numpy().astype(np.int64),
            is_fraud=table["is_fraud"].to_numpy(),
        )


def read_day(features: Path, predictions: Path, day: date, names: Sequence[str]) -> DayRows:
    """Read a scored day.

    Parameters
    ----------
    features, predictions
        Folders of ``tx_date=…/*.parquet``.
    day
        The day.
    names
        Features to read.
    """
    found = _read(features / f"tx_date={day}", ["transaction_id", *names])
    if isinstance(found, str):
        return DayRows(problem=f"the features of {day} {found}")
    identifier = found["transaction_id"].to_numpy()
    if not len(identifier):
        return DayRows(problem=f"{day} has no transactions")
    scores = _read(predictions / f"tx_date={day}", ["transaction_id", "model_version", "score"])
    if isinstance(scores, str):
        return DayRows(identifier, problem=f"the predictions of {day} {scores}")
    versions = scores["model_version"].unique().to_pylist()
    if len(versions) != 1:
        return DayRows(identifier, problem=f"{day} was scored by {len(versions)} model versions, expected one")
    columns = {name: _floats(found[name]) for name in names} | {SCORE: _floats(scores["score"])}
    problem = ""
    if not np.array_equal(identifier, scores["transaction_id"].to_numpy()):
        problem = f"{day} has {len(identifier)} transactions, and {scores.num_rows} predictions that are not all theirs"
    return DayRows(identifier, columns, int(versions[0]), problem)


def read_reference(folder: Path, feature_version: str, names: Sequence[str], holdout_percent: int) -> Reference:
    """Read a champion's reference.

    Parameters
    ----------
    folder
        ``version=N`` with ``reference.parquet`` and ``baseline.json``, as the evaluation wrote them.
    feature_version, names
        Feature set of the deployment and its columns.
    holdout_percent
        Share of the customers that the reference is made of.
    """
    version = folder.name.removeprefix("version=")
    try:
        baseline = json.loads((folder / "baseline.json").read_text(encoding="utf-8"))
        table = pq.read_table(folder / "reference.parquet", partitioning=None)
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or error
        return Reference(problem=f"the reference of version {version} cannot be read: {reason}")
    found = baseline.get("feature_version")
    if found != feature_version:
        return Reference(problem=f"the reference of version {version} has features {found}, the day {feature_version}")
    missing = sorted({*names, SCORE} - set(table.column_names))
    if missing:
        return Reference(problem=f"the reference of version {version} lacks {', '.join(missing)}")
    weeks = len(baseline["weeks"])
    return Reference(
        columns={name: _floats(table[name]) for name in (*names, SCORE)},
        baseline=baseline["mean"],
        baseline_weeks=weeks,
        expected_per_day=baseline["transactions"] / (weeks * 7) * 100 / holdout_percent if weeks else None,
    )


def _read(folder: Path, columns: Sequence[str]) -> pa.Table | str:
    """Return the rows by transaction id, or what is wrong with the files."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        return "are missing"
    try:
        return pa.concat_tables(
            [pq.read_table(path, columns=list(columns), partitioning=None).select(list(columns)) for path in files]
        ).sort_by("transaction_id")
    except (pa.ArrowException, OSError, KeyError) as error:
        return f"cannot be read: {error}"


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return numbers; a null is no number either."""
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _ordinals(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    days: npt.NDArray[np.int64] = column.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64) + _EPOCH
    return days
