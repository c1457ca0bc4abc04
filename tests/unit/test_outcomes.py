"""`failed` is said only where nothing can have happened."""

from __future__ import annotations

import httpx
import pytest

from rollproof.workload.operations import Outcome
from rollproof.workload.outcomes import cut_off, not_sent, of_http_error, of_http_status, of_sql_error


@pytest.mark.parametrize(
    ("sqlstate", "severity", "outcome"),
    [
        ("42501", "ERROR", "failed"),  # writes revoked
        ("42P01", "ERROR", "failed"),
        ("23505", "ERROR", "failed"),
        ("40001", "ERROR", "failed"),
        ("40P01", "ERROR", "failed"),
        ("57014", "ERROR", "failed"),  # statement_timeout
        ("25006", "ERROR", "failed"),  # read-only transaction
        ("P0001", "ERROR", "failed"),
        ("57P01", "FATAL", "indeterminate"),  # terminated by an administrator
        ("57P01", "ERROR", "indeterminate"),
        ("57P02", "FATAL", "indeterminate"),
        ("08006", "ERROR", "indeterminate"),
        ("08P01", "FATAL", "indeterminate"),
        ("40003", "ERROR", "indeterminate"),
        ("58030", "ERROR", "indeterminate"),
        ("XX000", "ERROR", "indeterminate"),
        ("42501", "FATAL", "indeterminate"),
        ("53100", "PANIC", "indeterminate"),
    ],
)
def test_a_write_has_failed_only_when_the_server_says_that_it_aborted(
    sqlstate: str, severity: str, outcome: Outcome
) -> None:
    assert of_sql_error("write", sqlstate=sqlstate, severity=severity).outcome == outcome
    assert of_sql_error("read", sqlstate=sqlstate, severity=severity).outcome == "failed"


def test_a_procedure_that_commits_itself_leaves_its_error_in_doubt() -> None:
    answer = of_sql_error("write", sqlstate="42501", severity="ERROR", commits_itself=True)
    assert answer.outcome == "indeterminate"


@pytest.mark.parametrize(
    ("status", "write", "read"),
    [
        (200, "ok", "ok"),
        (201, "ok", "ok"),
        (204, "ok", "ok"),
        (302, "indeterminate", "failed"),
        (303, "indeterminate", "failed"),
        (400, "failed", "failed"),
        (403, "failed", "failed"),
        (408, "indeterminate", "failed"),
        (409, "failed", "failed"),
        (429, "failed", "failed"),
        (500, "indeterminate", "failed"),
        (503, "indeterminate", "failed"),
    ],
)
def test_each_http_status_means_one_thing(status: int, write: Outcome, read: Outcome) -> None:
    assert of_http_status("write", status).outcome == write
    assert of_http_status("read", status).outcome == read


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (httpx.ConnectError("refused"), "failed"),
        (httpx.ConnectTimeout("slow"), "failed"),
        (httpx.ReadTimeout("slow"), "indeterminate"),
        (httpx.WriteTimeout("slow"), "indeterminate"),
        (httpx.ReadError("reset"), "indeterminate"),
        (httpx.WriteError("reset"), "indeterminate"),
        (httpx.RemoteProtocolError("closed"), "indeterminate"),
        (httpx.DecodingError("odd"), "indeterminate"),
    ],
)
def test_a_request_that_may_have_been_sent_is_in_doubt(error: Exception, outcome: Outcome) -> None:
    assert of_http_error("write", error).outcome == outcome
    assert of_http_error("read", error).outcome == "failed"


def test_an_error_is_recorded_by_its_class_alone() -> None:
    assert of_http_error("write", httpx.ReadError("secret value")).error == "ReadError"
    assert cut_off("write", "57P01").error == "57P01"
    assert not_sent("ConnectError", "detail").error == "ConnectError"
