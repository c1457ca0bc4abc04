"""Asking an HTTP API, and saying what is wrong with its answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

TENANT = "agata-alimentos"
OTHER_TENANT = "calcita-seguros"
SECONDS = 10


def ask(
    url: str, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: object = None
) -> tuple[int, Any]:
    """Status and document of one request; None for an answer that is no JSON."""
    place = urlsplit(url)
    kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
    connection = kind(place.hostname or "127.0.0.1", place.port, timeout=SECONDS)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, place.path.rstrip("/") + path, payload, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, _document(answer.read())
    finally:
        connection.close()


def refused(status: int, document: Any) -> str:
    """What an answer that was not expected says."""
    code = document.get("error") if isinstance(document, dict) else None
    return f"answered {status} ({code or 'no reason given'})"


def _document(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None
