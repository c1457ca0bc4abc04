"""Taking writing away from a role, and giving back exactly what it had."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import Connection, sql

from rollproof.components.postgres.queries import query
from rollproof.errors import AttemptFailed

WRITES = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")


@dataclass(frozen=True, slots=True)
class WriteGrant:
    """One privilege to write on a table, or on one of its columns, held by a role or by everybody."""

    schema: str
    table: str
    column: str | None
    privilege: str
    grantable: bool
    grantor: str
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
    """The SQL that takes all of `grants` away, one statement each."""
    return [text for grant in grants for text in _as_grantor(conn, grant, role, give=False)]


def grant_statements(conn: Connection, grants: list[WriteGrant], role: str) -> list[str]:
    """The SQL that gives all of `grants` back, one statement each."""
    return [text for grant in grants for text in _as_grantor(conn, grant, role, give=True)]


def _as_grantor(conn: Connection, grant: WriteGrant, role: str, *, give: bool) -> list[str]:
    """The statement, made as the role that had granted it: a privilege remembers who gave it."""
    return [
        sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(grant.grantor)).as_string(conn),
        grant.statement(role, give=give).as_string(conn),
        "RESET ROLE",
    ]


def still_writable(conn: Connection, role: str) -> list[str]:
    """Tables that `role` can write to all the same: as owner, or through a role that it belongs to."""
    return [str(row[0]) for row in conn.execute(query("still_writable"), {"role": role})]


def revoke_writes(conn: Connection, role: str, grants: list[WriteGrant]) -> None:
    """Takes `grants` away from `role`, all or nothing.

    Raises AttemptFailed when the role could write all the same; nothing is changed then.
    """
    with conn.transaction():
        for statement in revoke_statements(conn, grants, role):
            conn.execute(statement)
        if left := still_writable(conn, role):
            raise AttemptFailed(
                f"{role} can write to {', '.join(left[:5])} all the same, as owner or through another role",
                doing=f"revoking writes from {role}",
                remedy="give the tables to an owner that the application does not log in as",
            )


def grant_writes(conn: Connection, role: str, grants: list[WriteGrant]) -> None:
    """Gives back what `revoke_writes` took, all or nothing."""
    with conn.transaction():
        for statement in grant_statements(conn, grants, role):
            conn.execute(statement)
