"""Logs as JSON, one line an event, on standard output. No names, documents or bodies are in them."""

import json
import logging
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse

from lacrei import __version__

_REQUESTS = logging.getLogger("lacrei.requests")


class JsonFormatter(logging.Formatter):
    """A record as one JSON object; what is given as `extra={"facts": {...}}` is beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "version": __version__,
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["stack"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class RequestLog:
    """Writes a line for each request, and gives it an id that its answer carries too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        number, started = uuid.uuid4().hex, time.perf_counter()
        response = self.get_response(request)
        facts = {
            "request": number,
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "ms": round((time.perf_counter() - started) * 1000, 1),
        }
        _REQUESTS.info("request", extra={"facts": facts})
        response["X-Request-Id"] = number
        return response


def logging_as_json(level: str) -> dict[str, Any]:
    """Django's LOGGING."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "lacrei.logs.JsonFormatter"}},
        "handlers": {
            "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}
        },
        "root": {"handlers": ["out"], "level": level},
        "loggers": {"django": {"handlers": [], "level": level, "propagate": True}},
    }
