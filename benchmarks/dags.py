"""How long each DAG file takes to parse with Airflow and its providers loaded: ``python -m benchmarks.dags``."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.document import machine, write_section

RUNS = 5
BOUND_SECONDS = 1.0
PROGRAM = """
import json, sys
import airflow.providers.amazon.aws.notifications.sns
import airflow.providers.amazon.aws.operators.redshift_data
import airflow.providers.amazon.aws.operators.sagemaker
import airflow.providers.amazon.aws.sensors.s3
import airflow.providers.standard.operators.trigger_dagrun
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], include_examples=False)
print(json.dumps({stat.file: stat.duration.total_seconds() for stat in bag.dagbag_stats}))
"""


def parse_once(file: Path, home: str) -> float:
    """Parse one DAG file in a fresh interpreter; return the seconds that Airflow says it took."""
    environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)], env=environment, capture_output=True, text=True, check=True
    )
    return float(sum(json.loads(answer.stdout.splitlines()[-1]).values()))


def main() -> None:
    """Parse each file a few times and write the section."""
    lines = ["| file | median s | slowest s | bound |", "| --- | --- | --- | --- |"]
    where = machine()
    with tempfile.TemporaryDirectory() as home:
        for file in sorted((Path(__file__).parents[1] / "dags").glob("*.py")):
            seconds = [parse_once(file, home) for _ in range(RUNS)]
            lines.append(
                f"| {file.name} | {statistics.median(seconds):.2f} | {max(seconds):.2f} | {BOUND_SECONDS:.0f} s |"
            )
    body = "\n".join(
        [f"{where}. Each of {RUNS} runs in a new interpreter, Airflow and the providers loaded.", "", *lines]
    )
    write_section("DAG files", body)
    print(body)


if __name__ == "__main__":
    main()
