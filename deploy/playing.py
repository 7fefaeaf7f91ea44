"""Plays runs of DAGs in this process, task after task: ``python -m deploy.playing '[["DAG_ID", {"param": …}], …]'``.

What ``airflow dags test`` does, but that makes Airflow's execution API anew for every task, which takes seconds.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time import supervisor

__all__ = ["play"]


def play(folder: Path, runs: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Play runs one after the other until one fails, and return what failed.

    Parameters
    ----------
    folder
        Where the DAGs are.
    runs
        DAG and configuration of each: what its trigger form would be filled in with.
    """
    supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
    bag = DagBag(folder)
    if bag.import_errors:
        return [f"{path}: {error}" for path, error in bag.import_errors.items()]
    for dag_id, conf in runs:
        run = bag.dags[dag_id].test(logical_date=None, run_conf=conf)
        if str(run.state) != "success":
            tasks = [task.task_id for task in run.get_task_instances() if task.state == "failed"]
            return [f"{dag_id} {run.state}: {', '.join(sorted(tasks))}"]
    return []


if __name__ == "__main__":
    failed = play(Path(__file__).parents[1] / "dags", json.loads(sys.argv[1]))
    if failed:
        sys.exit("\n".join(failed))
