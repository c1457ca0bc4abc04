"""CREATE …: what is new, and what replaces something that was there."""

from __future__ import annotations

from pglast import ast
from pglast.enums import ObjectType

from rollproof.migrations.classification import Kind
from rollproof.migrations.coltypes import ColumnType
from rollproof.migrations.rules.drop import word_of
from rollproof.migrations.rules.names import Node, option, parts, quote, switched_on
from rollproof.migrations.rules.rows import read_rows
from rollproof.migrations.rules.state import TEMPORARY, Reading


def made(
    reading: Reading,
    what: str,
    name: str,
    statement: str,
    *,
    replaces: bool = False,
    kind: Kind = Kind.ADDITIVE,
) -> None:
    """An object is created; `replaces` for CREATE OR REPLACE.

    One that earlier migrations made, or that this script has just dropped, is redefined, not added.
    A bare `DROP … IF EXISTS` before it only makes the script repeatable.
    """
    earlier, surely = reading.dropped.pop(f"{what} {name}", (None, False))
    redefined = surely or (replaces and reading.was_there(what, name))
    if earlier is not None and not surely:
        reading.reasons.remove(earlier)
    note = "redefines what was there" if redefined else ""
    reading.say(Kind.DEFINITION if redefined else kind, statement, name, note)
    reading.make(what, name)


def table(node: Node, reading: Reading) -> None:
    """CREATE TABLE, also foreign ones and partitions."""
    base = node.base if isinstance(node, ast.CreateForeignTableStmt) else node
    base = base if base is not None else node
    name = reading.relation(base.relation)
    if base.if_not_exists and reading.was_there("relation", name):
        reading.note(f"CREATE TABLE IF NOT EXISTS {name}: an earlier migration made it, so this does nothing")
        return
    if not name.startswith(f"{TEMPORARY}."):
        made(reading, "relation", name, "CREATE TABLE")
    reading.make("relation", name)
    for element in base.tableElts or ():
        if isinstance(element, ast.ColumnDef):
            remember_column(reading, name, element)


def remember_column(reading: Reading, table_name: str, column: Node) -> None:
    """A column that this script makes, with its type."""
    name = reading.column(table_name, column.colname)
    reading.make("column", name)
    if kind := ColumnType.of(column.typeName):
        reading.types[name] = kind


def table_as(node: Node, reading: Reading) -> None:
    """CREATE TABLE AS and CREATE MATERIALIZED VIEW."""
    name = reading.relation(node.into.rel)
    view = node.objtype == ObjectType.OBJECT_MATVIEW
    if not name.startswith(f"{TEMPORARY}."):
        made(reading, "relation", name, "CREATE MATERIALIZED VIEW" if view else "CREATE TABLE AS")
    reading.make("relation", name)
    read_rows(node.query, reading)


def view(node: Node, reading: Reading) -> None:
    name = reading.relation(node.view)
    if name.startswith(f"{TEMPORARY}."):
        reading.make("relation", name)
        return
    made(reading, "relation", name, "CREATE VIEW", replaces=node.replace)


def index(node: Node, reading: Reading) -> None:
    table_name = reading.relation(node.relation)
    reading.touch([table_name])
    if node.concurrent:
        reading.concurrent = True
        reading.outside_transaction()
    # An index lives in its table's schema; the server makes a name up where none is given.
    name = f"{table_name.rpartition('.')[0]}.{quote(node.idxname)}" if node.idxname else table_name
    unique, concurrently = " UNIQUE" * node.unique, " CONCURRENTLY" * node.concurrent
    own = reading.is_own_table(table_name)
    statement = f"CREATE{unique} INDEX{concurrently}"
    made(reading, "index", name, statement, kind=Kind.ADDITIVE if own else Kind.INDEX)


def sequence(node: Node, reading: Reading) -> None:
    made(reading, "relation", reading.relation(node.sequence), "CREATE SEQUENCE")


def schema(node: Node, reading: Reading) -> list[Node]:
    """CREATE SCHEMA; returns the statements inside it."""
    name = node.schemaname or (node.authrole.rolename if node.authrole else "")
    if not (node.if_not_exists and reading.was_there("schema", quote(name))):
        made(reading, "schema", quote(name), "CREATE SCHEMA")
    return list(node.schemaElts or ())


