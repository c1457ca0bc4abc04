"""Taking writing away from a role, and giving back exactly what it had."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql

from rollproof.components.postgres.admin import failed
from rollproof.components.postgres.queries import query
from rollproof.errors import AttemptFailed

WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


@dataclass(frozen=True, slots=True)
class WriteGrant:
    """One privilege to write on a table, or on one of its columns, held by a role or by everybody.

    Attributes:
        by_owner: the grantor is the table's owner.
    """

    schema: str
    table: str
    column: str | None
    privilege: str
    grantable: bool
    grantor: str
    by_owner: bool
    public: bool

    def statement(self, role: str, *, give: bool) -> sql.Composed:
        """GRANT or REVOKE of exactly this privilege."""
        column = sql.SQL(" ({})").format(sql.Identifier(self.column)) if self.column else sql.SQL("")
        grantee = sql.SQL("PUBLIC") if self.public else sql.Identifier(role)
        option = sql.SQL(" WITH GRANT OPTION") if give and self.grantable else sql.SQL("")
        return sql.SQL("{} {}{} ON {} {} {}{}").format(
            sql.SQL("GRANT" if give else "REVOKE"),
            sql.SQL(self.privilege),
            column,
            sql.Identifier(self.schema, self.table),
            sql.SQL("TO" if give else "FROM"),
            grantee,
            option,
        )


def write_grants(conn: Connection, role: str) -> list[WriteGrant]:
    """Every privilege to write that `role` has by its own grants or by PUBLIC's, column grants included."""
    rows = conn.execute(query("write_grants"), {"role": role, "privileges": list(WRITES)}).fetchall()
    return [WriteGrant(*row) for row in rows]


def revoke_statements(conn: Connection, grants: list[WriteGrant], role: str) -> list[str]:
    """The SQL that takes all of `grants` away; to be run in one transaction."""
    return [
        text
        for grant in _passed_on_first(grants, role)
        for text in _as_grantor(conn, grant, role, give=False)
    ]


def grant_statements(conn: Connection, grants: list[WriteGrant], role: str) -> list[str]:
    """The SQL that gives all of `grants` back; to be run in one transaction."""
    last = _passed_on_first(grants, role)[::-1]
    return [text for grant in last for text in _as_grantor(conn, grant, role, give=True)]


def _passed_on_first(grants: list[WriteGrant], role: str) -> list[WriteGrant]:
    """What the role has itself passed on, such as to PUBLIC, hangs on what it was given."""
    return sorted(grants, key=lambda grant: grant.grantor != role or grant.by_owner)


def _as_grantor(conn: Connection, grant: WriteGrant, role: str, *, give: bool) -> list[str]:
    """The statement, made as the role that had granted it: a privilege remembers who gave it.

    A superuser and a member of the owner act as the owner without becoming it, which also works where
    the owner may not use the schema.
    """
    statement = grant.statement(role, give=give).as_string(conn)
    if grant.by_owner:
        return [statement]
    become = sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(grant.grantor)).as_string(conn)
    return [become, statement, "RESET ROLE"]


def still_writable(conn: Connection, role: str) -> list[str]:
    """Tables that `role` can write to all the same: as owner, or through a role that it belongs to."""
    return [str(row[0]) for row in conn.execute(query("still_writable"), {"role": role})]


def revoke_writes(conn: Connection, role: str, grants: list[WriteGrant]) -> None:
    """Takes `grants` away from `role`, all or nothing.

    Raises AttemptFailed when the server refuses, or when the role could write all the same; nothing
    is changed then.
    """
    doing = f"revoking writes from {role}"
    try:
        with conn.transaction():
            _run(conn, revoke_statements(conn, grants, role))
            if left := still_writable(conn, role):
                raise AttemptFailed(
                    f"{role} can write to {', '.join(left[:5])} all the same: as owner, as superuser or "
                    "through another role",
                    doing=doing,
                    remedy="let the application log in as a role that owns no tables and belongs to none",
                )
    except psycopg.Error as error:
        raise failed(error, doing=doing) from error


def grant_writes(conn: Connection, role: str, grants: list[WriteGrant]) -> None:
    """Gives back what `revoke_writes` took, all or nothing. Raises AttemptFailed when the server refuses."""
    try:
        with conn.transaction():
            _run(conn, grant_statements(conn, grants, role))
    except psycopg.Error as error:
        raise failed(error, doing=f"granting writes to {role}") from error


def _run(conn: Connection, statements: list[str]) -> None:
    for statement in statements:
        conn.execute(statement.encode())
