"""Redshift Serverless: namespaces and workgroups are made once, found, listed, and gone when deleted."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fraud.settings import Settings
from local_aws.provision import provision
from local_stack import LocalStack
from redshift_client import Warehouse


def refused(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_workgroup__is_what_it_was_made_as(local_aws: LocalStack) -> None:
    serverless = local_aws.client("redshift-serverless")
    namespace = serverless.create_namespace(namespaceName="made", dbName="fraud")["namespace"]
    workgroup = serverless.create_workgroup(workgroupName="made", namespaceName="made", baseCapacity=4)["workgroup"]
    assert serverless.get_namespace(namespaceName="made")["namespace"] == namespace
    assert serverless.get_workgroup(workgroupName="made")["workgroup"] == workgroup
    assert (workgroup["status"], workgroup["baseCapacity"], namespace["dbName"]) == ("AVAILABLE", 4, "fraud")
    assert workgroup["workgroupArn"].startswith("arn:aws:redshift-serverless:us-east-1:")
    assert "made" in [one["workgroupName"] for one in serverless.list_workgroups()["workgroups"]]
    assert "made" in [one["namespaceName"] for one in serverless.list_namespaces()["namespaces"]]


def test_creation__of_what_is_there_or_has_no_namespace_is_refused(local_aws: LocalStack) -> None:
    serverless = local_aws.client("redshift-serverless")
    serverless.create_namespace(namespaceName="taken")
    assert refused(serverless.create_namespace, namespaceName="taken")[0] == "ConflictException"
    arguments = {"workgroupName": "taken", "namespaceName": "nowhere"}
    assert refused(serverless.create_workgroup, **arguments)[0] == "ResourceNotFoundException"
    arguments = {"workgroupName": "taken", "namespaceName": "taken", "baseCapacity": 5}
    assert refused(serverless.create_workgroup, **arguments)[0] == "ValidationException"


def test_deletion__removes_the_data_with_the_namespace(local_aws: LocalStack) -> None:
    serverless = local_aws.client("redshift-serverless")
    warehouse = Warehouse.create(local_aws, "deleted")
    warehouse.run("CREATE TABLE t (a INT)")
    assert refused(serverless.delete_namespace, namespaceName="deleted")[0] == "ConflictException"
    serverless.delete_workgroup(workgroupName="deleted")
    serverless.delete_namespace(namespaceName="deleted")
    assert refused(serverless.get_workgroup, workgroupName="deleted")[0] == "ResourceNotFoundException"
    serverless.create_namespace(namespaceName="deleted", dbName="fraud")
    serverless.create_workgroup(workgroupName="deleted", namespaceName="deleted", baseCapacity=4)
    assert 'relation "t" does not exist' in warehouse.error("SELECT * FROM t")


def test_provision__makes_the_workgroup_of_the_settings_and_does_so_again(local_aws: LocalStack) -> None:
    settings = Settings(bucket="provisioned", redshift_workgroup="provisioned")
    for _ in range(2):
        provision(settings, local_aws.endpoint)
    warehouse = Warehouse(local_aws, settings.redshift_workgroup, settings.redshift_database, settings.bucket)
    assert warehouse.rows("SELECT 1") == [(1,)]
