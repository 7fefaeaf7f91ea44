"""``make load``: many days caught up at once, and everything at once on a real stack; memory of what runs for long.

1. forty days of the world ``tiny`` are caught up with up to eight runs active, while the memory of every long-running
   process is looked at;
2. a range run over thirty of these days changes nothing: the schedule came to what a range comes to;
3. a backfill, a range run over days that overlap with it, the next day, a training and a promotion, all at once: past
   days stay as they were, and the next day is scored by one version from its start to its end.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from matplotlib.figure import Figure

from faults.kills import Killed
from faults.state import TABLES, State, difference
from faults.suite import SETTINGS, play
from fraud import layout
from fraud.orchestration.registry import champion_of, list_packages

ACTIVE = 8
DAYS, RANGE = 40, 30
SAMPLE_SECONDS = 5
FLAT_MIB = 0.4
"""Most growth a run, fitted, that counts as flat: a leak of a task's data would be ten times that."""
SETTLED_RUNS = 5
CATCH_UP_SECONDS = 5400
SAME = (
    "table ",
    "object manifests/",
    "object raw/",
    "object features/",
    "object predictions/",
    "object alerts/",
    "object reports/",
)
"""What must not depend on how days are run; staging and the page's links name runs."""
UNTIL = {
    "transactions": "tx_date <= '{0}'",
    "features": "tx_date <= '{0}'",
    "predictions": "tx_date <= '{0}'",
    "label_deliveries": "tx_date <= '{0}' AND known_at < DATEADD(day, 1, '{0}'::DATE)",
    "alerts": "alert_date <= '{0}'",
    "drift_metrics": "report_date <= '{0}'",
    "performance": "report_date <= '{0}'",
    "decisions": "decision_date <= '{0}'",
}
Say = Callable[[str], None]


Samples = list[tuple[int, dict[str, float]]]
"""How many runs had ended, and each process's memory in MiB."""


class Growth(NamedTuple):
    """How a process's memory went: its last size, and the fitted line: how much it grew a run, and from where."""

    mebibytes: float
    slope: float
    error: float
    at_start: float


def memory(stack: Killed) -> dict[str, float]:
    """Return the memory in MiB that each long-running process has for itself; the scheduler's workers count to it.

    Pages of files are left out: whether a library is a process's own depends on which jobs run just then.
    """
    found = {}
    for component in stack.components():
        process = component.process()
        if process is None:
            raise RuntimeError(f"{component.name} has ended")
        mapped = process.memory_info()
        size = mapped.rss - mapped.shared
        for one in process.children():
            with contextlib.suppress(psutil.Error):  # tasks' processes come and go
                size += one.memory_full_info().uss if "LocalExecutor" in " ".join(one.cmdline()) else 0
        found[component.name] = size / 2**20
    return found


def fitted(samples: Samples, since: int = SETTLED_RUNS) -> dict[str, Growth]:
    """Fit a line through each process's memory over the runs that had ended, from the first that counts."""
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for ended, sizes in samples:
        if ended >= since:
            for name, size in sizes.items():
                series[name].append((ended, size))
    growth = {}
    for name, points in series.items():
        x, y = np.array(points, float).T
        (slope, at_start), covariance = np.polyfit(x, y, 1, cov=True)
        growth[name] = Growth(float(y[-1]), float(slope), float(np.sqrt(covariance[0, 0])), float(at_start))
    return growth


