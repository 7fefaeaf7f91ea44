"""A service's own description of its API, as botocore ships it: what a request must look like, what an answer holds.

The service is SageMaker where no other is named.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from local_aws.sagemaker.errors import RequestRefused

__all__ = ["check_request", "project_answer", "project_summary"]


@functools.cache
def _operation(service: str, name: str) -> OperationModel:
    return _service(service).operation_model(name)


@functools.cache
def _service(name: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(name, "service-2"))


def check_request(operation: str, request: dict[str, Any], service: str = "sagemaker") -> None:
    """Refuse a request that breaks a constraint of the API: required fields, lengths, ranges, patterns, enumerations.

    Raises
    ------
    RequestRefused
        ``ValidationException`` in AWS's words, naming value and field.
    """
    shape = _operation(service, operation).input_shape
    problems = list(_problems(shape, request, "")) if shape is not None else []
    if problems:
        plural = "s" if len(problems) > 1 else ""
        listed = "; ".join(problems)
        raise RequestRefused("ValidationException", f"{len(problems)} validation error{plural} detected: {listed}")


def project_answer(operation: str, document: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
    """Keep the fields that the operation's answer has."""
    shape = _operation(service, operation).output_shape
    return _project(shape, document) if isinstance(shape, StructureShape) else {}


def project_summary(operation: str, document: dict[str, Any], service: str = "sagemaker") -> dict[str, Any]:
    """Keep the fields that an entry of a list operation's answer has."""
    shape = _operation(service, operation).output_shape
    members = shape.members.values() if isinstance(shape, StructureShape) else ()
    entries = next(member for member in members if isinstance(member, ListShape))
    return _project(entries.member, document)


def _project(shape: Shape, document: dict[str, Any]) -> dict[str, Any]:
    members = shape.members if isinstance(shape, StructureShape) else {}
    return {name: document[name] for name in members if document.get(name) is not None}


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _structure_problems(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _limits(shape, value, len(value), "length", path)
        for position, element in enumerate(value, start=1):
            yield from _problems(shape.member, element, f"{path}.{position}.member")
    elif isinstance(shape, MapShape):
        yield from _limits(shape, value, len(value), "length", path)
        for key, element in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, element, f"{path}.{key}.value")
    elif shape.type_name == "string":
        yield from _string_problems(shape, value, path)
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _limits(shape, value, value, "value", path)


def _structure_problems(shape: StructureShape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must be a structure"
        return
    for name in shape.required_members:
        if name not in value:
            where = f"{path}.{_camel(name)}".lstrip(".")
            yield f"Value null at '{where}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if value.get(name) is not None:
            yield from _problems(member, value[name], f"{path}.{_camel(name)}".lstrip("."))


def _string_problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must be a string"
        return
    yield from _limits(shape, value, len(value), "length", path)
    pattern = _pattern(shape.metadata.get("pattern", ""))
    if pattern is not None and not pattern.fullmatch(value):
        text = shape.metadata["pattern"]
        yield _problem(value, path, f"satisfy regular expression pattern: {text}")
    choices = shape.metadata.get("enum")
    if choices and value not in choices:
        yield _problem(value, path, f"satisfy enum value set: [{', '.join(choices)}]")


def _limits(shape: Shape, value: Any, measure: float, what: str, path: str) -> Iterator[str]:
    noun = "have length" if what == "length" else "have value"
    if "min" in shape.metadata and measure < shape.metadata["min"]:
        yield _problem(value, path, f"{noun} greater than or equal to {shape.metadata['min']}")
    if "max" in shape.metadata and measure > shape.metadata["max"]:
        yield _problem(value, path, f"{noun} less than or equal to {shape.metadata['max']}")


def _problem(value: Any, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}"


@functools.cache
def _pattern(text: str) -> re.Pattern[str] | None:
    """Compile one of AWS's (Java) patterns; ``None`` where there is none.

    Python has no ``\\p{…}``; letters become ``\\w``, which also takes the underscore that AWS's patterns list anyway. A
    pattern with classes beyond letters, digits and spaces admits nearly everything and is not checked.
    """
    # A repeated anchor, as the patterns of metadata have, is no pattern to Python; lengths are checked apart from it.
    # Nor are UTF-16 surrogates, in patterns that admit every character.
    text = re.sub(r"\$\{1,\d+\}", "", text)
    for theirs, ours in ((r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", " ")):
        text = text.replace(theirs, ours)
    return re.compile(text) if text and r"\p{" not in text and r"\uD800" not in text else None


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]
