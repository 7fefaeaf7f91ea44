import os
from datetime import date

import pytest
from moto import mock_aws

from fraud import layout
from fraud.orchestration.objects import Objects
from fraud.settings import Settings
from fraud.simulator.worlds import anchor, load_world

FIRST_DAY = date(2026, 3, 1)


@pytest.fixture
def settings() -> Settings:
    return Settings(bucket="orchestration", prefix="unit", world="tiny", first_day=FIRST_DAY)


@pytest.fixture
def world(settings):
    return anchor(load_world("tiny"), settings.first_day)


@pytest.fixture
def objects(settings, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))
    with mock_aws():
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket=settings.bucket)
        found = Objects(settings.layout)
        found.__dict__["client"] = client
        yield found


@pytest.fixture
def bootstrapped(objects, world):
    """A deployment that has its world and every manifest before the first scheduled day."""
    objects.write_text(layout.world(), world.to_json())
    for index in range(world.daily_from):
        for step in layout.STEPS:
            day = world.date_of(index)
            objects.write_json(layout.manifest(step, day), {"date": str(day), "files": {}, "world": world.content_hash})
    return objects
