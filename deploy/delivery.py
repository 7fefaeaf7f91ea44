"""``make deploy``: stacks in order, and between them what only the interfaces can do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deploy import warehouse
from deploy.environments import Deployment
from deploy.package import ROOT, airflow_version, build
from deploy.stacks import STACKS, Stacks
from fraud.errors import MissingInputError

__all__ = ["deliver", "settings_of", "upload"]

_DIGEST = "sha256"

Say = Callable[[str], None]
Agree = Callable[[str], bool]


def deliver(
    session: Any, deployment: Deployment, image: str, say: Say, agree: Agree, until: str = ""
) -> dict[str, str]:
    """Bring an environment to this checkout; running it again changes only what differs.

    Parameters
    ----------
    session
        A boto3 session: account and region are its.
    deployment
        Name and parameters.
    image
        Tag of the job image in the environment's repository.
    say, agree
        Told what happens; asked before anything is changed.
    until
        Last template to deploy; all of them when empty.

    Returns
    -------
    dict
        Parameters and the outputs of all stacks.
    """
    stacks = Stacks(session.client("cloudformation"), deployment.name, say, agree)
    # A deployer that may only make roles within a boundary says which (deployer.yaml).
    known = {"AirflowVersion": airflow_version(), **deployment.values, **stacks.outputs("deployer")}
    for template in STACKS:
        if template == "spark" and known.get("Spark") != "yes":
            continue
        if template == "airflow":
            _check_image(session.client("ecr"), deployment.name, image)
            known |= _deliver_package(session.client("s3"), deployment, known, image, say)
        known |= stacks.deploy(template, known)
        if template == "warehouse":
            serverless = session.client("redshift-serverless")
            warehouse.limit_usage(serverless, known["WorkgroupArn"], int(known["DailyRpuHours"]))
        if template == "roles":
            namespace = session.client("redshift-serverless").get_namespace(namespaceName=known["RedshiftWorkgroup"])
            secret = namespace["namespace"]["adminPasswordSecretArn"]
            target = (known["RedshiftWorkgroup"], known["RedshiftDatabase"], secret)
            warehouse.allow_role(session.client("redshift-data"), *target, known["AirflowRoleArn"])
        if template == until:
            return known
    say(f"Airflow: {known['AirflowUrl']}")
    return known


def settings_of(deployment: Deployment, known: Mapping[str, str], image: str) -> dict[str, str]:
    """Return the ``FRAUD_*`` variables of a deployment: what its stacks made, and its own ``FRAUD_*`` values."""
    settings = {
        "FRAUD_ENVIRONMENT": deployment.name,
        "FRAUD_BUCKET": known["BucketName"],
        "FRAUD_WORLD": known["World"],
        "FRAUD_ROLE_ARN": known["JobsRoleArn"],
        "FRAUD_IMAGE": f"{known['RepositoryUri']}:{image}",
        "FRAUD_MODEL_PACKAGE_GROUP": known["ModelPackageGroup"],
        "FRAUD_REDSHIFT_WORKGROUP": known["RedshiftWorkgroup"],
        "FRAUD_REDSHIFT_DATABASE": known["RedshiftDatabase"],
        "FRAUD_NOTIFICATIONS_TOPIC_ARN": known["TopicArn"],
    }
    if "XgboostImage" in known:
        settings["FRAUD_XGBOOST_IMAGE"] = known["XgboostImage"]
    else:
        # AWS's own image lies in another account in every region; without its address ours does the same work.
        settings["FRAUD_TRAINING"] = json.dumps({"candidates": ["xgboost", "logistic_regression"]})
    if "SparkApplicationId" in known:
        settings["FRAUD_FEATURE_ENGINE"] = "emr"
        settings["FRAUD_EMR_APPLICATION_ID"] = known["SparkApplicationId"]
        settings["FRAUD_EMR_ROLE_ARN"] = known["SparkRoleArn"]
    own = {name: value for name, value in deployment.values.items() if name.startswith("FRAUD_")}
    return settings | own


def upload(s3: Any, bucket: str, files: Mapping[str, Path]) -> dict[str, str]:
    """Bring objects to the content of files, by key; return their versions.

    What is there already is not written again: its version stays, and nothing restarts for it.
    """
    versions = {}
    for key, path in files.items():
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()
        head = _head(s3, bucket, key)
        if head is None or head["Metadata"].get(_DIGEST) != digest:
            head = s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={_DIGEST: digest})
        versions[key] = head["VersionId"]
    return versions


def _head(s3: Any, bucket: str, key: str) -> Any:
    try:
        return s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
            return None
        raise


def _deliver_package(s3: Any, deployment: Deployment, known: Mapping[str, str], image: str, say: Say) -> dict[str, str]:
    made = ROOT / "dist" / "mwaa"
    for line in build(made, settings_of(deployment, known, image), with_wheels=known.get("Egress") != "nat"):
        say(line)
    bucket = known["BucketName"]
    files = {f"airflow/{path.relative_to(made).as_posix()}": path for path in sorted(made.rglob("*")) if path.is_file()}
    versions = upload(s3, bucket, files)
    # A DAG file that is gone from the checkout must be gone from Airflow.
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="airflow/dags/")
    for key in [entry["Key"] for page in pages for entry in page.get("Contents", []) if entry["Key"] not in files]:
        s3.delete_object(Bucket=bucket, Key=key)
    return {
        "PluginsVersion": versions["airflow/plugins.zip"],
        "RequirementsVersion": versions["airflow/requirements.txt"],
        "StartupVersion": versions["airflow/startup.sh"],
    }


def _check_image(ecr: Any, environment: str, tag: str) -> None:
    repository = f"{environment}-fraud"
    try:
        ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ImageNotFoundException":
            raise
        raise MissingInputError(
            f'repository {repository} holds no image {tag!r}; push it (docs/deploy.md, "The job image") '
            "and run this again, which goes on where it stopped"
        ) from None
