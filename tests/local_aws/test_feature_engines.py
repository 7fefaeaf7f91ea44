"""The feature step as the DAGs run it, on either engine: planned, run by the stock operator, checked, loaded."""

from __future__ import annotations

import ast
import asyncio
import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fraud import layout, warehouse
from fraud.errors import ConfigurationError
from fraud.features.catalogue import LOOK_BACK_DAYS, VERSIONS, feature_names
from fraud.orchestration import plans
from fraud.orchestration.objects import Objects
from fraud.orchestration.spark import MODULES, library
from fraud.settings import Settings
from fraud.simulator.labels import chargebacks
from fraud.simulator.simulation import simulate
from fraud.simulator.tables import transactions_table
from fraud.simulator.worlds import anchor, load_world
from local_stack import REGION, ROLE, LocalStack
from needs_spark import needs_spark
from policies import DEPLOY, recorded, refused, roles_of
from redshift_client import Warehouse

CALLER = "engines"
FIRST_DAY = date(2026, 3, 1)
WORLD = anchor(load_world("tiny"), FIRST_DAY)
DAYS = [WORLD.date_of(index) for index in range(48)]
WANTED = DAYS[-3:]
REQUEST = {"run": "manual-1", "days": {"features": [str(WANTED[0]), str(WANTED[-1])]}}

Deployment = tuple[Settings, Objects]


class TaskInstance:
    """What operators ask of their context."""

    def xcom_push(self, key: str, value: Any) -> None:
        """Take a value that nobody reads."""


@pytest.fixture(scope="module")
def deploy(local_aws: LocalStack) -> Iterator[Callable[..., Deployment]]:
    """A maker of deployments to which the world's first days have been delivered, and which Airflow's hooks reach."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": local_aws.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": CALLER,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        }.items():
            patch.setenv(name, value)

        def make(bucket: str, **changes: Any) -> Deployment:
            local_aws.client("s3").create_bucket(Bucket=bucket)
            settings = Settings(
                bucket=bucket, prefix="p", world="tiny", first_day=FIRST_DAY, role_arn=ROLE, poll_seconds=1,
                deferrable=False, **changes,
            )  # fmt: skip
            objects = Objects(settings.layout)
            deliver(objects)
            return settings, objects

        yield make


def deliver(objects: Objects) -> None:
    """Store the world, its days and their manifests."""
    objects.write_text(layout.world(), WORLD.to_json())
    for index, day in enumerate(DAYS):
        files = {
            f"{layout.transactions(day)}part.parquet": transactions_table(simulate(WORLD, index)),
            f"{layout.labels(day, 'chargeback')}part.parquet": chargebacks(WORLD, index),
        }
        described = {}
        for key, table in files.items():
            buffer = io.BytesIO()
            pq.write_table(table, buffer)
            objects.write_bytes(key, buffer.getvalue())
            described[key] = {"bytes": len(buffer.getvalue())}
        objects.write_json(
            layout.manifest("transactions", day), {"date": str(day), "files": described, "world": WORLD.content_hash}
        )


def compute(settings: Settings, objects: Objects) -> list[str]:
    """Run the step's three tasks and return the SQL that loads the days."""
    from fraud.orchestration.operators import Operators

    plan = plans.plan_features(settings, objects, REQUEST, 1)
    operators = Operators(settings)
    run = operators.spark if settings.feature_engine == "emr" else operators.process
    run("compute_features", plan).execute({"ti": TaskInstance()})
    return plans.record_features(settings, objects, REQUEST)


def body(objects: Objects, key: str) -> bytes:
    content: bytes = objects.client.get_object(Bucket=objects.layout.bucket, Key=objects.layout.key(key))["Body"].read()
    return content


def stored_features(settings: Settings, objects: Objects) -> pa.Table:
    return pa.concat_tables(
        pq.read_table(io.BytesIO(body(objects, f"{layout.features(settings.feature_version, day)}part.parquet")))
        for day in WANTED
    )


