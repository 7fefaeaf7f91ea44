"""### Train challengers, promote the best if it is better

```
train data, held-out data ──► one job a candidate ──► evaluate on held-out customers ──► approve or reject
```

Weekly, when the drift decision asks for it, or by hand. A challenger replaces the champion only by the promotion rule
(settings, docs/monitoring.md), measured on the same transactions of customers that no model was trained on. The
verdict, with its numbers and its reason, is on the model package, in `fraud.verdicts` and in
`training/<run>/verdict.json`.

**When it fails**: a candidate's own reason stands in its job's log; clear the mapped task to train it again.
"""

from datetime import date, timedelta

import pendulum
from airflow.sdk import CronDataIntervalTimetable, Param, dag, get_current_context, task

from fraud.models.candidates import CANDIDATES, overrides_schema
from fraud.orchestration.groups import Groups
from fraud.orchestration.objects import Objects
from fraud.orchestration.operators import default_args, fail_fast
from fraud.orchestration.requests import read_world, run_folder, training_request
from fraud.settings import Settings

settings = Settings.from_environment()


@dag(
    dag_id="fraud_training",
    dag_display_name="Fraud: training",
    # The run of Monday has the labels known by Sunday's end; the first one comes a whole week after the first day.
    schedule=CronDataIntervalTimetable("0 6 * * 1", timezone="UTC"),
    start_date=pendulum.datetime(settings.first_day.year, settings.first_day.month, settings.first_day.day, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    default_args=default_args(settings),
    tags=["fraud", "training"],
    doc_md=__doc__,
    params={
        "kind": Param(
            "scheduled",
            type="string",
            enum=["scheduled", "alarm", "manual"],
            title="Kind",
            description="Which promotion rule applies.",
        ),
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of",
            description="Labels known before this day are used; the model may score from it on. Empty: the run's day.",
        ),
        "candidates": Param(
            list(settings.training.candidates),
            type="array",
            items={"type": "string", "enum": sorted(CANDIDATES)},
            minItems=1,
            uniqueItems=True,
            examples=sorted(CANDIDATES),
            title="Candidates",
            description="What to train.",
        ),
        "window_days": Param(
            settings.training.window_days,
            type="integer",
            minimum=7,
            maximum=180,
            title="Window",
            description="Labelled days to train on.",
        ),
        "hyperparameters": Param(
            {},
            **overrides_schema(),
            title="Hyperparameters",
            description='Overrides by candidate, for example {"xgboost": {"max_depth": 5}}.',
        ),
    },
)
def fraud_training() -> None:
    """Train, compare, register."""
    groups = Groups(settings)
    objects = Objects(settings.layout)

    @task
    @fail_fast
    def check_request() -> dict:
        """Work out the window and refuse what cannot work before any job starts."""
        context = get_current_context()
        params = context["params"]
        day = params["as_of"] or str(context["dag_run"].run_after.date())
        return {
            "training": training_request(
                settings,
                read_world(objects),
                kind=params["kind"],
                as_of=date.fromisoformat(day),
                run=run_folder(context["run_id"]),
                candidates=params["candidates"],
                hyperparameters=params["hyperparameters"],
                window_days=params["window_days"],
            )
        }

    groups.train(check_request())


fraud_training()
