"""SageMaker's API: operations on jobs and tags; those on models are in the registry."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

from local_aws.application import Answer
from local_aws.sagemaker.errors import RequestRefused
from local_aws.sagemaker.kinds import KINDS, Kind
from local_aws.sagemaker.listing import select_page
from local_aws.sagemaker.names import arn
from local_aws.sagemaker.processing import check_processing
from local_aws.sagemaker.records import AlreadyThere, Document, Records
from local_aws.sagemaker.registry import Registry
from local_aws.sagemaker.runner import Runner
from local_aws.sagemaker.shapes import check_request, project_answer, project_summary
from local_aws.sagemaker.training import check_training
from local_aws.sagemaker.transform import check_transform
from local_aws.sagemaker.tuning import OPERATIONS as TUNING_OPERATIONS
from local_aws.sagemaker.tuning import Tuner

__all__ = ["SageMaker"]

Operation = Callable[[str, Document], Document]

JOB_OPERATION = re.compile(r"(Create|Describe|Stop|List)(Training|Processing|Transform)Jobs?")
REGISTRY_OPERATIONS = (
    "CreateModel",
    "DescribeModel",
    "DeleteModel",
    "ListModels",
    "CreateModelPackageGroup",
    "DescribeModelPackageGroup",
    "DeleteModelPackageGroup",
    "ListModelPackageGroups",
    "CreateModelPackage",
    "DescribeModelPackage",
    "UpdateModelPackage",
    "DeleteModelPackage",
    "ListModelPackages",
)
CHECKS = {"Training": check_training, "Processing": check_processing, "Transform": check_transform}


class SageMaker:
    """Answers SageMaker requests; an operation that is not here is refused."""

    def __init__(self, records: Records, registry: Registry, runner: Runner) -> None:
        self._records, self._registry, self._runner = records, registry, runner
        training = KINDS["Training"]
        self._tuner = Tuner(
            records,
            runner.images,
            create=lambda region, request, more: self._start(training, region, request, more),
            stop=lambda region, name: self._ask_to_stop(training, region, name),
        )
        self._tuner.recover()
        runner.on_end(training, self._tuner.trial_ended)

    def __call__(self, region: str, operation: str, body: bytes) -> Answer:
        """Answer one request in the AWS JSON 1.1 protocol."""
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        try:
            handle = self._find(operation)
            request = json.loads(body or b"{}")
            check_request(operation, request)
            return 200, headers, json.dumps(handle(region, request)).encode()
        except RequestRefused as refused:
            content = {"__type": refused.code, "message": str(refused)}
            return 400, headers | {"x-amzn-errortype": refused.code}, json.dumps(content).encode()

    def _find(self, operation: str) -> Operation:
        job = JOB_OPERATION.fullmatch(operation)
        if job:
            verb, kind = job[1].lower(), KINDS[job[2]]
            return lambda region, request: getattr(self, f"_{verb}")(kind, region, request)
        if operation in TUNING_OPERATIONS:
            return getattr(self._tuner, _snake(operation))  # type: ignore[no-any-return]
        if operation in REGISTRY_OPERATIONS:
            return getattr(self._registry, _snake(operation))  # type: ignore[no-any-return]
        if operation in ("AddTags", "ListTags", "DeleteTags"):
            return getattr(self, f"_{_snake(operation)}")  # type: ignore[no-any-return]
        raise RequestRefused("UnknownOperationException", f"the local AWS has no SageMaker operation {operation!r}")

    def _create(self, kind: Kind, region: str, request: Document) -> Document:
        CHECKS[kind.noun](request)
        if kind.noun == "Transform":
            self._registry.container_of(region, request["ModelName"])
        return {kind.arn: self._start(kind, region, request, {})}

    def _start(self, kind: Kind, region: str, request: Document, more: Document) -> str:
        """Write a job down and queue it; return its ARN."""
        name, now = request[kind.name], time.time()
        document: Document = {
            **request,
            **more,
            kind.arn: arn(region, kind.segment, name),
            kind.status: "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        if kind.has_secondary_status:
            document["SecondaryStatus"] = "Starting"
            document["SecondaryStatusTransitions"] = [
                {"Status": "Starting", "StartTime": now, "StatusMessage": "Preparing the instances for training"}
            ]
        try:
            self._records.create(region, kind.segment, name, document)
        except AlreadyThere:
            message = (
                f"{kind.noun} job names must be unique within an AWS account and region, "
                f"and a {kind.noun.lower()} job with this name already exists ({document[kind.arn]})"
            )
            raise RequestRefused("ResourceInUse", message) from None
        self._runner.submit(region, kind, name, request)
        return str(document[kind.arn])

    def _describe(self, kind: Kind, region: str, request: Document) -> Document:
        document = self._records.get(region, kind.segment, request[kind.name])
        if document is None:
            raise _no_job(request[kind.name])
        return project_answer(f"Describe{kind.noun}Job", document)

    def _stop(self, kind: Kind, region: str, request: Document) -> Document:
        self._ask_to_stop(kind, region, request[kind.name])
        return {}

    def _ask_to_stop(self, kind: Kind, region: str, name: str) -> None:
        def edit(document: Document) -> None:
            if document[kind.status] not in ("InProgress", "Stopping"):
                message = f"The request was rejected because the job is in status {document[kind.status]}."
                raise RequestRefused("ValidationException", message)
            document[kind.status] = "Stopping"

        if self._records.change(region, kind.segment, name, edit) is None:
            raise _no_job(name)
        self._runner.stop(region, kind, name)

    def _list(self, kind: Kind, region: str, request: Document) -> Document:
        documents = [document for *_, document in self._records.list([kind.segment], region)]
        page, token = select_page(request, documents, name=kind.name, status=kind.status, descending=True)
        entries = [project_summary(f"List{kind.noun}Jobs", document) for document in page]
        return {kind.summaries: entries} | ({"NextToken": token} if token else {})

    def _add_tags(self, region: str, request: Document) -> Document:
        def edit(document: Document) -> None:
            tags = {tag["Key"]: tag for tag in [*document.get("Tags", []), *request["Tags"]]}
            document["Tags"] = list(tags.values())

        return {"Tags": self._tagged(request["ResourceArn"], edit)}

    def _list_tags(self, region: str, request: Document) -> Document:
        return {"Tags": self._tagged(request["ResourceArn"], lambda _: None)}

    def _delete_tags(self, region: str, request: Document) -> Document:
        def edit(document: Document) -> None:
            document["Tags"] = [tag for tag in document.get("Tags", []) if tag["Key"] not in request["TagKeys"]]

        self._tagged(request["ResourceArn"], edit)
        return {}

    def _tagged(self, resource: str, edit: Callable[[Document], None]) -> list[Any]:
        parts = resource.split(":", 5)
        segment, _, name = parts[-1].partition("/")
        document = self._records.change(parts[3], segment, name, edit) if len(parts) == 6 else None
        if document is None:
            raise RequestRefused("ValidationException", f"Could not find resource {resource!r}")
        return list(document.get("Tags", []))


def _no_job(name: str) -> RequestRefused:
    # The stock operators take a ValidationException for "there is no such job".
    return RequestRefused("ValidationException", f"Could not find requested job with name: {name}")


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