def scoring_input(objects: Objects) -> dict[int, list[float]]:
    rows = {}
    for day in WANTED:
        for row in csv.reader(body(objects, f"{layout.scoring_input(day)}part.csv").decode().splitlines()):
            rows[int(row[0])] = [float(value) for value in row[1:]]
    return rows


@needs_spark
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_engines__give_the_same_days_through_their_operators(
    deploy: Callable[..., Deployment], local_aws: LocalStack
) -> None:
    settings, objects = deploy("engine-sagemaker")
    compute(settings, objects)
    emr = local_aws.client("emr-serverless")
    application = emr.create_application(releaseLabel="emr-7.9.0", type="SPARK")["applicationId"]
    on_spark, spark_objects = deploy("engine-emr", feature_engine="emr", emr_application_id=application)
    compute(on_spark, spark_objects)
    ours, theirs = stored_features(settings, objects), stored_features(on_spark, spark_objects)
    assert theirs.column_names == ours.column_names
    for name in ours.column_names:
        np.testing.assert_array_equal(theirs[name].to_numpy(), ours[name].to_numpy(), err_msg=name)
    assert scoring_input(spark_objects) == scoring_input(objects)
    for day in WANTED:
        manifests = [one.read_json(layout.manifest("features", day)) for one in (objects, spark_objects)]
        assert [sorted(manifest.pop("files")) for manifest in manifests] == [
            sorted([f"{layout.features('v1', day)}part.parquet", f"{layout.scoring_input(day)}part.csv"])
        ] * 2
        assert len(manifests[0]["inputs"]) == LOOK_BACK_DAYS + 1
        assert manifests[0] == manifests[1]
    spark_calls = [call for call in recorded(local_aws.state_dir, CALLER) if call.action.startswith("emr-serverless:")]
    assert {"emr-serverless:StartJobRun", "emr-serverless:GetJobRun"} <= {call.action for call in spark_calls}
    arns = {"Application.Arn": "arn:aws:emr-serverless:here:0:/applications/*"}
    assert refused(spark_calls, roles_of(DEPLOY / "spark.yaml")["AirflowSpark"], **arns) == []


def objects_client_of_emr() -> Any:
    import boto3

    return boto3.client("emr-serverless")


def test_plan__names_the_application_that_is_missing(deploy: Callable[..., Deployment]) -> None:
    settings, objects = deploy("engine-half", feature_engine="emr")
    with pytest.raises(ConfigurationError, match="FRAUD_EMR_APPLICATION_ID is empty"):
        plans.plan_features(settings, objects, REQUEST, 1)


@pytest.mark.parametrize("version", VERSIONS)
def test_training_and_scoring__see_equal_values(
    deploy: Callable[..., Deployment], local_aws: LocalStack, version: str
) -> None:
    """What is unloaded to train on, and what the transform reads, are the same numbers for the same transactions."""
    settings, objects = deploy(f"equal-{version}", feature_version=version)
    client = Warehouse.create(local_aws, f"equality-{version}")
    for _ in range(2):  # an environment is migrated by the same statements that made it
        client.run(warehouse.create_schema())
    load = compute(settings, objects)
    for _ in range(2):
        client.run(load)
    load_deliveries(client, settings, objects)
    values = {
        "start": WANTED[0],
        "end": WANTED[-1],
        "features": feature_names(version),
        "features_table": warehouse.features_table(version),
        "known_labels": warehouse.query("known_labels", as_of=date(2030, 1, 1), start=WANTED[0], end=WANTED[-1]),
        "holdout_threshold": 0,
    }
    uri = settings.layout.uri("training/t/train/")
    client.run(warehouse.unload(warehouse.query("training_set", **values), uri, "csv"))
    (key,) = objects.list("training/t/train/")
    trained = [[float(value) for value in row] for row in csv.reader(body(objects, key).decode().splitlines())]
    scored = scoring_input(objects)
    assert len(trained) == len(scored) > 1000
    # The label comes first; rows are in the order of ids, which the scoring input names.
    np.testing.assert_array_equal([row[1:] for row in trained], [scored[identity] for identity in sorted(scored)])


