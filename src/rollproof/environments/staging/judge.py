"""Whether a place may be touched: a pure function of what was found and of what is on the allow-list."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from rollproof.environments.staging.facts import Facts, Marker, Refusal, ServerFacts
from rollproof.environments.staging.judge_aws import aws_refusals, profile_refusals
from rollproof.environments.staging.judge_cluster import cluster_refusals, copy_refusals
from rollproof.environments.staging.judge_target import target_refusals
from rollproof.environments.staging.markers import is_production, smells
from rollproof.environments.staging.target import Target, is_within
from rollproof.model.calendar import is_frozen, is_open, say_window
from rollproof.model.environments import Staging

__all__ = ["judged", "judged_copy"]
SKEW = timedelta(minutes=5)
"""By so much the clock here may differ from the server's."""


def judged(
    facts: Facts, allowed: Staging, *, others: Mapping[str, Staging] | None = None, healing: bool = False
) -> list[Refusal]:
    """Every reason not to go on, as far as the facts go; empty when there is none.

    Args:
        others: the system's other environments: what is theirs is not this one's.
        healing: only what was done there before is undone. The place must be the same; whether the
            list has expired since, or a window has closed, does not matter then.
    """
    found = list(_name(facts, allowed))
    if not healing:
        found += _time(facts, allowed)
        found += _clock(facts)
    found += target_refusals(facts, allowed)
    if facts.server is not None:
        found += _server(facts, facts.server, allowed, others or {})
    found += cluster_refusals(facts, allowed)
    if facts.cluster is not None:
        found += _markers(facts.cluster.markers, allowed)
    found += profile_refusals(facts, allowed)
    if facts.aws is not None:
        found += aws_refusals(facts.aws, allowed, others or {})
        found += _markers(facts.aws.markers, allowed)
    return found


def judged_copy(facts: Facts, copy: Target, server: ServerFacts, allowed: Staging) -> list[Refusal]:
    """Every reason not to work on a copy of the verified cluster.

    Args:
        facts: what was verified before the copy was made.
        copy: where AWS says that it answers.
        server: what it says of itself.
    """
    return [
        *copy_refusals(facts, copy, server, allowed),
        *_state(server, allowed),
        *_markers(server.markers, allowed),
        *_outward(server, allowed),
        *_rights(server, allowed),
    ]


