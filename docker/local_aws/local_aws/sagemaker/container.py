"""A job's container: a process group that sees a private ``/opt/ml``, and whose output goes to CloudWatch logs."""

from __future__ import annotations

import codecs
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from local_aws.sagemaker.errors import JobFailed, JobStopped

__all__ = ["MARK", "Container", "Host", "kill_marked", "probe_private_ml"]

MARK = "LOCAL_AWS_JOB"
"""Variable that marks every process of a job, so that none outlives the server unnoticed."""

POLL_SECONDS = 0.05
READER_SECONDS = 5.0

# In a mount namespace of its own: /opt becomes a scratch folder with everything that it held, and /opt/ml the job's.
PRIVATE_ML = """
set -e
mount --rbind /opt /mnt
mount -t tmpfs tmpfs /opt
for entry in /mnt/* /mnt/.[!.]*; do
  name="${entry##*/}"
  if [ "$name" = ml ] || { [ ! -e "$entry" ] && [ ! -L "$entry" ]; }; then continue; fi
  if [ -d "$entry" ] && [ ! -L "$entry" ]; then
    mkdir "/opt/$name" && mount --rbind "$entry" "/opt/$name"
  else
    cp -P "$entry" "/opt/$name"
  fi
done
mkdir /opt/ml
umount -l /mnt
mount --bind "$0" /opt/ml
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Host:
    """What containers need to know of the machine they run on.

    Parameters
    ----------
    endpoint
        URL of the local AWS; containers get it as ``AWS_ENDPOINT_URL``.
    mark
        Value of :data:`MARK`, the same for all jobs of one state folder.
    private_ml
        Whether ``/opt/ml`` can be private; otherwise ``SAGEMAKER_BASE_DIR`` says where the job's folder is.
    stop_seconds
        Between asking a container to stop and killing it.
    """

    endpoint: str
    mark: str
    private_ml: bool
    stop_seconds: float


def probe_private_ml() -> bool:
    """Say whether a process may have its own ``/opt/ml`` here (user and mount namespaces)."""
    with tempfile.TemporaryDirectory() as folder:
        command = _private(Path(folder), ["sh", "-c", "echo private > /opt/ml/probe"])
        try:
            done = subprocess.run(command, capture_output=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0 and (Path(folder) / "probe").exists()


def _private(ml: Path, command: Sequence[str]) -> list[str]:
    return ["unshare", "-Urm", "sh", "-c", PRIVATE_ML, str(ml), *command]


def kill_marked(mark: str) -> int:
    """Kill every process that carries a mark; return how many there were."""
    killed = 0
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                process.kill()
                killed += 1
    return killed


class Container:
    """One running container.

    Parameters
    ----------
    host
        The machine.
    work
        The job's folder: ``ml`` below it becomes ``/opt/ml``.
    command
        What to run; ``python`` is the image's.
    environment
        Variables of the image and the request.
    search_path
        PATH of the image.
    region
        AWS region, for ``AWS_REGION``.
    on_lines
        Called with each batch of output lines, from another thread.
    """

    def __init__(
        self,
        host: Host,
        work: Path,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        search_path: str,
        region: str,
        on_lines: Callable[[list[str]], None],
    ) -> None:
        self._on_lines, self._stop_seconds = on_lines, host.stop_seconds
        for name in ("home", "tmp"):
            (work / name).mkdir(parents=True, exist_ok=True)
        variables = {
            "PATH": search_path,
            "HOME": str(work / "home"),
            "TMPDIR": str(work / "tmp"),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            # As on SageMaker, boto3 in the job finds its role's credentials and the endpoint without being told.
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL": host.endpoint,
            **({} if host.private_ml else {"SAGEMAKER_BASE_DIR": str(work / "ml")}),
            **environment,
            MARK: host.mark,
        }
        try:
            self._process = subprocess.Popen(
                _private(work / "ml", command) if host.private_ml else list(command),
                cwd="/",
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise JobFailed(f"ClientError: The container cannot be started: {error}") from None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Pass on output as it comes, whole lines at a time; what is no UTF-8 is replaced."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        stream, rest = self._process.stdout, ""
        if stream is None:
            return
        while chunk := os.read(stream.fileno(), 1 << 16):
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            if lines:
                self._on_lines(lines)
        if rest:
            self._on_lines([rest])

    @property
    def exit_code(self) -> int | None:
        """The exit code, or ``None`` while it runs."""
        return self._process.poll()

    def wait(self, stop: threading.Event, deadline: float) -> int:
        """Wait for the end and return the exit code.

        Parameters
        ----------
        stop
            Set when the job is to be stopped.
        deadline
            ``time.monotonic`` value after which it is stopped.

        Raises
        ------
        JobStopped
            When it was stopped, by request or for lack of time; no process of it is left then.
        """
        while (code := self.exit_code) is None:
            if stop.wait(POLL_SECONDS):
                self.stop()
                raise JobStopped
            if time.monotonic() > deadline:
                self.stop()
                raise JobStopped(out_of_time=True)
        self._end()
        return code

    def stop(self) -> None:
        """Ask the process group to stop, and kill it when it does not."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._stop_seconds)
        self._end()

    def _end(self) -> None:
        """Leave no process of the group, and have its last output read."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(READER_SECONDS)
        if not self._reader.is_alive() and self._process.stdout is not None:
            self._process.stdout.close()
