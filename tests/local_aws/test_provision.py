"""Provisioning makes what the pipeline needs, and a second time changes nothing."""

import json

from fraud.settings import Settings
from local_aws.provision import provision


def inventory(stack):
    """Return everything that provisioning makes, with its identities."""
    redshift = stack.client("redshift-serverless")
    return {
        "buckets": stack.client("s3").list_buckets()["Buckets"],
        "topics": stack.client("sns").list_topics()["Topics"],
        "roles": [role["Arn"] for role in stack.client("iam").list_roles()["Roles"]],
        "groups": stack.client("sagemaker").list_model_package_groups(NameContains="provisioned")[
            "ModelPackageGroupSummaryList"
        ],
        "secret": stack.client("secretsmanager").get_secret_value(SecretId="trial/fraud/redshift")["SecretString"],
        "workgroup": redshift.get_workgroup(workgroupName="fraud")["workgroup"],
        "namespace": redshift.get_namespace(namespaceName="fraud")["namespace"],
    }


def test_provision__is_complete_and_can_be_repeated(local_aws):
    settings = Settings(environment="trial", bucket="trial-data", model_package_group="provisioned")
    made = provision(settings, local_aws.endpoint)
    first = inventory(local_aws)
    assert provision(settings, local_aws.endpoint) == made
    assert inventory(local_aws) == first
    assert "trial-data" in [bucket["Name"] for bucket in first["buckets"]]
    assert {"TopicArn": made["FRAUD_NOTIFICATIONS_TOPIC_ARN"]} in first["topics"]
    assert made["FRAUD_ROLE_ARN"] in first["roles"]
    assert [group["ModelPackageGroupName"] for group in first["groups"]] == ["provisioned"]
    assert len(json.loads(first["secret"])["password"]) >= 24
    assert first["workgroup"]["namespaceName"] == "fraud"
    assert first["namespace"]["dbName"] == "fraud"


def test_provision__answers_are_settings(local_aws):
    settings = Settings(environment="trial", bucket="trial-data", model_package_group="provisioned")
    read = Settings.from_environment(provision(settings, local_aws.endpoint))
    assert read.role_arn.endswith(":role/trial-fraud-jobs")
    assert read.notifications_topic_arn.endswith(":trial-fraud-notifications")