def _name(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    if smells(facts.environment) and not allowed.not_production:
        yield Refusal(
            "environment",
            f"the environment is called {facts.environment!r}, which sounds like production",
            "name it otherwise, or say in `not_production` why it is not",
        )


def _time(facts: Facts, allowed: Staging) -> Iterator[Refusal]:
    local = facts.now.astimezone(ZoneInfo(allowed.timezone))
    if local.date() > allowed.expires:
        yield Refusal(
            "expires",
            f"the allow-list of {facts.environment} expired on {allowed.expires}",
            "look through it: is all of it still so? Then set `expires` anew",
        )
    for frozen in allowed.frozen:
        if is_frozen(frozen, local.date()):
            why = f" ({frozen.reason})" if frozen.reason else ""
            yield Refusal(
                "frozen",
                f"from {frozen.first} to {frozen.last} nothing may be drilled there{why}",
                "drill after that, or elsewhere",
            )
    if allowed.window and not any(is_open(window, local) for window in allowed.window):
        said = " or ".join(map(say_window, allowed.window))
        yield Refusal(
            "window",
            f"it is {local:%a %H:%M} {allowed.timezone}, and drills may begin there only {said}",
            "drill then",
        )
    if allowed.operators and facts.user not in allowed.operators:
        yield Refusal(
            "operators",
            f"{facts.user or 'an unknown user'} is not among the operators of {facts.environment}",
            f"let one of them do it: {', '.join(allowed.operators)}",
        )


def _clock(facts: Facts) -> Iterator[Refusal]:
    """A window or a frozen day is of no use by a clock that is wrong."""
    there = facts.server.now if facts.server is not None else None
    if there is not None and abs(there - facts.now) > SKEW:
        yield Refusal(
            "clock",
            f"it is {facts.now:%Y-%m-%d %H:%M} UTC here and {there.astimezone(UTC):%Y-%m-%d %H:%M} UTC "
            "on the server: windows and frozen days cannot be told by a clock that is wrong",
            "set the clock of this machine, or have the server's set",
        )


def _server(
    facts: Facts, server: ServerFacts, allowed: Staging, others: Mapping[str, Staging]
) -> Iterator[Refusal]:
    yield from _identity(server, allowed, others)
    yield from _whereabouts(facts, server, allowed)
    yield from _state(server, allowed)
    yield from _markers(server.markers, allowed)
    yield from _outward(server, allowed)
    yield from _rights(server, allowed)


def _identity(server: ServerFacts, allowed: Staging, others: Mapping[str, Staging]) -> Iterator[Refusal]:
    assert allowed.database is not None
    wanted, found = allowed.database.system_identifier, server.system_identifier
    if found != wanted:
        yield Refusal(
            "system_identifier",
            f"the server's system identifier is {found}, the allow-list has {wanted}: it is another server",
            "see where the DSN leads; after a new initdb or restore, look again and correct the list",
        )
    if found in allowed.production.system_identifiers:
        yield Refusal(
            "system_identifier",
            f"{found} is the system identifier of production: this is it, or a copy of its files",
            "drill on a server of its own initdb, loaded from a dump",
        )
    for name, other in others.items():
        if found in other.production.system_identifiers:
            yield Refusal(
                "system_identifier",
                f"{found} is among production's system identifiers of [environments.{name}]",
                "correct one of the two",
            )
        if other.database and other.database.system_identifier == found:
            yield Refusal(
                "system_identifier",
                f"{found} is also the system identifier of [environments.{name}]: they cannot be told apart",
                "give each environment a server of its own",
            )
    if server.database != allowed.database.name:
        yield Refusal(
            "database",
            f"the server says that this is database {server.database!r}, not {allowed.database.name!r}",
            "see whether a pooler stands between, and connect to the server itself",
        )


def _whereabouts(facts: Facts, server: ServerFacts, allowed: Staging) -> Iterator[Refusal]:
    """What the server sees of itself against what the DSN said."""
    assert allowed.database is not None
    target, spec = facts.target, allowed.database
    if target is None or target.is_socket:
        if server.address is not None:
            yield Refusal(
                "address",
                f"the DSN names a socket of this machine, and the server answers on {server.address}",
                "see what listens on that socket; name the server itself",
            )
        return
    if server.address is None:
        yield Refusal(
            "address",
            "the DSN names a host, and the server sees the connection come through a socket",
            "connect to the server itself, not through a forwarder or a pooler",
        )
    elif not spec.addresses and server.address != server.connected:
        yield Refusal(
            "address",
            f"the connection went to {server.connected}, and the server that answers is {server.address}",
            "if a mapping of addresses stands between on purpose, name the server's in `database.addresses`",
        )
    for address in dict.fromkeys([server.connected, server.address or ""]) if spec.addresses else ():
        if address and not any(is_within(address, network) for network in spec.addresses):
            yield Refusal(
                "address",
                f"the server is at {address}, the allow-list has {', '.join(spec.addresses)}",
                "see where the DSN leads; correct `database.addresses` if that is staging's",
            )
    wanted = spec.port or _number(target.port)
    if server.port is not None and server.port != wanted:
        yield Refusal(
            "port",
            f"the server listens on port {server.port}, and {wanted} was expected",
            "see whether a pooler or a forwarder stands between; set `database.port` if that is meant",
        )


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d+", text) else None


def _state(server: ServerFacts, allowed: Staging) -> Iterator[Refusal]:
    if server.in_recovery:
        yield Refusal(
            "role of the server",
            "the server says that it is a standby (pg_is_in_recovery): its primary may be production",
            "name a primary of staging's own",
        )
    if server.read_only:
        yield Refusal(
            "default_transaction_read_only",
            "the server is set to default_transaction_read_only: somebody wants nothing written there",
            "ask who has set it, and why",
        )
    for pattern in allowed.production.databases:
        for name in server.databases:
            if fnmatch.fnmatchcase(name, pattern):
                yield Refusal(
                    "production.databases",
                    f"the server has a database {name!r}, which only production has",
                    "drill on a server without it",
                )


def _outward(server: ServerFacts, allowed: Staging) -> Iterator[Refusal]:
    """A clone has them too: what its triggers, migrations or traffic send by them arrives for real."""
    assert allowed.database is not None
    for one in server.outward if allowed.database.clone != "backup" else ():
        if one.name not in allowed.database.reaches:
            leads = f", which leads to {one.value}" if one.kind == "foreign server" and one.value else ""
            yield Refusal(
                f"{one.kind} {one.name}",
                f"the database has the {one.kind} {one.name}{leads}: a copy of it would reach the same place",
                f"drop it there, or name {one.name!r} in `database.reaches` when drills may use it",
            )


def _rights(server: ServerFacts, allowed: Staging) -> Iterator[Refusal]:
    """Found out beforehand, so that nothing stops half way; a superuser may do everything."""
    assert allowed.database is not None
    if allowed.touch != "clone" or "superuser" in server.rights:
        return
    if "createdb" not in server.rights:
        yield Refusal(
            "CREATEDB",
            f"role {server.user} may not create databases, and drills work on clones",
            f'let an administrator run: ALTER ROLE "{server.user}" CREATEDB',
        )
    if "copy" not in server.rights and allowed.database.clone != "backup":
        yield Refusal(
            "pg_read_all_data",
            f"role {server.user} may not read all of {allowed.database.name}, so it cannot be cloned",
            f'let an administrator run: GRANT pg_read_all_data TO "{server.user}"',
        )


def _markers(markers: Sequence[Marker], allowed: Staging) -> Iterator[Refusal]:
    for marker in markers:
        if is_production(marker, allowed):
            said = f"{marker.kind} {marker.name}".strip()
            yield Refusal(
                said,
                f"{said} is {marker.value!r} on {marker.where}: it is marked as production",
                "aim the drill elsewhere; if the mark is wrong, let its owner correct it",
            )
