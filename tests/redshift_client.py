"""A caller of the Redshift Data API for tests: runs statements to their end and gives their rows as plain values."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from local_stack import LocalStack, wait_until

OVER = ("FINISHED", "FAILED", "ABORTED")


@dataclass
class Warehouse:
    """One workgroup, and a bucket to load from and unload to."""

    stack: LocalStack
    workgroup: str
    database: str
    bucket: str

    @classmethod
    def create(cls, stack: LocalStack, name: str) -> Warehouse:
        """Make a namespace, workgroup and bucket of this name."""
        serverless = stack.client("redshift-serverless")
        serverless.create_namespace(namespaceName=name, dbName="fraud")
        serverless.create_workgroup(workgroupName=name, namespaceName=name, baseCapacity=4)
        stack.client("s3").create_bucket(Bucket=name)
        return cls(stack, name, "fraud", name)

    @property
    def data(self) -> Any:
        """The Data API's client."""
        return self.stack.client("redshift-data")

    def submit(self, sql: str | Sequence[str], parameters: Mapping[str, str] | None = None, **options: Any) -> str:
        """Submit a statement or a batch and return its id."""
        options |= {"WorkgroupName": self.workgroup, "Database": self.database}
        if not isinstance(sql, str):
            return str(self.data.batch_execute_statement(Sqls=list(sql), **options)["Id"])
        if parameters:
            options["Parameters"] = [{"name": name, "value": value} for name, value in parameters.items()]
        return str(self.data.execute_statement(Sql=sql, **options)["Id"])

    def wait(self, identity: str) -> dict[str, Any]:
        """Return the description of a statement that is over."""

        def over() -> dict[str, Any] | None:
            described = self.data.describe_statement(Id=identity)
            return described if described["Status"] in OVER else None

        return wait_until(over)  # type: ignore[no-any-return]

    def run(self, sql: str | Sequence[str], parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run a statement or batch that must succeed."""
        described = self.wait(self.submit(sql, parameters))
        assert described["Status"] == "FINISHED", described.get("Error")
        return described

    def error(self, sql: str | Sequence[str]) -> str:
        """Run a statement or batch that must fail, and return what it says."""
        described = self.wait(self.submit(sql))
        assert described["Status"] == "FAILED", described
        return str(described["Error"])

    def rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[tuple[Any, ...]]:
        """Run a query and return all its rows."""
        identity = self.run(sql, parameters)["Id"]
        found, token = [], {}
        while True:
            page = self.data.get_statement_result(Id=identity, **token)
            found += [tuple(_value(field) for field in record) for record in page["Records"]]
            if "NextToken" not in page:
                assert len(found) == page["TotalNumRows"]
                return found
            token = {"NextToken": page["NextToken"]}

    def put(self, key: str, body: bytes) -> str:
        """Store an object and return its URI."""
        self.stack.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)
        return f"s3://{self.bucket}/{key}"

    def put_parquet(self, key: str, table: pa.Table) -> str:
        """Store a table as a Parquet object."""
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        return self.put(key, buffer.getvalue())

    def put_manifest(self, key: str, keys: Sequence[str], **entry: Any) -> str:
        """Store a manifest of objects that exist; ``entry`` replaces fields of its entries."""
        s3 = self.stack.client("s3")
        entries = []
        for one in keys:
            size = s3.head_object(Bucket=self.bucket, Key=one)["ContentLength"]
            entries.append(
                {"url": f"s3://{self.bucket}/{one}", "mandatory": True, "meta": {"content_length": size}} | entry
            )
        return self.put(key, json.dumps({"entries": entries}).encode())

    def keys(self, prefix: str) -> list[str]:
        """Return the keys below a prefix."""
        listed = self.stack.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def get(self, key: str) -> bytes:
        """Return an object's body."""
        return bytes(self.stack.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read())


def _value(field: dict[str, Any]) -> Any:
    ((kind, value),) = field.items()
    return None if kind == "isNull" else value
