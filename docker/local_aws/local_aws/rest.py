"""EMR Serverless speaks REST: which operation a method and a path mean, and what they say beside the body."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

__all__ = ["parse"]

RUNS = "/applications/(?P<applicationId>[^/]+)/jobruns"
ROUTES = {
    "CreateApplication": ("POST", "/applications"),
    "ListApplications": ("GET", "/applications"),
    "GetApplication": ("GET", "/applications/(?P<applicationId>[^/]+)"),
    "DeleteApplication": ("DELETE", "/applications/(?P<applicationId>[^/]+)"),
    "StartApplication": ("POST", "/applications/(?P<applicationId>[^/]+)/start"),
    "StopApplication": ("POST", "/applications/(?P<applicationId>[^/]+)/stop"),
    "StartJobRun": ("POST", RUNS),
    "ListJobRuns": ("GET", RUNS),
    "GetJobRun": ("GET", f"{RUNS}/(?P<jobRunId>[^/]+)"),
    "CancelJobRun": ("DELETE", f"{RUNS}/(?P<jobRunId>[^/]+)"),
}
NUMBERS = ("maxResults", "attempt")
LISTS = ("states",)


def parse(operation: str, body: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return the operation's name and its request: path and query parameters beside the body; None for no operation.

    Parameters
    ----------
    operation
        Method, path and query, as in ``GET /applications?maxResults=5``.
    body
        JSON, or nothing.
    """
    method, _, target = operation.partition(" ")
    path, _, query = target.partition("?")
    for name, (verb, pattern) in ROUTES.items():
        found = re.fullmatch(pattern, path)
        if verb == method and found:
            request: dict[str, Any] = {**json.loads(body or b"{}"), **found.groupdict()}
            for key, values in parse_qs(query).items():
                request[key] = values if key in LISTS else int(values[0]) if key in NUMBERS else values[0]
            return name, request
    return None
