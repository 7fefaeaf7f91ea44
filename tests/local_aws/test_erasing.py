"""A card erased as the DAG does it: the tasks' plans, real jobs by the stock operator, the warehouse's statements."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException

from card_objects import DAYS, LAST, card_to_erase, make_objects
from fraud import layout, warehouse
from fraud.erasure.erased import Erased
from fraud.erasure.search import find
from fraud.errors import ConflictError
from fraud.orchestration import erasures
from fraud.orchestration.links import Processing
from fraud.orchestration.manifests import copy_manifest
from fraud.orchestration.objects import Objects
from fraud.settings import Settings
from local_stack import REGION, ROLE, LocalStack
from redshift_client import Warehouse

pytestmark = pytest.mark.slow

TABLES = {
    "transactions": "raw/transactions/",
    "features": "features/",
    "predictions": "predictions/",
    "alerts": "alerts/",
}


class TaskInstance:
    """What operators ask of their context."""

    def xcom_push(self, key: str, value: Any) -> None:
        """Take a value that nobody reads."""


class Deployment:
    """The objects of ``card_objects`` in a bucket, and in the tables."""

    def __init__(self, stack: LocalStack, root: Path) -> None:
        self.stack, self.root = stack, root
        self.settings = Settings(
            bucket="erased-card", prefix="p", role_arn=ROLE, poll_seconds=1, first_day=LAST.replace(year=LAST.year + 1)
        )
        self.warehouse = Warehouse.create(stack, self.settings.bucket)
        self.objects = Objects(self.settings.layout)
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            self.objects.write_bytes(str(path.relative_to(root)), path.read_bytes())
        self.warehouse.run(warehouse.create_schema())
        for step in ("transactions", "features", "scoring"):
            for day in DAYS if step == "transactions" else [LAST]:
                manifest = self.objects.read_json(layout.manifest(step, day))
                for table, prefix in TABLES.items():
                    if any(key.startswith(prefix) for key in manifest["files"]):
                        uri = copy_manifest(self.objects, f"staging/run/copy/{table}.json", [manifest], prefix)
                        self.warehouse.run(warehouse.load_days(table, day, day, uri))

    def run(self, job: dict[str, Any]) -> None:
        Processing(task_id="job", config=job, print_log=False, check_interval=1).execute({"ti": TaskInstance()})

    def erase(self, run: str, card: int | None) -> None:
        """Do what the tasks of the step do, in their order."""
        request = {"run": run, "erase": True, "card": card}
        settings, objects = self.settings, self.objects
        self.warehouse.run(erasures.unload_card(settings, objects, request))
        erasures.extend_list(objects, request)
        self.run(erasures.plan_job(settings, objects, request, "erase", 1))
        self.run(erasures.plan_replacement(settings, request, 1))
        self.warehouse.run(erasures.delete_rows(settings))
        self.warehouse.run(erasures.count_left(settings, request))
        self.run(erasures.plan_job(settings, objects, request, "verify_erasure", 1))

    def everything(self, folder: Path) -> Path:
        """Copy every object below a folder."""
        for key in self.objects.list(""):
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.objects.client.get_object(Bucket="erased-card", Key=f"p/{key}")["Body"].read())
        return folder


@pytest.fixture(scope="module")
def deployment(local_aws: LocalStack, tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": local_aws.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        }.items():
            patch.setenv(name, value)
        yield Deployment(local_aws, make_objects(tmp_path_factory.mktemp("erasing")))


def test_erasing__leaves_the_card_nowhere_and_says_so(deployment: Deployment, tmp_path: Path) -> None:
    erased = card_to_erase(deployment.root)
    card = min(erased.customers)
    rows = deployment.warehouse.rows(f"SELECT COUNT(*) FROM fraud.transactions WHERE customer_id = {card}")
    assert rows[0][0] == len(erased.transactions) > 3
    total = deployment.warehouse.rows("SELECT COUNT(*) FROM fraud.transactions")[0][0]
    deployment.erase("first", card)
    assert Erased.from_json(deployment.objects.read_text(layout.erased())) == erased
    after = deployment.everything(tmp_path / "after")
    shutil.rmtree(after / "erasures")
    assert list(find(after, erased)) == []
    assert (after / "training/run/models/model.tar.gz").read_bytes() == b"a model"
    assert deployment.warehouse.rows("SELECT COUNT(*) FROM fraud.transactions")[0][0] == total - rows[0][0]
    assert deployment.warehouse.rows(f"SELECT COUNT(*) FROM fraud.alerts WHERE customer_id = {card}")[0][0] == 0
    report = deployment.objects.read_json(f"{layout.erasures()}last.json")
    assert report["files"] > len(DAYS)

    # Something that a run has brought back is found, in the objects and in the tables, and erased with the list alone.
    back = "raw/transactions/late/part.parquet"
    source = deployment.root / f"raw/transactions/tx_date={LAST}/part.parquet"
    deployment.objects.write_bytes(back, source.read_bytes())
    lost = max(erased.transactions)
    deployment.warehouse.run(f"INSERT INTO fraud.predictions VALUES ({lost}, '{LAST}', 1, 0.5)")
    request = {"run": "looks", "erase": True, "card": None}
    deployment.warehouse.run(erasures.count_left(deployment.settings, request))
    look = erasures.plan_job(deployment.settings, deployment.objects, request, "verify_erasure", 1)
    with pytest.raises(AirflowException, match=rf"still there: object {back} names .*; table predictions has 1 rows"):
        deployment.run(look)
    deployment.erase("second", None)
    assert deployment.warehouse.rows(f"SELECT COUNT(*) FROM fraud.predictions WHERE transaction_id = {lost}")[0][0] == 0


def test_erasing__waits_for_days_that_are_under_way(deployment: Deployment) -> None:
    settings = deployment.settings.model_copy(update={"first_day": LAST})
    with pytest.raises(ConflictError, match=f"{LAST} is under way: delivered, and not closed; pause fraud_daily"):
        erasures.unload_card(settings, deployment.objects, {"run": "r", "card": 1})
