"""ALTER TABLE and its relatives."""

from __future__ import annotations

from collections.abc import Callable

from pglast import ast
from pglast.enums import AlterTableType, ConstrType, DropBehavior, ObjectType

from rollproof.migrations.builtin import volatile_call
from rollproof.migrations.classification import Kind
from rollproof.migrations.coltypes import ColumnType, Fit, fit
from rollproof.migrations.rules.create import remember_column
from rollproof.migrations.rules.drop import identify, word_of
from rollproof.migrations.rules.names import Node, parts, walk
from rollproof.migrations.rules.state import TEMPORARY, Reading

_T = AlterTableType
_ADDS = {
    _T.AT_AddConstraint: "ADD CONSTRAINT",
    _T.AT_AddIndexConstraint: "ADD CONSTRAINT … USING INDEX",
    _T.AT_AddIdentity: "ADD IDENTITY",
}
_ACCESS = {
    _T.AT_ChangeOwner: "OWNER TO",
    _T.AT_EnableRowSecurity: "ENABLE ROW LEVEL SECURITY",
    _T.AT_DisableRowSecurity: "DISABLE ROW LEVEL SECURITY",
    _T.AT_ForceRowSecurity: "FORCE ROW LEVEL SECURITY",
    _T.AT_NoForceRowSecurity: "NO FORCE ROW LEVEL SECURITY",
}
_OF_COLUMN = frozenset(
    {
        _T.AT_ColumnDefault,
        _T.AT_SetNotNull,
        _T.AT_DropNotNull,
        _T.AT_SetStatistics,
        _T.AT_SetOptions,
        _T.AT_ResetOptions,
        _T.AT_SetStorage,
        _T.AT_SetCompression,
        _T.AT_SetExpression,
        _T.AT_AddIdentity,
        _T.AT_SetIdentity,
        _T.AT_DropIdentity,
    }
)
_DETACH = (_T.AT_DetachPartition, _T.AT_DetachPartitionFinalize)


def table(node: Node, reading: Reading) -> None:
    """ALTER TABLE, VIEW, INDEX, SEQUENCE, TYPE … with all their commands."""
    kind = ObjectType(node.objtype)
    what, name = identify(node.relation, kind, reading)
    own = reading.is_own(what, name) or name.startswith(f"{TEMPORARY}.")
    reading.lasting()
    if kind is ObjectType.OBJECT_TABLE:
        reading.touch([name])
    for command in node.cmds:
        _command(command, name, reading, own=own, statement=f"ALTER {word_of(kind)}")


def _command(command: Node, name: str, reading: Reading, *, own: bool, statement: str) -> None:
    subtype = _T(command.subtype)
    if rule := _COMMANDS.get(subtype):
        rule(command, name, reading, own, statement)
    elif not own:
        kind, words = _plain(subtype)
        of_column = subtype in _OF_COLUMN
        full = reading.column(name, command.name) if of_column and command.name else name
        reading.say(kind, f"{statement} … {'ALTER COLUMN … ' * of_column}{words}", full)
    if subtype is _T.AT_DetachPartition and getattr(command.def_, "concurrent", False):
        reading.outside_transaction()


def _plain(subtype: AlterTableType) -> tuple[Kind, str]:
    """Kind and words of a command that touches no row and no column's existence."""
    if subtype in _ADDS:
        return Kind.ADDITIVE, _ADDS[subtype]
    if subtype in _ACCESS:
        return Kind.PRIVILEGE, _ACCESS[subtype]
    said = {
        _T.AT_ColumnDefault: "SET or DROP DEFAULT",
        _T.AT_SetRelOptions: "SET (…)",
        _T.AT_ResetRelOptions: "RESET (…)",
    }
    return Kind.DEFINITION, said.get(subtype, _words(subtype.name.removeprefix("AT_")))


def _words(camel: str) -> str:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in camel).strip().upper()


def _add_column(command: Node, name: str, reading: Reading, own: bool, statement: str) -> None:
    column = command.def_
    full = reading.column(name, column.colname)
    if command.missing_ok and reading.was_there("column", full):
        reading.note(f"ADD COLUMN IF NOT EXISTS {full}: an earlier migration added it, so this does nothing")
        return
    remember_column(reading, name, column)
    if own:
        return
    volatile = _volatile_default(column)
    reading.volatile_default |= bool(volatile)
    part = "ATTRIBUTE" if statement.endswith("TYPE") else "COLUMN"
    note = f"default {volatile} is computed for each row, so the table is rewritten" if volatile else ""
    reading.say(Kind.ADDITIVE, f"{statement} … ADD {part}", full, note)


