"""IAM policies out of the templates: what each role may do, and whether that allows a call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from local_aws.calls import Call, read_calls

DEPLOY = Path(__file__).parents[1] / "deploy"
LOCAL = {
    "Environment": "local",
    "BucketName": "fraud-local",
    "ModelPackageGroup": "fraud",
    "JobsRole.Arn": "arn:aws:iam::0:role/local-fraud-jobs",
    "WorkgroupArn": "arn:aws:redshift-serverless:*:*:workgroup/*",
    "TopicArn": "arn:aws:sns:*:*:local-fraud-notifications",
    "AWS::Partition": "aws",
}
"""What the templates' references are where calls are recorded."""


class _Loader(yaml.SafeLoader):
    """CloudFormation's YAML: ``!Sub text`` is the text, ``!Ref X`` and ``!GetAtt X.Y`` are ``${X}`` and ``${X.Y}``."""


def _tagged(loader: _Loader, tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return f"${{{text}}}" if tag in ("Ref", "GetAtt") else text
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Loader.add_multi_constructor("!", _tagged)


def load_template(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), _Loader)


def roles_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the statements of every role or policy of a template; actions and resources are always lists."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, resource in load_template(path)["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            documents.append(properties["PolicyDocument"])
        for statement in (statement for document in documents for statement in document["Statement"]):
            lists = {key: value if isinstance(value, list) else [value] for key, value in statement.items()}
            found.setdefault(name, []).append(statement | {"Action": lists["Action"], "Resource": lists["Resource"]})
    return found


def statements(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, found in roles_of(path).items():
        for statement in found:
            yield name, statement


def filled(pattern: str, values: dict[str, str]) -> str:
    """Return an ARN with its references filled; what has no value becomes a wildcard."""
    return re.sub(r"\$\{([^}]+)\}", lambda match: values.get(match[1], "*"), pattern)


def permitting(allowed: list[dict[str, Any]], action: str, arn: str, values: dict[str, str]) -> list[str]:
    """Return the ids of the statements that allow a call."""
    return [
        statement["Sid"]
        for statement in allowed
        if statement["Effect"] == "Allow"
        and action in statement["Action"]
        and any(fnmatchcase(arn, filled(resource, values)) for resource in statement["Resource"])
    ]


def recorded(state_dir: Path, caller: str) -> list[Call]:
    """Return the kinds of calls that somebody made of a local AWS."""
    return [call for call in read_calls(state_dir / "calls.jsonl") if call.caller == caller]


def arn_of(call: Call) -> str:
    """Return the resource of a recorded call as a policy names it; ``*`` where AWS has none."""
    service = call.action.partition(":")[0]
    service = "redshift-serverless" if service == "redshift-data" else service
    if service == "s3":
        return f"arn:aws:s3:::{call.resource}"
    return f"arn:aws:{service}:{'' if service == 'iam' else 'here'}:0:{call.resource}" if call.resource else "*"


def refused(calls: list[Call], allowed: list[dict[str, Any]], **values: str) -> list[Call]:
    """Return the calls that statements do not allow; ``values`` fill references that differ from :data:`LOCAL`."""
    return [call for call in calls if not permitting(allowed, call.action, arn_of(call), LOCAL | values)]