def load_deliveries(client: Warehouse, settings: Settings, objects: Objects) -> None:
    """Load the wanted days' transactions, and a verdict on each."""
    for day in WANTED:
        entry = {"url": settings.layout.uri(f"{layout.transactions(day)}part.parquet"), "mandatory": True}
        size = objects.size(f"{layout.transactions(day)}part.parquet")
        objects.write_json(f"load/{day}.json", {"entries": [entry | {"meta": {"content_length": size}}]})
        client.run(warehouse.load_days("transactions", day, day, settings.layout.uri(f"load/{day}.json")))
    client.run(
        "INSERT INTO fraud.label_deliveries SELECT transaction_id, tx_date, FALSE, tx_datetime, 'chargeback' "
        "FROM fraud.transactions"
    )


def test_library_of_the_spark_job__is_all_that_it_imports(tmp_path: Path) -> None:
    """With nothing of the library but the zip file on its path the job finds all modules, and none is superfluous."""
    pyspark = pytest.importorskip("pyspark", reason="needs pyspark: run `make spark`; CI does")
    py4j = pytest.importorskip("py4j")
    archive = tmp_path / "fraud.zip"
    archive.write_bytes(library())
    assert library() == archive.read_bytes()
    path = sorted({str(Path(one.__file__).parents[1]) for one in (pyspark, py4j)})
    program = f"""
import json, sys
sys.path = [{str(archive)!r}, *sys.path, *{path!r}]
import fraud.containers.spark_features
print(json.dumps({{name: m.__file__ for name, m in sys.modules.items() if name.split(".")[0] == "fraud"}}))
"""
    answer = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert set(found) == set(MODULES)
    assert all(file.startswith(str(archive)) for file in found.values())


@pytest.mark.parametrize("module", MODULES)
def test_library_of_the_spark_job__needs_no_more_than_the_python_of_emr(module: str) -> None:
    """No Python 3.9 is here to run it: its grammar is, and what later versions added to what these modules use."""
    with zipfile.ZipFile(io.BytesIO(library())) as archive:
        path = module.replace(".", "/")
        name = f"{path}.py" if f"{path}.py" in archive.namelist() else f"{path}/__init__.py"
        tree = ast.parse(archive.read(name), feature_version=(3, 9))
    later = {
        "slots",
        "kw_only",
        "strict",
        "UTC",
        "StrEnum",
        "Self",
        "TypeAlias",
        "ParamSpec",
        "pairwise",
        "assert_never",
    }
    used = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    used |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert not used & later


def test_operator__deferred_hears_why_a_job_failed(deploy: Callable[..., Deployment]) -> None:
    """The stock trigger polls the local EMR; the operator then cancels what has ended, and fails."""
    from airflow.sdk.exceptions import AirflowException, TaskDeferred

    from fraud.orchestration.operators import Operators

    client = objects_client_of_emr()
    application = client.create_application(releaseLabel="emr-7.9.0", type="SPARK")["applicationId"]
    settings = Settings(
        feature_engine="emr", emr_application_id=application, role_arn=ROLE, poll_seconds=1, bucket="any"
    )
    plan = {"name": "features", "jobDriver": {"sparkSubmit": {"entryPoint": "s3://no-such-bucket/main.py"}}}
    operator = Operators(settings).spark("compute_features", plan)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({"ti": TaskInstance()})

    async def first_event() -> Any:
        return await anext(deferred.value.trigger.run())

    event = asyncio.run(first_event()).payload
    assert event["status"] == "failure"
    (run,) = client.list_job_runs(applicationId=application)["jobRuns"]
    assert (run["name"], run["state"]) == ("features", "FAILED")
    # Provider 9.25.0 looks for the job in the event of a failure, where its trigger does not put it.
    with pytest.raises((AirflowException, KeyError)):
        operator.execute_complete({}, event)
