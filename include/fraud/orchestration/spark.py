"""The Spark job of the feature step on EMR Serverless, which brings its code along.

The job runs the library that planned it: its modules go to S3 with each run, so that nothing on the EMR side has to be
deployed, or can be of another version.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fraud
from fraud.errors import ConfigurationError
from fraud.orchestration.objects import Objects
from fraud.settings import Settings

__all__ = ["MODULES", "library", "spark_job"]

MODULES = (
    "fraud",
    "fraud.containers",
    "fraud.containers.spark_features",
    "fraud.containers.summary",
    "fraud.days",
    "fraud.errors",
    "fraud.features",
    "fraud.features.catalogue",
    "fraud.features.delivery",
    "fraud.features.spark",
    "fraud.features.spark_store",
    "fraud.schema",
)
"""What the job imports of the library; all of it needs no more than the Python 3.9 and the Spark of EMR 7."""

ENTRY_POINT = "from fraud.containers.spark_features import main\n\nraise SystemExit(main())\n"

_CORES, _MEMORY_GB = 4, 14  # with Spark's overhead of a tenth one worker of 4 vCPU and 16 GB
_TASKS_A_CORE = 3
_LONGEST_MINUTES = 120
_MAX_NAME = 256


def library() -> bytes:
    """Return :data:`MODULES` as a zip file: the same code gives the same bytes."""
    root = Path(fraud.__file__).parent.parent
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for module in MODULES:
            path = root / module.replace(".", "/")
            source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            archive.writestr(zipfile.ZipInfo(source.relative_to(root).as_posix()), source.read_text("utf-8"))
    return content.getvalue()


def spark_job(
    settings: Settings, objects: Objects, folder: str, name: str, arguments: Mapping[str, str]
) -> dict[str, Any]:
    """Store the job's code and return what ``StartJobRun`` takes beside the application and the role.

    Parameters
    ----------
    settings, objects
        The deployment.
    folder
        Key prefix of the run's own folder; code goes to ``spark/`` below it, and the job may work in ``spark-work/``.
    name
        The job's name.
    arguments
        Arguments of ``fraud.containers.spark_features`` by name, but for ``work``.

    Raises
    ------
    ConfigurationError
        When the deployment names no EMR Serverless application.
    """
    if not settings.emr_application_id:
        raise ConfigurationError(
            "FRAUD_FEATURE_ENGINE is emr but FRAUD_EMR_APPLICATION_ID is empty; give the id of an EMR Serverless "
            "application, or set the engine to sagemaker"
        )
    objects.write_bytes(f"{folder}spark/fraud.zip", library())
    objects.write_text(f"{folder}spark/features.py", ENTRY_POINT, "text/x-python")
    uri = settings.layout.uri
    given = {**arguments, "work": uri(f"{folder}spark-work/")}
    configuration = {
        "spark.executor.cores": _CORES,
        "spark.executor.memory": f"{_MEMORY_GB}g",
        "spark.driver.cores": _CORES,
        "spark.driver.memory": f"{_MEMORY_GB}g",
        "spark.dynamicAllocation.maxExecutors": settings.emr_max_executors,
        "spark.sql.shuffle.partitions": settings.emr_max_executors * _CORES * _TASKS_A_CORE,
        "spark.sql.session.timeZone": "UTC",
    }
    parameters = [f"--conf {key}={value}" for key, value in configuration.items()]
    return {
        "name": name[:_MAX_NAME],
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": uri(f"{folder}spark/features.py"),
                "entryPointArguments": [f"--{key}={value}" for key, value in given.items()],
                "sparkSubmitParameters": " ".join([*parameters, f"--py-files {uri(f'{folder}spark/fraud.zip')}"]),
            }
        },
        "configurationOverrides": {
            "monitoringConfiguration": {
                "cloudWatchLoggingConfiguration": {"enabled": True, "logGroupName": "/aws/emr-serverless"}
            }
        },
        "executionTimeoutMinutes": _LONGEST_MINUTES,
        "tags": {"environment": settings.environment},
    }
