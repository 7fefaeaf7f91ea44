"""How tries of SageMaker tasks end: their jobs end with them; what did not complete is a failure with its reason."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from fraud.orchestration import endings
from fraud.orchestration.links import Processing
from local_jobs import ended, unique
from local_stack import ROLE, wait_until
from policies import DEPLOY, recorded, refused, roles_of

CALLER = "endings"
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
FAIL = """
import pathlib, sys
message = pathlib.Path('/opt/ml/output/message')
message.parent.mkdir(parents=True, exist_ok=True)
message.write_text('row 7 of part.parquet has no amount; deliver it again')
sys.exit(4)
"""


@pytest.fixture
def connected(local_aws, monkeypatch):
    """The local AWS, found by Airflow's hooks without a connection of its own."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_aws.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CALLER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return local_aws


def operator(stack, code: str, **options: Any) -> Processing:
    name = unique("local-ending")
    script = stack.state_dir.parent / f"{name}.py"
    script.write_text(code)
    config = {
        "ProcessingJobName": name,
        "RoleArn": ROLE,
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 10}
        },
        "AppSpecification": {
            "ImageUri": "fraud:latest",
            "ContainerEntrypoint": ["python"],
            "ContainerArguments": [str(script)],
        },
    }
    return Processing(task_id=name, config=config, print_log=False, check_interval=1, **options)


def executed(task: Processing, context: Any) -> tuple[threading.Thread, list[BaseException]]:
    """Run a task in a thread; return it, and what it raises."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            task.execute(context)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def status(stack, task: Processing) -> str:
    found = stack.client("sagemaker").describe_processing_job(ProcessingJobName=task.config["ProcessingJobName"])
    return str(found["ProcessingJobStatus"])


def running(stack, task: Processing) -> bool:
    jobs = stack.client("sagemaker").list_processing_jobs(NameContains=task.config["ProcessingJobName"])
    return any(one["ProcessingJobStatus"] == "InProgress" for one in jobs["ProcessingJobSummaries"])


class Instance:
    """A task instance's XComs."""

    map_index, task_id = -1, "t"

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value

    def xcom_pull(self, key: str, **_: Any) -> Any:
        return self.pushed[key]


def test_task__that_is_killed_stops_its_job(connected) -> None:
    task = operator(connected, SLEEP)
    thread, raised = executed(task, {})
    wait_until(lambda: running(connected, task))
    task.on_kill()
    thread.join(30)
    assert ended(connected, "processing", task.config["ProcessingJobName"])["ProcessingJobStatus"] == "Stopped"
    assert isinstance(raised[0], AirflowException)
    calls = recorded(connected.state_dir, CALLER)
    assert "sagemaker:StopProcessingJob" in {call.action for call in calls}
    pipeline = roles_of(DEPLOY / "roles.yaml")["AirflowPipeline"]
    assert refused(calls, pipeline, **{"JobsRole.Arn": "arn:aws:iam::0:role/fraud-jobs"}) == []


def test_task__whose_job_somebody_stopped_fails_and_says_so(connected) -> None:
    task = operator(connected, SLEEP)
    thread, raised = executed(task, {})
    wait_until(lambda: running(connected, task))
    connected.client("sagemaker").stop_processing_job(ProcessingJobName=task.config["ProcessingJobName"])
    thread.join(30)
    assert "is Stopped: somebody stopped it" in str(raised[0])
    assert "clear the task to run it again" in str(raised[0])


def test_task__whose_job_fails_tells_the_jobs_own_reason(connected) -> None:
    with pytest.raises(AirflowException, match=r"failed: row 7 of part\.parquet has no amount; deliver it again"):
        operator(connected, FAIL).execute({})


def test_task__that_loses_sight_of_its_job_leaves_none_running(connected, monkeypatch) -> None:
    task = operator(connected, SLEEP)
    describe = task.hook.describe_processing_job

    def lost(name: str) -> Any:
        if running(connected, task):
            raise ConnectionResetError("the answer was lost")
        return describe(name)

    monkeypatch.setattr(task.hook, "describe_processing_job", lost)
    with pytest.raises(ConnectionResetError):
        task.execute({})
    assert ended(connected, "processing", task.config["ProcessingJobName"])["ProcessingJobStatus"] == "Stopped"


def test_task__deferred_knows_its_job_again_and_tells_its_reason(connected, monkeypatch) -> None:
    instance = Instance()
    monkeypatch.setattr(endings, "get_current_context", lambda: {"ti": instance})
    task = operator(connected, FAIL, deferrable=True)
    with pytest.raises(TaskDeferred):
        task.execute({"ti": instance})
    name = task.config["ProcessingJobName"]
    assert instance.pushed == {"job_name": name}
    ended(connected, "processing", name)
    task.config["ProcessingJobName"] = "planned-anew"
    with pytest.raises(AirflowException, match=rf"job {name} failed: row 7 of part\.parquet"):
        task.resume_execution("__fail__", {"error": "TaskDeferralError"}, {"ti": instance})


def test_task__that_completes_is_a_success(connected) -> None:
    task, instance = operator(connected, "print('done')"), Instance()
    assert task.execute({"ti": instance})["Processing"]["ProcessingJobStatus"] == "Completed"
    assert instance.pushed["job"]["instance"] == "ml.m5.xlarge"
    assert 0 < instance.pushed["job"]["seconds"] < 60
    task.on_kill()
    assert status(connected, task) == "Completed"
