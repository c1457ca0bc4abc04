"""Statements whose time grows with the table: what they do to it, and what to do instead.

Each rule is data: what it is about, where PostgreSQL's manual says so, a bad example that it is about and a
good one that it is not. A statement that none is about takes as long on a large table as on an empty one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from pglast import ast
from pglast.enums import AlterTableType, ConstrType, ObjectType

from rollproof.migrations.builtin import volatile_call
from rollproof.migrations.rules.names import Node, option, switched_on, walk

_T, _C = AlterTableType, ConstrType


class Effort(StrEnum):
    """What is done to the whole table."""

    SCAN = "scan"
    """read once"""
    REWRITE = "rewrite"
    """read, and written anew with all its indexes"""
    INDEX = "index"
    """read, sorted and written to an index"""


@dataclass(frozen=True, slots=True)
class Rule:
    """One sort of statement.

    Attributes:
        id: short name. what: what it does, in words.
        effort: what is done to the table. times: how often.
        certain: False when the table's own state decides; a measured run then has the last word.
        lock: the mode that is held meanwhile.
        instead: what to do on a large table.
        source: where the manual says so.
        bad, good: a statement that it is about, and one that serves and that it is not about.
    """

    id: str
    what: str
    effort: Effort
    lock: str
    instead: str
    source: str
    bad: str
    good: str
    matches: Callable[[Node], Iterator[Node]] = field(repr=False)
    times: int = 1
    certain: bool = True


def _commands(*subtypes: AlterTableType) -> Callable[[Node], Iterator[tuple[Node, Node]]]:
    def find(statement: Node) -> Iterator[tuple[Node, Node]]:
        if isinstance(statement, ast.AlterTableStmt) and statement.objtype in _TABLES:
            for command in statement.cmds or ():
                if command.subtype in subtypes:
                    yield statement.relation, command

    return find


_TABLES = (ObjectType.OBJECT_TABLE, ObjectType.OBJECT_MATVIEW)


def _command(*subtypes: AlterTableType) -> Callable[[Node], Iterator[Node]]:
    find = _commands(*subtypes)
    return lambda statement: (relation for relation, _ in find(statement))


def _constraint(*types: ConstrType) -> Callable[[Node], Iterator[Node]]:
    """ADD CONSTRAINT that looks at all rows."""

    def find(statement: Node) -> Iterator[Node]:
        for relation, command in _commands(_T.AT_AddConstraint)(statement):
            added = command.def_
            if added.contype in types and not added.skip_validation and not added.indexname:
                yield relation

    return find


def _filled_column(statement: Node) -> Iterator[Node]:
    for relation, command in _commands(_T.AT_AddColumn)(statement):
        column = command.def_
        types = {part.sval.lower() for part in column.typeName.names} if column.typeName else set()
        kinds = {constraint.contype for constraint in column.constraints or ()}
        serial = types & {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
        filled = kinds & {_C.CONSTR_GENERATED, _C.CONSTR_IDENTITY} or any(
            volatile_call(node) for node in walk(column.constraints)
        )
        if serial or filled:
            yield relation


def _index(*, concurrently: bool) -> Callable[[Node], Iterator[Node]]:
    def find(statement: Node) -> Iterator[Node]:
        if isinstance(statement, ast.IndexStmt) and bool(statement.concurrent) is concurrently:
            yield statement.relation

    return find


def _reindex(statement: Node) -> Iterator[Node]:
    reindexes = isinstance(statement, ast.ReindexStmt) and statement.relation is not None
    if reindexes and not switched_on(option(statement.params, "concurrently")):
        yield statement.relation


def _full(statement: Node) -> Iterator[Node]:
    if isinstance(statement, ast.ClusterStmt) and statement.relation is not None:
        yield statement.relation
    if isinstance(statement, ast.VacuumStmt) and switched_on(option(statement.options, "full")):
        yield from (relation.relation for relation in statement.rels or ())


def _refresh(statement: Node) -> Iterator[Node]:
    if isinstance(statement, ast.RefreshMatViewStmt) and not statement.skipData:
        yield statement.relation


def _every_row(kind: type) -> Callable[[Node], Iterator[Node]]:
    def find(statement: Node) -> Iterator[Node]:
        if isinstance(statement, kind) and statement.whereClause is None:  # type: ignore[attr-defined]
            yield statement.relation  # type: ignore[attr-defined]

    return find


_ALTER = "PostgreSQL manual, ALTER TABLE, "
_EXCLUSIVE = "AccessExclusiveLock"

RULES = (
    Rule(
        "set-not-null",
        "SET NOT NULL reads the whole table for a null",
        Effort.SCAN,
        _EXCLUSIVE,
        "add CHECK (… IS NOT NULL) NOT VALID, validate it in a later transaction, then SET NOT NULL: with "
        "the valid constraint the table is not read again",
        _ALTER + "SET/DROP NOT NULL",
        bad="ALTER TABLE t ALTER a SET NOT NULL",
        good="ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID",
        matches=_command(_T.AT_SetNotNull),
        certain=False,
    ),
    Rule(
        "add-check",
        "a CHECK constraint is tried on every row",
        Effort.SCAN,
        _EXCLUSIVE,
        "add it NOT VALID, and VALIDATE CONSTRAINT in a later transaction",
        _ALTER + "ADD table_constraint [ NOT VALID ]",
        bad="ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
        good="ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        matches=_constraint(_C.CONSTR_CHECK),
    ),
    Rule(
        "add-foreign-key",
        "a foreign key looks every row up in the other table",
        Effort.SCAN,
        "ShareRowExclusiveLock",
        "add it NOT VALID, and VALIDATE CONSTRAINT in a later transaction",
        _ALTER + "ADD table_constraint [ NOT VALID ]",
        bad="ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id)",
        good="ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id) NOT VALID",
        matches=_constraint(_C.CONSTR_FOREIGN),
        times=2,
    ),
    Rule(
        "validate-constraint",
        "VALIDATE CONSTRAINT reads the whole table, while others go on writing",
        Effort.SCAN,
        "ShareUpdateExclusiveLock",
        "run it in a transaction of its own",
        _ALTER + "VALIDATE CONSTRAINT",
        bad="ALTER TABLE t VALIDATE CONSTRAINT c",
        good="ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        matches=_command(_T.AT_ValidateConstraint),
    ),
    Rule(
        "add-indexed-constraint",
        "PRIMARY KEY, UNIQUE and EXCLUDE build an index while nobody may read",
        Effort.INDEX,
        _EXCLUSIVE,
        "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX",
        _ALTER + "ADD table_constraint_using_index",
        bad="ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)",
        good="ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
        matches=_constraint(_C.CONSTR_PRIMARY, _C.CONSTR_UNIQUE, _C.CONSTR_EXCLUSION),
    ),
    Rule(
        "create-index",
        "CREATE INDEX reads and sorts the whole table while nobody may write",
        Effort.INDEX,
        "ShareLock",
        "CREATE INDEX CONCURRENTLY, outside a transaction",
        "PostgreSQL manual, CREATE INDEX, Building Indexes Concurrently",
        bad="CREATE INDEX i ON t (a)",
        good="CREATE INDEX CONCURRENTLY i ON t (a)",
        matches=_index(concurrently=False),
    ),
    Rule(
        "create-index-concurrently",
        "CREATE INDEX CONCURRENTLY reads the table twice, while others go on writing",
        Effort.INDEX,
        "ShareUpdateExclusiveLock",
        "it is the way to do it; see that no long transaction is open meanwhile",
        "PostgreSQL manual, CREATE INDEX, Building Indexes Concurrently",
        bad="CREATE INDEX CONCURRENTLY i ON t (a)",
        good="DROP INDEX CONCURRENTLY i",
        matches=_index(concurrently=True),
        times=2,
    ),
    Rule(
        "reindex",
        "REINDEX builds the indexes anew while nobody may write",
        Effort.INDEX,
        "ShareLock",
        "REINDEX TABLE CONCURRENTLY, outside a transaction",
        "PostgreSQL manual, REINDEX, Rebuilding Indexes Concurrently",
        bad="REINDEX TABLE t",
        good="REINDEX TABLE CONCURRENTLY t",
        matches=_reindex,
    ),
    Rule(
        "change-type",
        "a column of another type: the table and its indexes are written anew, unless both types store alike",
        Effort.REWRITE,
        _EXCLUSIVE,
        "add a column of the new type, fill it in batches, and swap the two",
        _ALTER + "Notes",
        bad="ALTER TABLE t ALTER a TYPE bigint",
        good="ALTER TABLE t ADD b bigint",
        matches=_command(_T.AT_AlterColumnType),
        certain=False,
    ),
    Rule(
        "add-filled-column",
        "a column with another value in each row: the table and its indexes are written anew",
        Effort.REWRITE,
        _EXCLUSIVE,
        "add it without a default, set the default, and fill the old rows in batches",
        _ALTER + "Notes",
        bad="ALTER TABLE t ADD b timestamptz DEFAULT clock_timestamp()",
        good="ALTER TABLE t ADD b timestamptz DEFAULT now()",
        matches=_filled_column,
        certain=False,
    ),
    Rule(
        "move-table",
        "another persistence, access method or tablespace: the table is written anew",
        Effort.REWRITE,
        _EXCLUSIVE,
        "do it while nobody needs the table",
        _ALTER + "SET { LOGGED | UNLOGGED }, SET ACCESS METHOD, SET TABLESPACE",
        bad="ALTER TABLE t SET UNLOGGED",
        good="ALTER TABLE t SET (fillfactor = 70)",
        matches=_command(_T.AT_SetLogged, _T.AT_SetUnLogged, _T.AT_SetAccessMethod, _T.AT_SetTableSpace),
        certain=False,
    ),
    Rule(
        "vacuum-full",
        "VACUUM FULL and CLUSTER write the table anew",
        Effort.REWRITE,
        _EXCLUSIVE,
        "VACUUM, or pg_repack",
        "PostgreSQL manual, VACUUM, FULL; CLUSTER",
        bad="VACUUM FULL t",
        good="VACUUM t",
        matches=_full,
    ),
    Rule(
        "attach-partition",
        "ATTACH PARTITION reads the partition for rows that do not belong there",
        Effort.SCAN,
        _EXCLUSIVE,
        "give it a valid CHECK constraint that says the same before",
        _ALTER + "ATTACH PARTITION",
        bad="ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)",
        good="CREATE TABLE p PARTITION OF t FOR VALUES IN (1)",
        matches=lambda statement: (
            command.def_.name for _, command in _commands(_T.AT_AttachPartition)(statement)
        ),
        certain=False,
    ),
    Rule(
        "refresh",
        "REFRESH MATERIALIZED VIEW runs its query anew",
        Effort.REWRITE,
        _EXCLUSIVE,
        "CONCURRENTLY lets readers go on",
        "PostgreSQL manual, REFRESH MATERIALIZED VIEW",
        bad="REFRESH MATERIALIZED VIEW m",
        good="REFRESH MATERIALIZED VIEW m WITH NO DATA",
        matches=_refresh,
    ),
    Rule(
        "update-every-row",
        "UPDATE without WHERE writes every row, and keeps the old one until VACUUM",
        Effort.REWRITE,
        "RowExclusiveLock",
        "update in batches, each in a transaction of its own",
        "PostgreSQL manual, section 13.1 and Routine Vacuuming",
        bad="UPDATE t SET a = 1",
        good="UPDATE t SET a = 1 WHERE id BETWEEN 1 AND 1000",
        matches=_every_row(ast.UpdateStmt),
    ),
    Rule(
        "delete-every-row",
        "DELETE without WHERE reads and marks every row",
        Effort.SCAN,
        "RowExclusiveLock",
        "TRUNCATE, where nothing else reads the table meanwhile",
        "PostgreSQL manual, DELETE, Notes",
        bad="DELETE FROM t",
        good="TRUNCATE t",
        matches=_every_row(ast.DeleteStmt),
        times=2,
    ),
)
