"""Runs at the same time, and days in odd places of the calendar: what a plan decides once it keeps."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from fraud import layout
from fraud.orchestration import deliveries, plans
from fraud.orchestration.registry import Package
from fraud.orchestration.requests import daily_request, run_folder
from fraud.settings import Settings
from fraud.simulator.worlds import anchor, load_world

DAY = timedelta(days=1)


def package(version: int, effective_from: date | str) -> Package:
    return Package(
        version, f"arn/{version}", "Approved", str(effective_from), {"feature_version": "v1"}, f"s3://m/{version}", "i"
    )


def request(settings, objects, day, packages, run_id="r"):
    return daily_request(settings, objects, packages, day, run_id)


@pytest.fixture
def first(settings, bootstrapped):
    """A deployment whose first scheduled day is delivered and has its features."""
    for step in ("transactions", "features"):
        bootstrapped.write_json(
            layout.manifest(step, settings.first_day), {"date": str(settings.first_day), "files": {}}
        )
    return bootstrapped


def test_scoring__keeps_its_champion_when_another_is_promoted_in_the_middle(settings, first) -> None:
    day = settings.first_day
    before = [package(1, "2026-01-01")]
    asked = request(settings, first, day, before)
    segments = plans.choose_champions(settings, first, before, asked, 1)
    after = [*before, package(2, day)]  # promoted now, for this very day
    (collection,) = plans.plan_collection(settings, first, asked, segments, 1)
    arguments = collection["AppSpecification"]["ContainerArguments"]
    assert arguments[arguments.index("--model-version") + 1] == "1"
    models = [entry for entry in collection["ProcessingInputs"] if entry["InputName"] == "model"]
    assert [entry["S3Input"]["S3Uri"] for entry in models] == ["s3://m/1"]
    assert segments[0]["transform"]["Model"]["Containers"] == [{"ModelPackageName": "arn/1"}]
    assert plans.choose_champions(settings, first, after, asked, 1)[0]["version"] == 2  # a run that chooses now


def test_scoring__of_a_scored_day_uses_the_version_that_scored_it(settings, first) -> None:
    day = settings.first_day
    first.write_json(layout.manifest("scoring", day), {"date": str(day), "model_version": 1})
    packages = [package(1, "2026-01-01"), package(2, day)]
    asked = request(settings, first, day, packages, "again")
    assert [one["version"] for one in plans.choose_champions(settings, first, packages, asked, 1)] == [1]


def test_runs__over_the_same_days_stage_and_name_apart(settings, first) -> None:
    packages = [package(1, "2026-01-01")]
    runs = ("scheduled__2026-03-01T01:00:00+00:00", "backfill__2026-03-01T01:00:00+00:00")
    plans_of = [
        plans.choose_champions(
            settings, first, packages, request(settings, first, settings.first_day, packages, run), 1
        )
        for run in runs
    ]
    names = {segments[0]["transform"]["Transform"]["TransformJobName"] for segments in plans_of}
    folders = {segments[0]["output"] for segments in plans_of}
    assert len(names) == len(folders) == 2
    assert folders == {f"staging/{run_folder(run)}/transform/0/" for run in runs}


@pytest.mark.parametrize("first_day", [date(2024, 2, 29), date(2024, 3, 1), date(2025, 1, 1), date(2025, 3, 30)])
def test_days__of_a_leap_year_a_year_end_and_a_clock_change_follow_each_other(settings, objects, first_day) -> None:
    settings = settings.model_copy(update={"first_day": first_day})
    world = anchor(load_world("tiny"), first_day)
    objects.write_text(layout.world(), world.to_json())
    for index in range(world.daily_from):
        for step in layout.STEPS:
            day = world.date_of(index)
            objects.write_json(layout.manifest(step, day), {"date": str(day), "files": {}, "world": world.content_hash})
    packages = [package(1, world.start)]
    waited = []
    for offset in range(12):
        day = first_day + offset * DAY
        asked = daily_request(settings, objects, packages, day, f"r{offset}")
        assert asked["days"]["scoring"] == [str(day), str(day)]
        waited += asked["wait_scoring"]
        assert len(asked["wait_features"]) == offset + 1
    # Each day waits for the one before: twelve days, no gap, none twice.
    assert waited == [
        objects.layout.key(layout.manifest("drift", first_day + offset * DAY)) for offset in range(-1, 11)
    ]


def delivered(settings) -> Settings:
    return settings.model_copy(update={"world": "delivery"})


def test_delivery__of_a_day_waits_for_its_files_and_for_the_day_before(settings, bootstrapped) -> None:
    day = settings.first_day
    asked = request(delivered(settings), bootstrapped, day, [package(1, "2026-01-01")])
    assert asked["wait_delivery"] == [
        f"unit/landing/tx_date={day}/delivery.json",
        f"unit/manifests/transactions/{day - DAY}.json",
    ]


def test_delivery__is_admitted_from_where_it_was_landed(settings, bootstrapped) -> None:
    day = settings.first_day
    for name in ("transactions/a.parquet", "delivery.json"):
        bootstrapped.write_text(f"{layout.landing(day)}{name}", "…")
    asked = request(delivered(settings), bootstrapped, day, [package(1, "2026-01-01")])
    job = deliveries.plan_transactions(delivered(settings), bootstrapped, asked, 1)
    assert job["AppSpecification"]["ContainerArguments"][0] == "ingest"
    assert [entry["InputName"] for entry in job["ProcessingInputs"]] == ["world", "landing", "transactions"]
    staged = bootstrapped.read_json(f"staging/{asked['run']}/inputs/landing.json")
    assert staged[1:] == [f"tx_date={day}/delivery.json", f"tx_date={day}/transactions/a.parquet"]
    outputs = {entry["OutputName"] for entry in job["ProcessingOutputConfig"]["Outputs"]}
    assert outputs == {"transactions", "labels", "customers", "terminals", "quarantine", "summary"}


def test_delivery__that_did_not_come_is_said_so_by_a_range(settings, bootstrapped) -> None:
    from fraud.errors import MissingInputError

    day = settings.first_day
    asked = request(delivered(settings), bootstrapped, day, [package(1, "2026-01-01")])
    with pytest.raises(
        MissingInputError, match=f"landing/tx_date={day}/delivery.json is missing, so {day} was not del"
    ):
        deliveries.plan_transactions(delivered(settings), bootstrapped, asked, 1)


def test_delivery__what_the_gate_found_is_among_the_notices(settings, bootstrapped) -> None:
    day = settings.first_day
    found = {"quarantined": {"labels": {"label_day": 2}}, "warnings": ["extra_column: a.parquet has others"]}
    bootstrapped.write_json(layout.manifest("transactions", day), {"date": str(day), **found})
    assert deliveries.notices(bootstrapped, day) == [
        "extra_column: a.parquet has others",
        "2 rows of labels quarantined: label_day",
    ]
