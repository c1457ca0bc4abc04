"""Requests and errors are found in logs of any runtime, in both of Lambda's formats."""

from __future__ import annotations

import json

import pytest

from rollproof.components.aws.logs import Line, is_error, requests_of


@pytest.mark.parametrize(
    "text",
    [
        "[ERROR] KeyError: 'name'",
        "Traceback (most recent call last):",
        "2026-01-01T00:00:00.000Z\t5a\tERROR\tInvoke Error\t{}",
        "2026-01-01T00:00:00.000Z 5a Task timed out after 3.00 seconds",
        "RequestId: 5a Error: Runtime exited with error: exit status 1",
        '{"level":"error","msg":"no"}',
        '{"level":50,"msg":"pino"}',
        '{"severity":"CRITICAL"}',
        '{"type":"platform.report","record":{"status":"timeout"}}',
        '{"errorType":"TypeError","errorMessage":"no"}',
        "TypeError: Cannot read properties of undefined",
        "GET /agents 500 {'error': 'database_error'}",
        "REPORT RequestId: 5a\tDuration: 3 ms\tStatus: error\tError Type: Runtime.ExitError",
        "panic: runtime error: index out of range",
        'Exception in thread "main" java.lang.NullPointerException',
        "2026-01-01 12:00:00,000 ERROR shop.Handler - no",
    ],
)
def test_what_says_that_something_failed_is_an_error(text: str) -> None:
    assert is_error(text)


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "0 errors, 12 warnings",
        "[INFO] retrying after ERROR 42",
        '{"level":"info","msg":"the last error was long ago"}',
        '{"level":30,"error_rate":0}',
        '{"type":"platform.report","record":{"status":"success"}}',
        "GET /agents 200 500 bytes",
        "REPORT RequestId: 5a\tDuration: 3 ms\tBilled Duration: 3 ms",
        "2026-01-01T00:00:00.000Z\t5a\tWARN\tslow",
    ],
)
def test_what_only_speaks_of_errors_is_none(text: str) -> None:
    assert not is_error(text)


def test_requests_of_a_stream_are_told_apart_and_bear_their_version() -> None:
    lines = [
        Line(1, "s", "START RequestId: a Version: 3"),
        Line(2, "s", "[ERROR] no"),
        Line(3, "s", "END RequestId: a"),
        Line(3, "s", "REPORT RequestId: a\tDuration: 1 ms"),
        Line(4, "s", "START RequestId: b Version: $LATEST"),
        Line(5, "t", "START RequestId: c Version: 3"),
        Line(6, "s", "END RequestId: b"),
    ]
    found = [(request.version, request.failed, request.begun) for request in requests_of(lines)]
    assert found == [("3", True, True), ("$LATEST", False, True), ("3", False, True)]


def test_what_was_on_its_way_when_reading_began_counts_as_begun_before() -> None:
    found = requests_of([Line(1, "s", "[ERROR] no"), Line(2, "s", "END RequestId: z")])
    assert [(request.begun, request.failed) for request in found] == [(False, True)]


def test_the_json_format_has_its_own_beginning_and_end() -> None:
    start = {"type": "platform.start", "record": {"requestId": "a", "version": "7"}}
    report = {"type": "platform.report", "record": {"requestId": "a", "status": "error"}}
    found = requests_of([Line(1, "s", json.dumps(start)), Line(2, "s", json.dumps(report))])
    assert [(request.version, request.failed) for request in found] == [("7", True)]
