import uuid
from datetime import date

import boto3
import pytest
from moto import mock_aws

from fraud import layout
from fraud.orchestration.objects import Objects
from fraud.settings import Settings
from fraud.simulator.worlds import anchor, load_world

FIRST_DAY = date(2026, 3, 1)


@pytest.fixture
def settings() -> Settings:
    """A deployment in a bucket of its own."""
    return Settings(bucket=f"bucket-{uuid.uuid4()}", prefix="unit", world="tiny", first_day=FIRST_DAY)


@pytest.fixture
def world(settings):
    return anchor(load_world("tiny"), settings.first_day)


@pytest.fixture(scope="module")
def s3():
    """An S3 client of moto's, for a file of tests: starting moto costs more than a test does."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        yield boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")


@pytest.fixture
def objects(settings, s3):
    s3.create_bucket(Bucket=settings.bucket)
    found = Objects(settings.layout)
    found.__dict__["client"] = s3
    return found


@pytest.fixture
def bootstrapped(objects, world):
    """A deployment that has its world and every manifest before the first scheduled day."""
    objects.write_text(layout.world(), world.to_json())
    for index in range(world.daily_from):
        for step in layout.STEPS:
            day = world.date_of(index)
            objects.write_json(layout.manifest(step, day), {"date": str(day), "files": {}, "world": world.content_hash})
    return objects
