"""Plays one run of a DAG in this process, task after task: ``python -m deploy.playing DAG_ID CONF``.

What ``airflow dags test`` does, but that makes Airflow's execution API anew for every task, which takes seconds.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time import supervisor

__all__ = ["play"]


def play(folder: Path, dag_id: str, conf: dict[str, Any]) -> list[str]:
    """Play a run to its end and return the tasks that failed.

    Parameters
    ----------
    folder
        Where the DAGs are.
    dag_id, conf
        The DAG, and what its trigger form would be filled in with.
    """
    supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
    bag = DagBag(folder)
    if bag.import_errors:
        return [f"{path}: {error}" for path, error in bag.import_errors.items()]
    run = bag.dags[dag_id].test(logical_date=None, run_conf=conf)
    if str(run.state) == "success":
        return []
    return sorted(task.task_id for task in run.get_task_instances() if task.state == "failed") or [str(run.state)]


if __name__ == "__main__":
    failed = play(Path(__file__).parents[1] / "dags", sys.argv[1], json.loads(sys.argv[2]))
    if failed:
        sys.exit(f"{sys.argv[1]}: failed: {', '.join(failed)}")