def trigger(node: Node, reading: Reading) -> None:
    table_name = reading.relation(node.relation)
    reading.touch([table_name])
    made(
        reading,
        "trigger",
        reading.column(table_name, node.trigname),
        "CREATE TRIGGER",
        replaces=bool(node.replace),
    )


def rule(node: Node, reading: Reading) -> None:
    table_name = reading.relation(node.relation)
    reading.touch([table_name])
    made(reading, "rule", reading.column(table_name, node.rulename), "CREATE RULE", replaces=node.replace)


def policy(node: Node, reading: Reading) -> None:
    table_name = reading.relation(node.table)
    reading.touch([table_name])
    kind = Kind.ADDITIVE if reading.is_own_table(table_name) else Kind.PRIVILEGE
    made(reading, "policy", reading.column(table_name, node.policy_name), "CREATE POLICY", kind=kind)


def type_(node: Node, reading: Reading) -> None:
    """Enums, ranges and composites."""
    given = node.typevar if isinstance(node, ast.CompositeTypeStmt) else node.typeName
    made(reading, "type", reading.qualified(parts(given), "type"), "CREATE TYPE")


def domain(node: Node, reading: Reading) -> None:
    made(reading, "type", reading.qualified(parts(node.domainname), "type"), "CREATE DOMAIN")


def define(node: Node, reading: Reading) -> None:
    """CREATE AGGREGATE, OPERATOR, TYPE (base), COLLATION, TEXT SEARCH …"""
    word = word_of(node.kind)
    what = {"AGGREGATE": "function", "TYPE": "type"}.get(word, word.lower())
    name = reading.qualified(parts(node.defnames), what)
    made(reading, what, name, f"CREATE {word}", replaces=bool(node.replace))


def extension(node: Node, reading: Reading) -> None:
    name = quote(node.extname)
    if not (node.if_not_exists and reading.was_there("extension", name)):
        made(reading, "extension", name, "CREATE EXTENSION")


def subscription(node: Node, reading: Reading) -> None:
    slot = option(node.options, "create_slot")
    if slot is None or switched_on(slot):
        reading.outside_transaction()
    made(reading, "subscription", quote(node.subname), "CREATE SUBSCRIPTION")


_OTHERS = {
    ast.CreateEventTrigStmt: ("EVENT TRIGGER", "trigname"),
    ast.CreatePublicationStmt: ("PUBLICATION", "pubname"),
    ast.CreateStatsStmt: ("STATISTICS", "defnames"),
    ast.CreateForeignServerStmt: ("SERVER", "servername"),
    ast.CreateFdwStmt: ("FOREIGN DATA WRAPPER", "fdwname"),
    ast.CreateConversionStmt: ("CONVERSION", "conversion_name"),
    ast.CreateOpClassStmt: ("OPERATOR CLASS", "opclassname"),
    ast.CreateOpFamilyStmt: ("OPERATOR FAMILY", "opfamilyname"),
    ast.CreateCastStmt: ("CAST", ""),
    ast.CreateTransformStmt: ("TRANSFORM", ""),
    ast.CreatePLangStmt: ("LANGUAGE", "plname"),
    ast.CreateAmStmt: ("ACCESS METHOD", "amname"),
    ast.ImportForeignSchemaStmt: ("FOREIGN SCHEMA", "local_schema"),
}


def other(node: Node, reading: Reading) -> None:
    """Objects that only have to be named."""
    word, attribute = _OTHERS[type(node)]
    name = ".".join(map(quote, parts(getattr(node, attribute, None)))) if attribute else ""
    made(reading, word.lower(), name, f"CREATE {word}")


RULES = {
    ast.CreateStmt: table,
    ast.CreateForeignTableStmt: table,
    ast.CreateTableAsStmt: table_as,
    ast.ViewStmt: view,
    ast.IndexStmt: index,
    ast.CreateSeqStmt: sequence,
    ast.CreateTrigStmt: trigger,
    ast.RuleStmt: rule,
    ast.CreatePolicyStmt: policy,
    ast.CreateEnumStmt: type_,
    ast.CreateRangeStmt: type_,
    ast.CompositeTypeStmt: type_,
    ast.CreateDomainStmt: domain,
    ast.DefineStmt: define,
    ast.CreateExtensionStmt: extension,
    ast.CreateSubscriptionStmt: subscription,
} | dict.fromkeys(_OTHERS, other)
