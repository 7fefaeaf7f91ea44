"""What stands for a container image: which interpreter and entry points an image URI means on this machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_aws.sagemaker.errors import JobFailed

__all__ = ["DEFAULT_IMAGES", "Image", "find_image", "read_images"]

XGBOOST_METRICS = ("accuracy", "auc", "aucpr", "error", "f1", "logloss", "mae", "map", "mse", "rmse")


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Parameters
    ----------
    pattern
        Regular expression that is searched for in the image's URI.
    python
        The interpreter that ``python`` means within.
    train, serve
        What the container runs for ``train`` and ``serve``; ``None`` when it cannot.
    environment
        Variables that the image sets.
    metrics
        Regular expressions by metric name that a training job has without asking, as AWS's own algorithms do.
    """

    pattern: str
    python: str = sys.executable
    train: tuple[str, ...] | None = None
    serve: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)

    def matches(self, uri: str) -> bool:
        """Tell whether this stands for the image of a URI."""
        return re.search(self.pattern, uri) is not None

    @property
    def search_path(self) -> str:
        """PATH within the image: the interpreter's own folder first."""
        return f"{Path(self.python).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


DEFAULT_IMAGES = (
    Image(
        r"(^|/)sagemaker-xgboost[:@][^/]+$",
        train=("python", "-m", "local_aws.images.xgboost", "train"),
        serve=("python", "-m", "local_aws.images.xgboost", "serve"),
        metrics={
            f"{channel}:{metric}": rf"\[\d+\].*\b{channel}-{metric}:(\S+)"
            for channel in ("train", "validation")
            for metric in XGBOOST_METRICS
        },
    ),
    Image(
        r"(^|/)([a-z0-9-]+-)?fraud(-[a-z0-9-]+)?[:@][^/]+$",
        train=("python", "-m", "fraud.containers.train"),
        serve=("python", "-m", "fraud.containers.serve"),
    ),
)
"""AWS's built-in XGBoost, and the project's own image, which runs in this interpreter."""


def read_images(path: Path) -> tuple[Image, ...]:
    """Read images from a JSON list of objects with the fields of :class:`Image`."""
    entries = json.loads(path.read_text())
    return tuple(
        Image(**{name: tuple(value) if name in ("train", "serve") else value for name, value in entry.items()})
        for entry in entries
    )


def find_image(uri: str, images: Sequence[Image]) -> Image:
    """Return the first image whose pattern the URI matches.

    Raises
    ------
    JobFailed
        Naming the URI and the known patterns.
    """
    for image in images:
        if image.matches(uri):
            return image
    known = ", ".join(image.pattern for image in images)
    raise JobFailed(f"ClientError: Cannot pull container image {uri!r}: the local AWS knows images matching {known}")
