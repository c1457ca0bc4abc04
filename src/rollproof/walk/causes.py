"""Which statement a difference comes from, where that can be told from the scripts' SQL.

Nothing is guessed: a statement is named only when it is the kind of statement that can do such a thing,
when it names the object, and when no other reading is left. What dynamic SQL does is not told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from pglast import ast

from rollproof.errors import MigrationError
from rollproof.fingerprint.names import split_name
from rollproof.migrations.model import Migration
from rollproof.migrations.rules.names import walk
from rollproof.migrations.script import Script
from rollproof.migrations.validation import parse
from rollproof.model.fingerprint import Difference
from rollproof.walk.model import Cause, Finding

_LONGEST = 100
_LEADING = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*(?s:.*?)\*/)*")
_LITERALS = re.compile(r"(?s)\$(\w*)\$.*?\$\1\$|[eE]?'(?:[^']|'')*'")
_TABLES = (
    "CreateStmt",
    "CreateTableAsStmt",
    "AlterTableStmt",
    "RenameStmt",
    "DropStmt",
    "AlterObjectSchemaStmt",
)
_TYPES = ("CreateEnumStmt", "AlterEnumStmt", "CompositeTypeStmt", "CreateDomainStmt", "AlterDomainStmt")
_VIEWS = ("ViewStmt", "CreateTableAsStmt", "DropStmt", "RenameStmt", "AlterTableStmt")
_ROUTINES = (
    "CreateFunctionStmt",
    "AlterFunctionStmt",
    "DefineStmt",
    "DropStmt",
    "RenameStmt",
    "AlterOwnerStmt",
)
_DOES = {
    "table": _TABLES,
    "column": _TABLES,
    "constraint": _TABLES,
    "index": ("IndexStmt", "DropStmt", "RenameStmt", *_TABLES),
    "sequence": ("CreateSeqStmt", "AlterSeqStmt", "SelectStmt", *_TABLES),
    "view": _VIEWS,
    "materialized view": _VIEWS,
    "rule": ("RuleStmt", *_TABLES),
    "function": _ROUTINES,
    "procedure": _ROUTINES,
    "aggregate": _ROUTINES,
    "trigger": ("CreateTrigStmt", *_TABLES),
    "policy": ("CreatePolicyStmt", "AlterPolicyStmt", *_TABLES),
    "enum": (*_TYPES, "DropStmt", "RenameStmt", "AlterOwnerStmt"),
    "domain": (*_TYPES, "DropStmt", "RenameStmt", "AlterOwnerStmt"),
    "composite type": (*_TYPES, "DropStmt", "RenameStmt", "AlterOwnerStmt"),
    "grant": ("GrantStmt", *_TABLES),
    "comment": ("CommentStmt", *_TABLES),
    "schema": ("CreateSchemaStmt", "DropStmt", "RenameStmt", "AlterOwnerStmt"),
    "extension": ("CreateExtensionStmt", "AlterExtensionStmt", "DropStmt"),
    "publication": ("CreatePublicationStmt", "AlterPublicationStmt", "DropStmt"),
    "role": ("CreateRoleStmt", "AlterRoleStmt", "DropRoleStmt"),
    "role membership": ("GrantRoleStmt", "CreateRoleStmt"),
    "server setting": ("AlterSystemStmt",),
    "setting": ("AlterDatabaseSetStmt", "AlterRoleSetStmt"),
}
"""Kind of object -> the statements that make, change or drop one."""
_OF_PARENT = frozenset({"grant", "comment"})
"""kinds that are named by what they are on"""
_WITH_TABLE = frozenset(
    {"column", "constraint", "index", "trigger", "policy", "rule", "grant", "comment", "sequence"}
)
"""kinds that come and go with their table"""
_WHOLE = ("CreateStmt", "DropStmt", "CreateTableAsStmt")


@dataclass(frozen=True)
class _Statement:
    """One statement of a script: what sort it is, the names in it, and where it stands."""

    sort: str
    names: frozenset[str]
    script: Script
    offset: int
    text: str

    def cause(self, why: str) -> Cause:
        line = self.script.line_at(self.offset) + self.script.first_line - 1
        return Cause(str(self.script.path), line, self.text, why)


@dataclass(frozen=True)
class Attribution:
    """The statements of one migration; they are read when the first difference is asked for."""

    migration: Migration

    def of_rollback(self, differences: Iterable[Difference]) -> tuple[Finding, ...]:
        """Each difference after the rollback, with the statement that it comes from where that is known."""
        return tuple(Finding(item, self._cause(item)) for item in differences)

    @cached_property
    def _ups(self) -> tuple[_Statement, ...]:
        return tuple(_statements(self.migration.up))

    @cached_property
    def _downs(self) -> tuple[_Statement, ...]:
        way_back = self.migration.way_back
        return tuple(_statements(way_back)) if way_back else ()

    def _cause(self, item: Difference) -> Cause | None:
        up, down = (_naming(item, statements) for statements in (self._ups, self._downs))
        if item.attribute is None and item.before is None:
            return _one(up, "the rollback leaves it") if not down else None
        if item.attribute is None and not up:
            return _one(down, "the rollback drops it, which the migration did not make")
        if not down:
            return _one(up, "the rollback does not put it back")
        if not up:
            return _one(down, "the rollback changes it, and the migration did not")
        return _one(down, "the rollback makes it otherwise") if item.attribute else None


def _one(found: list[_Statement], why: str) -> Cause | None:
    """The statement, when it is the only one that it can have been."""
    return found[0].cause(why) if len(found) == 1 else None


def _naming(item: Difference, statements: Iterable[_Statement]) -> list[_Statement]:
    """Statements that make, change or drop that very object; else those that do so with its table."""
    sorts = _DOES.get(item.kind, ())
    able = [statement for statement in statements if statement.sort in sorts]
    if exact := [statement for statement in able if _names(item) <= statement.names]:
        return exact
    table = _table(item)
    if item.kind not in _WITH_TABLE or not table:
        return []
    return [statement for statement in able if statement.sort in _WHOLE and table in statement.names]


def _names(item: Difference) -> frozenset[str]:
    """What a statement has to name: the object by its own name, and its table by its own."""
    if item.kind in _OF_PARENT:
        kind, _, name = item.parent.rpartition(" ")
        parts = split_name(name)
        return frozenset(parts[-2:] if kind == "column" else parts[-1:])
    own, on, table = item.name.rpartition(" on ")
    if item.kind in ("constraint", "trigger", "policy", "rule") and on:
        return frozenset([*split_name(own)[-1:], *split_name(table.removeprefix("domain "))[-1:]])
    parts = split_name(item.name.partition("(")[0])
    return frozenset(parts[-2:] if item.kind == "column" else parts[-1:])


def _table(item: Difference) -> str:
    """The last part of the name of the table that it belongs to; empty when it belongs to none."""
    kind, _, name = item.parent.partition(" ")
    parts = split_name(name)
    if kind == "column":
        return parts[-2] if len(parts) > 1 else ""
    return parts[-1] if kind == "table" and parts else ""


def _statements(script: Script) -> Iterator[_Statement]:
    """The statements of a script; none when it is not SQL that the parser takes."""
    try:
        text, raws = parse(script)
    except MigrationError:
        return
    for raw in raws:
        found = _LEADING.match(text.sql, raw.stmt_location)
        start = found.end() if found else raw.stmt_location
        end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(text.sql)
        shown = " ".join(_LITERALS.sub("…", text.sql[start:end]).split())
        cut = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"
        yield _Statement(type(raw.stmt).__name__, frozenset(_words(raw.stmt)), script, start, cut)


def _words(statement: object) -> Iterator[str]:
    """Every name in a statement. The text of a setval or nextval counts as the name that it is."""
    for node in walk(statement):
        for field in node:
            value = getattr(node, field)
            if isinstance(value, str):
                yield from split_name(value) if isinstance(node, ast.String) and "." in value else (value,)
