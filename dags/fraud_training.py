"""### Train challengers, promote the best if it is better

```
check_request
  ├─► set_retraining   pause or resume the loop
  ├─► train            unload data, (tune),
  │     │              one job a candidate,
  │     │              compare, register
  │     ▼
  └─► promotion        (ask a person), conclude
```

Weekly, when the drift decision asks for it, or by hand. A challenger replaces the champion only by the promotion rule
(settings, docs/monitoring.md), measured on the same transactions of customers that no model was trained on. The
verdict, with its numbers and its reason, is on the model package, in `fraud.verdicts`, in
`training/<run>/verdict.json`, on the Fraud monitor, and in the note of the run.

**By hand** (Trigger, then fill in what is wanted, leave the rest):

- train now: *Candidates*, *Window*, *Hyperparameters* as wished
- search hyperparameters first: *Tune*
- promote an earlier version, or roll back: *Promote version*; *As of* for another day than today
- be asked before a promotion: *Require approval*; the answer is given under Browse → Required actions
- pause or resume retraining: *Retraining*

**When it fails**

- `check_request`: its log says in one sentence what was wrong with the request. Trigger a new run.
- `plan_training_data` after an outage: the days that it names are still being caught up. Clear it once they are there;
  next week's run trains all the same. (It does not wait: a training that drift asks for would stand behind it.)
- `train_candidate`, `tune_candidate`, `evaluate_candidates`: the job's own reason is in the task's log, its output
  behind the link *Job*. Mend it; clear the task, or the `plan_…` task before it.
- `approve_promotion` waits for a person, it does not fail. While it waits, later runs of this DAG are queued.
- any other: mend what the log names and clear the task. Every task can be run again.
"""

from datetime import timedelta

import pendulum
from airflow.sdk import CronDataIntervalTimetable, Param, dag, get_current_context, task

from fraud.models.candidates import CANDIDATES, overrides_schema
from fraud.orchestration import interventions, notes
from fraud.orchestration.groups import Groups
from fraud.orchestration.objects import Objects
from fraud.orchestration.operators import MACROS, default_args, fail_fast, owner_links
from fraud.orchestration.registry import packages_of
from fraud.orchestration.requests import read_world, run_folder
from fraud.orchestration.training_requests import training_run
from fraud.settings import Settings

settings = Settings.from_environment()


@dag(
    dag_id="fraud_training",
    dag_display_name="Fraud: training",
    description="Train challengers, promote the best if it is better; promote or roll back by hand; pause retraining",
    # The run of Monday has the labels known by Sunday's end; the first one comes a whole week after the first day.
    schedule=CronDataIntervalTimetable("0 6 * * 1", timezone="UTC"),
    start_date=pendulum.datetime(settings.first_day.year, settings.first_day.month, settings.first_day.day, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12 + settings.approval_hours),
    default_args=default_args(settings),
    tags=["fraud", "training"],
    owner_links=owner_links(settings),
    user_defined_macros=MACROS,
    doc_md=__doc__,
    params={
        "kind": Param(
            None,
            type=["null", "string"],
            enum=[None, "scheduled", "alarm", "manual"],
            values_display={
                "None": "as the run was started",
                "scheduled": "scheduled",
                "alarm": "alarm: fewer days, more is asked",
                "manual": "manual",
            },
            title="Kind",
            description="Why a challenger is trained, and by which promotion rule it is judged.",
        ),
        "as_of": Param(
            None,
            type=["null", "string"],
            format="date",
            title="As of",
            description="Only labels known before this day are used, and the model may score from it on. Empty: today.",
        ),
        "candidates": Param(
            list(settings.training.candidates),
            type="array",
            items={"type": "string", "enum": sorted(CANDIDATES)},
            minItems=1,
            uniqueItems=True,
            examples=sorted(CANDIDATES),
            title="Candidates",
            description="What to train and compare, chosen from the list.",
        ),
        "window_days": Param(
            settings.training.window_days,
            type="integer",
            minimum=7,
            maximum=180,
            title="Window",
            description="Labelled days to train on, 7 to 180.",
        ),
        "hyperparameters": Param(
            None,
            **overrides_schema(),
            title="Hyperparameters",
            description='Overrides by candidate as JSON, for example {"xgboost": {"max_depth": 5}}. Empty: as shipped.',
        ),
        "tune": Param(
            [],
            type="array",
            items={"type": "string", "enum": sorted(CANDIDATES)},
            uniqueItems=True,
            examples=sorted(CANDIDATES),
            title="Tune",
            description="Candidates whose hyperparameters a tuning job searches first; each joins the comparison as "
            "<candidate>_tuned.",
        ),
        "require_approval": Param(
            settings.require_approval,
            type="boolean",
            title="Require approval",
            description="A person approves a promotion under Browse → Required actions before it takes effect.",
        ),
        "promote_version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Promote version",
            description="Train nothing: have this registered version score from As of on. Rolls back when it is older "
            "than the champion.",
            section="Instead of training",
        ),
        "retraining": Param(
            "keep",
            type="string",
            enum=["keep", "pause", "resume"],
            values_display={"keep": "as it is", "pause": "pause", "resume": "resume"},
            title="Retraining",
            description="Pause or resume the retraining loop (the weekly training, and what drift triggers); the run "
            "does nothing else.",
            section="Instead of training",
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
        """Work out what is asked for and refuse what cannot work before any job starts."""
        context = get_current_context()
        run = context["dag_run"]
        request = training_run(
            settings,
            objects,
            packages_of(settings)[1],
            read_world(objects),
            context["params"],
            day=run.run_after.date(),
            run=run_folder(context["run_id"]),
            user=run.triggering_user_name,
            scheduled=run.run_type == "scheduled",
        )
        if not any(request[name] for name in ("training", "promotion", "retraining")):
            notes.say("Nothing was trained: retraining is paused")
        return request

    request = check_request()
    interventions.set_retraining(groups, request)
    groups.train(request) >> interventions.promotion(groups, request)


fraud_training()
