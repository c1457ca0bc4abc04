"""What functions wrote to CloudWatch Logs: their requests, and which of them failed.

Works for any runtime: a request is what stands between START and END (or `platform.start` and
`platform.report` in the JSON format) of one stream; an error is told by its level where there is one,
else by its shape. Lines may hold personal data: they stay in memory, and no journal has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.cloud import Cloud

MOST_LINES = 20_000
"""Lines of one group that are read; a minute of a broken function on AWS can hold more."""

_START = re.compile(r"START RequestId: (?P<id>\S+)(?: Version: (?P<version>\S+))?")
_END = re.compile(r"(?:END|REPORT) RequestId: \S+")
_INIT = re.compile(r"INIT_(?:START|REPORT)\b")
_LEVEL = re.compile(
    r"(?:^|[\s\[|(<])(?P<level>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|PANIC)"
    r"(?=[\s\]|:>),]|$)"
)
_BAD_LEVELS = frozenset({"ERROR", "FATAL", "CRITICAL", "SEVERE", "PANIC", "EMERGENCY", "ALERT"})
_PINO_ERROR = 50
_SHAPES = re.compile(
    r"Traceback \(most recent call last\)"
    r"|Task timed out after"
    r"|Runtime exited|RequestId: \S+ Error:|Runtime\.\w+"
    r"|Unhandled(?: Promise Rejection|Rejection|Exception)|Uncaught\b|Invoke Error"
    r"|^(?:\w+[.:])*\w*(?:Error|Exception|Fault)(?::|\s*$|\s\[)"
    r"|Exception in thread|^panic:|^fatal error:|\bsegmentation fault\b"
    r"|\bStatus: (?:error|timeout)\b|\bError Type: "
    r"|\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\s+\S+\s+(?:HTTP/\S+\s+)?5\d\d\b",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a log group. `at_ms`: since the epoch, by AWS' clock."""

    at_ms: int
    stream: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What one call of a function wrote.

    Attributes:
        version: of the function, as its START line says; empty where there is none.
        begun: whether its START was seen: without it, it was on its way when reading began.
    """

    stream: str
    at_ms: int
    version: str
    begun: bool
    lines: tuple[str, ...] = field(repr=False)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def failed(self) -> bool:
        return any(is_error(line) for line in self.lines)


def read_lines(cloud: Cloud, group: str, *, since_ms: int) -> list[Line]:
    """All lines of a group from a moment on, in the order they were written.

    Raises AttemptFailed: the group is not there (code `ResourceNotFoundException`), or may not be read.
    """
    found: list[Line] = []
    with calling("reading a function's log", where=group):
        pages = cloud.client("logs").get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group, startTime=since_ms):
            found += [
                Line(item["timestamp"], item["logStreamName"], item["message"].rstrip("\n"))
                for item in page["events"]
            ]
            if len(found) >= MOST_LINES:
                break
    return found


def has_group(cloud: Cloud, group: str) -> bool:
    """Whether there is a log group of this name. Raises AttemptFailed when AWS refuses to say."""
    with calling("looking for a log group", where=group):
        found = cloud.client("logs").describe_log_groups(logGroupNamePrefix=group).get("logGroups", [])
    return any(item["logGroupName"] == group for item in found)


def requests_of(lines: Iterable[Line]) -> list[Request]:
    """The requests in lines of any number of streams, oldest first; lines before a first START are one."""
    streams: dict[str, list[Line]] = {}
    for line in lines:
        streams.setdefault(line.stream, []).append(line)
    found = [request for stream in streams.values() for request in _of_stream(stream)]
    return sorted(found, key=lambda request: request.at_ms)


def _of_stream(lines: Sequence[Line]) -> Iterator[Request]:
    """A sandbox answers one request at a time, so that its stream tells them apart."""
    own: list[str] = []
    version, begun, at_ms, ended = "", False, lines[0].at_ms, False
    for line in lines:
        start = _start(line.text)
        if start is not None:
            if begun or own:
                yield Request(line.stream, at_ms, version, begun, tuple(own))
            own, version, begun, at_ms, ended = [], start, True, line.at_ms, False
        elif _ends(line.text):
            ended = True
            own += [line.text] if is_error(line.text) else []
        elif not _INIT.match(line.text) or is_error(line.text):
            own.append(line.text)
    if begun or own or ended:
        yield Request(lines[-1].stream, at_ms, version, begun, tuple(own))


def _start(text: str) -> str | None:
    """The version that a START line names, '' when it names none; None for any other line."""
    if found := _START.match(text):
        return found["version"] or ""
    said = _json(text)
    if said.get("type") == "platform.start":
        return str(_object(said.get("record")).get("version", ""))
    return None


def _ends(text: str) -> bool:
    return bool(_END.match(text)) or _json(text).get("type") in ("platform.report", "platform.end")


def is_error(text: str) -> bool:
    """Whether a line says that something failed; a level that it bears counts before its words."""
    said = _json(text)
    if said:
        return _structured(said)
    if found := _LEVEL.search(text[:200]):
        return found["level"] in _BAD_LEVELS
    return _SHAPES.search(text) is not None


def _structured(said: Mapping[str, Any]) -> bool:
    """A line of JSON: Lambda's own, or a logger's (level as a word or, as pino has it, a number)."""
    record = _object(said.get("record"))
    if said.get("type") in ("platform.report", "platform.runtimeDone", "platform.initReport"):
        return record.get("status") not in (None, "success")
    level = next((said[key] for key in ("level", "severity", "levelname", "log.level") if key in said), None)
    if isinstance(level, int) and not isinstance(level, bool):
        return level >= _PINO_ERROR
    if isinstance(level, str):
        return level.upper() in _BAD_LEVELS
    status = said.get("status", said.get("statusCode"))
    return "errorMessage" in said or "errorType" in said or (isinstance(status, int) and 500 <= status < 600)


def _json(text: str) -> dict[str, Any]:
    """The object that a line is; empty for any other line."""
    if not text.startswith("{"):
        return {}
    try:
        return _object(json.loads(text))
    except ValueError:
        return {}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
