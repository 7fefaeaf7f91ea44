"""Filters, order and pages that SageMaker's List operations share."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from local_aws.sagemaker.errors import RequestRefused
from local_aws.sagemaker.records import Document

__all__ = ["select_page"]


def select_page(
    request: dict[str, Any], documents: Iterable[Document], *, name: str, status: str, descending: bool
) -> tuple[list[Document], str | None]:
    """Return the page that a List request asks for, and the token of the next one.

    Parameters
    ----------
    request
        NameContains, StatusEquals, CreationTimeAfter and -Before, LastModifiedTimeAfter and -Before, SortBy,
        SortOrder, MaxResults, NextToken.
    documents
        In order of creation.
    name, status
        The fields that hold a document's name and status.
    descending
        The operation's default order.
    """
    chosen = [document for document in documents if _matches(document, request, name, status)]
    by = request.get("SortBy", "CreationTime")
    if by != "CreationTime":
        field = {"Name": name, "Status": status}.get(by, name)
        chosen.sort(key=lambda document: str(document.get(field)))
    if request.get("SortOrder", "Descending" if descending else "Ascending") == "Descending":
        chosen.reverse()
    start = _position(request.get("NextToken"))
    end = start + int(request.get("MaxResults", 10))
    token = base64.b64encode(str(end).encode()).decode() if end < len(chosen) else None
    return chosen[start:end], token


def _matches(document: Document, request: dict[str, Any], name: str, status: str) -> bool:
    if request.get("NameContains", "") not in str(document.get(name, "")):
        return False
    if "StatusEquals" in request and document.get(status) != request["StatusEquals"]:
        return False
    for field in ("CreationTime", "LastModifiedTime"):
        moment = document.get(field, 0)
        if f"{field}After" in request and not moment > request[f"{field}After"]:
            return False
        if f"{field}Before" in request and not moment < request[f"{field}Before"]:
            return False
    return True


def _position(token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(base64.b64decode(token, validate=True))
    except ValueError:
        raise RequestRefused("ValidationException", f"NextToken {token!r} is not one that was given out") from None
