"""Statements that leave nothing behind, and transaction control."""

from __future__ import annotations

from pglast import ast
from pglast.enums import ReindexObjectType, TransactionStmtKind, VariableSetKind

from rollproof.migrations.classification import Kind
from rollproof.migrations.rules.names import Node, option, quote, switched_on
from rollproof.migrations.rules.rows import read_rows
from rollproof.migrations.rules.state import Reading

_BEGINS = (TransactionStmtKind.TRANS_STMT_BEGIN, TransactionStmtKind.TRANS_STMT_START)
_PREPARED = (
    TransactionStmtKind.TRANS_STMT_COMMIT_PREPARED,
    TransactionStmtKind.TRANS_STMT_ROLLBACK_PREPARED,
)
_ENDS = (
    TransactionStmtKind.TRANS_STMT_COMMIT,
    TransactionStmtKind.TRANS_STMT_ROLLBACK,
    TransactionStmtKind.TRANS_STMT_PREPARE,
)


def transaction(node: Node, reading: Reading) -> None:
    """BEGIN … COMMIT is one unit; what a ROLLBACK takes back does not count."""
    kind = TransactionStmtKind(node.kind)
    if kind in _PREPARED:
        note = "ends a prepared transaction, whose content is not in this script"
        reading.say(Kind.UNDECIDED, "COMMIT or ROLLBACK PREPARED", note=note)
    elif kind in _BEGINS:
        if reading.in_transaction:
            reading.note("BEGIN inside a transaction does nothing")
        else:
            reading.begin()
    elif kind in _ENDS:
        undone = kind is TransactionStmtKind.TRANS_STMT_ROLLBACK
        if kind is TransactionStmtKind.TRANS_STMT_PREPARE:
            reading.note("leaves a prepared transaction behind, which holds its locks until it is ended")
        if undone and reading.in_transaction:
            reading.note("ROLLBACK: nothing of this transaction stays")
        reading.end(undone=undone)
        if node.chain:
            reading.begin()


def variable(node: Node, reading: Reading) -> None:
    """SET: the search path decides what unqualified names mean."""
    if node.name == "search_path":
        given = node.args if node.kind == VariableSetKind.VAR_SET_VALUE else None
        reading.set_path(_texts(given))
    if node.name == "session_replication_role":
        reading.note("SET session_replication_role: triggers and foreign keys may be off from here on")


def _texts(arguments: Node) -> list[str]:
    values = [getattr(getattr(item, "val", None), "sval", "") for item in arguments or ()]
    return [value for value in values if value]


def neutral(node: Node, reading: Reading) -> None:
    """Leaves nothing behind, but may hold statements that do: EXPLAIN ANALYZE, PREPARE, DECLARE."""
    if isinstance(node, ast.ExplainStmt) and not switched_on(option(node.options, "analyze")):
        return
    read_rows(node, reading)


def vacuum(node: Node, reading: Reading) -> None:
    if node.is_vacuumcmd:
        reading.outside_transaction()


def cluster(node: Node, reading: Reading) -> None:
    if node.relation is None:
        reading.outside_transaction()


def reindex(node: Node, reading: Reading) -> None:
    alone = (ReindexObjectType.REINDEX_OBJECT_SYSTEM, ReindexObjectType.REINDEX_OBJECT_DATABASE)
    concurrently = switched_on(option(node.params, "concurrently"))
    if concurrently or node.kind in (*alone, ReindexObjectType.REINDEX_OBJECT_SCHEMA):
        reading.outside_transaction()
    reading.concurrent |= concurrently
    name = reading.relation(node.relation) if node.relation is not None else quote(node.name or "")
    reading.say(Kind.INDEX, f"REINDEX{' CONCURRENTLY' if concurrently else ''}", name)


def refresh(node: Node, reading: Reading) -> None:
    """The rows of a materialised view can always be computed again."""
    reading.lasting()


_NEUTRAL = (
    ast.VariableShowStmt,
    ast.LockStmt,
    ast.ListenStmt,
    ast.UnlistenStmt,
    ast.NotifyStmt,
    ast.DeallocateStmt,
    ast.FetchStmt,
    ast.ClosePortalStmt,
    ast.CheckPointStmt,
    ast.DiscardStmt,
    ast.ConstraintsSetStmt,
    ast.LoadStmt,
    ast.ExplainStmt,
    ast.PrepareStmt,
    ast.ExecuteStmt,
    ast.DeclareCursorStmt,
)
RULES = {
    ast.TransactionStmt: transaction,
    ast.VariableSetStmt: variable,
    ast.VacuumStmt: vacuum,
    ast.ClusterStmt: cluster,
    ast.ReindexStmt: reindex,
    ast.RefreshMatViewStmt: refresh,
    **dict.fromkeys(_NEUTRAL, neutral),
}
