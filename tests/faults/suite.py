"""``make faults``: seeded faults over the pipeline of the world ``tiny``; what it comes to must not depend on them."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from faults import kills
from faults.disk import Disk
from faults.inprocess import ERASE, ERASED, write
from faults.proxy import ABSORBED, KINDS, Fault, Try
from faults.state import difference

TESTS = Path(__file__).parents[1]
KILL_SHARE = 0.15
FAULTS_A_DAY, FAULTS_ERASING = 20, 6
"""How many a pass takes: each to a try of its own."""
SHORT = 2
AT_ONCE = 2  # a pass waits for two thirds of its time
# The promises are the same, the numbers a small town's: 800 transactions a day, a quarter of the handbook's frauds.
SETTINGS = {
    "FRAUD_WORLD": "tiny",
    "FRAUD_DRIFT": json.dumps({"min_frauds": 20, "min_current_rows": 500, "min_reference_rows": 1000}),
    "FRAUD_PROMOTION": json.dumps({"alarm_min_frauds": 30, "bootstrap_samples": 200}),
    "FRAUD_TRAINING": json.dumps({"candidates": ["logistic_regression", "xgboost_builtin"]}),
}
MOST_LINES = 60
JOB_CALLS = ("DescribeProcessingJob", "DescribeTrainingJob", "DescribeTransformJob")


def play(home: Path, name: str, **request: Any) -> dict[str, Any]:
    """Play days in a process of its own and return its answer."""
    path = home.parent / f"{name}.json"
    path.write_text(json.dumps({"home": str(home), "bootstrap": False, "disturbed": False, "erase": False, **request}))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    folders = [str(TESTS), environment.get("PYTHONPATH", "")]
    with (home.parent / f"{name}.log").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-m", "faults.inprocess", str(path)],
            env=environment | {"PYTHONPATH": os.pathsep.join(filter(None, folders))},
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}; the end of its log:\n{_tail(Path(log.name))}")
    answer: dict[str, Any] = json.loads(path.with_suffix(".answer").read_text())
    return answer


def draw(calls: list[tuple[Try, list[str]]], count: int, rng: random.Random) -> list[Fault]:
    """Draw faults: every kind as often as others, no try twice."""
    tries = [(at, made) for at, made in calls if made]
    rng.shuffle(tries)
    faults: list[Fault] = []
    kinds: list[str] = []
    drawn = [kind for kind in KINDS if kind != "disk_full" or Disk.possible()]
    while len(faults) < count and tries:
        kinds = kinds or rng.sample(drawn, len(drawn))
        kind = kinds.pop()
        fitting = [one for one in tries if kind != "job_killed" or _polls(one[1])]
        if not fitting:
            continue
        at, made = fitting[0]
        tries.remove(fitting[0])
        call = _polls(made)[0] if kind == "job_killed" else rng.randrange(len(made))
        operation = made[call]
        # Of the polls only the first is sure to come again.
        nth = made[:call].count(operation) if kind == "job_killed" or not operation.startswith("Describe") else 0
        faults.append(Fault(at, operation, nth, kind, kind in ABSORBED and rng.random() < 0.5))
    return faults


def _polls(made: list[str]) -> list[int]:
    """Return the calls that ask how a job is, after it was started."""
    started = next((number for number, call in enumerate(made) if call.startswith("Create")), len(made))
    return [number for number, call in enumerate(made) if number > started and call in JOB_CALLS]


def days_of(faults: int) -> int:
    """Return how many days are played: fewer than a week, within which no training is scheduled."""
    return SHORT if faults <= SHORT * FAULTS_A_DAY else 4


def run(seed: int, faults: int, first_day: date, work: Path) -> list[str]:
    """Run the suite and return what is wrong."""
    # Each part has draws of its own: which comes first on the clock decides nothing.
    rng, kill_rng = random.Random(seed), random.Random(f"kills of {seed}")
    killed = round(faults * KILL_SHARE)
    days = [str(first_day + timedelta(days=n)) for n in range(days_of(faults))]
    settings = {**SETTINGS, "FRAUD_FIRST_DAY": str(first_day)}
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)

    say(f"seed {seed}: {faults - killed} faults in process over {len(days)} days, {killed} kills; bootstrap")
    play(work / "base", "bootstrap", days=[], bootstrap=True, settings=settings)
    with ThreadPoolExecutor(1) as beside:
        # A killed stack waits for most of its time: the faults in process fit beside it.
        found = beside.submit(kill, work, settings, days, killed, kill_rng, say) if killed else None
        calm, wrong = inject(work, settings, days, faults - killed, rng, say)
        if found:
            lines, digests = found.result()
            wrong += lines + difference(calm, digests)
    say("done")
    return wrong


def kill(
    work: Path, settings: dict[str, str], days: list[str], count: int, rng: random.Random, say: kills.Say
) -> tuple[list[str], dict[str, str]]:
    """Kill processes of a real stack; return what is wrong, and the digests of what the days come to."""
    shutil.copytree(work / "base", work / "killed")
    return kills.run(work / "killed", settings, days, count, rng, say)


def shares(count: int, days: int, erase: bool) -> list[list[int]]:
    """Return how many faults each pass has in each of its days, and where a card is erased in that part as well."""
    weights = [FAULTS_A_DAY] * days + [FAULTS_ERASING] * erase
    full, left = divmod(count, sum(weights))
    passes = [weights] * full
    if left:
        until = [round(left * sum(weights[: n + 1]) / sum(weights)) for n in range(len(weights))]
        passes.append([end - start for start, end in pairwise([0, *until])])
    return passes


def inject(
    work: Path, settings: dict[str, str], days: list[str], count: int, rng: random.Random, say: kills.Say
) -> tuple[dict[str, str], list[str]]:
    """Play the days undisturbed, and with faults a day behind; return the digests of the first, and what is wrong."""
    erase = len(days) > SHORT  # half as long again, which a short suite has no time for
    passes = {f"disturbed-{n}": share for n, share in enumerate(shares(count, len(days), erase), 1)}
    plans: dict[str, list[Fault]] = {name: [] for name in passes}

    def one(name: str) -> dict[str, Any]:
        shutil.copytree(work / "base", work / name)
        found = play(work / name, name, days=days, settings=settings, erase=erase, disturbed=name in passes)
        shutil.rmtree(work / name)
        return found

    say(f"undisturbed, and {len(passes)} times with faults")
    with ThreadPoolExecutor(AT_ONCE) as beside:
        undisturbed = beside.submit(one, "undisturbed")
        disturbed = [beside.submit(one, name) for name in passes]
        for part, label in enumerate([*days, *([ERASE] if erase else [])]):
            path = work / f"undisturbed.{label}.calls"
            while not (path.exists() or undisturbed.done()):
                time.sleep(0.2)
            calls = [(Try(*at), made) for at, made in json.loads(path.read_text())] if path.exists() else []
            for name, share in passes.items():
                plan = draw(calls, share[part], rng)
                plans[name] += plan
                write(work / f"{name}.{label}.plan", [[list(fault.at), *fault[1:]] for fault in plan])
        calm = undisturbed.result()
        ended = [f"{run_id} ended {state}" for run_id, state in calm["runs"].items() if state != "success"]
        wrong = [f"undisturbed: {line}" for line in (*ended, *calm["failed"], *calm["wrong"])]
        drawn = sum(map(len, plans.values()))
        if drawn < count:
            wrong.append(f"{count} faults were to be drawn, and the undisturbed calls gave room for {drawn}")
        for (name, plan), future in zip(plans.items(), disturbed, strict=True):
            found = compare(plan, calm, future.result())
            kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(Counter(fault.kind for fault in plan).items()))
            say(f"{name}: {len(plan)} faults injected ({kinds}), {len(found)} things are wrong")
            wrong += found
    return {name: digest for name, digest in calm["digests"].items() if not name.startswith(ERASED)}, wrong


def compare(plan: list[Fault], calm: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return what is wrong with what the days came to with faults."""
    happened = [Fault(Try(*at), *rest) for at, *rest in found["happened"]]
    wrong = [f"{run_id} ended {state}" for run_id, state in found["runs"].items() if state != "success"]
    wrong += [f"task failed for good: {task}" for task in found["failed"]]
    wrong += [f"still running: {job}" for job in found["running"]] + found["wrong"]
    wrong += [f"never took place: {fault}" for fault in plan if fault not in happened]
    wrong += difference(calm["digests"], found["digests"])
    return [*wrong, *(f"(injected: {fault})" for fault in happened)] if wrong else []


def _tail(path: Path, lines: int = 30) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--first-day", type=date.fromisoformat)
    parser.add_argument("--keep", type=Path, help="folder to keep everything in")
    arguments = parser.parse_args()
    count = arguments.faults
    today = (datetime.now(UTC) - timedelta(hours=1)).date()
    first_day = arguments.first_day or today - timedelta(days=days_of(count))
    with tempfile.TemporaryDirectory() as scratch:
        work = (arguments.keep or Path(scratch)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        wrong = run(arguments.seed, count, first_day, work)
    for line in wrong[:MOST_LINES]:
        print(f"wrong: {line}")
    if len(wrong) > MOST_LINES:
        print(f"and {len(wrong) - MOST_LINES} more")
    if wrong:
        print(f"repeat with: make faults SEED={arguments.seed} FAULTS={count} FIRST_DAY={first_day}")
        return 1
    print(f"seed {arguments.seed}: {count} faults, nothing lost, nothing twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
