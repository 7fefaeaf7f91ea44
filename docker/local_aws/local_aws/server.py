"""Command line and life of the local AWS: ``python -m local_aws.server --port 4566 --state-dir DIR``."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import importlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

# Before moto is imported: pages in a browser get no leave to read from this server.
os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from local_aws import emr, logs, s3, sagemaker
from local_aws.application import Application, Handler
from local_aws.calls import CallLog
from local_aws.database import Database
from local_aws.sagemaker.container import Host, probe_private_ml
from local_aws.sagemaker.images import DEFAULT_IMAGES, Image, read_images
from local_aws.services import Keeper, forget_instances

__all__ = ["main"]

HOST = "127.0.0.1"
EXTENSIONS = ("local_aws.redshift",)
"""Modules of further services: ``install(state_dir)`` returns what answers them, by signing name."""

logger = logging.getLogger(__name__)


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


class RequestHandler(MotoRequestHandler):
    """Answers without Nagle's delay, and logs nothing for a request that went well."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log server errors only."""
        if str(code).startswith("5"):
            super().log_request(code, size)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local_aws.server", description=__doc__)
    parser.add_argument("--host", default=HOST, help="only the loopback address is accepted")
    parser.add_argument("--port", type=int, default=4566, help="port; 0 takes a free one, which is printed")
    parser.add_argument("--state-dir", type=Path, required=True, help="folder for everything that must survive")
    parser.add_argument("--job-limit", type=int, default=2, help="SageMaker jobs that run at the same time")
    parser.add_argument("--stop-seconds", type=float, default=5.0, help="a stopped job has so long (SageMaker: 120)")
    parser.add_argument("--images", type=Path, help="JSON list of further images (fields of sagemaker.images.Image)")
    arguments = parser.parse_args(argv)
    if arguments.host not in (HOST, "localhost"):
        raise StartError(f"--host {arguments.host}: the local AWS listens on {HOST} only; leave the option out")
    if arguments.job_limit < 1:
        raise StartError(f"--job-limit {arguments.job_limit}: expected at least 1")
    return arguments


@contextlib.contextmanager
def _owned(state_dir: Path) -> Iterator[None]:
    """Hold the state folder: two servers on one would destroy it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(
                f"{state_dir} is in use by another local AWS; stop it, or give another --state-dir"
            ) from None
        yield


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        raise StartError(f"port {port}: {error.strerror}; free it, or give another --port") from None
    listener.listen(128)
    return listener


def serve(arguments: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT."""
    state_dir: Path = arguments.state_dir.resolve()
    with _owned(state_dir), _listen(arguments.port) as listener:
        # Only what is said in requests counts, not how the starting shell was set up.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        port = listener.getsockname()[1]
        forget_instances()
        database = Database(state_dir / "state.db")
        logs.install(database)
        store = s3.install(state_dir, database)
        keeper = Keeper(database)
        keeper.load()
        handlers: dict[str, Handler] = {}
        for module in EXTENSIONS:
            handlers.update(importlib.import_module(module).install(state_dir))
        host = Host(f"http://{HOST}:{port}", str(state_dir), probe_private_ml(), arguments.stop_seconds)
        images: tuple[Image, ...] = (*(read_images(arguments.images) if arguments.images else ()), *DEFAULT_IMAGES)
        service, runner = sagemaker.build(
            database, keeper=keeper, state_dir=state_dir, host=host, images=images, limit=arguments.job_limit
        )

        spark, job_runs = emr.build(database, keeper=keeper, state_dir=state_dir, host=host)

        def health() -> dict[str, Any]:
            return {
                "ready": True,
                "version": version("fraud"),
                "port": port,
                "private_opt_ml": host.private_ml,
                "running_jobs": runner.running() + job_runs.running(),
            }

        calls = CallLog(state_dir / "calls.jsonl")
        services = {"sagemaker": service, "emr-serverless": spark, **handlers}
        application = Application(store, keeper, services, health, calls)
        server = make_server(
            HOST, port, application, threaded=True, request_handler=RequestHandler, fd=listener.fileno()
        )
        # All that is loaded by now stays: garbage is looked for among what comes from here on, soon and at little cost.
        gc.collect()
        gc.freeze()
        _serve_until_signal(server)
        job_runs.close()
        runner.close()
        database.close()


def _serve_until_signal(server: BaseWSGIServer) -> None:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    print(f"local AWS ready on http://{HOST}:{server.port}", flush=True)  # noqa: T201
    stopping.wait()
    server.shutdown()
    thread.join()


def main(argv: Sequence[str] | None = None) -> int:
    """Start the server; return its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        serve(_arguments(argv))
    except StartError as error:
        print(f"local AWS: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    # Threads of jobs being killed would hold up an ordinary exit.
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
