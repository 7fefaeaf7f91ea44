"""EMR Serverless's API: applications and their job runs, by REST."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable

from moto.core.models import DEFAULT_ACCOUNT_ID

from local_aws.application import Answer
from local_aws.emr.jobs import APPLICATION, ENDED, RUN, JobRuns
from local_aws.rest import parse
from local_aws.sagemaker.errors import RequestRefused
from local_aws.sagemaker.records import Document, Records
from local_aws.sagemaker.shapes import check_request, project_answer

__all__ = ["EmrServerless"]

SERVICE = "emr-serverless"
DEFAULT_MINUTES = 720
PAGE = 50


class EmrServerless:
    """Answers EMR Serverless requests; an operation that is not here is refused."""

    def __init__(self, records: Records, runs: JobRuns) -> None:
        self._records, self._runs = records, runs
        self._operations: dict[str, Callable[[str, Document], Document]] = {
            "CreateApplication": self._create_application,
            "ListApplications": self._list_applications,
            "GetApplication": lambda region, request: {"application": self._application(region, request)},
            "DeleteApplication": self._delete_application,
            "StartApplication": lambda region, request: self._turn(region, request, "STARTED"),
            "StopApplication": self._stop_application,
            "StartJobRun": self._start_job_run,
            "ListJobRuns": self._list_job_runs,
            "GetJobRun": lambda region, request: {"jobRun": self._job_run(region, request)},
            "CancelJobRun": self._cancel_job_run,
        }

    def __call__(self, region: str, operation: str, body: bytes) -> Answer:
        """Answer one request; for a REST service ``operation`` is method, path and query."""
        headers = {"Content-Type": "application/json"}
        try:
            parsed = parse(operation, body)
            if parsed is None:
                raise RequestRefused(
                    "UnknownOperationException",
                    f"the local AWS has no EMR Serverless operation {operation.rstrip('?')}",
                )
            name, request = parsed
            check_request(name, request, SERVICE)
            answer = project_answer(name, self._operations[name](region, request), SERVICE)
            return 200, headers, json.dumps(answer).encode()
        except RequestRefused as refused:
            status = 404 if refused.code == "ResourceNotFoundException" else 400
            return status, headers | {"x-amzn-errortype": refused.code}, json.dumps({"message": str(refused)}).encode()

    def _create_application(self, region: str, request: Document) -> Document:
        if request["type"].lower() != "spark":
            raise _refused(f"The local AWS has no engine {request['type']!r}, only Spark")
        for document in self._all(APPLICATION, region):
            if document["clientToken"] == request["clientToken"]:
                return document
        identity, now = _identity(), time.time()
        document = {
            **request,
            "applicationId": identity,
            "arn": f"arn:aws:emr-serverless:{region}:{DEFAULT_ACCOUNT_ID}:/applications/{identity}",
            "state": "CREATED",
            "stateDetails": "",
            "type": "Spark",
            "createdAt": now,
            "updatedAt": now,
        }
        self._records.create(region, APPLICATION, identity, document)
        return document

    def _application(self, region: str, request: Document) -> Document:
        return self._found(APPLICATION, region, request["applicationId"], "Application")

    def _list_applications(self, region: str, request: Document) -> Document:
        page, token = _page(request, self._all(APPLICATION, region))
        return {"applications": [{**one, "id": one["applicationId"]} for one in page], "nextToken": token}

    def _delete_application(self, region: str, request: Document) -> Document:
        application = self._application(region, request)
        if application["state"] not in ("CREATED", "STOPPED"):
            raise _refused(
                f"Application {application['applicationId']} must be in one of the following statuses [CREATED, "
                f"STOPPED]. Current status: {application['state']}"
            )
        self._records.delete(region, APPLICATION, application["applicationId"])
        return {}

    def _stop_application(self, region: str, request: Document) -> Document:
        identity = self._application(region, request)["applicationId"]
        if any(run["state"] not in ENDED for run in self._all(RUN, region) if run["applicationId"] == identity):
            raise _refused(f"Application {identity} has job runs that have not ended; cancel them first")
        return self._turn(region, request, "STOPPED")

    def _turn(self, region: str, request: Document, state: str) -> Document:
        self._application(region, request)
        now = time.time()
        self._records.change(
            region, APPLICATION, request["applicationId"], lambda document: document.update(state=state, updatedAt=now)
        )
        return {}

    def _start_job_run(self, region: str, request: Document) -> Document:
        application = self._application(region, request)
        for run in self._all(RUN, region):
            if run["clientToken"] == request["clientToken"] and run["applicationId"] == application["applicationId"]:
                return run
        if application["state"] == "STOPPED" and not application.get("autoStartConfiguration", {}).get("enabled", True):
            raise _refused(f"Application {application['applicationId']} is stopped and does not start by itself")
        if "sparkSubmit" not in request.get("jobDriver", {}):
            raise _refused("The local AWS runs jobs whose jobDriver has sparkSubmit")
        logs = set(request.get("configurationOverrides", {}).get("monitoringConfiguration", {}))
        if logs - {"cloudWatchLoggingConfiguration"}:
            raise _refused(f"The local AWS writes logs to CloudWatch only, not as {', '.join(sorted(logs))} says")
        self._turn(region, request, "STARTED")
        identity, now = _identity(), time.time()
        document = {
            "executionTimeoutMinutes": DEFAULT_MINUTES,
            **request,
            "jobRunId": identity,
            "arn": f"{application['arn']}/jobruns/{identity}",
            "createdBy": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:root",
            "executionRole": request["executionRoleArn"],
            "releaseLabel": application["releaseLabel"],
            "state": "SUBMITTED",
            "stateDetails": "",
            "attempt": 1,
            "mode": "BATCH",
            "createdAt": now,
            "updatedAt": now,
        }
        if document["mode"] != request.get("mode", "BATCH"):
            raise _refused("The local AWS runs jobs in mode BATCH only")
        self._records.create(region, RUN, identity, document)
        self._runs.submit(region, identity, document)
        return document

    def _job_run(self, region: str, request: Document) -> Document:
        self._application(region, request)
        run = self._found(RUN, region, request["jobRunId"], "JobRun")
        if run["applicationId"] != request["applicationId"]:
            raise RequestRefused("ResourceNotFoundException", f"JobRun {request['jobRunId']} does not exist")
        return run

    def _list_job_runs(self, region: str, request: Document) -> Document:
        self._application(region, request)
        chosen = [
            {**run, "id": run["jobRunId"], "type": "Spark"}
            for run in reversed(self._all(RUN, region))
            if run["applicationId"] == request["applicationId"]
            and run["state"] in request.get("states", [run["state"]])
        ]
        page, token = _page(request, chosen)
        return {"jobRuns": page, "nextToken": token}

    def _cancel_job_run(self, region: str, request: Document) -> Document:
        run = self._job_run(region, request)

        def edit(document: Document) -> None:
            if document["state"] not in ENDED:
                document.update(state="CANCELLING", updatedAt=time.time())

        # Cancelling what has ended changes nothing: the stock operator does so before it reports a failure.
        self._records.change(region, RUN, run["jobRunId"], edit)
        self._runs.cancel(region, run["jobRunId"])
        return run

    def _found(self, kind: str, region: str, identity: str, noun: str) -> Document:
        document = self._records.get(region, kind, identity)
        if document is None:
            raise RequestRefused("ResourceNotFoundException", f"{noun} {identity} does not exist")
        return document

    def _all(self, kind: str, region: str) -> list[Document]:
        return [document for *_, document in self._records.list([kind], region)]


def _page(request: Document, documents: list[Document]) -> tuple[list[Document], str | None]:
    token = request.get("nextToken")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except ValueError:
        raise _refused(f"nextToken {token!r} is not one that was given out") from None
    end = start + request.get("maxResults", PAGE)
    return documents[start:end], base64.b64encode(str(end).encode()).decode() if end < len(documents) else None


def _refused(message: str) -> RequestRefused:
    return RequestRefused("ValidationException", message)


def _identity() -> str:
    return uuid.uuid4().hex[:16]
