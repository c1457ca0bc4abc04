"""Who may do what: GRANT, REVOKE, roles, owners, policies; and what lies outside the database."""

from __future__ import annotations

from pglast import ast
from pglast.enums import GrantTargetType, ObjectType

from rollproof.migrations.classification import Kind
from rollproof.migrations.rules.drop import identify, word_of
from rollproof.migrations.rules.names import Node, parts, quote
from rollproof.migrations.rules.state import Reading


def grant(node: Node, reading: Reading) -> None:
    """Grants on what this script makes come and go with it."""
    reading.lasting()
    kind = ObjectType(node.objtype)
    word = "GRANT" if node.is_grant else "REVOKE"
    whole_schema = node.targtype == GrantTargetType.ACL_TARGET_ALL_IN_SCHEMA
    for item in node.objects or ():
        target = ObjectType.OBJECT_SCHEMA if whole_schema else kind
        what, name = identify(item, target, reading)
        own = reading.is_own(what, name) or (what == "relation" and reading.is_own_table(name))
        if not own:
            scope = f"all {word_of(kind).lower()}s in schema " if whole_schema else ""
            reading.say(Kind.PRIVILEGE, word, f"on {scope}{name}")


def default_privileges(node: Node, reading: Reading) -> None:
    schemas = next((o.arg for o in node.options or () if o.defname == "schemas"), ())
    names = [quote(schema.sval) for schema in schemas]
    reading.lasting()
    if not names or not all(reading.is_own("schema", name) for name in names):
        reading.say(Kind.PRIVILEGE, "ALTER DEFAULT PRIVILEGES", ", ".join(names))


def role(node: Node, reading: Reading) -> None:
    """Roles belong to the whole server: a database restored elsewhere does not have them."""
    word = type(node).__name__.removesuffix("Stmt")
    words = {
        "CreateRole": "CREATE ROLE",
        "AlterRole": "ALTER ROLE",
        "AlterRoleSet": "ALTER ROLE … SET",
        "DropRole": "DROP ROLE",
        "GrantRole": "GRANT role",
        "ReassignOwned": "REASSIGN OWNED",
        "CreateUserMapping": "CREATE USER MAPPING",
        "AlterUserMapping": "ALTER USER MAPPING",
        "DropUserMapping": "DROP USER MAPPING",
    }
    given = getattr(node, "roles", None) or (getattr(node, "role", None),)
    names = [role if isinstance(role, str) else getattr(role, "rolename", None) for role in given]
    reading.say(Kind.PRIVILEGE, words[word], ", ".join(quote(name) for name in names if name))


def owner(node: Node, reading: Reading) -> None:
    kind = ObjectType(node.objectType)
    given = node.relation if node.relation is not None else node.object
    what, name = identify(given, kind, reading)
    reading.lasting()
    if not reading.is_own(what, name):
        reading.say(Kind.PRIVILEGE, f"ALTER {word_of(kind)} … OWNER TO", name)


def policy(node: Node, reading: Reading) -> None:
    name = reading.column(reading.relation(node.table), node.policy_name)
    reading.lasting()
    if not reading.is_own("policy", name):
        reading.say(Kind.PRIVILEGE, "ALTER POLICY", name)


_SERVER = {
    ast.AlterSystemStmt: ("ALTER SYSTEM", True),
    ast.AlterDatabaseStmt: ("ALTER DATABASE", False),
    ast.AlterDatabaseSetStmt: ("ALTER DATABASE … SET", False),
    ast.AlterDatabaseRefreshCollStmt: ("ALTER DATABASE … REFRESH COLLATION VERSION", False),
    ast.CreatedbStmt: ("CREATE DATABASE", True),
    ast.CreateTableSpaceStmt: ("CREATE TABLESPACE", True),
    ast.DropTableSpaceStmt: ("DROP TABLESPACE", True),
    ast.AlterTableSpaceOptionsStmt: ("ALTER TABLESPACE", False),
}


def server(node: Node, reading: Reading) -> None:
    words, alone = _SERVER[type(node)]
    if alone:
        reading.outside_transaction()
    name = getattr(node, "dbname", None) or getattr(node, "tablespacename", None)
    setting = getattr(getattr(node, "setstmt", None), "name", None)
    reading.say(Kind.SERVER, words, ".".join(map(quote, parts(name))) or setting or "")


def drop_database(node: Node, reading: Reading) -> None:
    reading.outside_transaction()
    name = quote(node.dbname)
    reading.say(Kind.DROPPING, "DROP DATABASE", name, "everything in it is gone")
    reading.cannot_undo("DROP DATABASE", f"{name}: everything in it is gone")
    reading.destroys.append(f"database {name}")


RULES = {
    ast.GrantStmt: grant,
    ast.AlterDefaultPrivilegesStmt: default_privileges,
    ast.AlterOwnerStmt: owner,
    ast.AlterPolicyStmt: policy,
    ast.DropdbStmt: drop_database,
    **dict.fromkeys(
        (
            ast.CreateRoleStmt,
            ast.AlterRoleStmt,
            ast.AlterRoleSetStmt,
            ast.DropRoleStmt,
            ast.GrantRoleStmt,
            ast.ReassignOwnedStmt,
            ast.CreateUserMappingStmt,
            ast.AlterUserMappingStmt,
            ast.DropUserMappingStmt,
        ),
        role,
    ),
    **dict.fromkeys(_SERVER, server),
}
