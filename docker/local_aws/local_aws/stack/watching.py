"""What Airflow's runs are doing, as the steps of days: lines, a progress bar, and a clear end when a task fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fraud.errors import FraudError
from local_aws.stack.airflow_api import AirflowApi

__all__ = ["Step", "Watch", "is_wait", "seconds_of", "short_log", "steps_of"]

ACTIVE = {"running", "deferred", "queued", "restarting", "up_for_reschedule"}
SUCCEEDED = {"success", "skipped", "removed"}
POLL_SECONDS = 2
STALLED_SECONDS = 900
SPOKEN_SECONDS = 30
MAX_LOG_LINE = 400
WAITS = ("wait_for", "trigger_training")
"""What the ids of tasks begin with that wait for another day or another run."""

Task = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One task group of one run.

    Parameters
    ----------
    dag_id, run_id, name
        Which; tasks outside of any group are the step ``check``.
    day
        First day of the run's data interval, where it has one.
    active
        Tasks that run now, without those that only wait for another day.
    done, total
        Task instances that have succeeded (or were skipped), and all of them.
    seconds
        From the first start to the last end (or now), without waiting for other days.
    ran
        Whether any task did something, rather than being skipped.
    """

    dag_id: str
    run_id: str
    name: str
    day: date | None
    active: tuple[str, ...]
    done: int
    total: int
    seconds: float
    ran: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from other steps."""
        return self.dag_id, self.run_id, self.name

    @property
    def label(self) -> str:
        """Day of a daily run, otherwise what the run is."""
        return str(self.day or {"fraud_history": "history", "fraud_training": "training"}.get(self.dag_id, self.run_id))


def _time(text: str | None) -> float | None:
    return datetime.fromisoformat(text).timestamp() if text else None


def seconds_of(task: Task, now: float | None = None) -> float:
    """Return how long a task instance has run; Airflow's own ``duration`` is wrong on SQLite."""
    start, end = _time(task["start_date"]), _time(task["end_date"]) or now
    return max(end - start, 0.0) if start is not None and end is not None else 0.0


def steps_of(tasks: Iterable[Task], now: float) -> list[Step]:
    """Return the steps of some runs, in the order in which they began; those not begun last.

    Parameters
    ----------
    tasks
        Task instances as the REST API gives them.
    now
        Seconds since the epoch.
    """
    groups: dict[tuple[str, str, str], list[Task]] = {}
    for task in tasks:
        group, dot, _ = task["task_id"].partition(".")
        groups.setdefault((task["dag_id"], task["dag_run_id"], group if dot else "check"), []).append(task)
    steps = []
    for (dag_id, run_id, name), members in groups.items():
        working = [task for task in members if not is_wait(task)]
        starts = [start for task in working if (start := _time(task["start_date"])) is not None]
        active = [task for task in working if task["state"] in ACTIVE]
        ends = [now] if active else [end for task in working if (end := _time(task["end_date"])) is not None]
        moment = members[0].get("logical_date")
        step = Step(
            dag_id=dag_id,
            run_id=run_id,
            name=name,
            day=datetime.fromisoformat(moment).date() if moment else None,
            active=tuple(sorted({_name(task) for task in active})),
            done=sum(task["state"] in SUCCEEDED for task in members),
            total=len(members),
            seconds=max(ends) - min(starts) if starts and ends else 0.0,
            ran=any(task["state"] == "success" for task in members),
        )
        steps.append((min(starts, default=float("inf")), step))
    return [step for _, step in sorted(steps, key=lambda pair: pair[0])]


def _name(task: Task) -> str:
    return str(task["task_id"].rpartition(".")[2])


def is_wait(task: Task) -> bool:
    """Say whether a task instance only waits for another day or another run."""
    return _name(task).startswith(WAITS)


def short_log(lines: Sequence[str], count: int) -> list[str]:
    """Return the end of a log, no line longer than a few of the screen: its beginning and its end count."""
    half = MAX_LOG_LINE // 2
    return [line if len(line) <= MAX_LOG_LINE else f"{line[:half]} … {line[-half:]}" for line in lines[-count:]]


