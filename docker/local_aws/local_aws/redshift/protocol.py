"""Requests and answers of a service that speaks AWS's JSON 1.1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from local_aws.application import Answer, Handler

__all__ = ["Document", "Operations", "RequestError", "handler"]

Document = dict[str, Any]


class RequestError(Exception):
    """A request is refused with an AWS error code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


Operations = Mapping[str, Callable[[Document], Document]]
"""What a service does, by the API's names."""


def handler(service: str, operations_in: Callable[[str], Operations]) -> Handler:
    """Return what answers a service's requests by its operations in a region; one that is not there is refused."""

    def answer(region: str, operation: str, body: bytes) -> Answer:
        operations = operations_in(region)
        headers = {"Content-Type": "application/x-amz-json-1.1"}
        try:
            if operation not in operations:
                raise RequestError(
                    "UnknownOperationException", f"the local AWS has no {service} operation {operation!r}"
                )
            return 200, headers, json.dumps(operations[operation](json.loads(body or b"{}"))).encode()
        except RequestError as error:
            content = {"__type": error.code, "message": str(error)}
            return 400, headers | {"x-amzn-errortype": error.code}, json.dumps(content).encode()

    return answer
