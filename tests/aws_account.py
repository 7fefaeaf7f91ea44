"""An AWS account for tests: moto's, with what moto lacks played by stand-ins that remember what they were asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import boto3
import pytest
from moto import mock_aws
from moto.cloudformation import models, parsing
from moto.ec2.models.vpcs import VPCBackend
from moto.kms.models import KmsBackend

REGION = "eu-west-1"


class Unsupported:
    """A resource that moto's CloudFormation does not know: it is there, it has a name, and that is all."""

    attributes: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def physical_resource_id(self) -> str:
        return self.name

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.attributes

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.attributes[attribute_name]

    @classmethod
    def create_from_cloudformation_json(cls, resource_name: str, properties: dict[str, Any], *_: Any, **__: Any) -> Any:
        named = (
            properties.get("Properties", properties).get(key) for key in ("WorkgroupName", "NamespaceName", "Name")
        )
        return cls(next((name for name in named if name), resource_name))

    @classmethod
    def update_from_cloudformation_json(cls, original: Any, *_: Any, **__: Any) -> Any:
        return original

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any, **__: Any) -> None:
        return None


def stand_in(**attributes: str) -> type[Unsupported]:
    return type("StandIn", (Unsupported,), {"attributes": attributes})


# moto reads `Workgroup.Workgroup.WorkgroupArn` as far as its second dot.
WORKGROUP_ARN = f"arn:aws:redshift-serverless:{REGION}:{'1' * 12}:workgroup/0-0"
STAND_INS = {
    "AWS::RedshiftServerless::Namespace": stand_in(),
    "AWS::RedshiftServerless::Workgroup": stand_in(Workgroup=WORKGROUP_ARN),
    "AWS::EMRServerless::Application": stand_in(
        ApplicationId="spark-1", Arn="arn:aws:emr-serverless:::/applications/spark-1"
    ),
    "AWS::CloudWatch::Alarm": stand_in(Arn=f"arn:aws:cloudwatch:{REGION}:{'1' * 12}:alarm:test"),
    "AWS::MWAA::Environment": stand_in(WebserverUrl="airflow.example"),
}


class Warehouse:
    """Plays ``redshift-serverless`` and ``redshift-data``, and remembers."""

    def __init__(self) -> None:
        self.limits: list[dict[str, Any]] = []
        self.statements: list[str] = []
        self.users: set[str] = set()
        self.deleted: list[str] = []
        self._asked: dict[str, list[Any]] = {}

    def list_usage_limits(self, **_: Any) -> dict[str, Any]:
        return {"usageLimits": self.limits}

    def create_usage_limit(self, **fields: Any) -> None:
        self.limits.append({"usageLimitId": "limit", **fields})

    def update_usage_limit(self, usageLimitId: str, **fields: Any) -> None:
        next(limit for limit in self.limits if limit["usageLimitId"] == usageLimitId).update(fields)

    def get_namespace(self, **_: Any) -> dict[str, Any]:
        return {"namespace": {"adminPasswordSecretArn": "arn:secret"}}

    def delete_namespace(self, namespaceName: str) -> None:
        self.deleted.append(namespaceName)

    def execute_statement(self, *, Sql: str, Parameters: Any = (), **_: Any) -> dict[str, str]:
        self.statements.append(Sql)
        if Sql.startswith("CREATE USER"):
            self.users.add(Sql.split('"')[1])
        found = [[{"stringValue": p["value"]}] for p in Parameters if p["value"] in self.users]
        self._asked[str(len(self.statements))] = found
        return {"Id": str(len(self.statements))}

    def describe_statement(self, Id: str) -> dict[str, Any]:
        return {"Status": "FINISHED", "HasResultSet": bool(self._asked[Id])}

    def get_statement_result(self, Id: str) -> dict[str, Any]:
        return {"Records": self._asked[Id]}


class Account:
    """A session of boto3, but for what moto lacks."""

    def __init__(self) -> None:
        self.session = boto3.Session(aws_access_key_id="k", aws_secret_access_key="k", region_name=REGION)
        self.warehouse = Warehouse()
        self.groups_deleted: list[str] = []

    def client(self, service: str) -> Any:
        if service.startswith("redshift"):
            return self.warehouse
        client = self.session.client(service)
        if service == "sagemaker":  # moto deletes no group
            client.delete_model_package_group = lambda **group: self.groups_deleted.extend(group.values())
        return client


@contextmanager
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An empty account."""
    for kind, model in STAND_INS.items():
        monkeypatch.setitem(parsing.get_model_map(), kind, model)
    apply = models.ChangeSet.apply

    def with_outputs(change_set: Any) -> None:
        apply(change_set)
        # moto 5.2.5 computes the outputs of a stack when it is made, which for a change set is before its template.
        change_set.stack.template_dict = change_set.template_dict
        change_set.stack.output_map = change_set.stack._create_output_map()

    monkeypatch.setattr(models.ChangeSet, "apply", with_outputs)
    # It also deletes a stack's resources in an order of its own, a network before what lies in it.
    monkeypatch.setattr(VPCBackend, "delete_vpc", lambda backend, vpc_id: backend.vpcs.pop(vpc_id))
    # Nor does it retain what a template says to retain.
    monkeypatch.setattr(KmsBackend, "delete_key", lambda *_: None)
    with mock_aws():
        yield Account()


def answers(*given: bool) -> Any:
    """Return a function that agrees or not, one answer after the other, the last for ever."""
    left = itertools.chain(given, itertools.repeat(given[-1]))
    return lambda _: next(left)