class Watch:
    """Watches runs until a condition holds, and tells what happens.

    Parameters
    ----------
    api
        Airflow.
    console
        Where to tell it; without a terminal there are lines only.
    check_alive
        Called at every look; raises when a component has ended.
    """

    def __init__(self, api: AirflowApi, console: Console, check_alive: Callable[[], None]) -> None:
        self._api, self._console, self._check_alive = api, console, check_alive
        self._told: set[tuple[str, str, str]] = set()
        self._retried: set[tuple[Any, ...]] = set()

    def until(self, what: str, dags: Sequence[str], total: int, finished: Callable[[], bool]) -> None:
        """Watch the runs of some DAGs until something is finished.

        Parameters
        ----------
        what
            What is waited for, in a word or two.
        dags
            Whose runs; a failed task of any of them ends the wait.
        total
            Task instances that there will be about, for the bar.
        finished
            Asked at every look.

        Raises
        ------
        FraudError
            When a task has failed for good, with the end of its log, or when nothing has moved for a long time.
        """
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        moved, spoken, before = time.monotonic(), time.monotonic(), ""
        with Progress(
            *columns, TimeElapsedColumn(), TextColumn("{task.fields[now]}"),
            console=self._console, transient=True, disable=not self._console.is_terminal,
        ) as progress:  # fmt: skip
            bar = progress.add_task(what, total=total, now="")
            while True:
                self._check_alive()
                tasks = [task for dag in dags for task in self._api.tasks(dag)]
                self._fail_on(tasks)
                steps = steps_of(tasks, datetime.now(UTC).timestamp())
                self._tell(progress.console, steps, tasks)
                now = "; ".join(f"{step.label} {step.name}: {', '.join(step.active)}" for step in steps if step.active)
                done = sum(step.done for step in steps)
                progress.update(bar, completed=min(done, total), now=now)
                if not self._console.is_terminal and time.monotonic() - spoken > SPOKEN_SECONDS:
                    spoken = time.monotonic()
                    self._console.print(f"  {done} of about {total} tasks; {now or 'waiting'}", highlight=False)
                if finished():
                    return
                picture = str([(task["id"], task["state"], task["try_number"]) for task in tasks])
                if picture != before:
                    moved, before = time.monotonic(), picture
                elif time.monotonic() - moved > STALLED_SECONDS:
                    raise FraudError(
                        f"nothing has moved for {STALLED_SECONDS // 60} minutes ({now or 'no task runs'}); "
                        "`make doctor` says what hangs, and after `make down` the same command goes on from here"
                    )
                time.sleep(POLL_SECONDS)

    def _tell(self, console: Console, steps: Iterable[Step], tasks: Iterable[Task]) -> None:
        """Print each step once, when it is through, and each try that has to be repeated."""
        for step in steps:
            if step.done == step.total and step.key not in self._told:
                self._told.add(step.key)
                if step.ran:
                    console.print(f"  {step.label:<10}  {step.name:<12} {step.seconds:6.1f} s", highlight=False)
        for task in tasks:
            attempt = (task["id"], task["try_number"])
            if task["state"] == "up_for_retry" and attempt not in self._retried:
                self._retried.add(attempt)
                console.print(
                    f"  {task['task_id']} failed in try {task['try_number']} and is tried again", style="yellow"
                )

    def _fail_on(self, tasks: Iterable[Task]) -> None:
        failed = [task for task in tasks if task["state"] == "failed"]
        if not failed:
            return
        # Of a training that failed and the daily run that waits for it, the training is the cause.
        first = min(failed, key=lambda task: task["end_date"] or "9999")
        log = "\n    ".join(short_log(self._api.log(first), 15))
        raise FraudError(
            f"task {first['task_id']} of {first['dag_id']}, run {first['dag_run_id']}, failed. The end of its log:\n"
            f"    {log}\n"
            "  Mend what it names, then run the same command again: it goes on from here. "
            "The whole log is in the Airflow UI; `make doctor` looks at everything else"
        )
