"""How long a script takes on a table of a stated size: a proportion, not a promise."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pglast import ast
from psycopg import Connection

from rollproof.migrations.locks.costs import RULES, Effort, Rule
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.locks.modes import BLOCKS_WRITERS
from rollproof.migrations.rules.names import Node, dotted
from rollproof.migrations.script import Script
from rollproof.migrations.validation import parse


@dataclass(frozen=True, slots=True)
class Work:
    """Something that a script does to a whole table.

    Attributes:
        relation: as the script names it, quoted where needed.
        line: of the file, from 1.
    """

    rule: Rule
    relation: str
    line: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Bytes of a table a second, by what is done to it."""

    scan: float
    rewrite: float
    index: float

    @classmethod
    def of(cls, bytes_per_second: float) -> Rates:
        """From the rate of a mere scan: a rewrite also writes as much, and an index is sorted besides."""
        return cls(bytes_per_second, bytes_per_second / 2, bytes_per_second / 3)

    def rate(self, effort: Effort) -> float:
        return {Effort.SCAN: self.scan, Effort.REWRITE: self.rewrite, Effort.INDEX: self.index}[effort]


def find_work(script: Script) -> tuple[Work, ...]:
    """What the script does to tables that it does not make itself, in order.

    Code in functions and DO blocks is not looked into.

    Raises:
        MigrationError: the script cannot be parsed.
    """
    text, statements = parse(script)
    made: set[str] = set()
    found: list[Work] = []
    for raw in statements:
        line = script.in_file(script.line_at(_start(text.sql, raw.stmt_location)))
        found += [Work(rule, name, line) for rule, name in _of(raw.stmt) if name not in made]
        if isinstance(raw.stmt, ast.CreateStmt):
            made.add(_name(raw.stmt.relation))
        elif isinstance(raw.stmt, ast.CreateTableAsStmt):
            into: Node = raw.stmt.into
            made.add(_name(into.rel))
    return tuple(found)


def _start(sql: str, offset: int) -> int:
    """The parser begins a statement with the white space before it."""
    return offset + len(sql[offset:]) - len(sql[offset:].lstrip())


def _of(statement: Node) -> Iterator[tuple[Rule, str]]:
    for rule in RULES:
        for relation in rule.matches(statement):
            yield rule, _name(relation)


def _name(relation: Node) -> str:
    return dotted((relation.schemaname, relation.relname))


def estimate(
    report: LockReport | None,
    works: Sequence[Work],
    *,
    table_bytes: int | Mapping[str, int],
    bytes_per_second: float | Rates,
    blocking: bool = False,
) -> float:
    """Seconds that the script would take on tables of that size.

    Where the table's own state decides whether it is written anew, the measured run has the last word:
    what it did not rewrite is not counted, and what it did is, even if no statement says so.

    Args:
        report: of a run on tables with rows; None when there was none: every doubtful work counts.
        table_bytes: of each table, or by the names that the script uses.
        bytes_per_second: see `calibrate`.
        blocking: count only what keeps writers waiting.
    """
    rates = bytes_per_second if isinstance(bytes_per_second, Rates) else Rates.of(bytes_per_second)
    rewritten = None if report is None or report.incomplete else report.rewritten
    counted = [work for work in works if _counts(work, rewritten)]
    seconds = sum(
        work.rule.times * _size(table_bytes, work.relation) / rates.rate(work.rule.effort)
        for work in counted
        if not blocking or work.rule.lock in BLOCKS_WRITERS
    )
    told = [work.relation for work in counted if work.rule.effort is Effort.REWRITE]
    untold = [name for name in rewritten or () if not any(_same(name, other) for other in told)]
    return seconds + sum(_size(table_bytes, name) / rates.rewrite for name in untold)


def _counts(work: Work, rewritten: Sequence[str] | None) -> bool:
    doubtful = work.rule.effort is Effort.REWRITE and not work.rule.certain
    return not doubtful or rewritten is None or any(_same(name, work.relation) for name in rewritten)


def _same(qualified: str, written: str) -> bool:
    return qualified == written or qualified.endswith(f".{written}")


def _size(table_bytes: int | Mapping[str, int], relation: str) -> int:
    if isinstance(table_bytes, int):
        return table_bytes
    return next((size for name, size in table_bytes.items() if _same(name, relation)), 0)


def calibrate(conn: Connection[Any], *, megabytes: int = 8) -> Rates:
    """Measures this server on a temporary table of that size, in well under a second.

    Its rates are those of rows in memory: a table that has to come from disk takes longer.

    Raises:
        psycopg.Error: this role may not make temporary tables.
    """
    with conn.transaction(force_rollback=True):
        conn.execute(
            "CREATE TEMP TABLE rollproof_calibration ON COMMIT DROP AS SELECT g AS id, md5(g::text) AS a, "
            "repeat('x', 60) AS b FROM generate_series(1, %s) g",
            [megabytes * 8_000],
        )
        row = conn.execute("SELECT pg_table_size('pg_temp.rollproof_calibration')").fetchone()
        size = row[0] if row else 0
        statements = (
            "ALTER TABLE pg_temp.rollproof_calibration ADD CHECK (b <> '')",
            "ALTER TABLE pg_temp.rollproof_calibration ALTER id TYPE bigint",
            "CREATE INDEX ON pg_temp.rollproof_calibration (a)",
        )
        return Rates(*(size / _seconds(conn, statement) for statement in statements))


def _seconds(conn: Connection[Any], statement: str) -> float:
    started = time.perf_counter()
    conn.execute(statement.encode())
    return max(time.perf_counter() - started, 1e-6)
