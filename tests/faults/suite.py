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
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from faults import kills
from faults.proxy import ABSORBED, KINDS, Fault, Try
from faults.state import difference

TESTS = Path(__file__).parents[1]
KILL_SHARE = 0.15
FAULTS_A_DAY = 22
# The promises are the same, the numbers a small town's: 800 transactions a day, a quarter of the handbook's frauds.
SETTINGS = {
    "FRAUD_WORLD": "tiny",
    "FRAUD_DRIFT": json.dumps({"min_frauds": 20, "min_current_rows": 500, "min_reference_rows": 1000}),
    "FRAUD_PROMOTION": json.dumps({"alarm_min_frauds": 30, "bootstrap_samples": 200}),
    "FRAUD_TRAINING": json.dumps({"candidates": ["logistic_regression", "xgboost_builtin"]}),
}
JOB_CALLS = ("DescribeProcessingJob", "DescribeTrainingJob", "DescribeTransformJob")


def play(home: Path, name: str, **request: Any) -> dict[str, Any]:
    """Play days in a process of its own and return its answer."""
    path = home.parent / f"{name}.json"
    path.write_text(json.dumps({"home": str(home), "faults": [], "bootstrap": False, **request}))
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
    while len(faults) < min(count, len(calls)) and tries:
        kinds = kinds or rng.sample(KINDS, len(KINDS))
        kind = kinds.pop()
        fitting = [one for one in tries if kind != "job_killed" or _polls(one[1])]
        if not fitting:
            continue
        at, made = fitting[0]
        tries.remove(fitting[0])
        call = _polls(made)[0] if kind == "job_killed" else rng.randrange(len(made))
        faults.append(Fault(at, call, kind, kind in ABSORBED and rng.random() < 0.5))
    return faults


def _polls(made: list[str]) -> list[int]:
    """Return the calls that ask how a job is, after it was started."""
    started = next((number for number, call in enumerate(made) if call.startswith("Create")), len(made))
    return [number for number, call in enumerate(made) if number > started and call in JOB_CALLS]


def run(seed: int, faults: int, first_day: date, work: Path) -> list[str]:
    """Run the suite and return what is wrong."""
    rng = random.Random(seed)
    killed = round(faults * KILL_SHARE)
    injected = faults - killed
    days = [str(first_day + timedelta(days=n)) for n in range(max(2, -(-injected // FAULTS_A_DAY)))]
    settings = {**SETTINGS, "FRAUD_FIRST_DAY": str(first_day)}
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:5.0f} s] {text}", flush=True)

    say(f"seed {seed}: {injected} faults in process over {len(days)} days, {killed} kills; bootstrap")
    play(work / "base", "bootstrap", days=[], bootstrap=True, settings=settings)
    for name in ("calm", "faulty", "killed"):
        shutil.copytree(work / "base", work / name)
    say("undisturbed")
    calm = play(work / "calm", "undisturbed", days=days, settings=settings)
    if set(calm["runs"].values()) != {"success"}:
        return [f"the undisturbed run failed: {calm['failed']}"]
    plan = draw([(Try(*at), made) for at, made in calm["calls"]], injected, rng)
    say("disturbed: " + ", ".join(f"{kind} {n}" for kind, n in sorted(Counter(fault.kind for fault in plan).items())))
    faulty = play(
        work / "faulty", "disturbed", days=days, settings=settings, faults=[[list(f.at), *f[1:]] for f in plan]
    )
    happened = [Fault(Try(*at), *rest) for at, *rest in faulty["happened"]]
    wrong = [f"{run_id} ended {state}" for run_id, state in faulty["runs"].items() if state != "success"]
    wrong += [f"task failed for good: {task}" for task in faulty["failed"]]
    wrong += [f"still running: {name}" for name in faulty["running"]]
    wrong += difference(calm["digests"], faulty["digests"])
    missed = [fault for fault in plan if fault not in happened]
    wrong += [f"never took place: {fault}" for fault in missed]
    say(f"{len(happened)} of {len(plan)} faults took place, {len(wrong)} things are wrong")
    if wrong:
        wrong += [f"(injected: {fault})" for fault in happened]
    if killed:
        wrong += kills.run(work / "killed", settings, days, killed, rng, calm["digests"], say)
    say("done")
    return wrong


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
    days = max(2, -(-(count - round(count * KILL_SHARE)) // FAULTS_A_DAY))
    today = (datetime.now(UTC) - timedelta(hours=1)).date()
    first_day = arguments.first_day or today - timedelta(days=days)
    with tempfile.TemporaryDirectory() as scratch:
        work = arguments.keep or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        wrong = run(arguments.seed, count, first_day, work)
    for line in wrong:
        print(f"wrong: {line}")
    if wrong:
        print(f"repeat with: make faults SEED={arguments.seed} FAULTS={count} FIRST_DAY={first_day}")
        return 1
    print(f"seed {arguments.seed}: {count} faults, nothing lost, nothing twice")
    return 0


if __name__ == "__main__":
    sys.exit(main())
