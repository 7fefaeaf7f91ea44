"""``make destroy``: the stacks, latest first; data only when told so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deploy.stacks import STACKS, Stacks
from fraud.errors import ConflictError, FraudError

__all__ = ["empty_bucket", "remove"]


def remove(
    session: Any, environment: str, say: Callable[[str], None], agree: Callable[[str], bool], delete_data: bool
) -> None:
    """Remove an environment.

    Parameters
    ----------
    session
        A boto3 session.
    environment
        Its name.
    say, agree
        Told what happens; asked before anything is removed.
    delete_data
        Also remove the bucket's objects in all versions, registered models, images, the warehouse's content, the key.

    Raises
    ------
    ConflictError
        When it holds data and ``delete_data`` was not said.
    FraudError
        When it was not agreed to.
    """
    stacks = Stacks(session.client("cloudformation"), environment, say, agree)
    storage, warehouse = stacks.outputs("storage"), stacks.outputs("warehouse")
    held = _held(session, storage)
    if held and not delete_data:
        raise ConflictError(
            f"{environment} holds {', '.join(held)}, which destroying it would lose; keep it, "
            "or say `make destroy ENV=… DELETE_DATA=yes`"
        )
    say(f"{environment} holds {', '.join(held) or 'no data'}; its stacks: {', '.join(reversed(STACKS))}")
    if not agree(f"Remove {environment} and everything in it, for good?"):
        raise FraudError(f"{environment} was left as it is, on request")
    for template in reversed(STACKS):
        stacks.delete(template)
    if storage:
        _remove_retained(session, environment, storage, warehouse, say)


def empty_bucket(s3: Any, bucket: str, prefix: str = "") -> int:
    """Remove every version of every object below a prefix; return how many.

    Raises
    ------
    FraudError
        When one cannot be removed.
    """
    removed = 0
    # Always the first page: a marker in a list that shrinks may name what is gone.
    while True:
        page = s3.list_object_versions(Bucket=bucket, Prefix=prefix)
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not entries:
            return removed
        keys = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors")
        if failed:
            raise FraudError(
                f"{bucket}/{failed[0]['Key']} cannot be removed: {failed[0]['Message']}; remove it by hand"
            )
        removed += len(keys)


def _held(session: Any, storage: dict[str, str]) -> list[str]:
    if not storage:
        return []
    found = []
    pages = session.client("s3").get_paginator("list_objects_v2").paginate(Bucket=storage["BucketName"])
    # What `make deploy` uploads is in the checkout.
    objects = sum(not entry["Key"].startswith("airflow/") for page in pages for entry in page.get("Contents", []))
    if objects:
        found.append(f"{objects} objects in {storage['BucketName']}")
    group = storage["ModelPackageGroup"]
    models = session.client("sagemaker").list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    if models:
        found.append(f"registered models in group {group}")
    return found


def _remove_retained(
    session: Any, environment: str, storage: dict[str, str], warehouse: dict[str, str], say: Callable[[str], None]
) -> None:
    """Remove what the templates retain, lest a mistake in a stack loses data."""
    s3, sagemaker = session.client("s3"), session.client("sagemaker")
    say(f"{storage['BucketName']}: removing {empty_bucket(s3, storage['BucketName'])} object versions")
    s3.delete_bucket(Bucket=storage["BucketName"])
    group = storage["ModelPackageGroup"]
    pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group)
    for package in [package for page in pages for package in page["ModelPackageSummaryList"]]:
        sagemaker.delete_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    session.client("ecr").delete_repository(repositoryName=f"{environment}-fraud", force=True)
    if warehouse:
        session.client("redshift-serverless").delete_namespace(namespaceName=warehouse["RedshiftWorkgroup"])
    # Last: thirty days in which what it encrypted can still be read from a backup.
    session.client("kms").schedule_key_deletion(KeyId=storage["KeyArn"].rpartition("/")[2], PendingWindowInDays=30)
    say(f"{environment} is gone; its key is deleted in 30 days")
