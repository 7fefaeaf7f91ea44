"""### The past: bootstrap, recompute, re-score

```
prepare        keep the world, create the tables
transactions ┐
features     │ one job for the whole range
train        │ at every step; nothing is acted on
scoring      │
drift        ┘
rescore        another version, in its own table
erase          a card's data, from every layer
```

Without dates and steps it bootstraps an environment: everything before the first scheduled day, the first champion, its
scores and metrics. With dates it does the chosen steps again over that range; running a step again over a day changes
nothing.

**By hand** (Trigger, then fill in):

- bootstrap an environment: nothing
- recompute features: *First day*, *Last day*, *Steps* features
- score days that were missed: dates, *Steps* scoring (and drift); each day by its own champion
- ask what another version says of delivered days: dates, *Steps* rescore, *Model version*. The answer goes into the
  table `rescores`; the alerts that were sent, and the labels that they led to, stay.
- delete a card's data, which a person may ask for: *Steps* erase, *Card*. Pause `fraud_daily` first. It goes from every
  layer, and stays out of what is delivered or computed again; the last task looks through all layers.

**When it fails**

- `check_request`: its log says what was wrong with the request, or which day is missing. Trigger a new run.
- a job (`simulate_transactions`, `compute_features`, `transform`, …): its reason is in the task's log, its output
  behind the link *Job*. Mend it, clear the `plan_…` task before it.
- `record_…`: an output is not what the job said it wrote. Clear the job's task to write it again.
- any other: mend what the log names and clear the task. Every task can be run again.
"""

from datetime import timedelta

from airflow.sdk import Param, chain, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from fraud import warehouse
from fraud.orchestration import erasures, interventions
from fraud.orchestration.groups import Groups
from fraud.orchestration.objects import Objects
from fraud.orchestration.operators import MACROS, Operators, default_args, fail_fast, owner_links
from fraud.orchestration.plans import store_world
from fraud.orchestration.registry import packages_of
from fraud.orchestration.requests import HISTORY_STEPS, history_request
from fraud.settings import Settings
from fraud.simulator.worlds import named_worlds

settings = Settings.from_environment()


@dag(
    dag_id="fraud_history",
    dag_display_name="Fraud: history",
    description="The past: bootstrap an environment, recompute a range of days, re-score it",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=24),
    default_args=default_args(settings),
    tags=["fraud", "history", "by hand"],
    owner_links=owner_links(settings),
    user_defined_macros=MACROS,
    doc_md=__doc__,
    params={
        "start": Param(
            None,
            type=["null", "string"],
            format="date",
            title="First day",
            description="First day of the range. Empty, with the last day: everything before the daily schedule.",
        ),
        "end": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Last day",
            description="Last day of the range, included.",
        ),
        "steps": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "enum": list(HISTORY_STEPS)},
            minItems=1,
            uniqueItems=True,
            examples=list(HISTORY_STEPS),
            title="Steps",
            description="What to do with these days, chosen from the list and done in its order. To compute features "
            "again: features. To ask what another version says: rescore. Empty, without dates: the bootstrap.",
        ),
        "model_version": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Model version",
            description="For step rescore only: the version that scores the days again. Its scores go into the table "
            "rescores; what was delivered stays.",
        ),
        "world": Param(
            None,
            type=["null", "string"],
            examples=sorted(named_worlds()),
            title="World",
            description="What to simulate, chosen once, at the first bootstrap. Empty: the deployment's setting.",
            section="First bootstrap only",
        ),
        "card": Param(
            None,
            type=["null", "integer"],
            minimum=0,
            title="Card",
            description="For step erase only: the customer_id whose data is deleted, which cannot be undone. Empty: "
            "what was erased before, once more.",
            section="Deleting a card only",
        ),
    },
)
def fraud_history() -> None:
    """Do chosen steps over a range of days, one job a step."""
    groups = Groups(settings)
    objects = Objects(settings.layout)

    @task(multiple_outputs=True)
    @fail_fast
    def check_request() -> dict:
        """Work out the range of each step and refuse what cannot work before any job starts."""
        context = get_current_context()
        return history_request(settings, objects, packages_of(settings)[1], context["params"], context["run_id"])

    @task
    @fail_fast
    def store_the_world(request: dict) -> str:
        """Keep the anchored world, once."""
        if request["world"] is None:
            raise AirflowSkipException("step 'prepare' was not asked for")
        return store_world(objects, request)

    @task_group
    def prepare(request: dict) -> None:
        """Keep the anchored world and create the warehouse's tables; what is there already stays."""
        store_the_world(request) >> Operators(settings).sql("create_schema", warehouse.create_schema())

    request = check_request()
    chain(
        prepare(request),
        groups.transactions(request, wait=False),
        groups.features(request, wait=False),
        groups.train(request),
        groups.scoring(request, wait=False),
        groups.drift(request, act=False),
        interventions.rescore(groups, request),
        erasures.erase(groups, request),
    )


fraud_history()
