"""What comes in and what goes out: API Gateway's events of HTTP APIs (payload version 2.0) and REST APIs."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

BODY_LIMIT = 64 * 1024
"""bytes of a request body that are accepted"""


class Refusal(Exception):
    """A request that is not carried out. The answer holds the code and facts, never a value of a row."""

    def __init__(self, status: int, code: str, **facts: str | None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.facts = {name: value for name, value in facts.items() if value}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, event: Mapping[str, object]) -> Request:
        """Reads an event as API Gateway sends it."""
        context = _mapping(_mapping(event.get("requestContext")).get("http"))
        raw = str(event.get("body") or "")
        return cls(
            method=str(context.get("method") or event.get("httpMethod") or "GET"),
            path=str(event.get("rawPath") or event.get("path") or "/"),
            query=_texts(event.get("queryStringParameters")),
            headers={name.lower(): value for name, value in _texts(event.get("headers")).items()},
            body=base64.b64decode(raw) if event.get("isBase64Encoded") else raw.encode(),
        )

    @property
    def tenant(self) -> str:
        """Slug of the tenant, from the header X-Tenant or, for clients without headers, `?tenant=`."""
        if slug := self.headers.get("x-tenant") or self.query.get("tenant"):
            return slug
        raise Refusal(400, "tenant_missing", hint="send the header X-Tenant or ?tenant=")

    def document(self) -> dict[str, object]:
        """The body as a JSON object."""
        if len(self.body) > BODY_LIMIT:
            raise Refusal(413, "body_too_large")
        try:
            document = json.loads(self.body)
            json.dumps(document, ensure_ascii=False).encode()
        except (ValueError, RecursionError):  # also half a surrogate pair, which no text column takes
            raise Refusal(400, "body_is_not_json") from None
        if not isinstance(document, dict):
            raise Refusal(422, "body_is_not_an_object")
        return document


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `document` becomes its JSON body."""

    status: int
    document: object = None

    def event(self) -> dict[str, object]:
        """The answer as API Gateway expects it."""
        body = "" if self.status == 204 else json.dumps(self.document, default=_plain, ensure_ascii=False)
        headers = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"}
        return {"statusCode": self.status, "headers": headers, "body": body}


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return float(value)
        case timedelta():
            return value.total_seconds()
        case UUID():
            return str(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> dict[str, str]:
    return {str(name): str(text) for name, text in _mapping(value).items()}
