"""Runs Spark job runs, one after another, and writes down how each ends."""

from __future__ import annotations

import logging
import re
import shlex
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from local_aws.database import persist
from local_aws.emr.mirror import Mirror
from local_aws.logs import JobLog
from local_aws.sagemaker.container import Container, Host
from local_aws.sagemaker.errors import JobFailed, JobStopped
from local_aws.sagemaker.records import Document, Records
from local_aws.services import Keeper

__all__ = ["APPLICATION", "ENDED", "RUN", "JobRuns"]

APPLICATION, RUN = "emr-application", "emr-job-run"
ENDED = ("SUCCESS", "FAILED", "CANCELLED")
MAX_DETAILS = 256
LOG_GROUP = "/aws/emr-serverless"
DRIVER_MEMORY = "2g"
EXCEPTION = re.compile(r"(\w+\.)*\w*(Error|Exception)(: .*)?")
KEPT_LINES = 500

logger = logging.getLogger(__name__)


class JobRuns:
    """The queue of job runs: Spark takes all cores, so one runs at a time.

    Parameters
    ----------
    records, keeper
        Where job runs and their logs are kept.
    work
        Folder for the job runs' own folders.
    host
        The machine.
    """

    def __init__(self, records: Records, *, keeper: Keeper, work: Path, host: Host) -> None:
        # EMR's images have no /opt/ml.
        self._records, self._keeper, self._work, self._host = records, keeper, work, replace(host, private_ml=False)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spark")
        self._runs: dict[str, tuple[threading.Event, Future[None]]] = {}
        self._lock = threading.Lock()
        self._closing = False

    def recover(self) -> None:
        """End the job runs that a dead server left, as failed; their processes are ended with those of other jobs."""
        shutil.rmtree(self._work, ignore_errors=True)
        for region, _, identity, document in self._records.list([RUN]):
            if document["state"] not in ENDED:
                self._change(
                    region, identity, "FAILED", "The local AWS stopped while the job was running; run it again"
                )

    def submit(self, region: str, identity: str, document: Document) -> None:
        """Queue a job run whose record exists."""
        stop = threading.Event()
        with self._lock:
            self._runs[identity] = stop, self._pool.submit(self._run, region, identity, document, stop)

    def cancel(self, region: str, identity: str) -> None:
        """Ask a job run to stop; one that only waits for its turn is cancelled at once."""
        with self._lock:
            stop, future = self._runs.get(identity, (None, None))
        if stop is None or future is None:
            return
        stop.set()
        if future.cancel():
            self._change(region, identity, "CANCELLED", "Job run was cancelled.")

    def running(self) -> list[str]:
        """Return the ids of the job runs that have not ended."""
        with self._lock:
            return sorted(identity for identity, (_, future) in self._runs.items() if not future.done())

    def close(self) -> None:
        """Let no job run begin; what still runs is killed with the server's other jobs."""
        self._closing = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, region: str, identity: str, document: Document, stop: threading.Event) -> None:
        work = self._work / identity
        try:
            self._change(region, identity, "RUNNING", "")
            self._submit_to_spark(region, identity, document, stop, work)
            state, details = "SUCCESS", ""
        except JobStopped as stopped:
            state = "CANCELLED"
            details = "Job run timed out." if stopped.out_of_time else "Job run was cancelled."
        except JobFailed as failed:
            state, details = "FAILED", str(failed)
        except Exception as error:
            logger.exception("job run %s broke the local AWS", identity)
            state, details = "FAILED", f"Internal error of the local AWS: {type(error).__name__}: {error}"
        shutil.rmtree(work, ignore_errors=True)
        if not self._closing:
            persist(lambda: self._change(region, identity, state, details))

    def _submit_to_spark(
        self, region: str, identity: str, document: Document, stop: threading.Event, work: Path
    ) -> None:
        spark = document["jobDriver"]["sparkSubmit"]
        program = Path(sys.executable).with_name("spark-submit")
        if not program.exists() or shutil.which("java") is None:
            raise JobFailed(
                "Spark needs Java 17 and pyspark, and one of them is missing; install Java, run `make spark`"
            )
        arguments = list(spark.get("entryPointArguments", []))
        parameters = shlex.split(spark.get("sparkSubmitParameters", ""))
        mirror = Mirror(work / "s3", [spark["entryPoint"], *arguments, *parameters])
        own = {
            **mirror.options(),
            "spark.driver.memory": DRIVER_MEMORY,
            "spark.ui.enabled": "false",
            "spark.sql.warehouse.dir": str(work / "warehouse"),
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
        }
        conf = [word for key, value in own.items() for word in ("--conf", f"{key}={value}")]
        tail: deque[str] = deque(maxlen=KEPT_LINES)
        log = self._log(region, identity, document)

        def on_lines(lines: Sequence[str]) -> None:
            tail.extend(lines)
            if log is not None:
                log.append(lines)

        container = Container(
            self._host,
            work,
            [str(program), "--master", "local[*]", *parameters, *conf, spark["entryPoint"], *arguments],
            environment={
                "PYSPARK_PYTHON": sys.executable,
                "SPARK_LOCAL_DIRS": str(work / "tmp"),
                "SPARK_SUBMIT_OPTS": f"-Djava.io.tmpdir={work / 'tmp'}",
                # Nothing is resolved: the machine's name may be one that it does not know itself by.
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_LOCAL_HOSTNAME": "localhost",
            },
            search_path=f"{program.parent}:{Path(shutil.which('java') or '').parent}:/usr/local/bin:/usr/bin:/bin",
            region=region,
            on_lines=on_lines,
        )
        deadline = time.monotonic() + 60 * document["executionTimeoutMinutes"]
        code = container.wait(stop, deadline)
        mirror.write_back()
        if code != 0:
            exceptions = [line for line in tail if EXCEPTION.fullmatch(line)]
            last = f" Last few exceptions: {exceptions[-1]}" if exceptions else ""
            raise JobFailed(
                f"Job failed, please check complete logs in configured logging destination. ExitCode: {code}.{last}"
            )

    def _log(self, region: str, identity: str, document: Document) -> JobLog | None:
        monitoring = document.get("configurationOverrides", {}).get("monitoringConfiguration", {})
        cloudwatch = monitoring.get("cloudWatchLoggingConfiguration", {})
        if not cloudwatch.get("enabled"):
            return None
        prefix = cloudwatch.get("logStreamNamePrefix", "").strip("/")
        stream = f"applications/{document['applicationId']}/jobs/{identity}/SPARK_DRIVER/stdout"
        return JobLog(self._keeper, region, cloudwatch.get("logGroupName", LOG_GROUP), f"{prefix}/{stream}".lstrip("/"))

    def _change(self, region: str, identity: str, state: str, details: str) -> None:
        now = time.time()

        def edit(document: dict[str, Any]) -> None:
            if document["state"] in ENDED or (state == "RUNNING" and document["state"] == "CANCELLING"):
                return
            document.update(state=state, stateDetails=details[:MAX_DETAILS], updatedAt=now)
            if state == "RUNNING":
                document["startedAt"] = now
            elif state in ENDED:
                document["endedAt"] = now
                document["totalExecutionDurationSeconds"] = int(now - document.get("startedAt", now))

        self._records.change(region, RUN, identity, edit)
