"""What belongs to the whole server: roles, their memberships and settings, server settings, databases.

A migration may change it, and dropping the migration's database does not undo that. So it is looked at
beside the database, and put back when a database is made anew: otherwise `CREATE ROLE` would fail the
second time for no fault of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import tuple_row

from rollproof.model.fingerprint import Difference, Fact
from rollproof.walk.queries import query

_KINDS = ("role", "role setting", "role membership", "server setting", "tablespace", "database")
"""In the order in which they are made; they are taken away the other way round."""


@dataclass(frozen=True, slots=True)
class ServerFact:
    """One object and the statements that make it, change it into this, and take it away."""

    fact: Fact
    make: str | None = field(repr=False)
    change: str | None = field(repr=False)
    unmake: str | None = field(repr=False)


@dataclass(frozen=True)
class ServerState:
    """All of it at one moment. `token` is the same when nothing is other."""

    token: str
    objects: Mapping[tuple[str, str], ServerFact] = field(repr=False)


def look_at_server(conn: Connection[Any], token: str) -> ServerState:
    """Reads all of it; `token` is what `sql/tidy.sql` said of it."""
    rows = conn.cursor(row_factory=tuple_row).execute(query("serverwide")).fetchall()
    found = [ServerFact(Fact(kind, name, attributes), *rest) for kind, name, attributes, *rest in rows]
    return ServerState(token, {item.fact.key: item for item in found})


def server_differences(before: ServerState, after: ServerState) -> tuple[Difference, ...]:
    """What is other server-wide, as differences among those of the catalogs."""
    if before.token == after.token:
        return ()
    return tuple(_differences(before.objects, after.objects))


def _differences(
    before: Mapping[tuple[str, str], ServerFact], after: Mapping[tuple[str, str], ServerFact]
) -> Iterator[Difference]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            yield Difference(
                *key,
                None,
                dict(old.fact.attributes) if old else None,
                dict(new.fact.attributes) if new else None,
            )
            continue
        for name in sorted(old.fact.attributes.keys() | new.fact.attributes.keys()):
            values = old.fact.attributes.get(name), new.fact.attributes.get(name)
            if values[0] != values[1]:
                yield Difference(*key, name, *values)


def put_back(conn: Connection[Any], wanted: ServerState, now: ServerState) -> list[str]:
    """Makes the server what it was; what could not be put back, one sentence each.

    What another database still needs stays, such as a role that owns something there.
    """
    failed = []
    for statement in _statements(wanted.objects, now.objects):
        try:
            conn.execute(statement.encode())
        except psycopg.Error as error:
            failed.append(f"{error.sqlstate}: {(error.diag.message_primary or type(error).__name__)}")
    if any(kind == "server setting" for kind, _ in wanted.objects.keys() ^ now.objects.keys()):
        with suppress(psycopg.Error):
            conn.execute("SELECT pg_reload_conf()")
    return failed


def _statements(
    wanted: Mapping[tuple[str, str], ServerFact], now: Mapping[tuple[str, str], ServerFact]
) -> Iterator[str]:
    for kind in reversed(_KINDS):
        for key in sorted(now.keys() - wanted.keys()):
            if key[0] == kind and (unmake := now[key].unmake):
                yield unmake
    for kind in _KINDS:
        for key in sorted(wanted):
            item, present = wanted[key], now.get(key)
            statement = item.make if present is None else item.change
            if key[0] == kind and statement and (present is None or present != item):
                yield statement
