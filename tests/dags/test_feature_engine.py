"""The setting ``feature_engine`` chooses the operator that computes features; no other task changes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], include_examples=False)
print(json.dumps([
    {f"{dag.dag_id}.{task.task_id}": task.task_type for dag in bag.dags.values() for task in dag.tasks},
    [task.deferrable for dag in bag.dags.values() for task in dag.tasks if task.task_id == "features.compute_features"],
]))
"""


def tasks(home: Path, **settings: str) -> tuple[dict[str, str], list[bool]]:
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AWS_DEFAULT_REGION": "nowhere-1",
        **settings,
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    command = [sys.executable, "-c", PROGRAM, str(ROOT / "dags")]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-3000:]
    found, deferrable = json.loads(answer.stdout.splitlines()[-1])
    return found, deferrable


@pytest.mark.slow
def test_feature_engine__chooses_the_operator_of_one_task(tmp_path: Path) -> None:
    one_machine, _ = tasks(tmp_path)
    on_spark, deferrable = tasks(
        tmp_path, FRAUD_FEATURE_ENGINE="emr", FRAUD_EMR_APPLICATION_ID="a1", FRAUD_DEFERRABLE="true"
    )
    changed = {name: kind for name, kind in on_spark.items() if one_machine[name] != kind}
    assert changed == {
        "fraud_daily.features.compute_features": "EmrServerlessStartJobOperator",
        "fraud_history.features.compute_features": "EmrServerlessStartJobOperator",
    }
    assert deferrable == [True, True]
