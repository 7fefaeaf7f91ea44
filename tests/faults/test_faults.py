"""What the pipeline comes to does not depend on what goes wrong on the way."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from faults.disk import Disk
from faults.load import SETTLED_RUNS, fitted, plot
from faults.proxy import KINDS, Try
from faults.state import JOB, difference
from faults.suite import FAULTS_A_DAY, FAULTS_ERASING, days_of, draw, shares

TESTS = Path(__file__).parents[1]
SEED, FAULTS = "1", "30"


def calls() -> list[tuple[Try, list[str]]]:
    return [
        (
            Try("fraud_daily", "r", f"task-{n}", -1, 1),
            ["s3 GET", "CreateProcessingJob", "DescribeProcessingJob"][: n % 4],
        )
        for n in range(40)
    ]


def test_plan__is_the_same_for_the_same_seed_and_another_for_another() -> None:
    drawn = draw(calls(), 20, random.Random(3))
    assert drawn == draw(calls(), 20, random.Random(3))
    assert drawn != draw(calls(), 20, random.Random(4))


def test_plan__hits_each_try_once_at_a_call_that_it_makes_with_every_kind() -> None:
    made = dict(calls())
    drawn = draw(calls(), 30, random.Random(1))
    assert len({fault.at for fault in drawn}) == len(drawn) == 30
    assert all(fault.nth < made[fault.at].count(fault.operation) for fault in drawn)
    impossible = set() if Disk.possible() else {"disk_full"}  # where user namespaces are forbidden
    assert {fault.kind for fault in drawn} == set(KINDS) - impossible


@pytest.mark.parametrize("count", [0, 1, 26, 40, 41, 86, 170, 500])
def test_shares__are_all_of_the_faults_and_no_part_has_more_than_it_has_room_for(count: int) -> None:
    days = days_of(count)
    erase = days == 4
    passes = shares(count, days, erase)
    assert sum(map(sum, passes)) == count
    assert {len(share) for share in passes} <= {days + erase}
    for share in passes:
        assert max(share[:days]) <= FAULTS_A_DAY
        assert min(share) >= 0
        assert not erase or share[-1] <= FAULTS_ERASING
        assert max(share[:days]) - min(share[:days]) <= 1, "every day its part"


@pytest.mark.parametrize(
    "name",
    [
        b"models/xgboost/local-train-xgboost-2026-03-01-0a1b2c3d-2/output/model.tar.gz",
        b"models/xgboost/local-train-xgboost-2026-03-01-0a1b2c3d-1-1763852400/output/model.tar.gz",
        b"models/xgboost/local-train-xgboost-2026-03-01-0a1b2c3d--1763852400/output/model.tar.gz",
    ],
)
def test_names__of_jobs_are_the_same_for_every_try(name: bytes) -> None:
    assert JOB.sub(rb"-\1-N", name) == b"models/xgboost/local-train-xgboost-2026-03-01-0a1b2c3d-N/output/model.tar.gz"


def test_difference__says_what_is_lost_in_excess_and_other() -> None:
    assert difference({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == [
        "lost: a",
        "in excess: c",
        "differs: b (2 expected, 3 found)",
    ]


def test_memory__is_fitted_over_the_runs_that_come_after_the_first(tmp_path: Path) -> None:
    noise = random.Random(1)
    samples = [
        (run // 2, {"grows": 100 + 0.5 * (run // 2) + noise.gauss(0, 0.1), "flat": 80.0 + (run < 2 * SETTLED_RUNS)})
        for run in range(80)
    ]
    growth = fitted(samples)
    assert growth["grows"].slope == pytest.approx(0.5, abs=4 * growth["grows"].error)
    assert growth["grows"].error < 0.01
    assert growth["flat"].slope == pytest.approx(0, abs=1e-9), "warming up is no growth"
    plot(samples, tmp_path / "memory.png")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_pipeline__comes_to_the_same_under_thirty_faults() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {"PYTHONPATH": str(TESTS)}
    played = subprocess.run(
        [sys.executable, "-m", "faults.suite", "--seed", SEED, "--faults", FAULTS],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout[-8000:] + played.stderr[-4000:]
    assert f"seed {SEED}: {FAULTS} faults, nothing lost, nothing twice" in played.stdout
