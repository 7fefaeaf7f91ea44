"""Entry point of our own image's training jobs, started by SageMaker as ``train``.

Reads ``input/config/hyperparameters.json`` (every value a text) and the CSV files of the channel ``train`` (label
first, no header), writes ``model/``. With a channel ``validation`` it also prints the metrics that
a tuning job looks for.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

import fraud
from fraud.containers.logs import start_log
from fraud.containers.paths import JobPaths
from fraud.containers.rows import parse_rows
from fraud.containers.summary import write_text
from fraud.errors import ConfigurationError, DataError, FraudError, MissingInputError
from fraud.features.catalogue import feature_names
from fraud.models import artefact, metrics, training

__all__ = ["main", "read_channel", "run"]

logger = logging.getLogger(__name__)

_OURS = ("candidate", "seed", "feature_version")


def read_channel(folder: Path, columns: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return features, shape (n, columns), and labels, shape (n,), of a channel's CSV files in order of name.

    Raises
    ------
    MissingInputError
        When the channel has no rows.
    DataError
        When a line is not a label followed by that many numbers.
    """
    # Redshift's UNLOAD leaves empty files where a slice had no rows.
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    if not files:
        raise MissingInputError(f"channel {folder.name} has no rows in {folder}; give the job a channel of CSV files")
    parts = []
    for path in files:
        rows = parse_rows(path.read_bytes(), 1 + columns, str(path.relative_to(folder.parent)))
        wrong = np.flatnonzero((rows[:, 0] != 0) & (rows[:, 0] != 1))
        if len(wrong):
            raise DataError(
                f"{path.relative_to(folder.parent)}: line {wrong[0] + 1} starts with {rows[wrong[0], 0]:g}, "
                "expected the label, 0 or 1; write the label as the first column"
            )
        parts.append(rows)
    rows = np.concatenate(parts)
    return np.ascontiguousarray(rows[:, 1:]), rows[:, 0] == 1


def _hyperparameters(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInputError(
            f"{path.name} cannot be read ({error.strerror}); pass the job's HyperParameters"
        ) from None
    except ValueError as error:
        raise ConfigurationError(f"{path.name} is not JSON ({error}); pass the job's HyperParameters") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path.name} is a {type(content).__name__}, expected an object of texts")
    # A tuning job adds names of its own, all with this prefix.
    return {str(name): str(value) for name, value in content.items() if not str(name).startswith("_tuning_")}


def _required(values: Mapping[str, str], name: str) -> str:
    if name not in values:
        raise ConfigurationError(
            f"hyperparameter {name!r} is missing; a training job of this image needs {', '.join(_OURS)}"
        )
    return values[name]


def run(paths: JobPaths) -> None:
    """Train the candidate that the hyperparameters name, and write ``model/``.

    Raises
    ------
    FraudError
        When hyperparameters or data are wrong; nothing is written then.
    """
    values = _hyperparameters(paths.base / "input" / "config" / "hyperparameters.json")
    name, version = _required(values, "candidate"), _required(values, "feature_version")
    seed = _required(values, "seed")
    if not seed.isdigit():
        raise ConfigurationError(f"hyperparameter seed is {seed!r}, expected a whole number from 0")
    names = feature_names(version)
    overrides = {key: value for key, value in values.items() if key not in _OURS}
    channels = paths.base / "input" / "data"
    features, is_fraud = read_channel(channels / "train", len(names))
    digest = hashlib.sha256(features.tobytes() + is_fraud.tobytes()).hexdigest()
    model = training.fit(
        name,
        features,
        is_fraud,
        feature_names=names,
        seed=int(seed),
        overrides=overrides,
        description={"code_version": fraud.__version__, "feature_version": version, "train_digest": digest},
    )
    logger.info("%s: %d rows, %d frauds, %d features", name, len(is_fraud), is_fraud.sum(), len(names))
    if (channels / "validation").is_dir():
        features, is_fraud = read_channel(channels / "validation", len(names))
        scores = model.predict_proba(features)
        # Not as JSON: these are the lines that a tuning job looks for.
        print(f"validation:average_precision={metrics.average_precision(is_fraud, scores):.6f}")  # noqa: T201
        print(f"validation:auc_roc={metrics.auc_roc(is_fraud, scores):.6f}")  # noqa: T201
    artefact.save(model, paths.base / "model")


def main() -> int:
    """Run one training job; return its exit code (0, or the error's own), the reason in ``output/failure``."""
    paths = JobPaths.from_environment()
    start_log("train")
    began = time.monotonic()
    try:
        run(paths)
    except FraudError as error:
        write_text(paths.failure, str(error))
        logger.error("%s", error)
        return error.exit_code
    except Exception as error:
        write_text(paths.failure, f"internal error: {type(error).__name__}: {error}")
        logger.exception("internal error")
        return 1
    logger.info("done in %.1f s", time.monotonic() - began)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
