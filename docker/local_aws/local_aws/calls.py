"""Which calls were made, by whom and on what: a line of ``calls.jsonl`` for each kind, for checking roles against.

A call is noted as the permission that it needs on AWS, with the resource as an ARN ends. What differs only in a date
or in an object's name is one kind, so the file stays small however long the server runs.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from local_aws.rest import parse

__all__ = ["Call", "CallLog", "emr_calls", "read_calls", "s3_calls", "service_calls"]

logger = logging.getLogger(__name__)

_NAMED = {
    "ProcessingJobName": "processing-job",
    "TrainingJobName": "training-job",
    "TransformJobName": "transform-job",
    "HyperParameterTuningJobName": "hyper-parameter-tuning-job",
    "ModelName": "model",
    "ModelPackageGroupName": "model-package-group",
    "WorkgroupName": "workgroup",
    "workgroupName": "workgroup",
    "namespaceName": "namespace",
    "SecretId": "secret",
}
"""Fields that say which resource a JSON request is about, and its type in an ARN."""
_SUB_RESOURCES = {
    "location": "GetBucketLocation",
    "versioning": "GetBucketVersioning",
    "versions": "ListBucketVersions",
}
_OBJECT = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject", "DELETE": "DeleteObject"}
_BUCKET = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
_VARYING = re.compile(r"\d{4}-\d{2}-\d{2}|[0-9a-f]{8,}|\d+")


class Call(NamedTuple):
    """A kind of call: the caller's access key, the permission, the end of the resource's ARN (empty for none)."""

    caller: str
    action: str
    resource: str


class CallLog:
    """Notes each kind of call once.

    Parameters
    ----------
    path
        The file; what there is of it is kept. It is replaced as a whole, for a full disk would leave half a line.

    Calls do not fail because they cannot be noted: what is not on the disk yet is written with the next one.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock, self._is_behind = path, threading.Lock(), False
        self._known = set(read_calls(path)) if path.exists() else set()

    def note(self, calls: Iterable[Call]) -> None:
        """Write down what is new among some calls."""
        noted = {call._replace(resource=_VARYING.sub("0", call.resource)) for call in calls}
        if noted <= self._known and not self._is_behind:
            return
        with self._lock:
            self._known = self._known | noted
            fresh = self._path.with_suffix(".new")
            try:
                fresh.write_text("".join(json.dumps(call._asdict()) + "\n" for call in sorted(self._known)))
                fresh.replace(self._path)
                self._is_behind = False
            except OSError as error:
                self._is_behind = True
                logger.warning("calls are noted later: %s", error)


def read_calls(path: Path) -> list[Call]:
    """Read what a :class:`CallLog` wrote."""
    return [Call(**json.loads(line)) for line in path.read_text().splitlines()]


def s3_calls(caller: str, method: str, bucket: str | None, key: str | None, query: str) -> list[Call]:
    """Return the permissions that an S3 request needs."""
    if bucket is None:
        return [Call(caller, "s3:ListAllMyBuckets", "")]
    if key:
        return [Call(caller, f"s3:{_OBJECT[method]}", f"{bucket}/{key.partition('/')[0]}/*")]
    asked = parse_qs(query, keep_blank_values=True)
    if "delete" in asked:
        return [Call(caller, "s3:DeleteObject", f"{bucket}/*")]
    name = next((_SUB_RESOURCES[part] for part in asked if part in _SUB_RESOURCES), _BUCKET.get(method, method))
    return [Call(caller, f"s3:{name}", bucket)]


def service_calls(caller: str, service: str, operation: str, fields: Mapping[str, Any]) -> list[Call]:
    """Return the permissions that a request of another service needs: its own, and what it implies."""
    found = [f"{kind}/{fields[name]}" for name, kind in _NAMED.items() if isinstance(fields.get(name), str)]
    arns = ("ModelPackageName", "ModelPackageArn", "TopicArn", "TargetArn")
    package = next((fields[name] for name in arns if fields.get(name)), None)
    resource = package.split(":", 5)[-1] if isinstance(package, str) else (found[0] if found else "")
    calls = [Call(caller, f"{service}:{operation}", resource)]
    if service == "sagemaker" and operation.startswith("Create") and fields.get("Tags"):
        calls.append(Call(caller, "sagemaker:AddTags", resource))
    role = fields.get("RoleArn") or fields.get("ExecutionRoleArn")
    if role is None and isinstance(fields.get("TrainingJobDefinition"), dict):
        role = fields["TrainingJobDefinition"].get("RoleArn")
    if isinstance(role, str):
        calls.append(Call(caller, "iam:PassRole", role.split(":", 5)[-1]))
    if service == "redshift-data" and operation.endswith("ExecuteStatement") and not fields.get("SecretArn"):
        calls.append(Call(caller, "redshift-serverless:GetCredentials", resource))
    return calls


def emr_calls(caller: str, operation: str, body: bytes) -> list[Call]:
    """Return the permissions that a request of EMR Serverless needs: method, path and query say which it is."""
    try:
        parsed = parse(operation, body)
    except (TypeError, ValueError):  # no JSON object: the service says so
        parsed = None
    if parsed is None:
        return []
    name, fields = parsed
    resource = "".join(
        f"/{kind}/{fields[field]}"
        for kind, field in (("applications", "applicationId"), ("jobruns", "jobRunId"))
        if field in fields
    )
    calls = [Call(caller, f"emr-serverless:{name}", resource)]
    if fields.get("tags"):
        calls.append(Call(caller, "emr-serverless:TagResource", resource))
    role = fields.get("executionRoleArn")
    if isinstance(role, str):
        calls.append(Call(caller, "iam:PassRole", role.split(":", 5)[-1]))
    return calls
