"""Which days the schedule makes runs of: each once, in order, whatever the clock has done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk import CronDataIntervalTimetable
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import DagRunInfo, TimeRestriction

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def timetable():
    """The schedule as the scheduler has it."""
    dag = (Path(__file__).parents[2] / "dags" / "fraud_daily.py").read_text()
    assert 'schedule=CronDataIntervalTimetable("0 1 * * *", timezone="UTC"),' in dag
    assert "catchup=True," in dag
    return coerce_to_core_timetable(CronDataIntervalTimetable("0 1 * * *", timezone="UTC"))


def following(timetable, last: datetime, count: int) -> list[DagRunInfo]:
    """Return the runs that come after the run of a day, as the scheduler asks for them one by one."""
    restriction = TimeRestriction(earliest=last - 100 * DAY, latest=None, catchup=True)
    info = DagRunInfo.interval(last, last + DAY)
    found = []
    for _ in range(count):
        info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
        found.append(info)
    return found


@pytest.fixture
def set_clock(monkeypatch):
    """Return a function that sets the clock that timetables look at."""

    def to(moment: datetime) -> None:
        monkeypatch.setattr("airflow._shared.timezones.timezone.utcnow", lambda: moment)

    return to


@pytest.mark.parametrize(
    "last",
    [
        datetime(2026, 3, 20, 1, tzinfo=UTC),  # daylight saving begins in Europe on the 29th
        datetime(2026, 10, 18, 1, tzinfo=UTC),  # and ends on the 25th
        datetime(2028, 2, 22, 1, tzinfo=UTC),  # a leap day
        datetime(2026, 12, 25, 1, tzinfo=UTC),  # a year's end
    ],
)
@pytest.mark.parametrize("jump", [10 * DAY, timedelta(hours=-3), 400 * DAY, -400 * DAY])
def test_days__after_an_outage_or_a_jump_of_the_clock_come_one_by_one(timetable, set_clock, last, jump) -> None:
    set_clock(last + DAY + jump)
    found = following(timetable, last, 10)
    assert [run.data_interval.start for run in found] == [last + n * DAY for n in range(1, 11)]
    assert [run.data_interval.end for run in found] == [last + (n + 1) * DAY for n in range(1, 11)]
    # A run is not due before its day has ended, so that a clock put back only makes it wait.
    assert all(run.run_after == run.data_interval.end for run in found)
