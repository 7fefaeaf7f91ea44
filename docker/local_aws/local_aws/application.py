"""One WSGI application for every service: it finds out which service a request is for, and answers errors as AWS does.

Nothing is acknowledged before it is durable: a request that may have changed something is saved before its response
leaves.
"""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote
from wsgiref.types import StartResponse, WSGIEnvironment
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local_aws.calls import Call, CallLog, emr_calls, s3_calls, service_calls
from local_aws.s3 import Store
from local_aws.services import KEPT, Keeper

__all__ = ["Answer", "Application", "Handler"]

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""

Handler = Callable[[str, str, bytes], Answer]
"""Answers one JSON request of a service of our own: region, operation (of a REST service: method and target), body."""

LOOPBACK_HOST = re.compile(r"^([a-z0-9.-]+\.)?(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$", re.IGNORECASE)
READING = ("Describe", "Get", "List", "Head", "Search", "BatchGet", "Filter", "Test", "Lookup", "Query", "Check")
SIGNING_NAMES = {"monitoring": "cloudwatch"}
"""Moto's names of services that sign under another."""

logger = logging.getLogger(__name__)


class Application:
    """Routes requests to S3, to moto's small services, and to the services of our own.

    Parameters
    ----------
    store
        The durable S3.
    keeper
        What saves moto's small services.
    handlers
        Services of our own by signing name.
    health
        Gives what ``GET /_local/health`` answers.
    calls
        Notes what is called.
    """

    def __init__(
        self,
        store: Store,
        keeper: Keeper,
        handlers: Mapping[str, Handler],
        health: Callable[[], dict[str, Any]],
        calls: CallLog,
    ) -> None:
        self._store, self._keeper, self._handlers, self._health = store, keeper, dict(handlers), health
        self._calls = calls
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        service, region = _service(environ)
        self._calls.note(_calls(service, environ))
        try:
            # A page in somebody's browser must not reach this server by a name of its own.
            if not LOOPBACK_HOST.match(environ.get("HTTP_HOST", "")):
                answer = _error(environ, 403, "AccessDenied", "the local AWS answers only to 127.0.0.1 and localhost")
            elif environ["PATH_INFO"].startswith("/_local/"):
                answer = self._local(environ)
            elif service in self._handlers:
                operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[2] or _rest_operation(environ)
                answer = self._handlers[service](region, operation, _body(environ))
            elif service == "s3":
                return self._s3(environ, start_response)
            elif SIGNING_NAMES.get(service, service) in KEPT:
                return self._forward(SIGNING_NAMES.get(service, service), environ, start_response)
            else:
                answer = _error(environ, 400, "UnknownService", f"the local AWS has no service {service!r}")
        except NotImplementedError as error:
            answer = _error(environ, 400, "UnknownOperationException", f"the local AWS does not do this: {error}")
            return _send(answer, start_response, failed=True)
        except Exception:
            logger.exception("%s %s failed", environ["REQUEST_METHOD"], environ["PATH_INFO"])
            answer = _error(environ, 500, "InternalFailure", "the local AWS failed; its log says why")
            return _send(answer, start_response, failed=True)
        return _send(answer, start_response)

    def _local(self, environ: WSGIEnvironment) -> Answer:
        if environ["PATH_INFO"] == "/_local/health" and environ["REQUEST_METHOD"] == "GET":
            return 200, {"Content-Type": "application/json"}, json.dumps(self._health()).encode()
        return _error(environ, 404, "NotFound", f"the local AWS has no page {environ['PATH_INFO']}")

    def _s3(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD", "OPTIONS"):
            return self._moto(environ, start_response)
        _body(environ)  # before anybody waits for this request
        with self._store.request(_address(environ)[0]):
            return list(self._moto(environ, start_response))

    def _forward(self, service: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        action = _action(environ)
        response = list(self._moto(environ, start_response))
        if not action.startswith(READING):
            self._keeper.save(service)
        return response


def _service(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the signing name and region of a request; what is not signed is for S3, as in moto."""
    scope = re.search(r"Credential=[^/,]+/\d+/([^/]+)/([^/]+)/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        credential = parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential", [""])[0]
        scope = re.search(r"[^/]+/\d+/([^/]+)/([^/]+)/aws4_request", credential)
    return (scope[2].lower(), scope[1]) if scope else ("s3", "us-east-1")


def _calls(service: str, environ: WSGIEnvironment) -> list[Call]:
    """Return the permissions that a signed request needs."""
    caller = re.search(r"Credential=([^/,]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    if caller is None:
        return []
    if service == "s3":
        return s3_calls(caller[1], environ["REQUEST_METHOD"], *_address(environ), environ.get("QUERY_STRING", ""))
    body = _body(environ)
    if service == "emr-serverless":
        return emr_calls(caller[1], _rest_operation(environ), body)
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        fields: dict[str, Any] = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    else:
        try:
            read = json.loads(body or b"{}")
        except ValueError:
            read = {}
        fields = read if isinstance(read, dict) else {}
    return service_calls(caller[1], SIGNING_NAMES.get(service, service), _action(environ), fields)


def _address(environ: WSGIEnvironment) -> tuple[str | None, str | None]:
    """Return bucket and key that an S3 request addresses, in the path or with the bucket in the host name."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace").lstrip("/")
    host = environ["HTTP_HOST"].partition(":")[0]
    if host.endswith(".localhost"):
        path = f"{host.removesuffix('.localhost')}/{path}"
    bucket, _, key = path.partition("/")
    return bucket or None, key or None


def _rest_operation(environ: WSGIEnvironment) -> str:
    """Return method, path and query of a request that names no operation."""
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"


def _body(environ: WSGIEnvironment) -> bytes:
    """Read the body and leave it there for the next reader."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _action(environ: WSGIEnvironment) -> str:
    """Return the operation of a request in any of the protocols but REST's."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return str(target.rpartition(".")[2])
    if "/operation/" in environ["PATH_INFO"]:
        return str(environ["PATH_INFO"].rpartition("/")[2])
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(_body(environ).decode("utf-8", "replace")).get("Action", [""])[0]
    return unquote(environ["REQUEST_METHOD"])


def _error(environ: WSGIEnvironment, status: int, code: str, message: str) -> Answer:
    """Say an error in the protocol of the request."""
    if environ.get("HTTP_SMITHY_PROTOCOL") == "rpc-v2-cbor":
        # An empty CBOR map: clients take the code from the header.
        headers = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return status, headers | {"x-amzn-query-error": f"{code};Sender"}, b"\xbf\xff"
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        content = json.dumps({"__type": code, "message": message}).encode()
        return status, {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}, content
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        text = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    else:
        text = f"<Error>{error}</Error>"
    return status, {"Content-Type": "text/xml"}, text.encode()


REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 500: "Internal Server Error"}


def _send(answer: Answer, start_response: StartResponse, *, failed: bool = False) -> Iterable[bytes]:
    status, headers, body = answer
    # With the exception an answer that moto has begun may be replaced: what could not be saved is not acknowledged.
    start_response(
        f"{status} {REASONS[status]}",
        [*headers.items(), ("Content-Length", str(len(body)))],
        sys.exc_info() if failed else None,
    )
    return [body]
