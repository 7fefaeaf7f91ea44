"""### One day of card-fraud detection

```
transactions   simulate, or take the delivery
     │         check, load
     ▼
features       look back, compute, load
     │
     ▼
scoring        the day's champion scores
     │         alert the top cards, investigate
     ▼
drift          report, judge by labels, decide
     │
     ▼
(fraud_training, when the decision says so)
```

One run a day at 01:00 UTC, for the day before. A day's outputs are recorded in `manifests/<step>/<date>.json`; scoring
of a day waits for the drift decision of the day before, so that a promotion is never a race. Several days may be under
way. What came of a day is on the Fraud monitor: the tab of that name on a run, or Browse → Fraud monitor.

**When it fails**: later days wait (twelve hours by default) and go on by themselves once this one is mended.

- `check_request`: its log says which day or champion is missing, and which DAG makes it. Make it, clear the task.
- a job (`simulate_transactions`, `compute_features`, `transform`, …): its reason is in the task's log, its output
  behind the link *Job*. Mend it, clear the `plan_…` task before it.
- `record_…`: an output is not what the job said it wrote. Clear the job's task to write it again.
- `load_…`: the statement's error is in the log. Clear it: a load replaces the day whole.
- `wait_for_…`: the day before is not closed. Mend that day's run; clear this task if it timed out.
- `trigger_training`: the training run failed. Mend and clear it there, then clear this task.
- any other: mend what the log names and clear the task. Every task can be run again.
"""

from datetime import date, timedelta

import pendulum
from airflow.sdk import CronDataIntervalTimetable, Param, dag, get_current_context, task

from fraud.orchestration.groups import Groups
from fraud.orchestration.objects import Objects
from fraud.orchestration.operators import MACROS, default_args, fail_fast, owner_links
from fraud.orchestration.registry import packages_of
from fraud.orchestration.requests import daily_request
from fraud.settings import Settings

settings = Settings.from_environment()


@dag(
    dag_id="fraud_daily",
    dag_display_name="Fraud: daily",
    description="One day: deliver, compute, score, alert, watch for drift",
    schedule=CronDataIntervalTimetable("0 1 * * *", timezone="UTC"),
    start_date=pendulum.datetime(
        settings.first_day.year, settings.first_day.month, settings.first_day.day, 1, tz="UTC"
    ),
    catchup=True,
    max_active_runs=settings.max_active_runs,
    dagrun_timeout=timedelta(hours=settings.scoring_wait_hours + 12),
    default_args=default_args(settings),
    tags=["fraud", "daily"],
    owner_links=owner_links(settings),
    user_defined_macros=MACROS,
    doc_md=__doc__,
    params={
        "date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Day",
            description="Day to run; the run's own data interval when empty.",
        ),
    },
)
def fraud_daily() -> None:
    """Deliver, compute, score and watch one day."""
    groups = Groups(settings)

    @task(multiple_outputs=True)
    @fail_fast
    def check_request() -> dict:
        """Work out the day and refuse what cannot work before any job starts."""
        context = get_current_context()
        asked = context["params"]["date"]
        day = date.fromisoformat(asked) if asked else context["data_interval_start"].date()
        return daily_request(settings, Objects(settings.layout), packages_of(settings)[1], day, context["run_id"])

    request = check_request()
    (
        groups.transactions(request, wait=True)
        >> groups.features(request, wait=True)
        >> groups.scoring(request, wait=True)
        >> groups.drift(request, act=True)
    )


fraud_daily()
