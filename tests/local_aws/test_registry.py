"""Models, package groups and packages: versions, approval, metadata."""

import pytest
from botocore.exceptions import ClientError

from local_jobs import bucket, ended, put, read, train, unique
from local_stack import ROLE


@pytest.fixture
def group(local_aws):
    name = unique("champions")
    local_aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return name


def register(stack, group, url="s3://b/model.tar.gz", **extra):
    """Register a version and return its ARN."""
    specification = {
        "Containers": [{"Image": "toy:1", "ModelDataUrl": url}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    request = {"ModelPackageGroupName": group, "InferenceSpecification": specification}
    return stack.client("sagemaker").create_model_package(**request | extra)["ModelPackageArn"]


def test_package__versions_count_up_and_are_never_given_out_again(local_aws, group):
    sagemaker = local_aws.client("sagemaker")
    arns = [register(local_aws, group) for _ in range(3)]
    assert [arn.rpartition("/")[2] for arn in arns] == ["1", "2", "3"]
    sagemaker.delete_model_package(ModelPackageName=arns[2])
    assert register(local_aws, group).endswith(f"/{group}/4")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package(ModelPackageName=arns[2])


def test_package__approving_keeps_the_metadata(local_aws, group):
    sagemaker = local_aws.client("sagemaker")
    metadata = {"effective_from": "2026-01-08", "as_of": "2026-01-07T00:00:00Z"}
    arn = register(local_aws, group, CustomerMetadataProperties=metadata, ModelApprovalStatus="PendingManualApproval")
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="better")
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"] == "better"
    assert package["CustomerMetadataProperties"] == metadata
    assert package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == "s3://b/model.tar.gz"
    assert package["ModelPackageVersion"] == 1
    sagemaker.update_model_package(
        ModelPackageArn=arn,
        CustomerMetadataProperties={"note": "n"},
        CustomerMetadataPropertiesToRemove=["as_of"],
    )
    changed = sagemaker.describe_model_package(ModelPackageName=arn)
    assert changed["CustomerMetadataProperties"] == {"effective_from": "2026-01-08", "note": "n"}
    assert changed["ModelApprovalStatus"] == "Approved"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"CustomerMetadataProperties": {"verdict": '{"json": true}'}}, "regular expression pattern"),
        ({"CustomerMetadataProperties": {"long": "x" * 257}}, "length less than or equal to 256"),
        ({"CustomerMetadataProperties": {f"k{n}": "v" for n in range(51)}}, "length less than or equal to 50"),
        ({"ModelApprovalStatus": "Fine"}, "enum value set"),
    ],
)
def test_package__outside_the_apis_limits_is_refused(local_aws, group, change, message):
    with pytest.raises(ClientError, match=message) as refused:
        register(local_aws, group, **change)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize("value", ["s3://bucket/key.json", "2026-01-08", "a b_c.d:e=f+g-h@i", "Größe"])
def test_package__metadata_takes_what_aws_takes(local_aws, group, value):
    arn = register(local_aws, group, CustomerMetadataProperties={"k": value})
    found = local_aws.client("sagemaker").describe_model_package(ModelPackageName=arn)
    assert found["CustomerMetadataProperties"] == {"k": value}


def test_package__list_filters_by_approval_and_pages(local_aws, group):
    sagemaker = local_aws.client("sagemaker")
    for version in range(1, 13):
        status = "Approved" if version % 2 else "Rejected"
        register(local_aws, group, ModelApprovalStatus=status)
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, ModelApprovalStatus="Approved", PaginationConfig={"PageSize": 4}
    )
    versions = [[p["ModelPackageVersion"] for p in page["ModelPackageSummaryList"]] for page in pages]
    assert versions == [[1, 3, 5, 7], [9, 11]]
    newest = sagemaker.list_model_packages(ModelPackageGroupName=group, SortOrder="Descending", MaxResults=1)
    assert newest["ModelPackageSummaryList"][0]["ModelPackageVersion"] == 12
    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 10


def test_package__tags_can_be_listed(local_aws, group):
    arn = register(local_aws, group)
    assert local_aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"] == []


def test_group__existing_is_refused_as_the_stock_operators_expect(local_aws, group):
    with pytest.raises(ClientError) as refused:
        local_aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"].startswith("Model Package Group already exists")


def test_group__with_packages_cannot_be_deleted(local_aws, group):
    sagemaker = local_aws.client("sagemaker")
    arn = register(local_aws, group)
    with pytest.raises(ClientError, match="still contains Model Packages"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        register(local_aws, group)


def test_model__taken_name_is_refused_and_a_deleted_one_is_free(local_aws):
    sagemaker = local_aws.client("sagemaker")
    request = {"ModelName": unique("model"), "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": "toy:1"}}
    sagemaker.create_model(**request)
    with pytest.raises(ClientError, match="Cannot create already existing model") as refused:
        sagemaker.create_model(**request)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    sagemaker.delete_model(ModelName=request["ModelName"])
    sagemaker.create_model(**request)
    listed = sagemaker.list_models(NameContains=request["ModelName"])["Models"]
    assert [model["ModelName"] for model in listed] == [request["ModelName"]]
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.describe_model(ModelName="never-was")


def test_model__from_a_package_is_what_transform_runs(local_aws, group):
    where, sagemaker = bucket(local_aws), local_aws.client("sagemaker")
    put(local_aws, f"{where}/", train__a="1", in__a="1,2\n")
    job = train(local_aws, where, hyperparameters={"weight": 5})
    arn = register(local_aws, group, job["ModelArtifacts"]["S3ModelArtifacts"], ModelApprovalStatus="Approved")
    name = unique("from-package")
    container = {"ModelPackageName": arn, "Environment": job["Environment"]}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{where}/in/"}}
    sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=name,
        TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": f"s3://{where}/out", "AssembleWith": "Line"},
        TransformResources={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    )
    assert ended(local_aws, "transform", name)["TransformJobStatus"] == "Completed"
    assert read(local_aws, f"s3://{where}/out/a.out") == b"15\n"
