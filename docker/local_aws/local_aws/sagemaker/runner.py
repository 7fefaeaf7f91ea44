"""Runs jobs, a few at a time, and writes down how each ends."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local_aws.database import persist
from local_aws.logs import JobLog
from local_aws.sagemaker.container import Host, kill_marked
from local_aws.sagemaker.errors import JobFailed, JobStopped
from local_aws.sagemaker.images import Image
from local_aws.sagemaker.kinds import KINDS, Kind
from local_aws.sagemaker.records import Document, Records
from local_aws.services import Keeper

__all__ = ["Job", "Runner"]

MAX_REASON = 1024
DAY_SECONDS = 86_400

logger = logging.getLogger(__name__)


class Job:
    """One job while it runs: its request, its folders, its log, and how to say where it is.

    Attributes
    ----------
    request
        What the create operation was given.
    work
        Its folder; ``ml`` below it is the container's ``/opt/ml``.
    stop
        Set when it is to be stopped.
    deadline
        ``time.monotonic`` value at which its time is up.
    log
        Its CloudWatch log.
    """

    def __init__(self, runner: Runner, region: str, kind: Kind, name: str, request: Document) -> None:
        self.region, self.kind, self.name, self.request = region, kind, name, request
        self.host, self.images = runner.host, runner.images
        self.work = runner.work / f"{kind.segment}-{region}-{name}"
        self.stop = threading.Event()
        self.deadline = float("inf")
        self.log = JobLog(runner.keeper, region, kind.log_group, f"{name}/algo-1-{int(time.time())}")
        self._records = runner.records

    @property
    def ml(self) -> Path:
        """The folder that the container sees as ``/opt/ml``."""
        return self.work / "ml"

    def change(self, **fields: Any) -> None:
        """Write fields of the job's description."""
        now = time.time()

        def edit(document: Document) -> None:
            document.update(fields)
            document["LastModifiedTime"] = now
            if "SecondaryStatus" in fields and self.kind.has_secondary_status:
                transitions = document.setdefault("SecondaryStatusTransitions", [])
                if transitions:
                    transitions[-1]["EndTime"] = now
                status = fields["SecondaryStatus"]
                transitions.append({"Status": status, "StartTime": now, "StatusMessage": f"{status} the training job"})

        self._records.change(self.region, self.kind.segment, self.name, edit)

    def checkpoint(self) -> None:
        """End here if the job was asked to stop.

        Raises
        ------
        JobStopped
            Then.
        """
        if self.stop.is_set():
            raise JobStopped


class Runner:
    """The job queue.

    Parameters
    ----------
    records, keeper
        Where jobs and their logs are kept.
    work
        Folder for the jobs' own folders.
    host, images
        The machine, and what it knows of images.
    limit
        How many jobs run at once; the others wait, in order, as InProgress.
    work_of
        What runs a job, by kind; it returns fields to write, or raises.
    """

    def __init__(
        self,
        records: Records,
        *,
        keeper: Keeper,
        work: Path,
        host: Host,
        images: tuple[Image, ...],
        limit: int,
        work_of: Mapping[str, Callable[[Job], Document]],
    ) -> None:
        self.records, self.keeper, self.work, self.host, self.images = records, keeper, work, host, images
        self._work_of = work_of
        self._pool = ThreadPoolExecutor(limit, thread_name_prefix="job")
        self._jobs: dict[tuple[str, str, str], tuple[Job, Future[None]]] = {}
        self._on_end: dict[str, Callable[[str, str], None]] = {}
        self._lock = threading.Lock()
        self._closing = False

    def on_end(self, kind: Kind, hear: Callable[[str, str], None]) -> None:
        """Have a function called with region and name whenever a job of a kind has ended."""
        self._on_end[kind.segment] = hear

    def recover(self) -> None:
        """End what a dead server left: its jobs' processes, their folders, and their records, as Failed."""
        killed = kill_marked(self.host.mark)
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        for region, segment, name, document in self.records.list([kind.segment for kind in KINDS.values()]):
            kind = next(kind for kind in KINDS.values() if kind.segment == segment)
            if document[kind.status] in ("InProgress", "Stopping"):
                job = Job(self, region, kind, name, document)
                reason = "InternalServerError: the local AWS stopped while the job was running; run it again"
                self._finish(job, "Failed", {"FailureReason": reason})
                logger.warning("%s %s was running when the server stopped: marked Failed", segment, name)
        if killed:
            logger.warning("killed %d processes of jobs that outlived the server", killed)

    def submit(self, region: str, kind: Kind, name: str, request: Document) -> None:
        """Queue a job whose record exists."""
        job = Job(self, region, kind, name, request)
        with self._lock:
            self._jobs[region, kind.segment, name] = job, self._pool.submit(self._run, job)

    def stop(self, region: str, kind: Kind, name: str) -> None:
        """Ask a job to stop; one that only waits for its turn is stopped at once."""
        with self._lock:
            job, future = self._jobs.get((region, kind.segment, name), (None, None))
        if job is None or future is None:
            return
        job.stop.set()
        if future.cancel():
            self._run(job)

    def running(self) -> list[str]:
        """Return the names of the jobs that have not ended."""
        with self._lock:
            return sorted(job.name for job, _ in self._jobs.values())

    def close(self) -> None:
        """Let no new job begin and kill the running ones; the next start marks them Failed."""
        self._closing = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        kill_marked(self.host.mark)

    def _run(self, job: Job) -> None:
        fields: Document = {}
        try:
            # One that was asked to stop between its record and its place in the queue was not found there.
            record = self.records.get(job.region, job.kind.segment, job.name) or {}
            if record.get(job.kind.status) == "Stopping":
                job.stop.set()
            job.checkpoint()
            seconds = job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_SECONDS)
            job.deadline = time.monotonic() + seconds
            job.work.mkdir(parents=True, exist_ok=True)
            job.change(**{job.kind.started: time.time()})
            status, fields = "Completed", self._work_of[job.kind.segment](job)
        except JobStopped as stopped:
            status = "Stopped"
            if job.kind.has_secondary_status:
                fields = {"SecondaryStatus": "MaxRuntimeExceeded" if stopped.out_of_time else "Stopped"}
        except JobFailed as failed:
            status, fields = "Failed", {"FailureReason": str(failed)[:MAX_REASON]}
            if failed.exit_message:
                fields["ExitMessage"] = failed.exit_message[:MAX_REASON]
        except Exception as error:
            logger.exception("job %s broke the local AWS", job.name)
            status, fields = "Failed", {"FailureReason": f"InternalServerError: {type(error).__name__}: {error}"}
        try:
            shutil.rmtree(job.work, ignore_errors=True)
            if not self._closing:
                persist(lambda: self._finish(job, status, fields))
        finally:
            with self._lock:
                self._jobs.pop((job.region, job.kind.segment, job.name), None)
        if job.kind.segment in self._on_end and not self._closing:
            self._on_end[job.kind.segment](job.region, job.name)

    def _finish(self, job: Job, status: str, fields: Document) -> None:
        if job.kind.has_secondary_status:
            fields = {"SecondaryStatus": status, **fields}
        job.change(**fields, **{job.kind.status: status, job.kind.ended: time.time()})
