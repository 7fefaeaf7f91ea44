"""Days delivered from outside: planned, admitted by a real job, recorded, ready to load."""

from __future__ import annotations

import json
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowException

from fraud import layout
from fraud.containers.paths import JobPaths
from fraud.containers.steps import simulate
from fraud.ingest.delivery import write_delivery
from fraud.orchestration import deliveries, plans
from fraud.orchestration.links import Processing
from fraud.orchestration.objects import Objects
from fraud.settings import Settings
from fraud.simulator.worlds import anchor, load_world
from local_jobs import bucket
from local_stack import ROLE

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)


@pytest.fixture
def deployment(local_aws, monkeypatch):
    """A deployment on the local AWS to which days are delivered."""
    for name, value in {
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AWS_ENDPOINT_URL": local_aws.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings(world="delivery", bucket=bucket(local_aws), role_arn=ROLE, poll_seconds=1)
    objects = Objects(settings.layout)
    objects.__dict__["client"] = local_aws.client("s3")
    objects.write_text(layout.world(), anchor(load_world("delivery"), settings.first_day).to_json())
    return settings, objects


@pytest.fixture
def landed(deployment, tmp_path):
    """Two days in the landing folder, as a processor would deliver them."""
    settings, objects = deployment
    world = anchor(load_world("tiny"), settings.first_day)
    paths = JobPaths(tmp_path / "simulated")
    paths.input("world").mkdir(parents=True)
    (paths.input("world") / "world.json").write_text(world.to_json())
    days = [settings.first_day, settings.first_day + DAY]
    simulate.run(paths, days[0] - 7 * DAY, days[1])
    for day in days:
        folder = tmp_path / f"tx_date={day}"
        tables = {
            "transactions": paths.output("transactions") / f"tx_date={day}/part.parquet",
            "labels": paths.output("labels") / f"known_date={day}/source=chargeback/part.parquet",
            "customers": next(paths.output("customers").iterdir()),
            "terminals": next(paths.output("terminals").iterdir()),
        }
        for kind, source in tables.items():
            (folder / kind).mkdir(parents=True)
            table = pq.ParquetFile(source).read()
            # The first transaction comes twice; it is quarantined once.
            pq.write_table(table, folder / kind / "a.parquet")
            if kind == "transactions":
                pq.write_table(table.slice(0, 1), folder / kind / "b.parquet")
        write_delivery(folder, day, sorted(folder.rglob("*.parquet")))
        for path in sorted(folder.rglob("*.*")):
            key = settings.layout.key(f"{layout.landing(day)}{path.relative_to(folder)}")
            objects.client.put_object(Bucket=settings.bucket, Key=key, Body=path.read_bytes())
    return days


class Instance:
    """What operators ask of their context."""

    def xcom_push(self, key: str, value: object) -> None:
        """Take a value that nobody reads."""


def request(days, run: str):
    return {"run": run, "days": {"transactions": [str(days[0]), str(days[-1])]}}


def test_days__are_admitted_recorded_and_loaded_from_what_was_delivered(deployment, landed) -> None:
    settings, objects = deployment
    asked = request(landed, "delivered")
    job = deliveries.plan_transactions(settings, objects, asked, 1)
    Processing(task_id="admit", config=job, print_log=False, check_interval=1).execute({"ti": Instance()})
    statements = deliveries.record_transactions(settings, objects, asked)
    assert [line.split()[0] for line in statements].count("COPY") == 4
    for day in landed:
        manifest = objects.read_json(layout.manifest("transactions", day))
        assert manifest["quarantined"] == {"transactions": {"repeated": 1}}
        assert f"{layout.quarantine(day)}part.parquet" in manifest["files"]
        assert not any(key.startswith("truth/") for key in manifest["files"])
        assert deliveries.notices(objects, day) == ["1 rows of transactions quarantined: repeated"]
    copied = objects.read_json(f"{plans.Stage(objects, asked).folder}copy/customers.json")
    assert len(copied["entries"]) == 1


def test_day__that_is_refused_fails_the_task_with_the_gates_own_words_and_leaves_nothing(deployment, landed) -> None:
    settings, objects = deployment
    key = f"{layout.landing(landed[0])}delivery.json"
    listed = objects.read_json(key)
    listed["files"]["transactions/a.parquet"]["rows"] += 1
    objects.write_text(key, json.dumps(listed))
    job = deliveries.plan_transactions(settings, objects, request(landed, "refused"), 1)
    with pytest.raises(AirflowException, match=rf"the delivery of {landed[0]} is refused: transactions/a\.parquet has"):
        Processing(task_id="admit", config=job, print_log=False, check_interval=1).execute({})
    assert objects.list("raw/") == objects.list("summaries/") == []
