"""How fast the Fraud monitor opens in Chromium: ``python -m benchmarks.page``.

Runs the tests that open it, which note their times: over three years of history with an empty cache, and beside a
training run of a whole stack. Wants an idle machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.document import machine, write_section

TESTS = {
    "opened": ("tests/browser/test_monitor.py", "opens_three", "three years of history, empty cache, until drawn", 300),
    "painted": ("tests/e2e/test_interventions.py", "paints", "first paint beside a training run", 1000),
}


def main() -> None:
    where = machine()
    lines = ["| the overview | fastest ms | median ms | slowest ms | bound |", "| --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "times.jsonl"
        for path, test, _, _ in TESTS.values():
            command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", path, "-k", test]
            subprocess.run(command, env={**os.environ, "CI": "true", "FRAUD_TIMES": str(file)}, check=True)
        noted = {one["what"]: one["milliseconds"] for one in map(json.loads, file.read_text("utf-8").splitlines())}
    for what, (_, _, title, bound) in TESTS.items():
        times = noted[what]
        lines.append(f"| {title} | {min(times):.0f} | {statistics.median(times):.0f} | {max(times):.0f} | {bound} ms |")
    text = "\n".join([f"`python -m benchmarks.page`, {where}.", "", *lines])
    print(text)
    write_section("The monitor page", text)


if __name__ == "__main__":
    main()
