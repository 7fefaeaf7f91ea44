"""Routes of the page: each needs a logged-in Airflow user, and data the right to read the DAG that they come from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from fraud_monitor.bundle import SCRIPT, STATIC, STYLE, File, digest, files
from fraud_monitor.episodes import episodes_of
from fraud_monitor.jobs import Jobs
from fraud_monitor.storage import Storage, StorageError

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
# A report is a document of its own: its inline scripts draw it, but it has no origin, no network and no way out.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'"
)
SUMMARY, MODELS = "monitoring/summary.json", "monitoring/models.json"
CSV_COLUMNS = ("rank", "customer_id", "score", "transaction_id", "model_version", "outcome", "fraud_amount", "reasons")


def _day(day: Annotated[str, PathParameter(pattern=r"^\d{4}-\d{2}-\d{2}$")]) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise HTTPException(404, f"{day} is not a date") from None


Day = Annotated[date, Depends(_day)]
JobName = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,62}$")]

_READS_DAILY = [Depends(requires_access_dag("GET", DagAccessEntity.RUN, "fraud_daily"))]
_READS_TRAINING = [Depends(requires_access_dag("GET", DagAccessEntity.RUN, "fraud_training"))]


def build(storage: Storage | None = None, jobs: Jobs | None = None) -> FastAPI:
    """Return the application over a bucket and its jobs, ready to answer; the environment's unless given."""
    store = storage or Storage.from_environment()
    digest()  # puts the page's files together now, not while the first reader waits
    app = FastAPI(
        title="Fraud monitor", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)]
    )

    @app.middleware("http")
    async def protect(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    @app.exception_handler(StorageError)
    async def unreadable(request: Request, error: StorageError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=503)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        # A person who opens the page itself is shown where to log in; scripts get the plain refusal.
        if error.status_code == 401 and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse((STATIC / "login.html").read_text("utf-8"), status_code=401)
        return JSONResponse({"detail": error.detail}, status_code=error.status_code)

    @app.get("/")
    def page() -> HTMLResponse:
        text = (STATIC / "index.html").read_text("utf-8")
        return HTMLResponse(text.replace("{style}", _address(STYLE)).replace("{script}", _address(SCRIPT)))

    @app.get("/static/{version}/{name}")
    def static(version: str, name: str, request: Request) -> Response:
        file = files().get(name)
        if file is None or version != digest():
            raise HTTPException(404, "there is no such file")
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return _send(request, file, headers)

    def stored(
        key: str, request: Request, show: Callable[[bytes], File] = _json, missing: bytes | None = None
    ) -> Response:
        found = store.read(key)
        if found is None and missing is not None:
            return Response(missing, media_type="application/json")
        if found is None:
            raise HTTPException(404, "not written yet")
        etag, content = found
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        return _send(request, show(content), {"ETag": etag})

    @app.get("/data/summary", dependencies=_READS_DAILY)
    def summary(request: Request) -> Response:
        return stored(SUMMARY, request)

    @app.get("/data/models", dependencies=_READS_TRAINING)
    def models(request: Request) -> Response:
        return stored(MODELS, request)

    @app.get("/data/days/{day}", dependencies=_READS_DAILY)
    def one_day(day: Day, request: Request) -> Response:
        return stored(f"monitoring/days/{day}.json", request)

    @app.get("/data/cards/{day}", dependencies=_READS_DAILY)
    def cards(day: Day, request: Request) -> Response:
        return stored(f"monitoring/cards/{day}.json", request)

    @app.get("/data/episodes", dependencies=_READS_DAILY)
    def episodes(request: Request) -> Response:
        return stored("world/world.json", request, _episodes, missing=b"[]")

    @app.get("/data/reports", dependencies=_READS_DAILY)
    def reports() -> list[str]:
        suffix = "/report.html"
        keys = store.list("reports/drift/")
        return [key.removesuffix(suffix).rpartition("date=")[2] for key in keys if key.endswith(suffix)]

    @app.get("/alerts/{day}.csv", dependencies=_READS_DAILY)
    def alerts_csv(day: Day) -> Response:
        found = store.read(f"monitoring/days/{day}.json")
        if found is None:
            raise HTTPException(404, f"{day} is not closed yet")
        outcomes = store.read(f"monitoring/cards/{day}.json")
        text = alerts_table(json.loads(found[1]), json.loads(outcomes[1]) if outcomes else None)
        headers = {"Content-Disposition": f'attachment; filename="alerts-{day}.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    @app.get("/reports/{day}", dependencies=_READS_DAILY)
    def report(day: Day) -> Response:
        found = store.open(f"reports/drift/date={day}/report.html")
        if found is None:
            raise HTTPException(404, f"there is no report of {day}")
        headers = {"Content-Security-Policy": REPORT_POLICY}
        return StreamingResponse(found.chunks, media_type="text/html; charset=utf-8", headers=headers)

    _add_jobs(app, jobs or Jobs.from_environment())
    app.state.storage = store
    return app


def read_ahead(app: FastAPI) -> None:
    """Read and compress what the overview shows; what cannot be read now is read when it is asked for."""
    for key in (SUMMARY, MODELS):
        with suppress(StorageError):
            found = app.state.storage.read(key)
            if found is not None:
                _json(found[1])


def _add_jobs(app: FastAPI, jobs: Jobs) -> None:
    def job(kind: str, name: str) -> Response:
        text = jobs.text(kind, name)
        if text is None:
            raise HTTPException(404, f"this deployment has no {kind} job {name}")
        return PlainTextResponse(text)

    @app.get("/jobs/processing/{name}", dependencies=_READS_DAILY)
    def processing_job(name: JobName) -> Response:
        return job("processing", name)

    @app.get("/jobs/transform/{name}", dependencies=_READS_DAILY)
    def transform_job(name: JobName) -> Response:
        return job("transform", name)

    @app.get("/jobs/training/{name}", dependencies=_READS_TRAINING)
    def training_job(name: JobName) -> Response:
        return job("training", name)

    @app.get("/jobs/tuning/{name}", dependencies=_READS_TRAINING)
    def tuning_job(name: JobName) -> Response:
        return job("tuning", name)


def alerts_table(day: Mapping[str, Any], cards: Mapping[str, Any] | None) -> str:
    """Return a day's alerts as CSV, with what became of them as far as it is known."""
    outcomes = cards["outcomes"] if cards else {}
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CSV_COLUMNS)
    for alert in day["alerts"]:
        frauds, cents = outcomes.get(str(alert["rank"]), (None, 0))
        outcome = "" if frauds is None else "fraud" if frauds else "genuine"
        reasons = "; ".join(f"{reason['feature']} = {reason['value']:g}" for reason in alert["reasons"])
        writer.writerow(
            [
                *(alert[name] for name in CSV_COLUMNS[:5]),
                outcome,
                "" if frauds is None else f"{cents / 100:.2f}",
                reasons,
            ]
        )
    return text.getvalue()


@lru_cache(maxsize=32)
def _json(content: bytes) -> File:
    """Return an object with its compressed form: three years of history are compressed once, not for every visit."""
    return File.of("application/json", content)


@lru_cache(maxsize=1)
def _episodes(content: bytes) -> File:
    return File.of("application/json", json.dumps(episodes_of(json.loads(content))).encode())


def _send(request: Request, file: File, headers: dict[str, str]) -> Response:
    headers |= {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(file.plain, media_type=file.media_type, headers=headers)


def _address(name: str) -> str:
    return f"static/{digest()}/{name}"
