"""Stands between the tasks and the local AWS, counts what each task calls, and makes chosen calls fail."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

HANG_SECONDS = 3.5  # a little longer than the clients' time-out

KINDS = (
    "throttled",
    "server_error",
    "server_error_after",
    "reset",
    "reset_after",
    "timeout",
    "timeout_after",
    "expired",
    "aws_killed",
    "aws_killed_after",
    "job_killed",
    "disk_full",
)
"""What can become of a call; ``…_after`` means after it took effect. A full disk stays so until the try has
ended, or for a while."""

ABSORBED = ("throttled", "server_error", "server_error_after", "reset", "reset_after", "timeout", "timeout_after")
"""Kinds that a client tries again by itself when they come once; when they stay, the task fails."""


class Try(NamedTuple):
    """One try of a task."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    number: int


class Fault(NamedTuple):
    """What goes wrong: at which call of which try, how, and whether all later calls of the try fail as well.

    A call is named by its operation and how many of that operation came before it: how often a task asks whether its
    job has ended depends on how fast the machine is.
    """

    at: Try
    operation: str
    nth: int
    kind: str
    stays: bool

    def __str__(self) -> str:
        stays = ", and every call after it" if self.stays else ""
        where = f"{self.at.dag_id} {self.at.run_id} {self.at.task_id}[{self.at.map_index}]"
        return f"{self.kind} at {self.operation} number {self.nth}{stays} of {where}, try {self.at.number}"


@dataclass
class Proxy:
    """The proxy: ``endpoint`` is what tasks are to call.

    Attributes
    ----------
    target
        Where calls go: host and port of the local AWS.
    kill_aws
        Kills the local AWS as a power cut would, starts it again and returns the new target.
    kill_jobs
        Kills the processes of running jobs; returns how many.
    fill_disk
        Leaves no room on the disk of the local AWS.
    faults
        By try.
    calls
        Operations that each try has called, in order.
    happened
        Faults that took place.
    """

    target: tuple[str, int]
    kill_aws: Callable[[], tuple[str, int]]
    kill_jobs: Callable[[], int]
    fill_disk: Callable[[], None]
    faults: dict[Try, Fault] = field(default_factory=dict)
    calls: dict[Try, list[str]] = field(default_factory=lambda: defaultdict(list))
    happened: list[Fault] = field(default_factory=list)
    current: Try | None = None

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._struck: set[Try] = set()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self) -> None:
                proxy.answer(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Pass a request on, unless it is to fail."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        with self._lock:
            fault = self._due(_operation(request))
        if fault is None:
            self._reply(request, self._forward(request, body))
            return
        kind = fault.kind
        if kind == "job_killed":
            if self._job_died():
                self.happened.append(fault)
            self._reply(request, self._forward(request, body))
            return
        if kind == "disk_full":
            self.fill_disk()
            self._reply(request, self._forward(request, body))
            return
        if kind.endswith("_after"):
            self._forward(request, body)
        if kind.startswith("aws_killed"):
            self.target = self.kill_aws()
        _fail(request, kind.removesuffix("_after"))

    def _due(self, operation: str) -> Fault | None:
        """Count a call; return what is to become of it."""
        if self.current is None:
            return None
        calls = self.calls[self.current]
        calls.append(operation)
        fault = self.faults.get(self.current)
        if fault is None:
            return None
        if self.current in self._struck:
            return fault._replace(kind=fault.kind.removesuffix("_after")) if fault.stays else None
        if (operation, calls.count(operation) - 1) != (fault.operation, fault.nth):
            return None
        self._struck.add(self.current)
        if fault.kind != "job_killed":
            self.happened.append(fault)
        return fault

    def _job_died(self) -> bool:
        """Kill the running job; say whether there was one."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            if self.kill_jobs():
                return True
            time.sleep(0.05)
        return False

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.target, timeout=60)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("connection", "expect")}
        try:
            connection.request(request.command, request.path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _reply(self, request: BaseHTTPRequestHandler, answer: tuple[int, list[tuple[str, str]], bytes]) -> None:
        status, headers, body = answer
        request.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding"):
                request.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            request.wfile.write(body)


def _operation(request: BaseHTTPRequestHandler) -> str:
    target = request.headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    found = re.search(r"/\d+/[^/]+/([^/]+)/aws4_request", request.headers.get("Authorization", ""))
    return f"{found[1] if found else 's3'} {request.command}"


def _fail(request: BaseHTTPRequestHandler, kind: str) -> None:
    if kind == "timeout":
        time.sleep(HANG_SECONDS)
    if kind in ("timeout", "reset", "aws_killed"):
        # With no time to linger, closing sends a reset.
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.close_connection = True
        request.connection.close()
        return
    is_json = "X-Amz-Target" in request.headers
    code, status = {
        "throttled": ("ThrottlingException", 400) if is_json else ("SlowDown", 503),
        "server_error": ("InternalServerError", 500) if is_json else ("InternalError", 500),
        "expired": ("ExpiredTokenException", 400) if is_json else ("ExpiredToken", 403),
    }[kind]
    message = f"injected: {kind}"
    if is_json:
        body = f'{{"__type": "{code}", "message": "{message}"}}'.encode()
    else:
        body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    request.send_response_only(status)
    request.send_header("Content-Type", "application/x-amz-json-1.1" if is_json else "text/xml")
    if is_json:
        request.send_header("x-amzn-errortype", code)
    request.send_header("Content-Length", str(0 if request.command == "HEAD" else len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
