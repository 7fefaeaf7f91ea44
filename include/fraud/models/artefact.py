"""The saved model: what a training job leaves in ``model.tar.gz``, read again without executing anything in it.

Our own image writes ``model.json`` (what the model is) beside ``model.ubj`` (XGBoost) or ``model.skops``
(scikit-learn). AWS's built-in XGBoost leaves a single file ``xgboost-model``, which the library opens.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fraud.errors import DataError, MissingInputError

__all__ = ["Model", "ScikitModel", "XgboostModel", "load", "read", "save"]

Matrix = npt.NDArray[np.float64]

_NAMES = ("model.json", "model.ubj", "model.skops", "xgboost-model")
# Fitted trees are a compiled type that skops leaves to the user to trust; it is scikit-learn's and executes nothing.
_TRUSTED = ("sklearn.tree._tree.Tree",)
_MOST_BYTES = 1 << 30
"""A file larger than this is refused: an archive may be small and unpack to anything."""


class Model(ABC):
    """A fitted model: scores transactions, and says what pushed a score."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = dict(description)

    @property
    def features(self) -> tuple[str, ...] | None:
        """Names of the features in column order; None for AWS's container, which stores none."""
        names = self.description.get("features")
        return None if names is None else tuple(names)

    @property
    @abstractmethod
    def n_features(self) -> int:
        """Number of features that a row must have."""

    def require(self, names: Sequence[str], who: str) -> None:
        """Refuse data of other features than the model was trained on.

        Raises
        ------
        DataError
            Naming the model (``who``) and both lists of features.
        """
        if self.n_features != len(names) or (self.features is not None and self.features != tuple(names)):
            trained = ", ".join(self.features) if self.features else f"{self.n_features} features"
            raise DataError(
                f"{who} was trained on {trained}, the data has {', '.join(names)}; use a model of that feature version"
            )

    @abstractmethod
    def predict_proba(self, features: Matrix) -> Matrix:
        """Return the score of every row, shape (n,), from 0 (genuine) to 1 (fraud).

        The score is the modelled probability of fraud, except for the isolation forest, whose anomaly score is none.
        """

    @abstractmethod
    def explain(self, features: Matrix) -> Matrix:
        """Return how much each feature pushed each row's score, shape (n, features); positive means towards fraud."""

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """Return the artefact's files by name."""

    def _described(self) -> bytes:
        return (json.dumps(self.description, indent=1, sort_keys=True) + "\n").encode()


class XgboostModel(Model):
    """Gradient-boosted trees, ours or those of AWS's container. Contributions are SHAP values in log-odds."""

    def __init__(self, description: Mapping[str, Any], booster: Any) -> None:
        super().__init__(description)
        self._booster = booster

    @property
    def n_features(self) -> int:
        """Number of features that a row must have."""
        return int(self._booster.num_features())

    def predict_proba(self, features: Matrix) -> Matrix:
        """Return the probability of fraud of every row, shape (n,)."""
        return np.asarray(self._booster.inplace_predict(features), dtype=np.float64)

    def explain(self, features: Matrix) -> Matrix:
        """Return exact SHAP values (Lundberg et al. 2020), shape (n, features), in log-odds.

        Some thousand rows a second, where plain prediction makes millions: for alerted transactions only.
        """
        import xgboost  # noqa: PLC0415

        contributions = self._booster.predict(xgboost.DMatrix(features), pred_contribs=True)
        return np.asarray(contributions[:, :-1], dtype=np.float64)

    def files(self) -> dict[str, bytes]:
        """Return the artefact's files by name."""
        return {"model.json": self._described(), "model.ubj": bytes(self._booster.save_raw("ubj"))}


class ScikitModel(Model):
    """A scikit-learn pipeline: a scaler, then the estimator."""

    def __init__(self, description: Mapping[str, Any], pipeline: Any) -> None:
        super().__init__(description)
        self._pipeline = pipeline

    @property
    def n_features(self) -> int:
        """Number of features that a row must have."""
        return int(self._pipeline.n_features_in_)

    def predict_proba(self, features: Matrix) -> Matrix:
        """Return the score of every row, shape (n,)."""
        if hasattr(self._pipeline, "predict_proba"):
            return np.asarray(self._pipeline.predict_proba(features)[:, 1], dtype=np.float64)
        # Isolation forest: Liu et al.'s anomaly score 2^(-mean depth / expected depth), already within 0 and 1.
        return -np.asarray(self._pipeline.score_samples(features), dtype=np.float64)

    def explain(self, features: Matrix) -> Matrix:
        """Return the contributions, shape (n, features).

        Linear models: the linear terms against the training mean, in log-odds. Others: how much the score falls when
        the feature alone is set to its median in training; an approximation that ignores interactions.
        """
        estimator = self._pipeline[-1]
        if hasattr(estimator, "coef_"):
            return np.asarray(self._pipeline[:-1].transform(features) * estimator.coef_[0], dtype=np.float64)
        score = self.predict_proba(features)
        contributions = np.empty_like(features)
        for column, typical in enumerate(self.description["typical"]):
            replaced = features.copy()
            replaced[:, column] = typical
            contributions[:, column] = score - self.predict_proba(replaced)
        return contributions

    def files(self) -> dict[str, bytes]:
        """Return the artefact's files by name."""
        import skops.io  # noqa: PLC0415

        return {"model.json": self._described(), "model.skops": _reproducible(skops.io.dumps(self._pipeline))}


