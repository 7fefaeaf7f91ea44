"""The Redshift Data API: statements run in the background, are described while they run, and keep their results."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local_aws.database import persist
from local_aws.redshift.engine import Engine, Result, Session
from local_aws.redshift.errors import CancelledError, SqlError
from local_aws.redshift.protocol import Document, RequestError
from local_aws.redshift.records import column_metadata, pages, size_of
from local_aws.redshift.statements import Statements

__all__ = ["DataApi"]

CONCURRENCY = 8
"""Statements that run at once; others wait as SUBMITTED."""
MOST_STATEMENTS = 40
MOST_STATEMENT_BYTES = 100 * 1024
_IDENTITY = re.compile(r"[a-z0-9]{8}(-[a-z0-9]{4}){3}-[a-z0-9]{12}(:\d+)?")
_OVER = ("FINISHED", "FAILED", "ABORTED")
_DESCRIBED = (
    "Id",
    "Database",
    "Duration",
    "Error",
    "Status",
    "CreatedAt",
    "UpdatedAt",
    "RedshiftPid",
    "HasResultSet",
    "QueryString",
    "ResultRows",
    "ResultSize",
    "RedshiftQueryId",
    "QueryParameters",
    "SubStatements",
    "WorkgroupName",
    "ResultFormat",
)
_SUB = (
    "Id",
    "Duration",
    "Error",
    "Status",
    "CreatedAt",
    "UpdatedAt",
    "QueryString",
    "ResultRows",
    "ResultSize",
    "RedshiftQueryId",
    "HasResultSet",
)


class DataApi:
    """Operations of ``redshift-data``.

    Parameters
    ----------
    statements
        Where they are remembered.
    find_engine
        Returns the database of a workgroup, or raises :class:`RequestError`.
    """

    def __init__(self, statements: Statements, find_engine: Callable[[str, str], Engine]) -> None:
        self._statements, self._find_engine = statements, find_engine
        self._pool = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="redshift")
        self._running: dict[str, Session | None] = {}
        self._cancelled: set[str] = set()
        self._guard = threading.Lock()

    @property
    def operations(self) -> dict[str, Callable[[Document], Document]]:
        """Operations by their name in the API."""
        return {
            "ExecuteStatement": self._execute,
            "BatchExecuteStatement": self._batch_execute,
            "DescribeStatement": self._describe,
            "GetStatementResult": self._result,
            "ListStatements": self._list,
            "CancelStatement": self._cancel,
        }

    def _execute(self, request: Document) -> Document:
        if not isinstance(request.get("Sql"), str):
            raise RequestError("ValidationException", "Sql is missing; expected one SQL statement")
        return self._submit(request, [request["Sql"]], _parameters(request))

    def _batch_execute(self, request: Document) -> Document:
        texts = request.get("Sqls")
        if not isinstance(texts, list) or not 1 <= len(texts) <= MOST_STATEMENTS:
            raise RequestError("ValidationException", f"Sqls must hold between 1 and {MOST_STATEMENTS} statements")
        if "Parameters" in request:
            raise RequestError(
                "ValidationException", "BatchExecuteStatement takes no Parameters; put the values into the text"
            )
        return self._submit(request, texts, None)

    def _submit(self, request: Document, texts: Sequence[str], parameters: Mapping[str, str] | None) -> Document:
        for name in ("SessionId", "SessionKeepAliveSeconds", "ResultFormat"):
            if request.get(name) not in (None, "JSON"):
                raise RequestError(
                    "ValidationException", f"{name} is not implemented by the local Redshift; leave it out"
                )
        for text in texts:
            if not text.strip() or len(text.encode()) > MOST_STATEMENT_BYTES:
                raise RequestError(
                    "ValidationException", f"a statement must have between 1 and {MOST_STATEMENT_BYTES} bytes"
                )
        token = request.get("ClientToken")
        with self._guard:
            if token is not None and (known := self._statements.find_token(token)) is not None:
                if known["Request"] != [*texts]:
                    raise RequestError("ValidationException", f"ClientToken {token!r} was used for another statement")
                return _submitted(known)
            engine = self._find_engine(request.get("WorkgroupName", ""), request.get("Database", ""))
            document = _document(str(uuid.uuid4()), request, texts, is_batch=parameters is None)
            children = []
            if parameters is None:
                for number, text in enumerate(texts, start=1):
                    children.append(_document(f"{document['Id']}:{number}", request, [text], is_batch=False))
            self._statements.add([document, *children], token)
            self._running[document["Id"]] = None
        self._pool.submit(self._run, engine, document, children, texts, parameters or {})
        return _submitted(document)

    def _run(
        self,
        engine: Engine,
        document: Document,
        children: Sequence[Document],
        texts: Sequence[str],
        parameters: Mapping[str, str],
    ) -> None:
        identity, began = document["Id"], time.time()
        parts = children or [document]
        position = 0
        try:
            with engine.session() as session:
                with self._guard:
                    if identity in self._cancelled:
                        raise CancelledError
                    self._running[identity] = session
                try:
                    self._change(document, Status="STARTED")
                    if children:
                        self._change(children[0], Status="STARTED")
                    for result in session.run(texts, parameters):
                        self._keep(parts[position], result, began)
                        position += 1
                        if position < len(children):
                            self._change(children[position], Status="STARTED")
                finally:
                    # Before the session closes: a closed one cannot be cancelled.
                    self._forget(identity)
            self._finish(document, children, began)
        except SqlError as error:
            self._fail(document, children, position, error, began)
        except Exception as error:
            self._fail(document, children, position, SqlError(f"internal error: {error}"), began)
            raise
        finally:
            self._forget(identity)

    def _forget(self, identity: str) -> None:
        with self._guard:
            self._running.pop(identity, None)
            self._cancelled.discard(identity)

    def _keep(self, part: Document, result: Result, began: float) -> None:
        """Keep a statement's result; it counts as finished when its transaction is committed."""
        part |= {"HasResultSet": result.has_rows, "ResultRows": result.count, "ResultSize": 0}
        if result.has_rows:
            part["ColumnMetadata"] = [column_metadata(name, kind) for name, kind in result.columns]
            part["ResultSize"] = size_of(result.rows)
            self._statements.put_pages(part["Id"], pages(result.rows))
        part["Duration"] = int((time.time() - began) * 1e9)

    def _finish(self, document: Document, children: Sequence[Document], began: float) -> None:
        for child in children:
            self._change(child, Status="FINISHED")
        if children:
            document |= {"HasResultSet": any(child["HasResultSet"] for child in children), "ResultRows": -1}
        self._change(document, Status="FINISHED", Duration=int((time.time() - began) * 1e9))

    def _fail(
        self, document: Document, children: Sequence[Document], position: int, error: SqlError, began: float
    ) -> None:
        """End a statement; of a batch, those before the failure are rolled back and those after it never ran."""
        status = "ABORTED" if isinstance(error, CancelledError) else "FAILED"
        position = min(position, max(len(children) - 1, 0))  # a failed commit counts as the last statement's
        failed = {"Error": str(error), "HasResultSet": False, "ResultRows": -1, "ResultSize": -1}
        for number, child in enumerate(children):
            if number == position:
                self._change(child, Status=status, **failed)
            else:
                reason = "Query was rolled back" if number < position else "Query was not run"
                self._change(
                    child, **(failed | {"Status": "ABORTED", "Error": f"{reason}: statement {position + 1} failed"})
                )
        text = f"Query #{position + 1} failed with {error}" if children else str(error)
        duration = int((time.time() - began) * 1e9)
        self._change(document, **(failed | {"Status": status, "Error": text, "Duration": duration}))

    def _change(self, document: Document, **fields: Any) -> None:
        document |= fields | {"UpdatedAt": time.time()}
        persist(lambda: self._statements.put(document["Id"], document))

    def _find(self, request: Document) -> Document:
        identity = request.get("Id", "")
        if not _IDENTITY.fullmatch(identity):
            raise RequestError("ValidationException", f"id must satisfy regex pattern: {_IDENTITY.pattern}")
        document = self._statements.get(identity)
        if document is None:
            raise RequestError("ResourceNotFoundException", "Query does not exist.")
        return document

    def _describe(self, request: Document) -> Document:
        document = self._find(request)
        if document["IsBatchStatement"]:
            children = self._statements.children(document["Id"])
            document["SubStatements"] = [{name: child[name] for name in _SUB if name in child} for child in children]
        return {name: document[name] for name in _DESCRIBED if name in document}

    def _result(self, request: Document) -> Document:
        document = self._find(request)
        if document["Status"] != "FINISHED" or "ColumnMetadata" not in document:
            what = "has no result" if document["Status"] == "FINISHED" else f"is in status {document['Status']}"
            raise RequestError(
                "ResourceNotFoundException", f"Query does not have result. Please check query status: it {what}."
            )
        token = request.get("NextToken")
        number = int(token) if token and token.isdigit() else 0
        records = self._statements.page(document["Id"], number)
        if records is None or (token and not token.isdigit()):
            raise RequestError("ValidationException", f"NextToken {token!r} is not one that was given out")
        answer = {
            "Records": records,
            "ColumnMetadata": document["ColumnMetadata"],
            "TotalNumRows": document["ResultRows"],
        }
        if self._statements.page(document["Id"], number + 1) is not None:
            answer["NextToken"] = str(number + 1)
        return answer

    def _list(self, request: Document) -> Document:
        status, name = request.get("Status", "ALL"), request.get("StatementName", "")
        start = int(request["NextToken"]) if str(request.get("NextToken", "")).isdigit() else 0
        most = int(request.get("MaxResults") or 100)
        chosen = [
            document
            for document in self._statements.newest()
            if status in ("ALL", document["Status"])
            and document.get("StatementName", "").startswith(name)
            and request.get("WorkgroupName", document.get("WorkgroupName")) == document.get("WorkgroupName")
            and request.get("Database", document["Database"]) == document["Database"]
        ]
        fields = (
            "Id",
            "QueryString",
            "Status",
            "StatementName",
            "CreatedAt",
            "UpdatedAt",
            "QueryParameters",
            "IsBatchStatement",
        )
        listed = []
        for document in chosen[start : start + most]:
            entry = {field: document[field] for field in fields if field in document}
            listed.append(entry | ({"QueryStrings": document["Request"]} if document["IsBatchStatement"] else {}))
        token = {"NextToken": str(start + most)} if start + most < len(chosen) else {}
        return {"Statements": listed} | token

    def _cancel(self, request: Document) -> Document:
        document = self._find(request)
        with self._guard:
            if document["Status"] in _OVER or document["Id"] not in self._running:
                raise RequestError(
                    "ValidationException",
                    f"Could not cancel a query that is already in {document['Status']} state with ID: {document['Id']}",
                )
            self._cancelled.add(document["Id"])
            session = self._running[document["Id"]]
        if session is not None:
            session.cancel()
        return {"Status": True}

    def close(self) -> None:
        """Wait for what runs, and stop."""
        self._pool.shutdown(cancel_futures=True)


