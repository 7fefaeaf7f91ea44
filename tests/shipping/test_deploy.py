"""`make deploy` and `make destroy`, on moto's account."""

import pytest
from deploy.delivery import deliver, settings_of, upload
from deploy.environments import Deployment, read_environment
from deploy.removal import empty_bucket, remove
from deploy.stacks import Stacks
from deploy.warehouse import run
from moto.core import DEFAULT_ACCOUNT_ID
from moto.kms.models import kms_backends

from aws_account import account, answers
from fraud.errors import ConfigurationError, ConflictError, FraudError, MissingInputError
from fraud.settings import Settings

TEST = read_environment("test")
POLL = {"Delay": 0, "MaxAttempts": 3}
MANIFEST = '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {}, "layers": []}'


@pytest.fixture
def aws(monkeypatch):
    with account(monkeypatch) as made:
        yield made


def deployed(aws, said=None, deployment=TEST):
    """Deploy up to the registry, push an image, deploy the rest: the order of docs/deploy.md."""
    said = [] if said is None else said
    bucket = deliver(aws, deployment, "v1", said.append, answers(True), until="storage")["BucketName"]
    # What moto's CloudFormation leaves out of the template.
    aws.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    name = f"{deployment.name}-fraud"
    aws.client("ecr").put_image(repositoryName=name, imageManifest=MANIFEST, imageTag="v1")
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return deliver(aws, deployment, "v1", said.append, answers(True))


def test_deploy__an_empty_account_becomes_an_environment(aws):
    said = []
    known = deployed(aws, said)
    stacks = {stack["StackName"] for stack in aws.client("cloudformation").describe_stacks()["Stacks"]}
    names = ("storage", "network", "warehouse", "roles", "airflow", "watch")
    assert stacks == {f"test-fraud-{name}" for name in names}
    assert said[-1] == "Airflow: https://airflow.example"
    keys = [entry["Key"] for entry in aws.client("s3").list_objects_v2(Bucket=known["BucketName"])["Contents"]]
    assert {
        "airflow/plugins.zip",
        "airflow/requirements.txt",
        "airflow/startup.sh",
        "airflow/dags/fraud_daily.py",
    } <= set(keys)
    assert aws.warehouse.limits[0]["amount"] == 8
    user = f"IAMR:test-fraud-airflow-{aws.session.region_name}"
    assert aws.warehouse.statements[1:] == [
        f'CREATE USER "{user}" PASSWORD DISABLE',
        f'GRANT CREATE, TEMPORARY ON DATABASE fraud TO "{user}"',
    ]


def test_deploy__every_change_is_shown_before_it_is_made(aws):
    said = []
    with pytest.raises(FraudError, match="test-fraud-storage was left as it was"):
        deliver(aws, TEST, "v1", said.append, answers(False))
    assert said[0] == "test-fraud-storage:"
    assert "  add     Bucket (AWS::S3::Bucket)" in said
    assert aws.client("s3").list_buckets()["Buckets"] == []


@pytest.mark.slow
def test_deploy__without_the_image_says_how_to_push_it(aws):
    with pytest.raises(MissingInputError, match="test-fraud holds no image 'v1'; push it"):
        deliver(aws, TEST, "v1", lambda _: None, answers(True))


@pytest.mark.slow
def test_deploy__settings_are_what_the_stacks_made(aws):
    known = deployed(aws)
    startup = aws.client("s3").get_object(Bucket=known["BucketName"], Key="airflow/startup.sh")["Body"].read().decode()
    settings = Settings.from_environment(settings_of(TEST, known, "v1"))
    assert (settings.environment, settings.bucket) == ("test", known["BucketName"])
    assert settings.image == f"{known['RepositoryUri']}:v1"
    assert settings.role_arn.endswith(f"role/test-fraud-jobs-{aws.session.region_name}")
    assert settings.training.candidates == ("xgboost", "logistic_regression")
    assert f"export FRAUD_BUCKET={known['BucketName']}" in startup


