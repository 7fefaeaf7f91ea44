"""Questions to the warehouse through the Redshift Data API, and objects of the deployment's bucket."""

from __future__ import annotations

import io
import json
import time
from datetime import date
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from fraud import layout
from fraud.errors import FraudError, MissingInputError
from fraud.settings import Settings
from local_aws.stack.environment import REGION

__all__ = ["Warehouse"]

POLL_SECONDS = 0.1


class Warehouse:
    """Reads what a deployment on the local AWS has stored.

    Parameters
    ----------
    endpoint_url
        The local AWS.
    settings
        The deployment.
    """

    def __init__(self, endpoint_url: str, settings: Settings) -> None:
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)  # noqa: S106
        self._redshift = session.client("redshift-data", endpoint_url=endpoint_url)
        self._s3 = session.client("s3", endpoint_url=endpoint_url)
        self._settings = settings

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query and return its rows by column name."""
        settings = self._settings
        statement = self._redshift.execute_statement(
            WorkgroupName=settings.redshift_workgroup, Database=settings.redshift_database, Sql=sql
        )["Id"]
        while (described := self._redshift.describe_statement(Id=statement))["Status"] not in (
            "FINISHED",
            "FAILED",
            "ABORTED",
        ):
            time.sleep(POLL_SECONDS)
        if described["Status"] != "FINISHED":
            raise FraudError(f"the warehouse refused a query: {described.get('Error')} ({sql[:200]})")
        rows: list[dict[str, Any]] = []
        for page in self._redshift.get_paginator("get_statement_result").paginate(Id=statement):
            names = [column["name"] for column in page["ColumnMetadata"]]
            rows.extend(dict(zip(names, map(_value, record), strict=True)) for record in page["Records"])
        return rows

    def truth(self, day: date) -> pa.Table:
        """Return what the simulator knows about a day: ``transaction_id``, ``is_fraud``, ``scenario``."""
        body = self._get(f"{layout.truth(day)}part.parquet")
        return pq.ParquetFile(io.BytesIO(body)).read()

    def episodes(self, day: date) -> Any:
        """Return the drift episodes that are active on a day."""
        return json.loads(self._get(layout.truth_episodes(day)))

    def _get(self, relative: str) -> bytes:
        place = self._settings.layout
        try:
            return bytes(self._s3.get_object(Bucket=place.bucket, Key=place.key(relative))["Body"].read())
        except self._s3.exceptions.NoSuchKey:
            raise MissingInputError(f"{place.uri(relative)} does not exist; the simulator writes it") from None


def _value(field: dict[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))