def _parameters(request: Document) -> dict[str, str]:
    values: dict[str, str] = {}
    for entry in request.get("Parameters", []):
        name, value = entry.get("name"), entry.get("value")
        if not isinstance(name, str) or not isinstance(value, str) or not value:
            raise RequestError("ValidationException", f"a parameter has a name and a value, both text: {entry!r}")
        if name in values:
            raise RequestError("ValidationException", f"parameter {name!r} is given twice")
        values[name] = value
    return values


def _document(identity: str, request: Document, texts: Sequence[str], is_batch: bool) -> Document:
    now = time.time()
    number = uuid.UUID(identity.partition(":")[0]).int
    document: Document = {
        "Id": identity,
        "Database": request["Database"],
        "Status": "SUBMITTED",
        "CreatedAt": now,
        "UpdatedAt": now,
        "Duration": -1,
        "HasResultSet": False,
        "QueryString": texts[0] if not is_batch else "",
        "RedshiftPid": number % 2**30,
        "RedshiftQueryId": number % 2**31,
        "ResultRows": -1,
        "ResultSize": -1,
        "WorkgroupName": request["WorkgroupName"],
        "ResultFormat": "JSON",
        "IsBatchStatement": is_batch,
        "Request": [*texts],
    }
    for name, source in (("StatementName", "StatementName"), ("QueryParameters", "Parameters")):
        if request.get(source):
            document[name] = request[source]
    return document


def _submitted(document: Document) -> Document:
    return {name: document[name] for name in ("Id", "CreatedAt", "Database", "WorkgroupName")}
