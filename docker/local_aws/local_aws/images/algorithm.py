"""AWS's built-in XGBoost in algorithm mode: ``train`` and ``serve`` on CSV, on the real library.

Data has the label first and no header; a model is the file ``xgboost-model``; a request is CSV lines of features, the
answer one score a line.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import xgboost

from local_aws.images.hyperparameters import UserError, check_hyperparameters

__all__ = ["main", "predict_csv", "train"]

MODEL_NAME = "xgboost-model"
EXACT_ROWS = 4 << 20
"""Below so many rows ``tree_method`` auto means exact."""

CHANNELS = ("train", "validation")
Matrix = np.ndarray[Any, np.dtype[np.float64]]


def read_csv(content: Path | bytes) -> Matrix:
    """Read numbers in CSV without a header; an empty field is a missing value.

    Parameters
    ----------
    content
        A file, or the text itself.

    Raises
    ------
    UserError
        When it is no rectangle of numbers.
    """
    where = str(content) if isinstance(content, Path) else "the request"
    try:
        table = pa.csv.read_csv(
            BytesIO(content) if isinstance(content, bytes) else content,
            read_options=pa.csv.ReadOptions(autogenerate_column_names=True),
            convert_options=pa.csv.ConvertOptions(null_values=["", "nan", "NaN"]),
        )
        columns = [column.cast(pa.float64()).to_numpy() for column in table.columns]
    except pa.ArrowInvalid as error:
        raise UserError(f"Loading csv data failed: {where} is not CSV of numbers without a header: {error}") from None
    return np.column_stack(columns)


def _read_channel(folder: Path, with_weights: bool) -> xgboost.DMatrix:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    if not files:
        raise UserError(f"No data in {folder.name} channel path {folder}")
    parts = [read_csv(path) for path in files]
    if len({part.shape[1] for part in parts}) != 1:
        raise UserError(f"Files of the {folder.name} channel have different numbers of columns")
    data = np.concatenate(parts)
    first = 2 if with_weights else 1
    if data.shape[1] <= first:
        raise UserError(f"Data of the {folder.name} channel has no feature: the label comes first, then the features")
    if np.isnan(data[:, 0]).any():
        raise UserError(f"Data of the {folder.name} channel has a row without a label")
    return xgboost.DMatrix(data[:, first:], label=data[:, 0], weight=data[:, 1] if with_weights else None)


def _check_channels(configuration: Mapping[str, Mapping[str, str]]) -> None:
    if "train" not in configuration:
        raise UserError("Missing required channel: train")
    for name, channel in configuration.items():
        if name not in CHANNELS:
            raise UserError(f"Extraneous channel found: {name}")
        # As in the container, data is libsvm unless the channel says otherwise.
        content_type = channel.get("ContentType", "text/libsvm")
        if content_type.partition(";")[0] not in ("text/csv", "csv"):
            message = f"the local AWS reads only ContentType text/csv, not {content_type}"
            raise UserError(f"Channel configuration for '{name}' channel is not supported: {message}")


def train(base: Path) -> None:
    """Train on the channels below a container's base folder and leave the model there.

    Raises
    ------
    UserError
        When a hyperparameter, a channel or the data is wrong.
    """
    config = base / "input" / "config"
    parameters = check_hyperparameters(json.loads((config / "hyperparameters.json").read_text()))
    channels = json.loads((config / "inputdataconfig.json").read_text())
    _check_channels(channels)
    weights = bool(parameters.pop("csv_weights", 0))
    matrices = {name: _read_channel(base / "input" / "data" / name, weights) for name in CHANNELS if name in channels}
    # What the container's library, 1.7, does unasked and the one here no longer does.
    parameters.setdefault("base_score", 0.5)
    if parameters.get("tree_method", "auto") == "auto":
        parameters["tree_method"] = "exact" if matrices["train"].num_row() < EXACT_ROWS else "approx"
    rounds = parameters.pop("num_round")
    stop_after = parameters.pop("early_stopping_rounds", None)
    for name in ("save_model_on_termination", "deterministic_histogram"):
        parameters.pop(name, None)
    objective = parameters.pop("_tuning_objective_metric", None)
    if objective is not None:
        wanted = objective.removeprefix("validation:")
        metrics = parameters.get("eval_metric", [])
        parameters["eval_metric"] = [*(metric for metric in metrics if metric != wanted), wanted]
    if stop_after is not None and "validation" not in matrices:
        raise UserError("early_stopping_rounds needs a validation channel")
    try:
        booster = xgboost.train(
            parameters,
            matrices["train"],
            num_boost_round=rounds,
            evals=[(matrix, name) for name, matrix in matrices.items()],
            early_stopping_rounds=stop_after,
            callbacks=[Report()],
            verbose_eval=False,
        )
    except xgboost.core.XGBoostError as error:
        raise UserError(f"XGB train call failed with exception:\n{_first(error)}") from None
    if stop_after is not None:
        # As the container does: what early stopping found to be the best is what is kept.
        booster = booster[: booster.best_iteration + 1]
    target = base / "model" / MODEL_NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    # The library tells the format by the extension, which the container's file has not.
    target.write_bytes(booster.save_raw("ubj"))


def _first(error: Exception) -> str:
    """Return the library's message without its stack of C++ frames."""
    return str(error).partition("Stack trace:")[0].strip()