def plot(samples: Samples, path: Path) -> None:
    """Draw each process's memory over the runs that had ended, and the line fitted through it."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    growth = fitted(samples)
    for number, (name, one) in enumerate(sorted(growth.items(), key=lambda item: -item[1].mebibytes)):
        points = [(ended, sizes[name]) for ended, sizes in samples if name in sizes]
        axes.plot(*zip(*points, strict=True), ".", ms=3, alpha=0.5, color=f"C{number}")
        ends = np.array([SETTLED_RUNS, points[-1][0]])
        axes.plot(ends, one.at_start + one.slope * ends, color=f"C{number}", label=f"{name} {one.slope:+.2f} a run")
    axes.set(xlabel="runs that had ended", ylabel="MiB", ylim=(0, None), title="Memory of long-running processes")
    axes.legend(loc="lower right", ncols=2, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def catch_up(stack: Killed, say: Say) -> tuple[list[str], Samples]:
    """Let the schedule catch up; return what went wrong, and how memory went."""
    samples: Samples = []
    active = most = 0
    api = stack.api()
    began = time.monotonic()
    while time.monotonic() < began + CATCH_UP_SECONDS:
        # Those of all DAGs: for a list of one DAG's runs Airflow reads that DAG too, and keeps 17 kB of it each time.
        states = [run["state"] for run in api.runs("~") if run["dag_id"] == "fraud_daily"]
        if "failed" in states:
            return ["a day failed", *stack.finish()], samples
        active = states.count("running")
        most = max(most, active)
        ended = states.count("success")
        samples.append((ended, memory(stack)))
        if ended >= len(stack.days):
            break
        time.sleep(SAMPLE_SECONDS)
    wrong = [] if ended >= len(stack.days) else [f"{ended} of {len(stack.days)} days after {CATCH_UP_SECONDS} s"]
    say(f"{ended} days in {time.monotonic() - began:.0f} s, up to {most} runs at once")
    if most < ACTIVE:
        wrong.append(f"never more than {most} runs were active, expected {ACTIVE}")
    later = fitted(samples, len(stack.days) // 2)
    for name, one in sorted(fitted(samples).items()):
        second = f"{later[name].slope:+.2f} ± {later[name].error:.2f}"
        say(f"memory of {name}: {one.mebibytes:.0f} MiB, {one.slope:+.2f} ± {one.error:.2f} MiB a run, later {second}")
        if one.slope - 2 * one.error > FLAT_MIB:
            wrong.append(f"memory of {name} grows by {one.slope:.2f} MiB a run")
    return wrong, samples


def same(state: State) -> dict[str, str]:
    """Return the digests that must not depend on how days are run."""
    return {name: digest for name, digest in state.digests().items() if name.startswith(SAME)}


def past(state: State, last: str) -> dict[str, str]:
    """Return the digests of what there is up to a day, tables by their rows."""
    return {
        f"table {table}": state.digest_of(f"fraud.{table} WHERE {condition.format(last)}", TABLES[table])
        for table, condition in UNTIL.items()
    }


def finish(stack: Killed, dag_id: str, run_id: str, seconds: float = 900) -> list[str]:
    """Wait for a run; say what went wrong."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        run = stack.api().run(dag_id, run_id)
        if run and run["state"] == "success":
            return []
        if run and run["state"] == "failed":
            failed = [task["task_id"] for task in stack.api().tasks(dag_id, run_id) if task["state"] == "failed"]
            return [f"{dag_id} {run_id} failed at {', '.join(failed)}"]
        time.sleep(1)
    return [f"{dag_id} {run_id} has not ended after {seconds:.0f} s"]


