"""Airflow's scheduler with the packages that nearly every task imports already loaded.

The LocalExecutor's workers and their tasks are forks of the scheduler: what is loaded here, no task loads again. The
project's own modules are not, so that an edited one counts from the next task on.
"""

from __future__ import annotations

import importlib
import sys

MODULES = (
    "airflow.providers.amazon.aws.notifications.sns",
    "airflow.providers.amazon.aws.operators.redshift_data",
    "airflow.providers.amazon.aws.operators.sagemaker",
    "airflow.providers.amazon.aws.sensors.s3",
    "airflow.providers.standard.operators.trigger_dagrun",
    "boto3",
    "yaml",
)


def main() -> None:
    """Run ``airflow scheduler`` with the arguments of this process."""
    for module in MODULES:
        importlib.import_module(module)
    sys.argv[1:1] = ["scheduler"]
    importlib.import_module("airflow.__main__").main()


if __name__ == "__main__":
    main()
