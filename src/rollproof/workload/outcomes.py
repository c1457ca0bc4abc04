"""What an answer says about the operation: it happened, it did not, or nobody can tell.

The rules are Jepsen's: `failed` only where the server's own rules say that nothing happened. A lost
connection or a time limit after the request was sent leaves a write indeterminate. A read that
brought nothing has failed, whatever the reason: there is nothing it could have done.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from rollproof.workload.operations import Kind, Outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """How an operation ended.

    Attributes:
        error: class, SQLSTATE or HTTP status; None when it is ok.
        detail: more of it for a person who sets the traffic up; never recorded.
    """

    outcome: Outcome
    error: str | None = None
    detail: str = ""


OK = Answer("ok")


def not_sent(error: str, detail: str = "") -> Answer:
    """Nothing was sent, so nothing can have happened."""
    return Answer("failed", error, detail)


def cut_off(kind: Kind, error: str, detail: str = "") -> Answer:
    """The request was sent, wholly or in part, and no answer to it came."""
    return Answer("indeterminate" if kind == "write" else "failed", error, detail)


_UNTOLD_CLASSES = ("08", "57P", "58", "XX")
"""connection exceptions, shutdowns and crashes, system errors, internal errors"""
_STATEMENT_COMPLETION_UNKNOWN = "40003"


def of_sql_error(
    kind: Kind, *, sqlstate: str, severity: str, commits_itself: bool = False, detail: str = ""
) -> Answer:
    """An error that the server reported for a single statement outside a transaction block.

    An ERROR aborts the statement's transaction, so nothing happened (PostgreSQL manual,
    "Frontend/Backend Protocol", "Message Flow"). FATAL and PANIC end the session, perhaps while it
    commits.

    Args:
        sqlstate: five characters (PostgreSQL manual, appendix A).
        severity: not localised: ERROR, FATAL or PANIC.
        commits_itself: a procedure or DO block, which may have committed before it failed.
    """
    definite = (
        severity == "ERROR"
        and not commits_itself
        and not sqlstate.startswith(_UNTOLD_CLASSES)
        and sqlstate != _STATEMENT_COMPLETION_UNKNOWN
    )
    return Answer("failed", sqlstate, detail) if definite else cut_off(kind, sqlstate, detail)


_REQUEST_TIMEOUT = 408


def of_http_status(kind: Kind, status: int) -> Answer:
    """An HTTP answer (RFC 9110, section 15).

    2xx acknowledges. 4xx says that the request was not carried out; but for 408, which proxies also
    send when what is behind them took too long. Redirects are not followed: after a write they
    may mean success or not; a read they leave without what it asked for.
    """
    if 200 <= status < 300:
        return OK
    if 400 <= status < 500 and status != _REQUEST_TIMEOUT:
        return Answer("failed", f"HTTP {status}")
    return cut_off(kind, f"HTTP {status}")


_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


def of_http_error(kind: Kind, error: Exception) -> Answer:
    """An exception of httpx in place of an answer."""
    name = type(error).__name__
    if isinstance(error, _BEFORE_SENDING):
        return not_sent(name, str(error))
    return cut_off(kind, name, str(error))
