"""What a deployment has come to: digests of every object and table, and what should not be there."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fraud import warehouse
from fraud.settings import Settings

TABLES = {
    "transactions": "transaction_id",
    "customers": "customer_id",
    "terminals": "terminal_id",
    "features": "transaction_id",
    "predictions": "transaction_id",
    "label_deliveries": "transaction_id, source, is_fraud, known_at",
    "alerts": "alert_date, rank",
    "drift_metrics": "report_date, metric",
    "performance": "report_date, time_window",
    "decisions": "decision_date",
    "verdicts": "run_id",
}
# Names of jobs hold the try that started them, and so do the keys and the texts that name those.
JOB = re.compile(rb"-([0-9a-f]{8})-\d*(?:-\d{10})?(?=[/\"'.,\s]|$)")
TEXT = (".json", ".csv", ".out")
COUNTED = "state/"


class State:
    """Looks at a deployment through its API."""

    def __init__(self, endpoint: str, settings: Settings) -> None:
        self._session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")
        self._endpoint, self._settings = endpoint, settings

    @functools.cache  # noqa: B019 (a few deployments a session; making a client costs more than most calls)
    def client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)

    def digests(self) -> dict[str, str]:
        """Return a digest of every object, table and model package, by name."""
        found = self.tables()
        s3 = self.client("s3")
        for key in self._keys(s3):
            body = s3.get_object(Bucket=self._settings.bucket, Key=key)["Body"].read()
            if key.endswith(TEXT):
                body = JOB.sub(rb"-\1-N", body)
            name = JOB.sub(rb"-\1-N", key.encode()).decode()
            digest = hashlib.sha256(body).hexdigest()
            # Two tries of a training job are two jobs; only what the pipeline took up may differ from what it left.
            found[f"object {name}"] = digest
        return found | {f"package {number}": text for number, text in enumerate(self._packages())}

    def mentions(self, card: int) -> list[str]:
        """Return the objects and tables with rows of a card, found by reading all of them."""
        s3 = self.client("s3")
        found = []
        said = re.compile(rb'customer_id\\?"?: ?\\?"?%d\b' % card)
        for key in self._keys(s3):
            body = s3.get_object(Bucket=self._settings.bucket, Key=key)["Body"].read()
            if key.endswith(".parquet"):
                rows = pq.read_table(io.BytesIO(body), partitioning=None)
                cards = rows["customer_id"].to_numpy() if "customer_id" in rows.column_names else np.empty(0)
                texts = [column for column in rows.columns if pa.types.is_string(column.type)]
                body = b"customer_id: %d" % card if card in cards else str([one.to_pylist() for one in texts]).encode()
            if said.search(body) and not key.startswith("erasures/"):
                found.append(key)
        for table in ("transactions", "customers", "alerts"):
            if self.count(f"SELECT 1 FROM fraud.{table} WHERE customer_id = {card}"):
                found.append(f"table {table}")
        return found

    def count(self, select: str) -> int:
        """Return how many rows a query has."""
        return int(self._unloaded("count", f"SELECT COUNT(*) AS n FROM ({select}) q").strip())

    def tables(self) -> dict[str, str]:
        """Return a digest of every table, by name."""
        return {f"table {table}": self.digest_of(f"fraud.{table}", order) for table, order in TABLES.items()}

    def _keys(self, s3: Any) -> Iterator[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self._settings.bucket)
        for page in pages:
            for entry in page.get("Contents", []):
                if not entry["Key"].startswith(COUNTED):
                    yield entry["Key"]

    def _packages(self) -> Iterator[str]:
        client = self.client("sagemaker")
        listed = client.list_model_packages(ModelPackageGroupName=self._settings.model_package_group, MaxResults=100)
        for summary in sorted(listed["ModelPackageSummaryList"], key=lambda one: one["ModelPackageVersion"]):
            described = client.describe_model_package(ModelPackageName=summary["ModelPackageArn"])
            container = described["InferenceSpecification"]["Containers"][0]
            said = {
                "version": described["ModelPackageVersion"],
                "approval": described["ModelApprovalStatus"],
                "metadata": described["CustomerMetadataProperties"],
                "model": JOB.sub(rb"-\1-N", container["ModelDataUrl"].encode()),
            }
            yield str(said)

    def json(self, key: str) -> Any:
        """Return an object's JSON."""
        found = self.client("s3").get_object(Bucket=self._settings.bucket, Key=self._settings.layout.key(key))
        return json.loads(found["Body"].read())

    def digest_of(self, rows: str, order: str) -> str:
        """Return the number of some rows, written as SQL after FROM, and a digest of them in order."""
        bodies = self._unloaded("rows", f"SELECT * FROM {rows} ORDER BY {order}")
        return f"{bodies.count(10)} rows {hashlib.sha256(bodies).hexdigest()}"

    def _unloaded(self, name: str, select: str) -> bytes:
        """Return a query's rows as CSV."""
        prefix = f"{COUNTED}{name}/"
        self.execute(warehouse.unload(select, self._settings.layout.uri(prefix), "csv"))
        s3 = self.client("s3")
        listed = s3.list_objects_v2(Bucket=self._settings.bucket, Prefix=prefix).get("Contents", [])
        bodies = b"".join(s3.get_object(Bucket=self._settings.bucket, Key=one["Key"])["Body"].read() for one in listed)
        for one in listed:  # looking leaves nothing behind, above all no rows of cards
            s3.delete_object(Bucket=self._settings.bucket, Key=one["Key"])
        return bodies

    def execute(self, sql: str) -> None:
        """Run a statement that has no rows to return."""
        redshift = self.client("redshift-data")
        names = {"WorkgroupName": self._settings.redshift_workgroup, "Database": self._settings.redshift_database}
        statement = redshift.execute_statement(Sql=sql, **names)["Id"]
        until = time.monotonic() + 60
        while (state := redshift.describe_statement(Id=statement))["Status"] not in ("FINISHED", "FAILED", "ABORTED"):
            if time.monotonic() > until:
                raise TimeoutError(f"{sql[:80]} has not ended within a minute")
            time.sleep(0.05)
        if state["Status"] != "FINISHED":
            raise RuntimeError(f"{sql[:80]}: {state.get('Error')}")

    def running(self) -> list[str]:
        """Return what still runs: jobs, and statements of the warehouse."""
        client = self.client("sagemaker")
        found = []
        for kind, key in (("processing", "Processing"), ("training", "Training"), ("transform", "Transform")):
            pages = client.get_paginator(f"list_{kind}_jobs").paginate(StatusEquals="InProgress")
            found += [one[f"{key}JobName"] for page in pages for one in page[f"{key}JobSummaries"]]
        listed = self.client("redshift-data").list_statements(
            WorkgroupName=self._settings.redshift_workgroup, Database=self._settings.redshift_database, Status="STARTED"
        )
        return found + [one["Id"] for one in listed["Statements"]]


def difference(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Say what is lost, what is there in excess, and what differs."""
    lost = [f"lost: {name}" for name in sorted(expected.keys() - found.keys())]
    extra = [f"in excess: {name}" for name in sorted(found.keys() - expected.keys())]
    other = [
        f"differs: {name} ({expected[name]} expected, {found[name]} found)"
        for name in sorted(expected.keys() & found.keys())
        if expected[name] != found[name]
    ]
    return lost + extra + other