@pytest.mark.slow
def test_deploy__spark_on_request_is_reached_without_the_internet(aws):
    prod = read_environment("prod")
    asked = Deployment(prod.name, prod.values | {"Spark": "yes"})
    known = deployed(aws, deployment=asked)
    settings = Settings.from_environment(settings_of(asked, known, "v1"))
    assert (settings.feature_engine, settings.emr_application_id) == ("emr", "spark-1")
    endpoints = aws.client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    services = {endpoint["ServiceName"].split(".", 3)[-1] for endpoint in endpoints}
    assert {"emr-serverless", "sagemaker.api", "redshift-data", "s3"} <= services


def test_upload__what_did_not_change_keeps_its_version(aws, tmp_path):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="versioned", CreateBucketConfiguration={"LocationConstraint": aws.session.region_name})
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    files = {name: tmp_path / name for name in ("one", "two")}
    first = upload(s3, "versioned", files)
    (tmp_path / "two").write_text("3")
    second = upload(s3, "versioned", files)
    assert first["one"] == second["one"]
    assert first["two"] != second["two"]


@pytest.mark.slow
def test_empty_bucket__removes_more_than_a_page_and_nothing_else(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="full", CreateBucketConfiguration={"LocationConstraint": aws.session.region_name})
    for number in range(1001):
        s3.put_object(Bucket="full", Key=f"smoke/{number}")
    s3.put_object(Bucket="full", Key="airflow/startup.sh")
    assert empty_bucket(s3, "full", "smoke/") == 1001
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="full")["Contents"]] == ["airflow/startup.sh"]


def test_stacks__a_parameter_without_value_is_named(aws):
    stacks = Stacks(aws.client("cloudformation"), "test", print, answers(True), POLL)
    with pytest.raises(FraudError, match=r"network.yaml: parameter KeyArn has no value"):
        stacks.deploy("network", {})


@pytest.mark.slow
def test_destroy__refuses_while_data_would_be_lost(aws):
    known = deployed(aws)
    aws.client("s3").put_object(Bucket=known["BucketName"], Key="raw/transactions/part.parquet", Body=b"x")
    with pytest.raises(ConflictError, match=r"test holds 1 objects in .*; keep it, or say"):
        remove(aws, "test", lambda _: None, answers(True), delete_data=False)
    assert len(aws.client("cloudformation").describe_stacks()["Stacks"]) == 6


@pytest.mark.slow
def test_destroy__told_so_it_leaves_nothing(aws):
    known = deployed(aws)
    aws.client("s3").put_object(Bucket=known["BucketName"], Key="raw/transactions/part.parquet", Body=b"x")
    remove(aws, "test", lambda _: None, answers(True), delete_data=True)
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("ecr").describe_repositories()["repositories"] == []
    assert aws.groups_deleted == ["test-fraud"]
    assert aws.warehouse.deleted == ["test-fraud"]
    key = kms_backends[DEFAULT_ACCOUNT_ID][aws.session.region_name].keys[known["KeyArn"].rpartition("/")[2]]
    assert key.key_state == "PendingDeletion"


def test_warehouse__what_it_refuses_is_said_with_its_reason():
    class Refusing:
        def execute_statement(self, **_):
            return {"Id": "1"}

        def describe_statement(self, **_):
            return {"Status": "FAILED", "Error": "permission denied"}

    with pytest.raises(FraudError, match="refused 'SELECT 1': permission denied"):
        run(Refusing(), ["SELECT 1"])


@pytest.mark.parametrize("name", ["Prod", "x", "a_b"])
def test_environment__a_name_that_is_none_is_refused(name):
    with pytest.raises(ConfigurationError, match="is no environment's name"):
        read_environment(name)


def test_environment__an_unknown_one_names_those_there_are():
    with pytest.raises(ConfigurationError, match="copy one of prod, test"):
        read_environment("staging")


def test_environments__differ_in_parameters_alone():
    assert set(read_environment("test").values) == set(read_environment("prod").values)
    assert isinstance(TEST, Deployment)
