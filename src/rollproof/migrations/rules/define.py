"""Statements that change definitions in place: renames, enum values, sequences, comments and so on."""

from __future__ import annotations

from pglast import ast
from pglast.enums import ObjectType

from rollproof.migrations.classification import Kind
from rollproof.migrations.rules.drop import IN_TABLE, identify, word_of
from rollproof.migrations.rules.names import Node, option, parts, quote
from rollproof.migrations.rules.state import Reading

COMMENT = "COMMENT"
_COLUMNS = (ObjectType.OBJECT_COLUMN, ObjectType.OBJECT_ATTRIBUTE, ObjectType.OBJECT_TABCONSTRAINT)


def comment(node: Node, reading: Reading) -> None:
    """A comment is a definition, but it never decides a script that does anything else."""
    reading.lasting()
    if not _is_own(node.object, ObjectType(node.objtype), reading):
        reading.say(
            Kind.DEFINITION, COMMENT, f"on {word_of(node.objtype).lower()} {'.'.join(parts(node.object))}"
        )


def _is_own(node: Node, kind: ObjectType, reading: Reading) -> bool:
    if kind in _COLUMNS:
        *table, column = parts(node)
        return reading.is_own_column(reading.qualified(tuple(table), "relation"), column)
    what, name = identify(node, kind, reading)
    owner = reading.qualified(parts(node)[:-1], "relation") if what in ("trigger", "policy", "rule") else ""
    return reading.is_own(what, name) or bool(owner and reading.is_own_table(owner))


_RENAMES = {
    ObjectType.OBJECT_COLUMN: "ALTER TABLE … RENAME COLUMN",
    ObjectType.OBJECT_TABCONSTRAINT: "ALTER TABLE … RENAME CONSTRAINT",
    ObjectType.OBJECT_ATTRIBUTE: "ALTER TYPE … RENAME ATTRIBUTE",
    ObjectType.OBJECT_DOMCONSTRAINT: "ALTER DOMAIN … RENAME CONSTRAINT",
}


def rename(node: Node, reading: Reading) -> None:
    """ALTER … RENAME TO: no row is lost, but nothing finds them under the old name."""
    kind = ObjectType(node.renameType)
    reading.lasting()
    what, before, after, own = _renamed(node, kind, reading)
    _move(reading, what, before, after)
    if own:
        reading.make(what, after)
        return
    kind_of = Kind.INDEX if kind is ObjectType.OBJECT_INDEX else Kind.DEFINITION
    reading.say(kind_of, _RENAMES.get(kind, f"ALTER {word_of(kind)} … RENAME"), before, f"to {after}")
    reading.renamed.append((before, after))


def _renamed(node: Node, kind: ObjectType, reading: Reading) -> tuple[str, str, str, bool]:
    """Class, name before, name after, and whether this script made it."""
    new = quote(node.newname)
    if node.relation is not None and node.subname is not None:
        table = reading.relation(node.relation)
        reading.touch([table])
        before = reading.column(table, node.subname)
        own = reading.is_own_column(table, node.subname)
        return IN_TABLE.get(kind, "column"), before, f"{table}.{new}", own
    given = next((n for n in (node.relation, node.object, node.subname) if n is not None), "")
    what, before = identify(given, kind, reading)
    schema = before.rpartition(".")[0]
    return what, before, f"{schema}.{new}" if schema else new, reading.is_own(what, before)


def _move(reading: Reading, what: str, before: str, after: str) -> None:
    """What is known of the old name is known of the new one."""
    for key in [
        k for k in reading.types | reading.background.types if k == before or k.startswith(f"{before}.")
    ]:
        if kind := reading.type_of(key):
            reading.types[after + key.removeprefix(before)] = kind
    reading.made.discard(f"{what} {before}")
    reading.gone.add(f"{what} {before}")


def enum(node: Node, reading: Reading) -> None:
    """ALTER TYPE … ADD VALUE and RENAME VALUE."""
    name = reading.qualified(parts(node.typeName), "type")
    reading.lasting()
    if reading.is_own("type", name):
        return
    if node.oldVal is not None:
        reading.say(Kind.DEFINITION, "ALTER TYPE … RENAME VALUE", name)
        return
    reading.say(Kind.ADDITIVE, "ALTER TYPE … ADD VALUE", name)
    why = f"{name}: PostgreSQL cannot drop one value of an enum; the type has to be made again"
    reading.cannot_undo("ALTER TYPE … ADD VALUE", why)


