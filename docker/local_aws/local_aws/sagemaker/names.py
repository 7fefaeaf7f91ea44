"""Amazon Resource Names of SageMaker's resources."""

from __future__ import annotations

from moto.core.models import DEFAULT_ACCOUNT_ID

__all__ = ["arn"]


def arn(region: str, kind: str, name: str) -> str:
    """Return the ARN of a resource in the local account."""
    return f"arn:aws:sagemaker:{region}:{DEFAULT_ACCOUNT_ID}:{kind}/{name}"