class Report(xgboost.callback.TrainingCallback):
    """Prints each round's metrics as the container does, tabs between: ``[3] train-auc:0.9 validation-auc:0.8``."""

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Print a round."""
        shown = [
            f"{name}-{metric}:{values[-1]:.5f}" for name, log in evals_log.items() for metric, values in log.items()
        ]
        print("\t".join([f"[{epoch}]", *shown]), flush=True)  # noqa: T201
        return False


def load_model(folder: Path) -> xgboost.Booster:
    """Load the model of a folder: ``xgboost-model``, or its only file."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    path = folder / MODEL_NAME if folder / MODEL_NAME in files else files[0] if files else None
    if path is None:
        raise UserError(f"no model file in {folder}")
    booster = xgboost.Booster()
    booster.load_model(bytearray(path.read_bytes()))
    return booster


def predict_csv(booster: xgboost.Booster, content: bytes) -> str:
    """Score CSV lines of features; one score a line.

    Raises
    ------
    UserError
        When the content is no CSV of as many columns as the model has features.
    """
    data = read_csv(content)
    if data.shape[1] != booster.num_features():
        message = f"Feature size of text/csv inference data {data.shape[1]} is not consistent with feature size of"
        raise UserError(f"{message} trained model {booster.num_features()}.")
    scores = booster.predict(xgboost.DMatrix(data), validate_features=False)
    return "".join(f"{','.join(map(str, np.atleast_1d(row).tolist()))}\n" for row in scores)


def serve(base: Path, port: int) -> None:
    """Answer ``GET /ping`` and ``POST /invocations`` until killed."""
    booster = load_model(base / "model")

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
            """Send a whole response."""
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            """Health."""
            self.answer(200 if self.path == "/ping" else 404, b"")

        def do_POST(self) -> None:
            """Scores."""
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content_type = self.headers.get("Content-Type", "").partition(";")[0]
            if self.path != "/invocations":
                self.answer(404, b"")
            elif not content.strip():
                self.answer(204, b"")
            elif content_type != "text/csv":
                self.answer(415, f"Content-type {content_type} is not supported.".encode())
            else:
                try:
                    self.answer(200, predict_csv(booster, content).encode(), "text/csv; charset=utf-8")
                except UserError as error:
                    self.answer(400, str(error).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing about single requests."""

    print(f"serving on port {port}", flush=True)  # noqa: T201
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main(argv: list[str]) -> int:
    """Do what a container is told: ``train`` or ``serve``."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        if argv[1:] == ["train"]:
            train(base)
        elif argv[1:] == ["serve"]:
            serve(base, int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")))
        else:
            raise UserError(f"expected train or serve, not {argv[1:]}")
    except Exception as error:
        print(traceback.format_exc(), file=sys.stderr, flush=True)  # noqa: T201
        kind = "UserError" if isinstance(error, UserError) else "AlgorithmError"
        failure = base / "output" / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(f"{kind}: {error}")
        return 1
    return 0
