"""What is wrong with the stack and what to do, from the machine up to the last failed task."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from typing import Literal, NamedTuple

import httpx
import psutil

from fraud.errors import FraudError
from local_aws.stack.airflow_api import AirflowApi
from local_aws.stack.control import FREE_DISK_BYTES, Stack, last_lines
from local_aws.stack.environment import refuse_real_aws
from local_aws.stack.ports import Ports, check_free
from local_aws.stack.processes import marked
from local_aws.stack.watching import short_log

__all__ = ["Finding", "examine"]

FREE_MEMORY_BYTES = 4 * 2**30
LOG_LINES = 8
DAGS = ("fraud_history", "fraud_training", "fraud_daily")


class Finding(NamedTuple):
    """One thing that was looked at."""

    subject: str
    verdict: Literal["good", "doubtful", "bad"]
    found: str
    advice: str = ""


def examine(stack: Stack, wanted: Ports) -> Iterator[Finding]:
    """Look at everything, the machine first.

    Parameters
    ----------
    stack
        The stack.
    wanted
        The ports that it would be started on.
    """
    yield _python()
    yield _space(stack)
    yield _memory()
    yield _shell()
    components = stack.status()
    running = [component for component in components if component.pid]
    if not running:
        yield from _while_down(stack, wanted)
        return
    for component in components:
        if component.state != "healthy":
            end = last_lines(component.log, LOG_LINES)
            advice = "wait half a minute if it has just started; otherwise `make down`, then `make up`"
            yield Finding(component.name, "bad", f"is {component.state}; the end of {component.log}:\n{end}", advice)
    if all(component.state == "healthy" for component in components):
        total = sum(component.memory_bytes for component in components) / 2**30
        yield Finding("components", "good", f"all healthy on {stack.url}, {total:.1f} GB")
        yield from _while_up(stack, stack.api())


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        return Finding("Python", "good", f"{version}, {sys.executable}")
    return Finding(
        "Python", "bad", f"{version} is not supported", "remove .venv, install Python 3.12 or 3.11, `make setup`"
    )


def _space(stack: Stack) -> Finding:
    folder = next(path for path in (stack.home.state, *stack.home.state.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    found = f"{free / 2**30:.1f} GB free in {folder}"
    if free < FREE_DISK_BYTES:
        return Finding(
            "disk", "bad", found, f"make room: {FREE_DISK_BYTES / 2**30:.0f} GB are needed, or set FRAUD_LOCAL_HOME"
        )
    return Finding("disk", "good", found)


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    found = f"{free / 2**30:.1f} GB available"
    if free < FREE_MEMORY_BYTES:
        return Finding("memory", "doubtful", found, "close other programs; Airflow and two jobs take about 4 GB")
    return Finding("memory", "good", found)


def _shell() -> Finding:
    try:
        refuse_real_aws(os.environ)
    except FraudError as error:
        return Finding("shell", "bad", str(error))
    return Finding("shell", "good", "no variable would send calls to the real AWS")


def _while_down(stack: Stack, wanted: Ports) -> Iterator[Finding]:
    left = marked(str(stack.home.state))
    if left:
        names = ", ".join(f"{process.pid}" for process in left)
        yield Finding(
            "processes", "bad", f"{len(left)} are left from an earlier start ({names})", "`make down` ends them"
        )
    try:
        check_free(wanted)
    except FraudError as error:
        yield Finding("ports", "bad", str(error))
    else:
        yield Finding("ports", "good", f"{wanted.airflow} and {wanted.aws} are free")
    deployment = stack.home.deployment
    if deployment is None:
        yield Finding("stack", "good", "down, nothing was ever started", "`make demo` plays the demo")
    elif deployment.demo_days and not deployment.demo_finished:
        yield Finding("stack", "good", "down, a demo was interrupted", "`make demo` goes on with it")
    else:
        yield Finding("stack", "good", f"down, world {deployment.world} is kept", "`make up` starts it again")


def _while_up(stack: Stack, api: AirflowApi) -> Iterator[Finding]:
    errors = api.import_errors()
    for error in errors:
        yield Finding("DAG file", "bad", error, "mend the file; it is read again by itself")
    if not errors:
        yield Finding("DAG files", "good", "all load")
    runs = {dag: api.runs(dag) for dag in DAGS if api.has_dag(dag)}
    active = [run for some in runs.values() for run in some if run["state"] in ("running", "queued")]
    health = httpx.get(f"{stack.aws_url}/_local/health", timeout=5, trust_env=False).json()
    jobs = health["running_jobs"]
    if jobs and not active:
        yield Finding("jobs", "doubtful", f"{', '.join(jobs)} run though no DAG run does", "`make down` ends them")
    else:
        yield Finding("jobs", "good", f"{len(jobs)} running, for {len(active)} active runs")
    yield _last_failure(api, runs)


def _last_failure(api: AirflowApi, runs: dict[str, list[dict[str, str]]]) -> Finding:
    failed = [
        task
        for dag, some in runs.items()
        for run in some
        if run["state"] != "success"
        for task in api.tasks(dag, run["dag_run_id"])
        if task["state"] in ("failed", "up_for_retry")
    ]
    if not failed:
        return Finding("tasks", "good", "none has failed")
    last = max(failed, key=lambda task: task["end_date"] or "")
    log = "\n".join(short_log(api.log(last), LOG_LINES))
    name = f"{last['task_id']} of {last['dag_id']}, run {last['dag_run_id']}"
    if last["state"] == "up_for_retry":
        return Finding("tasks", "doubtful", f"{name} failed and will be tried again:\n{log}")
    return Finding(
        "tasks", "bad", f"{name} failed:\n{log}",
        "mend what the log names, then clear the task in the UI, or run `make demo` again if it was the demo's",
    )  # fmt: skip
