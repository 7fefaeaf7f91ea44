"""The DAG files: they load, fast, without the library's heavy half, and say what they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, sys
import airflow.providers.amazon.aws.operators.sagemaker
import airflow.providers.amazon.aws.operators.redshift_data
import airflow.providers.amazon.aws.sensors.s3, airflow.providers.standard.operators.trigger_dagrun
before = set(sys.modules)
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], include_examples=False)
heavy = ("numpy", "pandas", "pyarrow", "sklearn", "xgboost", "numba", "evidently")
ours = [m for m in heavy if m in set(sys.modules) - before]
print(json.dumps({
    "errors": {k: v for k, v in bag.import_errors.items()},
    "seconds": {s.file: s.duration.total_seconds() for s in bag.dagbag_stats},
    "heavy": ours,
    "dags": {d.dag_id: {
        "doc": d.doc_md, "tags": sorted(d.tags), "tasks": sorted(d.task_ids),
        "owners": d.owner, "params": list(d.params),
        "retries": sorted({t.retries for t in d.tasks}), "timeouts": all(t.execution_timeout for t in d.tasks),
        "undocumented": sorted(t.task_id for t in d.tasks if not t.doc_md),
        "unlinked": sorted(
            t.task_id for t in d.tasks
            if t.task_type in ("Processing", "Training", "Transform", "Tuning")
            and "Job" not in [link.name for link in t.operator_extra_links]
        ),
        "nameless": sorted(t.task_id for t in d.tasks if t.is_mapped and not t.map_index_template),
        "undescribed": sorted(
            name for name in d.params
            if not (d.params.get_param(name).description and "title" in d.params.get_param(name).schema)
        ),
        "catchup": d.catchup, "max_active_runs": d.max_active_runs,
    } for d in bag.dags.values()},
}))
"""


def load(home: Path, **variables: str) -> dict:
    """Load the DAG files in a fresh interpreter and say what they hold."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AWS_DEFAULT_REGION": "nowhere-1",
        "FRAUD_NOTIFICATIONS_TOPIC_ARN": "",
        **variables,
    }
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return json.loads(answer.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def bag(tmp_path_factory) -> dict:
    return load(tmp_path_factory.mktemp("airflow"))


def test_dag_files__load_without_error(bag) -> None:
    assert bag["errors"] == {}
    assert sorted(bag["dags"]) == ["fraud_daily", "fraud_history", "fraud_training"]


def test_dag_files__bring_in_no_heavy_library_of_ours(bag) -> None:
    assert bag["heavy"] == []


def test_dags__document_themselves(bag) -> None:
    for name, dag in bag["dags"].items():
        assert dag["doc"], name
        assert "fraud" in dag["tags"], name
        assert dag["owners"] == "fraud", name
        assert dag["timeouts"], name
        assert dag["params"], name
        assert dag["undescribed"] == [], name
        assert "When it fails" in dag["doc"], name
        assert dag["undocumented"] == [], name


def test_tasks__that_run_a_job_link_to_it_and_mapped_ones_have_names(bag) -> None:
    for name, dag in bag["dags"].items():
        assert dag["unlinked"] == dag["nameless"] == [], name


def test_daily__catches_up_with_several_runs_at_once(bag) -> None:
    assert bag["dags"]["fraud_daily"]["catchup"]
    assert bag["dags"]["fraud_daily"]["max_active_runs"] > 1


def test_dags__share_the_same_task_groups(bag) -> None:
    daily, history = (set(bag["dags"][name]["tasks"]) for name in ("fraud_daily", "fraud_history"))
    assert daily - history == {
        "features.wait_for_look_back",
        "scoring.wait_for_drift_of_the_day_before",
        "drift.notify_escalation",
        "drift.trigger_training",
        "drift.wait_for_verdict",
    }
    training = set(bag["dags"]["fraud_training"]["tasks"])
    by_hand = {"set_retraining", *(task for task in training if task.startswith("promotion."))}
    assert training - history == by_hand


@pytest.mark.slow
def test_dags__of_a_deployment_that_is_delivered_to_wait_admit_and_play_no_investigators(bag, tmp_path) -> None:
    simulated = set(bag["dags"]["fraud_daily"]["tasks"])
    answer = load(tmp_path, FRAUD_WORLD="delivery")
    assert answer["errors"] == {}
    delivered = set(answer["dags"]["fraud_daily"]["tasks"])
    assert delivered - simulated == {"transactions.wait_for_delivery", "transactions.admit_transactions"}
    assert simulated - delivered == {
        "transactions.simulate_transactions",
        "scoring.plan_investigation",
        "scoring.investigate_alerts",
        "scoring.record_investigation",
        "scoring.load_investigation",
    }
    assert not any(dag["undocumented"] for dag in answer["dags"].values())


def test_airflowignore__keeps_the_library_from_being_parsed(tmp_path) -> None:
    from airflow.dag_processing.dagbag import DagBag

    (tmp_path / "fraud").mkdir()
    (tmp_path / ".airflowignore").write_text((ROOT / "dags" / ".airflowignore").read_text())
    (tmp_path / "fraud" / "looks_like_a_dag.py").write_text(
        "from airflow.sdk import dag\nraise RuntimeError('parsed')\n"
    )
    assert DagBag(tmp_path, include_examples=False).import_errors == {}
