"""What the drift step publishes for the monitor page, from SQL on the local Redshift to the objects in the bucket."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from fraud import layout, warehouse
from fraud.errors import MissingInputError
from fraud.layout import Layout
from fraud.orchestration import page
from fraud.orchestration.objects import Objects
from fraud.orchestration.registry import Package
from fraud.settings import Settings
from redshift_client import Warehouse

DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)
NAMES = {"dag_id": "fraud_daily", "run_id": "scheduled__1"}
PACKAGE = Package(3, "arn", "Approved", "2026-03-01", {"run": "weekly-1"}, "s3://b/m", "image")


@pytest.fixture(scope="module")
def redshift(local_aws):
    """Two cards with a history; the first is alerted on both days, and its fraud is known from the day after."""
    found = Warehouse.create(local_aws, "monitor-page")
    found.run(warehouse.create_schema())
    insert = {
        "transactions": [
            "(1, '2026-02-08', '2026-02-08 23:59:59', 7, 1, 5.00)",
            "(2, '2026-02-09', '2026-02-09 08:00:00', 7, 1, 6.00)",
            "(3, '2026-03-10', '2026-03-10 09:30:00', 7, 2, 80.25)",
            "(4, '2026-03-10', '2026-03-10 10:00:00', 8, 2, 10.00)",
            "(5, '2026-03-11', '2026-03-11 10:00:00', 7, 2, 20.00)",
        ],
        "predictions": [
            "(3, '2026-03-10', 3, 0.9)",
            "(4, '2026-03-10', 3, 0.2)",
            "(5, '2026-03-11', 3, 0.4)",
        ],
        "alerts": ["('2026-03-10', 1, 7, 0.9, 3, 3, '[]')", "('2026-03-11', 1, 7, 0.4, 5, 3, '[]')"],
        "label_deliveries": [
            "(2, '2026-02-09', false, '2026-02-16 08:00:00', 'chargeback')",
            "(3, '2026-03-10', true, '2026-03-11 12:00:00', 'investigation')",
            "(4, '2026-03-10', true, '2026-03-11 09:00:00', 'chargeback')",
            "(5, '2026-03-11', false, '2026-03-12 12:00:00', 'investigation')",
        ],
    }
    for table, rows in insert.items():
        found.run(f"INSERT INTO fraud.{table} VALUES {', '.join(rows)}")
    return found


@pytest.fixture
def deployment(redshift, request):
    """Settings and bucket of one test, with both days scored and measured."""
    settings = Settings(bucket=redshift.bucket, prefix=request.node.name[:40].replace("_", "-"))
    objects = Objects(Layout(settings.bucket, settings.prefix))
    objects.__dict__["client"] = redshift.stack.client("s3")
    for day in (DAY, NEXT):
        objects.write_json(
            layout.manifest("scoring", day),
            {"date": str(day), "model_version": 3, "rows": {"predictions": 2}, "files": {}},
        )
        metrics = {"columns": {}, "performance": {}, "no_evidence": {"reference": "none"}}
        objects.write_json(f"{layout.drift_report(day)}metrics.json", metrics)
        objects.write_json(f"{layout.alerts(day)}alerts.json", [{"rank": 1, "customer_id": 7}])
    objects.write_json("training/weekly-1/verdict.json", {"best": "xgboost"})
    return settings, objects


def close(redshift, deployment, first, last):
    settings, objects = deployment
    request = {"run": f"run-{first}-{last}", "days": {"drift": [str(first), str(last)]}}
    for statement in page.unload_outcomes(settings, request):
        redshift.run(statement)
    decisions = {
        str(day): {"action": "none", "alarm": "none", "reason": "calm", "due_date": None} for day in (DAY, NEXT)
    }
    page.publish(settings, objects, [PACKAGE], request, decisions, **NAMES)
    return objects.read_json(layout.monitoring("summary.json"))


def everything(objects):
    return {key: objects.read_text(key) for key in objects.list("monitoring/")}


def test_publish__outcomes_are_those_known_at_the_day_s_end(redshift, deployment):
    summary = close(redshift, deployment, DAY, DAY)
    assert (summary["dates"], summary["investigated"], summary["fraud_cents"]) == (["2026-03-10"], [0], [0])
    summary = close(redshift, deployment, NEXT, NEXT)
    assert summary["dates"] == ["2026-03-10", "2026-03-11"]
    assert summary["investigated"] == [1, 0]
    assert summary["caught_cents"] == [8025, 0]
    assert summary["fraud_cents"] == [9025, 0]


def test_publish__a_card_s_history_has_its_thirty_days_and_no_other_card(redshift, deployment):
    close(redshift, deployment, DAY, NEXT)
    found = deployment[1].read_json(layout.monitoring(f"cards/{DAY}.json"))
    midnight = 29 * 1440
    assert found["cards"] == {"1": [[480, 600, None, 0], [midnight + 570, 8025, 0.9, 1]]}


def test_publish__a_range_gives_what_its_days_give_one_by_one(redshift, deployment):
    settings, objects = deployment
    close(redshift, deployment, DAY, DAY)
    close(redshift, deployment, NEXT, NEXT)
    daily = everything(objects)
    other = Objects(Layout(settings.bucket, f"{settings.prefix}-range"))
    other.__dict__["client"] = objects.client
    for key in objects.list(""):
        if not key.startswith(("monitoring/", "staging/")):
            other.write_text(key, objects.read_text(key))
    close(redshift, (settings.model_copy(update={"prefix": f"{settings.prefix}-range"}), other), DAY, NEXT)
    assert everything(other) == daily


def test_publish__running_an_old_day_again_changes_no_byte(redshift, deployment):
    close(redshift, deployment, DAY, DAY)
    close(redshift, deployment, NEXT, NEXT)
    before = everything(deployment[1])
    close(redshift, deployment, DAY, DAY)
    assert everything(deployment[1]) == before


def test_publish__a_summary_that_was_lost_comes_back(redshift, deployment):
    close(redshift, deployment, DAY, DAY)
    close(redshift, deployment, NEXT, NEXT)
    before = everything(deployment[1])
    deployment[1].delete(layout.monitoring("summary.json"))
    close(redshift, deployment, NEXT, NEXT)
    assert everything(deployment[1]) == before


def test_publish__models_carry_their_run_s_verdict(redshift, deployment):
    close(redshift, deployment, DAY, DAY)
    [model] = json.loads(deployment[1].read_text(layout.monitoring("models.json")))["models"]
    assert (model["version"], model["verdict"]) == (3, {"best": "xgboost"})


def test_publish__a_day_without_metrics_is_named(redshift, deployment):
    deployment[1].delete(f"{layout.drift_report(DAY)}metrics.json")
    with pytest.raises(MissingInputError, match=r"the monitor page of 2026-03-10 needs .*metrics\.json"):
        close(redshift, deployment, DAY, DAY)