def sequence(node: Node, reading: Reading) -> None:
    name = reading.relation(node.sequence)
    reading.lasting()
    if reading.is_own_table(name):
        return
    restart = option(node.options, "restart") is not None
    note = "moves where it stands" if restart else ""
    reading.say(Kind.DEFINITION, f"ALTER SEQUENCE{' … RESTART' if restart else ''}", name, note)
    if restart:
        reading.cannot_undo("ALTER SEQUENCE … RESTART", f"{name}: where it stood is not kept")


def domain(node: Node, reading: Reading) -> None:
    name = reading.qualified(parts(node.typeName), "type")
    reading.lasting()
    if not reading.is_own("type", name):
        adds = node.subtype == "C"
        words = "ADD CONSTRAINT" if adds else "change"
        reading.say(Kind.ADDITIVE if adds else Kind.DEFINITION, f"ALTER DOMAIN … {words}", name)


def set_schema(node: Node, reading: Reading) -> None:
    kind = ObjectType(node.objectType)
    given = node.relation if node.relation is not None else node.object
    what, before = identify(given, kind, reading)
    after = f"{quote(node.newschema)}.{before.rpartition('.')[2]}"
    own = reading.is_own(what, before)
    reading.lasting()
    _move(reading, what, before, after)
    if own:
        reading.make(what, after)
        return
    reading.say(Kind.DEFINITION, f"ALTER {word_of(kind)} … SET SCHEMA", before, f"to {after}")
    reading.renamed.append((before, after))


_OTHERS = {
    ast.AlterFunctionStmt: ("FUNCTION", "func", ObjectType.OBJECT_FUNCTION),
    ast.AlterTypeStmt: ("TYPE", "typeName", ObjectType.OBJECT_TYPE),
    ast.AlterOperatorStmt: ("OPERATOR", "opername", None),
    ast.AlterOpFamilyStmt: ("OPERATOR FAMILY", "opfamilyname", None),
    ast.AlterObjectDependsStmt: ("… DEPENDS ON EXTENSION", "", None),
    ast.AlterCollationStmt: ("COLLATION", "collname", None),
    ast.AlterStatsStmt: ("STATISTICS", "defnames", None),
    ast.AlterEventTrigStmt: ("EVENT TRIGGER", "trigname", None),
    ast.AlterPublicationStmt: ("PUBLICATION", "pubname", None),
    ast.AlterSubscriptionStmt: ("SUBSCRIPTION", "subname", None),
    ast.AlterForeignServerStmt: ("SERVER", "servername", None),
    ast.AlterFdwStmt: ("FOREIGN DATA WRAPPER", "fdwname", None),
    ast.AlterTSConfigurationStmt: ("TEXT SEARCH CONFIGURATION", "cfgname", None),
    ast.AlterTSDictionaryStmt: ("TEXT SEARCH DICTIONARY", "dictname", None),
    ast.AlterExtensionStmt: ("EXTENSION", "extname", None),
    ast.AlterExtensionContentsStmt: ("EXTENSION", "extname", None),
    ast.AlterTableMoveAllStmt: ("TABLE … ALL IN TABLESPACE", "", None),
}


def other(node: Node, reading: Reading) -> None:
    """ALTER of objects that hold no rows."""
    word, attribute, kind = _OTHERS[type(node)]
    given = getattr(node, attribute) if attribute else None
    reading.lasting()
    if kind is None:
        reading.say(Kind.DEFINITION, f"ALTER {word}", ".".join(map(quote, parts(given))))
    elif not _is_own(given, kind, reading):
        reading.say(Kind.DEFINITION, f"ALTER {word}", identify(given, kind, reading)[1])


def label(node: Node, reading: Reading) -> None:
    reading.say(Kind.DEFINITION, "SECURITY LABEL", ".".join(map(quote, parts(node.object))))


RULES = {
    ast.CommentStmt: comment,
    ast.RenameStmt: rename,
    ast.AlterEnumStmt: enum,
    ast.AlterSeqStmt: sequence,
    ast.AlterDomainStmt: domain,
    ast.AlterObjectSchemaStmt: set_schema,
    ast.SecLabelStmt: label,
} | dict.fromkeys(_OTHERS, other)
