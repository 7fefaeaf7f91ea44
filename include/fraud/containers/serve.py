"""Entry point of our own image's hosting and batch transform, started by SageMaker as ``serve``.

``GET /ping`` says that the model is loaded, ``POST /invocations`` takes CSV rows of features and returns one score a
line, in order. A body that is wrong is refused whole, with the line: a row never disappears.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from fraud.containers.logs import start_log
from fraud.containers.paths import JobPaths
from fraud.containers.rows import parse_rows
from fraud.errors import DataError, FraudError
from fraud.models import artefact

__all__ = ["application", "main"]

MOST_BYTES = 32 << 20
"""Largest body that is taken; SageMaker splits what is larger (``MaxPayloadInMB``, 6 unless told otherwise)."""

MOST_SECONDS = 60.0
"""Longest time that a body may take to arrive: SageMaker gives up on an invocation after as long."""


def application(model: artefact.Model) -> Starlette:
    """Return the web application that scores with a model."""

    async def ping(_: Request) -> Response:
        return PlainTextResponse("")

    async def execution_parameters(_: Request) -> Response:
        return JSONResponse({"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6})

    async def invocations(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/csv":
            return _refused(415, f"content type {kind or 'missing'} is not taken; send text/csv")
        accepted = request.headers.get("accept", "*/*")
        if not any(wanted in accepted for wanted in ("text/csv", "text/*", "*/*")):
            return _refused(406, f"cannot answer as {accepted}; accept text/csv")
        body = bytearray()
        try:
            async with asyncio.timeout(MOST_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > MOST_BYTES:
                        most = f"{MOST_BYTES >> 20} MiB; send fewer rows at a time (MaxPayloadInMB: 6)"
                        return _refused(413, f"the body is larger than {most}")
        except TimeoutError:
            return _refused(408, f"the body did not arrive within {MOST_SECONDS:g} s; send it in one go")
        try:
            return Response(await run_in_threadpool(_score, model, bytes(body)), media_type="text/csv")
        except DataError as error:
            return _refused(400, str(error))

    return Starlette(
        routes=[
            Route("/ping", ping),
            Route("/execution-parameters", execution_parameters),
            Route("/invocations", invocations, methods=["POST"]),
        ]
    )


def _score(model: artefact.Model, body: bytes) -> bytes:
    rows = parse_rows(body, model.n_features, "the body")
    # Shortest text that reads back as the same number, as Arrow and Python both write it.
    lines = pa.array(model.predict_proba(rows)).cast(pa.string())
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _refused(status: int, reason: str) -> Response:
    return PlainTextResponse(reason + "\n", status_code=status)


def main(environment: Mapping[str, str] | None = None) -> int:
    """Load ``model/`` and serve it until told to stop; return the exit code."""
    environment = os.environ if environment is None else environment
    folder: Path = JobPaths.from_environment(environment).base / "model"
    log = start_log("serve", environment)
    try:
        model = artefact.load(folder)
    except FraudError as error:
        log.error("%s", error)
        return error.exit_code
    # SageMaker tells the port only where it is not 8080 (several containers in one endpoint).
    port = int(environment.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    uvicorn.run(application(model), host="0.0.0.0", port=port, log_config=None, log_level="warning", access_log=False)  # noqa: S104
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
