"""The Postgres role that a drill needs, from what runs have really done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from rollproof.journal import Event, Kind

_SWAPS = frozenset(["backup.restore"])
"""Acts in which one database takes the name of another, so that sessions of both have to end."""
_CREATES = frozenset(["template.clone", "template.build", "database.stage", "backup.restore"])


@dataclass(frozen=True, slots=True)
class Right:
    """One thing that the role may do.

    Attributes:
        grants: the statement, or nothing where it is an attribute of the role itself.
        attribute: of `CREATE ROLE`.
        why: what needs it.
    """

    why: str
    grants: sql.Composable | None = None
    attribute: str = ""


def rights_of(events: Iterable[Event], *, role: str, owners: Sequence[str], database: str) -> list[Right]:
    """What the role of these runs needs, as little as that is; empty when they used no database.

    Args:
        owners: roles that own the database and what is in it; the drill's is made a member of them.
    """
    done = [event for event in events if event.kind is not Kind.NOTE]
    acts = {event.act for event in done}
    if not acts & _CREATES:
        return []
    who, found = sql.Identifier(role), [Right("databases of the drill's own", attribute="CREATEDB")]
    if _made_roles(done):
        found.append(Right("roles that the server lacks", attribute="CREATEROLE"))
    found.append(
        Right(
            "looking at the database, the lock, and telling what is left",
            sql.SQL("GRANT CONNECT ON DATABASE {}, {} TO {}").format(
                sql.Identifier(database), sql.Identifier("postgres"), who
            ),
        )
    )
    found += [
        Right(
            "cloning the database, and running its migrations in the clone",
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(owner), who),
        )
        for owner in owners
    ]
    if _ends_sessions(done):
        signal = sql.SQL("GRANT pg_signal_backend TO {}").format(who)
        found.append(Right("ending the application's sessions where a database takes another's name", signal))
    return found


def _ends_sessions(events: Iterable[Event]) -> bool:
    places = (event.data.get("undo") for event in events)
    in_place = any(isinstance(undo, Mapping) and undo.get("kind") == "postgres.place" for undo in places)
    return in_place or any(event.act in _SWAPS for event in events)


def _made_roles(events: Iterable[Event]) -> bool:
    return any(event.act == "roles.create" and event.data.get("undo") for event in events)


def statements(rights: Sequence[Right], *, role: str) -> list[sql.Composable]:
    """The role and its grants, one statement each."""
    attributes = " ".join(right.attribute for right in rights if right.attribute)
    create = sql.SQL("CREATE ROLE {} LOGIN {}").format(
        sql.Identifier(role),
        sql.SQL(attributes),
    )
    return [create, *(right.grants for right in rights if right.grants is not None)]


def script_of(rights: Sequence[Right], *, role: str) -> str:
    """The same for psql, with what needs each. It sets no password: `\\password` asks for one."""
    lines = ["-- Run as an administrator. Then: \\password " + role]
    made, *granted = (statement.as_string(None) for statement in statements(rights, role=role))
    lines += [f"-- {right.attribute}: {right.why}" for right in rights if right.attribute]
    lines.append(f"{made};")
    reasons = [right.why for right in rights if right.grants is not None]
    for why, statement in zip(reasons, granted, strict=True):
        lines += [f"-- {why}", f"{statement};"]
    return "\n".join(lines) + "\n"
