"""INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY: what happens to rows, and whose rows they are."""

from __future__ import annotations

from pglast import ast
from pglast.enums import CmdType, OnConflictAction

from rollproof.migrations.classification import Kind
from rollproof.migrations.rules.names import Node, walk
from rollproof.migrations.rules.state import TEMPORARY, Reading

STORED = (ast.CreateFunctionStmt, ast.RuleStmt, ast.CreateTrigStmt)
"""statements that hold other statements without running them"""
_OVERWRITES = "the values from before are overwritten"
_DELETES = "deleted rows are gone"


def read_rows(statement: Node, reading: Reading) -> None:
    """Every statement that writes rows, wherever it is nested: in WITH, EXPLAIN ANALYZE, PREPARE…"""
    for node in walk(statement, skip=STORED):
        if rule := _WRITES.get(type(node)):
            rule(node, reading)


def _insert(node: Node, reading: Reading) -> None:
    table = reading.relation(node.relation)
    if _not_of_interest(table, reading):
        return
    conflict = node.onConflictClause
    if conflict is not None and conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
        reading.say(Kind.DATA, "INSERT … ON CONFLICT DO UPDATE", table, "updates the rows that are there")
        reading.cannot_undo("INSERT … ON CONFLICT DO UPDATE", f"{table}: {_OVERWRITES}")
    else:
        reading.say(Kind.ROWS, "INSERT", table, "adds rows to a table from before")


def _update(node: Node, reading: Reading) -> None:
    table = reading.relation(node.relation)
    if _not_of_interest(table, reading):
        return
    columns = [target.name for target in node.targetList or ()]
    if columns and all(reading.is_own_column(table, column) for column in columns):
        reading.say(Kind.ADDITIVE, "UPDATE", table, "fills only columns that this script adds")
        return
    older = [column for column in columns if not reading.is_own_column(table, column)]
    reading.say(Kind.DATA, "UPDATE", table, f"sets {', '.join(older)}")
    reading.cannot_undo("UPDATE", f"{table}: {_OVERWRITES}")


def _delete(node: Node, reading: Reading) -> None:
    table = reading.relation(node.relation)
    if not _not_of_interest(table, reading):
        reading.say(Kind.DATA, "DELETE", table)
        reading.cannot_undo("DELETE", f"{table}: {_DELETES}")


def _merge(node: Node, reading: Reading) -> None:
    table = reading.relation(node.relation)
    if _not_of_interest(table, reading):
        return
    commands = {clause.commandType for clause in node.mergeWhenClauses or ()}
    if commands & {CmdType.CMD_UPDATE, CmdType.CMD_DELETE}:
        reading.say(Kind.DATA, "MERGE", table, "updates or deletes rows that are there")
        reading.cannot_undo("MERGE", f"{table}: {_OVERWRITES} or deleted")
    elif CmdType.CMD_INSERT in commands:
        reading.say(Kind.ROWS, "MERGE", table, "adds rows to a table from before")


def _truncate(node: Node, reading: Reading) -> None:
    for relation in node.relations:
        table = reading.relation(relation)
        if not _not_of_interest(table, reading):
            reading.say(Kind.DATA, "TRUNCATE", table)
            reading.cannot_undo("TRUNCATE", f"{table}: all its rows are gone")


def _copy(node: Node, reading: Reading) -> None:
    if not node.is_from:
        return
    table = reading.relation(node.relation)
    if not _not_of_interest(table, reading):
        reading.say(Kind.ROWS, "COPY … FROM", table, "adds rows to a table from before")


def _into(node: Node, reading: Reading) -> None:
    """SELECT … INTO makes a table. (CREATE TABLE AS is read with the other CREATEs.)"""
    if node.intoClause is not None:
        table = reading.relation(node.intoClause.rel)
        reading.make("relation", table)
        if not table.startswith(f"{TEMPORARY}."):
            reading.say(Kind.ADDITIVE, "SELECT INTO", table)


def _not_of_interest(table: str, reading: Reading) -> bool:
    """The ledger, and tables that this script has made: all their rows are new."""
    reading.lasting()
    reading.touch([table])
    return table == reading.ledger or reading.is_own_table(table)


_WRITES = {
    ast.InsertStmt: _insert,
    ast.UpdateStmt: _update,
    ast.DeleteStmt: _delete,
    ast.MergeStmt: _merge,
    ast.TruncateStmt: _truncate,
    ast.CopyStmt: _copy,
    ast.SelectStmt: _into,
}
