"""Where a job finds and leaves things: SageMaker's /opt/ml, or the folder that stands for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["JobPaths"]


@dataclass(frozen=True, slots=True)
class JobPaths:
    """Folders of one job under its base directory."""

    base: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> JobPaths:
        """Take the base from ``SAGEMAKER_BASE_DIR`` where a private ``/opt/ml`` cannot be had, else ``/opt/ml``."""
        environment = os.environ if environment is None else environment
        return cls(Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    def input(self, name: str) -> Path:
        """Folder of a processing input."""
        return self.base / "processing" / "input" / name

    def output(self, name: str) -> Path:
        """Folder of a processing output; made when first asked for."""
        folder = self.base / "processing" / "output" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def message(self) -> Path:
        """File whose text SageMaker shows as a processing job's ExitMessage."""
        return self.base / "output" / "message"

    @property
    def failure(self) -> Path:
        """File whose text SageMaker shows as a training job's FailureReason."""
        return self.base / "output" / "failure"
