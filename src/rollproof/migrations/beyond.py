"""What a migration's script would do to the whole server, or to a database by its name: read from its SQL.

On a server that others use, the drill's copy takes the blow for everything but this: roles, settings of the
server, other databases, files. `ALTER DATABASE shop SET …` alters `shop`, whatever the copy is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pglast import ast

from rollproof.errors import MigrationError
from rollproof.migrations.script import Script
from rollproof.migrations.validation import parse

_ALWAYS: dict[type[Any], str] = {
    ast.CreateRoleStmt: "CREATE ROLE",
    ast.AlterRoleStmt: "ALTER ROLE",
    ast.AlterRoleSetStmt: "ALTER ROLE … SET",
    ast.DropRoleStmt: "DROP ROLE",
    ast.GrantRoleStmt: "GRANT of a role",
    ast.DropOwnedStmt: "DROP OWNED",
    ast.AlterSystemStmt: "ALTER SYSTEM",
    ast.CreatedbStmt: "CREATE DATABASE",
    ast.CreateTableSpaceStmt: "CREATE TABLESPACE",
    ast.DropTableSpaceStmt: "DROP TABLESPACE",
    ast.AlterTableSpaceOptionsStmt: "ALTER TABLESPACE",
    ast.CreateSubscriptionStmt: "CREATE SUBSCRIPTION",
    ast.AlterSubscriptionStmt: "ALTER SUBSCRIPTION",
    ast.DropSubscriptionStmt: "DROP SUBSCRIPTION",
}
_OF_DATABASES: dict[type[Any], str] = {
    ast.AlterDatabaseStmt: "ALTER DATABASE",
    ast.AlterDatabaseSetStmt: "ALTER DATABASE … SET",
    ast.AlterDatabaseRefreshCollStmt: "ALTER DATABASE",
    ast.DropdbStmt: "DROP DATABASE",
}
_SERVERS = ("OBJECT_ROLE", "OBJECT_TABLESPACE", "OBJECT_SUBSCRIPTION")
_HIDDEN = (ast.DoStmt, ast.CallStmt, ast.SelectStmt, ast.ExecuteStmt)
"""Statements that run code which is a text, or elsewhere: what that does is seen afterwards at best."""


def beyond_database(script: Script, *, database: str) -> list[str]:
    """Statements that act on more than `database`, in words; none for a script that cannot be parsed."""
    return [said for statement in _statements(script) if (said := _beyond(statement, database))]


def hides_statements(script: Script) -> bool:
    """Whether it may do something that its SQL does not show."""
    found = _statements(script)
    return not found or any(isinstance(statement, _HIDDEN) for statement in found)


def _statements(script: Script) -> list[Any]:
    try:
        _, found = parse(script)
    except MigrationError:
        return []
    return [getattr(one, "stmt", one) for one in found]


def _beyond(statement: Any, database: str) -> str:
    kind = type(statement)
    if kind in _ALWAYS:
        return _ALWAYS[kind]
    if kind in _OF_DATABASES and statement.dbname != database:
        return f"{_OF_DATABASES[kind]} {statement.dbname}"
    return next(filter(None, (look(statement, database) for look in _LOOKS)), "")


def _granted(statement: Any, database: str) -> str:
    kind = _kind(statement, "objtype") if isinstance(statement, ast.GrantStmt) else ""
    if kind not in ("OBJECT_DATABASE", "OBJECT_TABLESPACE", "OBJECT_PARAMETER_ACL"):
        return ""
    names = [str(getattr(item, "sval", item)) for item in statement.objects or ()]
    if kind == "OBJECT_DATABASE":
        names = [name for name in names if name != database]
    return f"{'GRANT' if statement.is_grant else 'REVOKE'} on {', '.join(names)}" if names else ""


def _renamed(statement: Any, database: str) -> str:
    """ALTER … RENAME, OWNER TO, and COMMENT ON, of what is no database's own."""
    for name, field, words in _NAMING:
        if type(statement).__name__ == name:
            return _named(statement, _kind(statement, field), words, database)
    return ""


def _kind(statement: Any, field: str) -> str:
    """The kind of object that a statement is about: `OBJECT_ROLE`."""
    return str(getattr(getattr(statement, field, None), "name", ""))


_NAMING = (
    ("RenameStmt", "renameType", "RENAME of"),
    ("AlterOwnerStmt", "objectType", "OWNER TO of"),
    ("CommentStmt", "objtype", "COMMENT ON"),
    ("SecLabelStmt", "objtype", "SECURITY LABEL ON"),
)


def _named(statement: Any, kind: str, words: str, database: str) -> str:
    given = getattr(statement, "subname", None) or getattr(statement, "object", None)
    name = str(getattr(given, "sval", given))
    if kind in _SERVERS or (kind == "OBJECT_DATABASE" and name != database):
        return f"{words} {name}"
    return ""


def _copied(statement: Any, database: str) -> str:
    """To or from a file or a program of the server's machine."""
    if isinstance(statement, ast.CopyStmt) and (statement.is_program or statement.filename):
        return "COPY with a file or a program of the server"
    return ""


_LOOKS: tuple[Callable[[Any, str], str], ...] = (_granted, _renamed, _copied)


def words_of(found: list[str]) -> Iterator[str]:
    """Each once, in the order of the script."""
    return iter(dict.fromkeys(found))