def _reproducible(archive: bytes) -> bytes:
    """Return what skops wrote with its objects numbered in order and no clock time: it names them by memory address."""
    found: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return match[1] + found.setdefault(match[2], str(len(found))) + match[3]

    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after:
        schema = re.sub(r'("__id__": |"file": ")(\d+)(\b)', number, before.read("schema.json").decode())
        arrays = [Path(name) for name in before.namelist() if name != "schema.json"]
        contents = {found[path.stem] + path.suffix: before.read(path.name) for path in arrays}
        for name, content in [*sorted(contents.items()), ("schema.json", schema.encode())]:
            after.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def save(model: Model, folder: Path) -> None:
    """Write a model's files into a folder, ``model.json`` last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in sorted(model.files().items(), reverse=True):
        scratch = folder / f".{name}"
        scratch.write_bytes(content)
        scratch.replace(folder / name)


def read(path: Path) -> dict[str, bytes]:
    """Return an artefact's files by name, from its folder or its ``model.tar.gz``.

    Nothing is unpacked to disk: only files of the known names are read; a link of such a name is refused.

    Raises
    ------
    MissingInputError
        When there is nothing at the path.
    DataError
        When it is no artefact.
    """
    if path.is_dir():
        return {name: (path / name).read_bytes() for name in _NAMES if (path / name).is_file()}
    if not path.exists():
        raise MissingInputError(f"there is no model at {path}; train and register one first")
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if name not in _NAMES:
                    continue
                content = archive.extractfile(member) if member.isreg() else None
                if content is None or member.size > _MOST_BYTES or name in files:
                    raise DataError(f"{path}: {name} must be one regular file of at most 1 GiB; register another model")
                files[name] = content.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is no readable tar archive ({error}); register another model") from None
    return files


def load(path: Path) -> Model:
    """Read a model from its folder or its ``model.tar.gz``.

    Parameters
    ----------
    path
        A folder or an archive that holds what :func:`save` or AWS's built-in XGBoost wrote.

    Raises
    ------
    MissingInputError
        When there is nothing at the path.
    DataError
        When it is not a model that may be loaded, with the reason.
    """
    files = read(path)
    if "xgboost-model" in files:
        return XgboostModel(
            {"candidate": "xgboost_builtin", "estimator": "xgboost"}, _booster(path, files["xgboost-model"])
        )
    if "model.json" not in files:
        raise DataError(f"{path} holds none of {', '.join(_NAMES)}; it is not a model of this project")
    try:
        description = json.loads(files["model.json"])
        names = description["features"]
    except (ValueError, TypeError, KeyError):
        raise DataError(f"{path}: model.json is not the JSON object with `features` that training writes") from None
    model: Model
    if "model.ubj" in files:
        model = XgboostModel(description, _booster(path, files["model.ubj"]))
    elif "model.skops" in files:
        model = ScikitModel(description, _pipeline(path, files["model.skops"]))
    else:
        raise DataError(f"{path} holds neither model.ubj nor model.skops beside model.json; train it again")
    if model.n_features != len(names):
        raise DataError(
            f"{path}: the model takes {model.n_features} features, its model.json names {len(names)}; train it again"
        )
    return model


def _booster(path: Path, content: bytes) -> Any:
    import xgboost  # noqa: PLC0415

    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except (xgboost.core.XGBoostError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(
            f"{path}: XGBoost {xgboost.__version__} cannot read the model ({reason}); containers before 3.0 write a "
            "format that is gone: train with sagemaker-xgboost 3.0 or later"
        ) from None
    return booster


def _pipeline(path: Path, content: bytes) -> Any:
    import skops.io  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415

    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(_TRUSTED))
        if foreign:
            raise DataError(
                f"{path}: model.skops holds types that are not scikit-learn's ({', '.join(foreign)}); do not use it"
            )
        pipeline = skops.io.loads(content, trusted=list(_TRUSTED))
    except DataError:
        raise
    except Exception as error:
        # A malformed file can fail anywhere inside the reader; it is the file's fault whatever the type.
        raise DataError(
            f"{path}: model.skops cannot be read ({type(error).__name__}: {error}); train it again"
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise DataError(f"{path}: model.skops holds a {type(pipeline).__name__}, expected a Pipeline; train it again")
    return pipeline