def at_once(stack: Killed, say: Say) -> list[str]:
    """Play a backfill, a range, the next day, a training and a promotion at once; return what is wrong afterwards."""
    last, state = stack.days[-1], stack.state()
    before, digests = past(state, last), same(state)
    following = date.fromisoformat(last) + timedelta(days=1)
    api = stack.api()
    began = time.monotonic()
    conf = {"start": stack.days[2], "end": stack.days[9], "steps": ["features", "scoring", "drift"]}
    api.trigger("fraud_history", "range", conf)
    stack.airflow(
        "backfill", "create", "--dag-id", "fraud_daily", "--from-date", f"{stack.days[6]}T01:00:00+00:00",
        "--to-date", f"{stack.days[11]}T01:00:00+00:00", "--max-active-runs", "4", "--reprocess-behavior", "completed",
    )  # fmt: skip
    api.trigger("fraud_daily", "next", {"date": str(following)})
    wrong = []
    # The promotion comes once the next day has chosen its champion, while the transform runs. It comes before the
    # training, for a DAG that runs once at a time would hold it up.
    until = time.monotonic() + 600
    while not any(t["task_id"] == "scoring.transform" and t["state"] for t in api.tasks("fraud_daily", "next")):
        if time.monotonic() > until:
            return ["the next day did not come to its scoring"]
        time.sleep(0.5)
    packages = list_packages(state.client("sagemaker"), stack.settings)
    effective = following + timedelta(days=1)
    champion = champion_of(effective, packages)
    other = next(one for one in reversed(packages) if one.model_data != champion.model_data)
    api.trigger("fraud_training", "promotes", {"promote_version": other.version, "as_of": str(effective)})
    api.trigger("fraud_training", "beside", {"kind": "manual", "as_of": last})
    runs = [("fraud_daily", "next"), ("fraud_training", "beside"), ("fraud_training", "promotes")]
    for dag_id, run_id in [*runs, ("fraud_history", "range")]:
        wrong += finish(stack, dag_id, run_id)
    until = time.monotonic() + 900
    while set(stack.states()) != {"success"} and time.monotonic() < until:
        time.sleep(1)
    wrong += [
        f"day {day} is {found}" for day, found in zip(stack.days, stack.states(), strict=True) if found != "success"
    ]
    say(f"all at once: {time.monotonic() - began:.0f} s")
    wrong += [f"all at once: {line}" for line in difference(before, past(state, last))]
    after = same(state)
    objects = {name: text for name, text in digests.items() if name.startswith("object ")}
    wrong += [
        f"all at once: {line}" for line in difference(objects, {name: after.get(name, "gone") for name in objects})
    ]
    manifest = state.json(layout.manifest("scoring", following))
    versions = state.count(f"SELECT DISTINCT model_version FROM fraud.predictions WHERE tx_date = '{following}'")
    if versions != 1:
        wrong.append(f"{following} was scored by {versions} versions")
    now = champion_of(effective, list_packages(state.client("sagemaker"), stack.settings))
    if now.model_data != other.model_data:
        wrong.append(f"{effective} is scored by version {now.version}, after version {other.version} was promoted")
    ended = {run_id: api.run(dag_id, run_id)["end_date"] for dag_id, run_id in runs[::2]}
    say(f"the promotion ended {'before' if ended['promotes'] < ended['next'] else 'after'} the day that it came amid")
    scored = f"SELECT 1 FROM fraud.predictions WHERE tx_date = '{following}' AND model_version = "
    if state.count(scored + str(manifest["model_version"])) != manifest["rows"]["predictions"]:
        wrong.append(f"the predictions of {following} are not those of its manifest's version")
    wrong += [f"still running: {name}" for name in state.running()]
    return wrong


def run(days: int, first_day: date, work: Path, picture: Path) -> list[str]:
    """Run all parts and return what is wrong."""
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)

    named = [str(first_day + timedelta(days=n)) for n in range(days)]
    settings = {**SETTINGS, "FRAUD_FIRST_DAY": str(first_day), "FRAUD_MAX_ACTIVE_RUNS": str(ACTIVE)}
    if not (work / "base").exists():
        say("bootstrap")
        play(work / "base", "bootstrap", days=[], bootstrap=True, settings=settings)
    stack = Killed(work / "base", settings, named, say)
    try:
        stack.start()
        stack.api().pause("fraud_history", paused=False)
        say(f"{days} days at once")
        wrong, samples = catch_up(stack, say)
        plot(samples, picture)
        if not wrong:
            before = same(stack.state())
            end = named[min(RANGE, days) - 1]
            conf = {"start": named[0], "end": end, "steps": ["transactions", "features", "scoring", "drift"]}
            stack.api().trigger("fraud_history", "thirty", conf)
            wrong += finish(stack, "fraud_history", "thirty")
            wrong += [f"one range run: {line}" for line in difference(before, same(stack.state()))]
            say(f"a range run over the first {min(RANGE, days)} days: {len(wrong)} things are wrong")
        if not wrong:
            wrong += at_once(stack, say)
        return wrong
    finally:
        stack.local("down")
        say("done")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--keep", type=Path, help="folder to keep everything in")
    parser.add_argument("--plot", type=Path, default="memory.png", help="file to draw memory in")
    arguments = parser.parse_args()
    yesterday = (datetime.now(UTC) - timedelta(hours=1)).date() - timedelta(days=1)
    with tempfile.TemporaryDirectory() as scratch:
        work = (arguments.keep or Path(scratch)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        wrong = run(arguments.days, yesterday - timedelta(days=arguments.days - 1), work, arguments.plot)
    for line in wrong:
        print(f"wrong: {line}")
    print("" if wrong else "the same tables, flat memory, one version a day")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