def _volatile_default(column: Node) -> str:
    """What makes each row's value of a new column another one, or nothing."""
    if column.typeName and column.typeName.names[-1].sval in ("serial", "bigserial", "smallserial"):
        return "nextval()"
    for constraint in column.constraints or ():
        if constraint.contype == ConstrType.CONSTR_IDENTITY:
            return "nextval()"
        if constraint.contype == ConstrType.CONSTR_DEFAULT:
            calls = (volatile_call(item) for item in walk(constraint.raw_expr))
            return next(filter(None, calls), "")
    return ""


def _drop_column(command: Node, name: str, reading: Reading, own: bool, statement: str) -> None:
    full = reading.column(name, command.name)
    own = own or reading.is_own("column", full)
    reading.remove("column", full)
    if own:
        reading.forget(full)
        return
    cascade = " CASCADE" if command.behavior == DropBehavior.DROP_CASCADE else ""
    part = "ATTRIBUTE" if statement.endswith("TYPE") else "COLUMN"
    words = f"{statement} … DROP {part}{cascade}"
    reading.say(Kind.DROPPING, words, full, "its values are gone")
    reading.cannot_undo(words, f"{full}: its values are gone")
    reading.destroys.append(full)


def _column_type(command: Node, name: str, reading: Reading, own: bool, statement: str) -> None:
    full = reading.column(name, command.name)
    before, after = reading.type_of(full), ColumnType.of(command.def_.typeName)
    if after:
        reading.types[full] = after
    if own or reading.is_own("column", full):
        return
    words = f"{statement} … ALTER COLUMN … TYPE"
    if not _is_plain_cast(command.def_.raw_default, command.name):
        reading.say(Kind.DATA, f"{words} … USING", full, "every value is computed anew")
        reading.cannot_undo(f"{words} … USING", f"{full}: the values from before are overwritten")
        return
    _judge_type(reading, words, full, before, after)


def _judge_type(
    reading: Reading, words: str, full: str, before: ColumnType | None, after: ColumnType | None
) -> None:
    change = f"{before or 'a type that no migration names'} to {after or 'another'}"
    match fit(before, after):
        case Fit.HOLDS:
            reading.say(Kind.DEFINITION, words, full, f"{change} holds every value")
        case Fit.NARROWS:
            reading.say(Kind.DROPPING, words, full, f"{change} cannot hold every value")
            reading.cannot_undo(words, f"{full}: what {after} cannot hold is cut, rounded or refused")
            reading.destroys.append(full)
        case Fit.UNSURE:
            reading.say(Kind.UNDECIDED, words, full, f"{change}: the text does not say if every value fits")


def _is_plain_cast(expression: Node, column: str) -> bool:
    """True for no USING at all, and for `USING column::type`."""
    while isinstance(expression, ast.TypeCast):
        expression = expression.arg
    if expression is None:
        return True
    return isinstance(expression, ast.ColumnRef) and parts(expression.fields)[-1:] == (column,)


def _drop_expression(command: Node, name: str, reading: Reading, own: bool, statement: str) -> None:
    if not own:
        words = f"{statement} … ALTER COLUMN … DROP EXPRESSION"
        full = reading.column(name, command.name)
        reading.say(Kind.DEFINITION, words, full)
        reading.cannot_undo(words, f"{full}: a column cannot be made generated again, only added anew")


def _detach(_command: Node, name: str, reading: Reading, own: bool, statement: str) -> None:
    if not own:
        note = "its rows stay, but no longer show in the parent"
        reading.say(Kind.DEFINITION, f"{statement} … DETACH PARTITION", name, note)


_COMMANDS: dict[AlterTableType, Callable[[Node, str, Reading, bool, str], None]] = {
    _T.AT_AddColumn: _add_column,
    _T.AT_DropColumn: _drop_column,
    _T.AT_AlterColumnType: _column_type,
    _T.AT_DropExpression: _drop_expression,
    **dict.fromkeys(_DETACH, _detach),
}
RULES = {ast.AlterTableStmt: table}
