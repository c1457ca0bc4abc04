"""Requests and answers of an AWS service, held against botocore's own model of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

_ODD = frozenset({"ServiceId"})
"""Shapes whose pattern contradicts their length in the model; App Runner's own ids keep to the length."""


class ApiError(Exception):
    """An error as the service's model knows it: a code and a message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@cache
def model_of(service: str) -> ServiceModel:
    return botocore.session.Session().get_service_model(service)


def parsed(service: str, operation: str, body: bytes, *, refusal: str) -> dict[str, Any]:
    """A request's parameters. Raises ApiError `refusal` for those that the model does not allow."""
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        raise ApiError("SerializationException", "the request is no JSON") from None
    shape = model_of(service).operation_model(operation).input_shape
    report = ParamValidator().validate(given, shape)
    problems = [report.generate_report()] if report.has_errors() else list(_misfits(shape, given, ""))
    if problems:
        raise ApiError(refusal, "; ".join(problems))
    return dict(given)


def _misfits(shape: Any, value: Any, path: str) -> Any:
    """What botocore leaves to the service: patterns and enumerations of texts."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                yield from _misfits(member, value[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from _misfits(shape.member, item, f"{path}[]")
    elif shape.type_name == "map":
        for item in value.values():
            yield from _misfits(shape.value, item, f"{path}{{}}")
    elif shape.type_name == "string":
        allowed, pattern = shape.enum, shape.metadata.get("pattern")
        if allowed and value not in allowed:
            yield f"{path[1:]} must be one of {', '.join(allowed)}"
        elif pattern and shape.name not in _ODD and re.fullmatch(pattern, value) is None and value:
            yield f"{path[1:]} must match {pattern}"


def answered(service: str, operation: str, said: Mapping[str, Any]) -> bytes:
    """An answer as JSON. Raises ValueError for one that the model does not know: a mistake in here."""
    shape = model_of(service).operation_model(operation).output_shape
    if shape is not None:
        report = ParamValidator().validate(said, shape)
        problems = [report.generate_report()] if report.has_errors() else list(_misfits(shape, said, ""))
        if problems:
            raise ValueError(f"{operation} would answer what its model does not know: {'; '.join(problems)}")
    return json.dumps(said, default=_plain).encode()


def _plain(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} is not JSON")
