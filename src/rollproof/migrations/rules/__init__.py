"""What each SQL statement does to what was there before: one rule a kind of statement."""

from __future__ import annotations

from pglast import ast

from rollproof.migrations.classification import Kind
from rollproof.migrations.rules import access, alter, code, create, define, drop, session
from rollproof.migrations.rules.names import Node
from rollproof.migrations.rules.state import Background, Reading

__all__ = ["Background", "Reading", "read_statement"]

_RULES = create.RULES | drop.RULES | alter.RULES | define.RULES | code.RULES | access.RULES | session.RULES


def read_statement(statement: Node, reading: Reading) -> None:
    """Reads one statement; one that no rule knows leaves the kind undecided, never unseen."""
    if isinstance(statement, ast.CreateSchemaStmt):
        for inner in create.schema(statement, reading):
            read_statement(_in_schema(inner, statement), reading)
        return
    rule = _RULES.get(type(statement))
    if rule is None:
        name = type(statement).__name__.removesuffix("Stmt")
        reading.say(Kind.UNDECIDED, name, note="no rule knows this statement")
        return
    rule(statement, reading)


def _in_schema(inner: Node, schema: Node) -> Node:
    """`CREATE SCHEMA a CREATE TABLE t …` makes `a.t`."""
    relation = (
        getattr(inner, "relation", None) or getattr(inner, "view", None) or getattr(inner, "sequence", None)
    )
    if isinstance(relation, ast.RangeVar) and not relation.schemaname:
        relation.schemaname = schema.schemaname
    return inner
