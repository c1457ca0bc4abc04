"""DROP …: what is gone with it. Objects that this script has made itself hold nothing from before."""

from __future__ import annotations

from pglast import ast
from pglast.enums import DropBehavior, ObjectType

from rollproof.migrations.classification import Kind
from rollproof.migrations.rules.names import Node, dotted, parts, quote
from rollproof.migrations.rules.state import Reading

IN_TABLE = {
    ObjectType.OBJECT_TRIGGER: "trigger",
    ObjectType.OBJECT_POLICY: "policy",
    ObjectType.OBJECT_RULE: "rule",
}
_RELATIONS = {
    ObjectType.OBJECT_TABLE: "relation",
    ObjectType.OBJECT_SEQUENCE: "relation",
    ObjectType.OBJECT_VIEW: "relation",
    ObjectType.OBJECT_MATVIEW: "relation",
    ObjectType.OBJECT_FOREIGN_TABLE: "relation",
    ObjectType.OBJECT_INDEX: "index",
}
ROUTINES = frozenset(
    {
        ObjectType.OBJECT_FUNCTION,
        ObjectType.OBJECT_PROCEDURE,
        ObjectType.OBJECT_ROUTINE,
        ObjectType.OBJECT_AGGREGATE,
    }
)
_HOLDS_DATA = {
    ObjectType.OBJECT_TABLE: "its rows are gone",
    ObjectType.OBJECT_SEQUENCE: "where it stood is gone",
}
_CASCADES = {
    ObjectType.OBJECT_SCHEMA: "everything in it is gone",
    ObjectType.OBJECT_TYPE: "columns of this type go with it",
    ObjectType.OBJECT_DOMAIN: "columns of this domain go with it",
    ObjectType.OBJECT_EXTENSION: "columns of its types go with it",
}
"""with CASCADE these take columns and tables along; without it PostgreSQL refuses while any is left"""


_WORDS = {
    "MATVIEW": "MATERIALIZED VIEW",
    "STATISTIC_EXT": "STATISTICS",
    "FDW": "FOREIGN DATA WRAPPER",
    "FOREIGN_SERVER": "SERVER",
    "LARGEOBJECT": "LARGE OBJECT",
    "OPCLASS": "OPERATOR CLASS",
    "OPFAMILY": "OPERATOR FAMILY",
    "TABCONSTRAINT": "CONSTRAINT",
    "DOMCONSTRAINT": "CONSTRAINT",
    "TSCONFIGURATION": "TEXT SEARCH CONFIGURATION",
    "TSDICTIONARY": "TEXT SEARCH DICTIONARY",
    "TSPARSER": "TEXT SEARCH PARSER",
    "TSTEMPLATE": "TEXT SEARCH TEMPLATE",
}


def word_of(kind: ObjectType) -> str:
    """`OBJECT_TABLE` as SQL says it."""
    name = ObjectType(kind).name.removeprefix("OBJECT_")
    return _WORDS.get(name, name.replace("_", " "))


def identify(node: Node, kind: ObjectType, reading: Reading) -> tuple[str, str]:
    """Class and qualified name of an object that a DROP, COMMENT or ALTER names."""
    name = parts(node)
    if kind in IN_TABLE:
        return IN_TABLE[kind], reading.column(reading.qualified(name[:-1], "relation"), name[-1])
    if kind in _RELATIONS:
        what = _RELATIONS[kind]
    elif kind in ROUTINES:
        what = "function"
    elif kind in (ObjectType.OBJECT_TYPE, ObjectType.OBJECT_DOMAIN):
        what = "type"
    else:
        what = word_of(kind).lower()
        return what, dotted(name)
    return what, reading.qualified(name, what)


def drop(node: Node, reading: Reading) -> None:
    """DROP of anything that pg_dump calls an object."""
    kind = ObjectType(node.removeType)
    cascade = node.behavior == DropBehavior.DROP_CASCADE
    if node.concurrent:
        reading.concurrent = True
        reading.outside_transaction()
    for item in node.objects:
        what, name = identify(item, kind, reading)
        _dropped(reading, kind, what, name, cascade=cascade, surely=not node.missing_ok)


def _dropped(
    reading: Reading, kind: ObjectType, what: str, name: str, *, cascade: bool, surely: bool
) -> None:
    own = reading.is_own(what, name) or name.startswith("pg_temp.")
    statement = f"DROP {word_of(kind)}{' CASCADE' if cascade else ''}"
    gone = _HOLDS_DATA.get(kind) or (_CASCADES.get(kind) if cascade else None)
    known = reading.was_there(what, name)
    reading.lasting()
    reading.remove(what, name)
    if own:
        reading.forget(name)
        return
    if kind is ObjectType.OBJECT_TABLE:
        reading.touch([name])
    if gone:
        reading.say(Kind.DROPPING, statement, name, gone)
        reading.cannot_undo(statement, f"{name}: {gone}")
        reading.destroys.append(name)
        return
    reason = reading.say(_harmless(kind), statement, name, _doubt(kind))
    if reason.kind is Kind.DEFINITION or kind is ObjectType.OBJECT_POLICY:
        reading.dropped[f"{what} {name}"] = (reason, surely or known)


def _harmless(kind: ObjectType) -> Kind:
    """The kind of a DROP that takes no rows along."""
    return {
        ObjectType.OBJECT_INDEX: Kind.INDEX,
        ObjectType.OBJECT_POLICY: Kind.PRIVILEGE,
        ObjectType.OBJECT_EXTENSION: Kind.UNDECIDED,
    }.get(kind, Kind.DEFINITION)


def _doubt(kind: ObjectType) -> str:
    extension = kind is ObjectType.OBJECT_EXTENSION
    return "an extension may own tables, whose rows would go with it" if extension else ""


def owned(node: Node, reading: Reading) -> None:
    roles = ", ".join(quote(role.rolename or "current_user") for role in node.roles)
    reading.say(Kind.DROPPING, "DROP OWNED", roles, "every object that the role owns here is gone")
    reading.cannot_undo("DROP OWNED", f"{roles}: objects and rows are gone")
    reading.destroys.append(f"everything owned by {roles}")


def subscription(node: Node, reading: Reading) -> None:
    reading.outside_transaction()
    reading.say(Kind.DEFINITION, "DROP SUBSCRIPTION", quote(node.subname))
    reading.cannot_undo("DROP SUBSCRIPTION", "its replication slot and position are gone")


RULES = {ast.DropStmt: drop, ast.DropOwnedStmt: owned, ast.DropSubscriptionStmt: subscription}
