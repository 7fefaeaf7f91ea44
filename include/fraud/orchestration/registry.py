"""Model packages in the SageMaker registry, and which of them scores a day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from fraud.errors import ConfigurationError, ConflictError, MissingInputError
from fraud.settings import Settings

__all__ = [
    "Package",
    "champion_of",
    "check_features",
    "list_packages",
    "package_of_run",
    "package_of_version",
    "packages_of",
    "register",
]


@dataclass(frozen=True, slots=True)
class Package:
    """One registered model."""

    version: int
    arn: str
    approval: str
    effective_from: str
    metadata: Mapping[str, str]
    model_data: str
    image: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for XCom."""
        return asdict(self)


def list_packages(client: Any, settings: Settings) -> list[Package]:
    """Return every package of the deployment's group, oldest first.

    Parameters
    ----------
    client
        A SageMaker client.
    settings
        The deployment.
    """
    pages = client.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=settings.model_package_group, SortBy="CreationTime", SortOrder="Ascending"
    )
    packages = []
    for page in pages:
        for summary in page["ModelPackageSummaryList"]:
            described = client.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
            metadata = described.get("CustomerMetadataProperties", {})
            container = described["InferenceSpecification"]["Containers"][0]
            packages.append(
                Package(
                    version=int(described["ModelPackageVersion"]),
                    arn=described["ModelPackageArn"],
                    approval=described["ModelApprovalStatus"],
                    effective_from=metadata.get("effective_from", "9999-12-31"),
                    metadata=metadata,
                    model_data=container["ModelDataUrl"],
                    image=container["Image"],
                )
            )
    return sorted(packages, key=lambda package: package.version)


def champion_of(day: date, packages: Iterable[Package]) -> Package:
    """Return the package that scores a day: approved, greatest ``effective_from`` not after the day, then version.

    Raises
    ------
    MissingInputError
        When no approved package is effective by then.
    """
    eligible = [p for p in packages if p.approval == "Approved" and p.effective_from <= day.isoformat()]
    if not eligible:
        raise MissingInputError(
            f"no champion scores {day}: no approved model package is effective by then; "
            "run fraud_history with step 'train', or fraud_training"
        )
    return max(eligible, key=lambda package: (package.effective_from, package.version))


def package_of_version(packages: Iterable[Package], version: int) -> Package:
    """Return the package of a version.

    Raises
    ------
    ConfigurationError
        When there is none, naming those that there are.
    """
    by_version = {package.version: package for package in packages}
    if version not in by_version:
        known = ", ".join(map(str, sorted(by_version))) or "none yet"
        raise ConfigurationError(f"there is no model version {version}; registered versions: {known}")
    return by_version[version]


def check_features(settings: Settings, package: Package) -> None:
    """Refuse a model that was trained on other features than the deployment computes.

    Raises
    ------
    ConflictError
        Naming both.
    """
    trained_on = package.metadata.get("feature_version")
    if trained_on != settings.feature_version:
        raise ConflictError(
            f"model version {package.version} was trained on features {trained_on!r}, this deployment computes "
            f"{settings.feature_version!r}; train again, or set FRAUD_FEATURE_VERSION back"
        )


def package_of_run(packages: Iterable[Package], run: str) -> Package | None:
    """Return the package that a training run registered, if it did."""
    return next((package for package in packages if package.metadata.get("run") == run), None)


def register(
    client: Any,
    settings: Settings,
    *,
    image: str,
    model_data: str,
    approval: str,
    description: str,
    metadata: Mapping[str, str],
) -> Package:
    """Register a model, or return what the same training run registered before.

    Looking first makes the task repeatable; the stock operator would register a second package under a retry.
    """
    known = package_of_run(list_packages(client, settings), metadata["run"])
    if known is not None:
        return known
    answer = client.create_model_package(
        ModelPackageGroupName=settings.model_package_group,
        ModelPackageDescription=description[:1024],
        ModelApprovalStatus=approval,
        CustomerMetadataProperties=dict(metadata),
        InferenceSpecification={
            "Containers": [{"Image": image, "ModelDataUrl": model_data}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    arn = answer["ModelPackageArn"]
    return next(package for package in list_packages(client, settings) if package.arn == arn)


def packages_of(settings: Settings) -> tuple[Any, list[Package]]:
    """Return a SageMaker client of the deployment's AWS connection, and the registered packages."""
    from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook

    client = SageMakerHook().conn
    return client, list_packages(client, settings)
