"""The plugin's application over objects in memory, with users who may read different DAGs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

os.environ.setdefault("AIRFLOW_HOME", mkdtemp(prefix="fraud-airflow-"))
PLUGINS = Path(__file__).parents[3] / "plugins"
sys.path.append(str(PLUGINS))

from airflow.api_fastapi.app import _AuthManagerState  # noqa: E402
from airflow.models.dag import DagModel  # noqa: E402
from fastapi import FastAPI  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

RIGHTS = {
    "analyst": {"fraud_daily", "fraud_training"},
    "daily only": {"fraud_daily"},
    "stranger": {"another_dag"},
}


class Rights:
    """What Airflow asks about a user: may the user read a DAG's runs?"""

    def is_authorized_dag(self, *, method, access_entity, details, user) -> bool:
        return method == "GET" and access_entity.value == "RUN" and details.id in RIGHTS[user]


class Bucket:
    """Objects in memory; like S3 it knows nothing but keys."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[str] = []

    def open(self, key: str):
        from fraud_monitor.storage import StoredObject

        self.asked.append(key)
        content = self.objects.get(key)
        return None if content is None else StoredObject(f'"{hash(content)}"', len(content), iter([content]))

    def read(self, key: str) -> tuple[str, bytes] | None:
        found = self.open(key)
        return None if found is None else (found.etag, b"".join(found.chunks))

    def list(self, prefix: str) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))


class Jobs:
    """Knows one job of each kind, and what it was asked for is noted with the bucket's."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def text(self, kind: str, name: str) -> str | None:
        self.bucket.asked.append(f"{kind}/{name}")
        return f"{kind} job {name}\n" if name == "local-job-1" else None


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def client(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str | None], TestClient]]:
    """Return a function: the client of a user, or of nobody."""
    from fraud_monitor.application import build

    monkeypatch.setattr(_AuthManagerState, "instance", Rights())
    monkeypatch.setattr(DagModel, "get_team_name", staticmethod(lambda dag_id: None))

    def of(user: str | None) -> TestClient:
        airflow = FastAPI()

        @airflow.middleware("http")
        async def log_in(request, call_next):
            if user is not None:
                request.state.user = user
            return await call_next(request)

        airflow.mount("/fraud", build(bucket, Jobs(bucket)))
        return TestClient(airflow, base_url="http://airflow/fraud/")

    return of
