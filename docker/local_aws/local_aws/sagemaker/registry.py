"""Models, model package groups and model packages."""

from __future__ import annotations

import re
import time
from typing import Any

from local_aws.sagemaker.errors import RequestRefused
from local_aws.sagemaker.listing import select_page
from local_aws.sagemaker.names import arn
from local_aws.sagemaker.records import AlreadyThere, Document, Records
from local_aws.sagemaker.shapes import project_answer, project_summary

__all__ = ["Registry"]

Request = dict[str, Any]


class Registry:
    """The operations on models and packages; methods are named after them."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def create_model(self, region: str, request: Request) -> Document:
        """Create a model from an image and artefact, or from a model package."""
        name = request["ModelName"]
        containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
        if len(containers) != 1:
            raise RequestRefused("ValidationException", "The local AWS runs models of exactly one container")
        if "ModelPackageName" in containers[0]:
            self._package(region, containers[0]["ModelPackageName"])
        elif "Image" not in containers[0]:
            raise RequestRefused("ValidationException", "Image or ModelPackageName must be given for a container")
        document = {**request, "ModelArn": arn(region, "model", name), "CreationTime": time.time()}
        document.setdefault("EnableNetworkIsolation", False)
        try:
            self._records.create(region, "model", name, document)
        except AlreadyThere:
            message = f'Cannot create already existing model "{document["ModelArn"]}".'
            raise RequestRefused("ValidationException", message) from None
        return {"ModelArn": document["ModelArn"]}

    def describe_model(self, region: str, request: Request) -> Document:
        """Describe a model."""
        return project_answer("DescribeModel", self._get(region, "model", request["ModelName"], "model"))

    def delete_model(self, region: str, request: Request) -> Document:
        """Delete a model; its artefact stays."""
        if not self._records.delete(region, "model", request["ModelName"]):
            raise _missing("model", arn(region, "model", request["ModelName"]))
        return {}

    def list_models(self, region: str, request: Request) -> Document:
        """List models, newest first."""
        documents = [document for *_, document in self._records.list(["model"], region)]
        page, token = select_page(request, documents, name="ModelName", status="", descending=True)
        return _page("Models", [project_summary("ListModels", document) for document in page], token)

    def container_of(self, region: str, model_name: str) -> Document:
        """Return Image, ModelDataUrl and Environment of a model's one container."""
        model = self._get(region, "model", model_name, "model")
        container: Document = model.get("PrimaryContainer") or model["Containers"][0]
        if "ModelPackageName" not in container:
            return container
        package = self._package(region, container["ModelPackageName"])
        inner = package["InferenceSpecification"]["Containers"][0]
        return {**inner, "Environment": {**inner.get("Environment", {}), **container.get("Environment", {})}}

    def create_model_package_group(self, region: str, request: Request) -> Document:
        """Create a group of package versions."""
        name = request["ModelPackageGroupName"]
        document = {
            **request,
            "ModelPackageGroupArn": arn(region, "model-package-group", name),
            "CreationTime": time.time(),
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
            "LastVersion": 0,
        }
        try:
            self._records.create(region, "model-package-group", name, document)
        except AlreadyThere:
            # The stock operators recognise an existing group by how this message begins.
            message = f"Model Package Group already exists: {document['ModelPackageGroupArn']}"
            raise RequestRefused("ValidationException", message) from None
        return {"ModelPackageGroupArn": document["ModelPackageGroupArn"]}

    def describe_model_package_group(self, region: str, request: Request) -> Document:
        """Describe a group."""
        return project_answer("DescribeModelPackageGroup", self._group(region, request["ModelPackageGroupName"]))

    def list_model_package_groups(self, region: str, request: Request) -> Document:
        """List groups, oldest first."""
        documents = [document for *_, document in self._records.list(["model-package-group"], region)]
        page, token = select_page(
            request, documents, name="ModelPackageGroupName", status="ModelPackageGroupStatus", descending=False
        )
        entries = [project_summary("ListModelPackageGroups", document) for document in page]
        return _page("ModelPackageGroupSummaryList", entries, token)

    def delete_model_package_group(self, region: str, request: Request) -> Document:
        """Delete a group that holds no package."""
        name = self._group(region, request["ModelPackageGroupName"])["ModelPackageGroupName"]
        if any(document.get("ModelPackageGroupName") == name for document in self._packages(region)):
            message = f"Model Package Group cannot be deleted because it still contains Model Packages: {name}"
            raise RequestRefused("ConflictException", message)
        self._records.delete(region, "model-package-group", name)
        return {}

    def create_model_package(self, region: str, request: Request) -> Document:
        """Register a version in a group, or a package of its own."""
        document = {
            "ModelApprovalStatus": "PendingManualApproval",
            "CertifyForMarketplace": False,
            **request,
            "CreationTime": time.time(),
            "CreatedBy": {},
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        if ("ModelPackageGroupName" in request) == ("ModelPackageName" in request):
            message = "Exactly one of ModelPackageName and ModelPackageGroupName must be given"
            raise RequestRefused("ValidationException", message)
        if "ModelPackageName" in request:
            name = request["ModelPackageName"]
        else:
            group = self._group(region, request["ModelPackageGroupName"])["ModelPackageGroupName"]
            version = self._next_version(region, group)
            name = f"{group}/{version}"
            document |= {"ModelPackageGroupName": group, "ModelPackageVersion": version}
        document["ModelPackageArn"] = arn(region, "model-package", name)
        try:
            self._records.create(region, "model-package", name, document)
        except AlreadyThere:
            message = f"Model Package already exists: {document['ModelPackageArn']}"
            raise RequestRefused("ValidationException", message) from None
        return {"ModelPackageArn": document["ModelPackageArn"]}

    def describe_model_package(self, region: str, request: Request) -> Document:
        """Describe a package by ARN or name."""
        return project_answer("DescribeModelPackage", self._package(region, request["ModelPackageName"]))

    def update_model_package(self, region: str, request: Request) -> Document:
        """Change approval, description or metadata; what is not named stays, metadata is merged key by key."""
        document = self._package(region, request["ModelPackageArn"])

        def edit(package: Document) -> None:
            for field in ("ModelApprovalStatus", "ApprovalDescription", "InferenceSpecification", "SourceUri"):
                if field in request:
                    package[field] = request[field]
            metadata = {
                **package.get("CustomerMetadataProperties", {}),
                **request.get("CustomerMetadataProperties", {}),
            }
            for key in request.get("CustomerMetadataPropertiesToRemove", []):
                metadata.pop(key, None)
            package["CustomerMetadataProperties"] = metadata
            package["LastModifiedTime"] = time.time()

        self._records.change(region, "model-package", _identity(document["ModelPackageArn"]), edit)
        return {"ModelPackageArn": document["ModelPackageArn"]}

    def delete_model_package(self, region: str, request: Request) -> Document:
        """Delete a package; its version number is never given out again."""
        document = self._package(region, request["ModelPackageName"])
        self._records.delete(region, "model-package", _identity(document["ModelPackageArn"]))
        return {}

    def list_model_packages(self, region: str, request: Request) -> Document:
        """List the versions of a group, or the packages without one; oldest first."""
        documents = self._packages(region)
        if "ModelPackageGroupName" in request:
            group = self._group(region, request["ModelPackageGroupName"])["ModelPackageGroupName"]
            documents = [document for document in documents if document.get("ModelPackageGroupName") == group]
        else:
            kind = request.get("ModelPackageType", "Unversioned")
            documents = [
                document
                for document in documents
                if kind == "Both" or ("ModelPackageVersion" in document) == (kind == "Versioned")
            ]
        if "ModelApprovalStatus" in request:
            wanted = request["ModelApprovalStatus"]
            documents = [document for document in documents if document["ModelApprovalStatus"] == wanted]
        page, token = select_page(
            request, documents, name="ModelPackageArn", status="ModelPackageStatus", descending=False
        )
        entries = [project_summary("ListModelPackages", document) for document in page]
        return _page("ModelPackageSummaryList", entries, token)

    def _packages(self, region: str) -> list[Document]:
        return [document for *_, document in self._records.list(["model-package"], region)]

    def _next_version(self, region: str, group: str) -> int:
        def edit(document: Document) -> None:
            document["LastVersion"] += 1

        changed = self._records.change(region, "model-package-group", group, edit)
        if changed is None:
            raise _missing("ModelPackageGroup", group)
        return int(changed["LastVersion"])

    def _group(self, region: str, name_or_arn: str) -> Document:
        name = _identity(name_or_arn)
        document = self._records.get(region, "model-package-group", name)
        if document is None:
            place = arn(region, "model-package-group", name)
            raise RequestRefused("ValidationException", f"ModelPackageGroup {place} does not exist.")
        return document

    def _package(self, region: str, name_or_arn: str) -> Document:
        document = self._records.get(region, "model-package", _identity(name_or_arn))
        if document is None:
            place = arn(region, "model-package", _identity(name_or_arn))
            raise RequestRefused("ValidationException", f"ModelPackage {place} does not exist.")
        return document

    def _get(self, region: str, kind: str, name: str, noun: str) -> Document:
        document = self._records.get(region, kind, name)
        if document is None:
            raise _missing(noun, arn(region, kind, name))
        return document


def _identity(name_or_arn: str) -> str:
    """Return ``group/version`` or the name that an ARN ends with."""
    return re.sub(r"^arn:[^/]*/", "", name_or_arn)


def _missing(noun: str, place: str) -> RequestRefused:
    return RequestRefused("ValidationException", f'Could not find {noun} "{place}".')


def _page(field: str, entries: list[Document], token: str | None) -> Document:
    return {field: entries} | ({"NextToken": token} if token else {})
