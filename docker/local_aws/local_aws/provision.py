"""What CloudFormation creates on AWS, made on the local AWS through its API; a second run changes nothing."""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import Any

import boto3
from botocore.exceptions import ClientError

from fraud.settings import Settings

__all__ = ["provision"]

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        for service in ("sagemaker.amazonaws.com", "redshift.amazonaws.com", "emr-serverless.amazonaws.com")
    ],
}


def provision(settings: Settings, endpoint_url: str, region: str = "us-east-1") -> dict[str, str]:
    """Create bucket, role, topic, secret, model package group, Redshift workgroup and EMR application where missing.

    Parameters
    ----------
    settings
        Give the names.
    endpoint_url
        The local AWS.
    region
        Region of everything.

    Returns
    -------
    dict
        The settings that only now have a value, as environment variables: role, topic, EMR application.
    """
    session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=region)  # noqa: S106

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint_url)

    with _existing("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client("s3").create_bucket(Bucket=settings.bucket, **place)
    topic = client("sns").create_topic(Name=f"{settings.environment}-fraud-notifications")["TopicArn"]
    with _existing("ValidationException", begins="Model Package Group already exists"):
        client("sagemaker").create_model_package_group(
            ModelPackageGroupName=settings.model_package_group,
            ModelPackageGroupDescription="Champions of the card-fraud pipeline, by effective date",
        )
    with _existing("ResourceExistsException"):
        content = {"username": "fraud", "password": secrets.token_urlsafe(24)}
        client("secretsmanager").create_secret(
            Name=f"{settings.environment}/fraud/redshift", SecretString=json.dumps(content)
        )
    _create_workgroup(client("redshift-serverless"), settings)
    name = f"{settings.environment}-fraud-features"
    # Its token makes a second request find the application of the first.
    application = client("emr-serverless").create_application(
        name=name, clientToken=name, releaseLabel="emr-7.9.0", type="SPARK"
    )
    return {
        "FRAUD_ROLE_ARN": _role(client("iam"), settings),
        "FRAUD_NOTIFICATIONS_TOPIC_ARN": topic,
        "FRAUD_EMR_APPLICATION_ID": application["applicationId"],
    }


def _role(iam: Any, settings: Settings) -> str:
    name = f"{settings.environment}-fraud-jobs"
    with _existing("EntityAlreadyExists"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return str(iam.get_role(RoleName=name)["Role"]["Arn"])


def _create_workgroup(redshift: Any, settings: Settings) -> None:
    with _existing("ConflictException"):
        redshift.create_namespace(namespaceName=settings.redshift_workgroup, dbName=settings.redshift_database)
    with _existing("ConflictException"):
        redshift.create_workgroup(
            workgroupName=settings.redshift_workgroup, namespaceName=settings.redshift_workgroup, baseCapacity=4
        )


@contextlib.contextmanager
def _existing(*codes: str, begins: str = "") -> Any:
    """Pass over the error that says that the thing is there already."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes or not error.response["Error"]["Message"].startswith(begins):
            raise
