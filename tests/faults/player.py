"""Plays DAG runs in this process: Airflow's own task runner and retries, and a scheduler of a few lines.

One task at a time, in the order of their names: a run with the same faults is the same run.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MOST_TRIES = 6
IDLE_PASSES = 20

OnTask = Callable[[str, str, str, int, int], None]
"""Told before each try of a task: DAG, run, task, map index, try."""


def prepare(home: Path, endpoint: str, settings: Mapping[str, str]) -> None:
    """Configure Airflow for this process; call it before Airflow is imported."""
    for name in [n for n in os.environ if n.startswith(("AIRFLOW", "AWS_", "FRAUD_"))]:
        del os.environ[name]
    home.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "false",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        # Faults are told from hangs by time-outs, so these are short; a local answer takes milliseconds.
        "AIRFLOW_CONN_AWS_DEFAULT": (
            '{"conn_type": "aws", "extra": {"config_kwargs": {"connect_timeout": 3, "read_timeout": 3, '
            '"retries": {"mode": "standard", "max_attempts": 2}}}}'
        ),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "FRAUD_DEFERRABLE": "false",
        "FRAUD_POLL_SECONDS": "0.25",
        "FRAUD_RETRIES": str(MOST_TRIES - 1),
        "FRAUD_RETRY_DELAY_SECONDS": "0",
        **settings,
    }
    airflow = Path(sys.executable).with_name("airflow")
    if not (home / "airflow.db").exists():
        done = subprocess.run([airflow, "db", "migrate"], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"airflow db migrate: {done.stdout[-2000:]} {done.stderr[-2000:]}")


class Player:
    """The DAGs of this deployment, ready to be played."""

    def __init__(self, on_task: OnTask) -> None:
        import botocore.loaders
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
        from airflow.sdk.execution_time import supervisor
        from airflow.serialization.serialized_objects import DagSerialization
        from airflow.settings import Session

        # Tasks are processes of their own elsewhere; in one, each reads the same service descriptions again.
        load = functools.cache(botocore.loaders.JSONFileLoader().load_file)
        botocore.loaders.JSONFileLoader.load_file = lambda _, path: load(path)
        supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
        self.on_task = on_task
        self._session = Session()
        DagBundlesManager().sync_bundles_to_db(session=self._session)
        self._session.commit()
        bag = DagBag(ROOT / "dags", bundle_name="dags-folder")
        if bag.import_errors:
            raise RuntimeError(str(bag.import_errors))
        sync_bag_to_db(bag, "dags-folder", None)
        self.dags = bag.dags
        self._scheduler_dags = {
            name: DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
            for name, dag in bag.dags.items()
        }

    def play(
        self, dag_id: str, run_id: str, logical_date: datetime | None = None, conf: Mapping[str, Any] | None = None
    ) -> str:
        """Play a run to its end and return its state."""
        from airflow.timetables.base import DataInterval
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        interval = DataInterval(logical_date, logical_date + timedelta(days=1)) if logical_date else None
        run = self._scheduler_dags[dag_id].create_dagrun(
            run_id=run_id,
            logical_date=logical_date,
            data_interval=interval,
            run_after=interval.end if interval else datetime.now().astimezone(),
            conf=dict(conf or {}),
            run_type=DagRunType.SCHEDULED if logical_date else DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=self._session,
        )
        self._session.commit()
        return self._play(run)

    def _play(self, run: Any) -> str:
        from airflow.utils.state import DagRunState, TaskInstanceState

        session = self._session
        run.dag = self._scheduler_dags[run.dag_id]
        idle = 0
        while run.state == DagRunState.RUNNING:
            session.expire_all()
            schedulable, _ = run.update_state(session=session)
            for instance in schedulable:
                instance.try_number += 1
                instance.state = TaskInstanceState.SCHEDULED
            session.commit()
            instances = run.get_task_instances(session=session)
            ready = [one for one in instances if one.state == TaskInstanceState.SCHEDULED]
            # A pass that only skips tasks or expands mapped ones makes nothing ready by itself.
            idle = 0 if ready else idle + 1
            if idle > IDLE_PASSES and not any(one.state == TaskInstanceState.UP_FOR_RETRY for one in instances):
                raise RuntimeError(f"{run.dag_id} {run.run_id} is stuck: {[(i.task_id, i.state) for i in instances]}")
            for instance in sorted(ready, key=lambda one: (one.task_id, one.map_index)):
                self._run_task(instance)
        return str(run.state)

    def _run_task(self, instance: Any) -> None:
        """Run one try of a task; what it deferred to is awaited here."""
        from airflow.sdk._shared.module_loading import import_string
        from airflow.sdk.api.datamodels._generated import TaskInstance
        from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor, run_task_in_process
        from airflow.sdk.serde import deserialize, serialize
        from airflow.serialization.serialized_objects import create_scheduler_operator
        from airflow.utils.state import TaskInstanceState

        task = self.dags[instance.dag_id].task_dict[instance.task_id]
        self.on_task(instance.dag_id, instance.run_id, instance.task_id, instance.map_index, instance.try_number)
        while True:
            instance.set_state(TaskInstanceState.QUEUED)
            described = TaskInstance(
                id=instance.id,
                task_id=instance.task_id,
                dag_id=instance.dag_id,
                run_id=instance.run_id,
                try_number=instance.try_number,
                map_index=instance.map_index,
                dag_version_id=instance.dag_version_id,
            )
            result = run_task_in_process(ti=described, task=task)
            instance.set_state(result.ti.state)
            instance.task = create_scheduler_operator(result.ti.task)
            if instance.state != TaskInstanceState.DEFERRED:
                return
            trigger = import_string(result.msg.classpath)(**deserialize(result.msg.trigger_kwargs))
            self._play_queued()
            event = InProcessTestSupervisor.run_trigger_in_process(trigger=trigger, ti=described)
            instance.next_method = result.msg.next_method
            instance.next_kwargs = {"event": serialize(event.payload)} if event else result.msg.next_kwargs
            self._session.add(instance)
            self._session.commit()

    def _play_queued(self) -> None:
        """Play the runs that a task has triggered."""
        from airflow.models.dagrun import DagRun
        from airflow.utils.state import DagRunState

        for run in self._session.query(DagRun).filter(DagRun.state == DagRunState.QUEUED).all():
            run.set_state(DagRunState.RUNNING)
            self._session.commit()
            self._play(run)

    def failed(self) -> list[str]:
        """Return the tasks that failed for good, of all runs."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.state import TaskInstanceState

        self._session.expire_all()
        query = self._session.query(TaskInstance).filter(TaskInstance.state == TaskInstanceState.FAILED)
        return sorted(f"{one.dag_id} {one.run_id} {one.task_id} (try {one.try_number})" for one in query.all())
