"""Places that outlive a drill and that this process has verified: where healers get their credentials.

A journal holds no secret. What it says must be undone names the server by its system identifier and the
account by its number; whoever heals in a new process verifies the environment again, and finds it here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from rollproof.environments.base import AwsEndpoint, PostgresServer
from rollproof.errors import RollproofError
from rollproof.journal import Event
from rollproof.model.json import JsonObject

_SERVERS: dict[str, PostgresServer] = {}
_ENDPOINTS: dict[str, AwsEndpoint] = {}
_RENEW: dict[str, Callable[[], AwsEndpoint]] = {}
Opener = Callable[[Sequence[Event]], None]
_OPENERS: list[Opener] = []
LOCAL = ("embedded", "containers")
"""Kinds of undo data: scratch folders and processes, containers."""


def remember(
    *,
    server: PostgresServer | None = None,
    endpoint: AwsEndpoint | None = None,
    renew: Callable[[], AwsEndpoint] | None = None,
) -> None:
    """Keeps what was verified for as long as the process lives: the last healer may come after the close.

    A copy of a cluster is kept by the copy's name, for it may have its source's identifier.

    Args:
        renew: the same account with credentials that hold now: a healer may come after hours.
    """
    if server is not None:
        _SERVERS[server.cluster or server.system_identifier] = server
    if endpoint is not None:
        _ENDPOINTS[endpoint.account] = endpoint
        _RENEW.pop(endpoint.account, None)
        if renew is not None:
            _RENEW[endpoint.account] = renew


def verified_server(name: str) -> PostgresServer | None:
    """The server of that identifier, or of that copy; None when this process has not verified it."""
    return _SERVERS.get(name)


def verified_account(account: str) -> AwsEndpoint | None:
    """The account, with credentials that hold now if there are any; None when it was not verified here."""
    if renew := _RENEW.get(account):
        with suppress(RollproofError):  # then the old ones are tried, and what AWS says of them is said
            return renew()
    return _ENDPOINTS.get(account)


def opener(function: Opener) -> Opener:
    """Registers what verifies again the places that a journal was about, before it is healed."""
    if function not in _OPENERS:
        _OPENERS.append(function)
    return function


def is_local(undo: JsonObject) -> bool:
    """Whether it is undone on this machine alone, so that no place need be verified for it."""
    return undo.get("kind") in LOCAL


def verify_again(events: Sequence[Event]) -> None:
    """Raises WrongPlace when a place is not any more what it was, EnvironmentUnavailable when it is away."""
    for function in _OPENERS:
        function(events)
