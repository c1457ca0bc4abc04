"""What a walk found of one migration, and of a whole history; pure data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rollproof.migrations.locks.model import LockReport
from rollproof.model.fingerprint import Difference
from rollproof.model.json import Json
from rollproof.model.rows import RowChanges


class Outcome(StrEnum):
    """What the rollback of one migration does. Exactly one holds; the order is that of `outcome_of`."""

    ENVIRONMENT = "environment"
    """nothing can be said here: an extension, a role or a server version is missing"""
    UP_FAILED = "up_failed"
    """it cannot be applied to the state before it, so there is nothing to roll back"""
    NO_DOWN = "no_down"
    """it has no way back, and says so or leaves it out"""
    CANNOT_RUN = "cannot_run"
    """the rollback ends in an error"""
    DID_NOTHING = "did_nothing"
    """the rollback ran without an error and left everything as the migration had made it"""
    LOSES_DATA = "loses_data"
    """rows or values from before the migration are gone, or are other than they were"""
    NOT_RESTORED = "not_restored"
    """the schema, the grants or the sequences are not what they were"""
    ORDER_ONLY = "order_only"
    """everything is there, with columns in another order or generated names made anew"""
    RESTORED = "restored"
    """all is what it was"""

    @property
    def sound(self) -> bool:
        """True when nobody has to do anything about it."""
        return self in (Outcome.RESTORED, Outcome.ORDER_ONLY)


class Again(StrEnum):
    """What applying the migration a second time, after its rollback, came to."""

    SAME = "same"
    """the state is the one after the first time"""
    ORDER_ONLY = "order_only"
    """the same, with columns in another order or other generated names"""
    DIFFERS = "differs"
    FAILED = "failed"
    NOT_TRIED = "not_tried"
    """there was nothing to apply again: no way up, or no way down"""


@dataclass(frozen=True, slots=True)
class Cause:
    """The statement that a difference comes from.

    Attributes:
        path: file, line: from 1, statement: its beginning, without literals.
        why: in a few words, such as "nothing in the rollback drops it".
    """

    path: str
    line: int
    statement: str
    why: str

    def to_json(self) -> dict[str, Json]:
        return {"path": self.path, "line": self.line, "statement": self.statement, "why": self.why}


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference, and where it comes from if that can be told."""

    difference: Difference
    cause: Cause | None = None

    def to_json(self) -> dict[str, Json]:
        cause = self.cause.to_json() if self.cause else None
        return {**self.difference.to_json(), "text": str(self.difference), "cause": cause}


@dataclass(frozen=True, slots=True)
class Failure:
    """A script that ended in an error.

    Attributes:
        phase: `up`, `down` or `again`.
        found: the server's or the tool's message, without values of rows.
        sqlstate: five characters; empty when it was not the server.
        path, line, column: where it happened; line and column from 1, None where that cannot be told.
        timed_out: True when it was ended because it took too long.
        remedy: what to do next.
    """

    phase: str
    found: str
    sqlstate: str = ""
    path: str = ""
    line: int | None = None
    column: int | None = None
    timed_out: bool = False
    remedy: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "phase": self.phase,
            "found": self.found,
            "sqlstate": self.sqlstate,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "timed_out": self.timed_out,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class NoRows:
    """A table that no rows could be made for: what was lost there would not be seen."""

    table: str
    why: str

    def to_json(self) -> dict[str, Json]:
        return {"table": self.table, "why": self.why}


@dataclass(frozen=True, slots=True)
class RevisionResult:
    """What was found of one migration.

    Attributes:
        id: as its tool names it. number: its place, from 1. path: the file to edit.
        outcome: what its rollback does. kind: which kind of migration it is, by what it did.
        differences: between the state before and the one after the rollback, worst first.
        rows: tables whose rows are not what they were, before against after the rollback.
        discards: tables and columns that it made and that hold rows: they go with the rollback, as they must.
        no_rows: tables that could not be filled.
        again: what applying it again came to; again_differences: how it differed from the first time.
        failures: scripts that ended in an error.
        locks: by direction, `up` and `down`.
        estimates: seconds by direction on tables of a stated size, `up blocking` and `down blocking` those
            that writers have to wait; empty unless a size was stated.
        seconds: by phase: `up`, `down`, `again`, `compare`, `rows`, `rebuild`.
        untried: statements that were to change rows and found none; what they do was not tried.
        notes: what else a person should know.
        accepted: the reason that a baseline gives for putting up with it; empty when none does.
    """

    id: str
    number: int
    outcome: Outcome
    kind: str = ""
    path: str = ""
    differences: tuple[Finding, ...] = ()
    rows: tuple[RowChanges, ...] = ()
    discards: tuple[str, ...] = ()
    no_rows: tuple[NoRows, ...] = ()
    again: Again = Again.NOT_TRIED
    again_differences: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    locks: Mapping[str, LockReport] = field(default_factory=dict)
    estimates: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    untried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    accepted: str = ""

    @property
    def passes(self) -> bool:
        """True when it is sound, and can be applied again, or a baseline puts up with it."""
        return bool(self.accepted) or (self.outcome.sound and self.again not in (Again.DIFFERS, Again.FAILED))

    def to_json(self) -> dict[str, Json]:
        return {
            "id": self.id,
            "number": self.number,
            "path": self.path,
            "verdict": self.outcome.value,
            "kind": self.kind,
            "differences": [finding.to_json() for finding in self.differences],
            "rows": [change.to_json() for change in self.rows],
            "discards": list(self.discards),
            "no_rows": [table.to_json() for table in self.no_rows],
            "again": self.again.value,
            "again_differences": [finding.to_json() for finding in self.again_differences],
            "failures": [failure.to_json() for failure in self.failures],
            "locks": {direction: report.to_json() for direction, report in self.locks.items()},
            "estimates": dict(self.estimates),
            "seconds": dict(self.seconds),
            "untried": list(self.untried),
            "notes": list(self.notes),
            "accepted": self.accepted,
        }


@dataclass(frozen=True, slots=True)
class WalkResult:
    """A whole walk.

    Attributes:
        tool: which adapter. where: the folder or file of the history.
        migrations: in the order of the history; only the wanted ones.
        seconds: of the whole walk, by the wall clock; `split` says where they went, by what.
        facts: versions and settings that belong beside the verdicts; no secrets.
        warnings: what is odd about the history as a whole.
        rows_compared: False where rows were left out: a loss of data is then not seen.
        interrupted: True when somebody ended the walk before its end.
    """

    tool: str
    where: str
    migrations: tuple[RevisionResult, ...]
    seconds: float = 0.0
    split: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    interrupted: bool = False
    rows_compared: bool = True

    @property
    def totals(self) -> dict[str, int]:
        """How many migrations came to each outcome that occurs."""
        return dict(Counter(result.outcome.value for result in self.migrations))

    @property
    def untouched(self) -> tuple[RevisionResult, ...]:
        """Those that changed nothing here: their rollbacks had nothing to restore, so nothing is proven."""
        return tuple(
            one for one in self.migrations if one.outcome is Outcome.RESTORED and one.kind == "nothing"
        )

    @property
    def half_tried(self) -> tuple[RevisionResult, ...]:
        """Sound ones of which a part found no row to change: of that part nothing is proven."""
        return tuple(one for one in self.migrations if one.outcome.sound and one.untried)

    @property
    def passes(self) -> bool:
        return not self.interrupted and all(result.passes for result in self.migrations)

    def to_json(self) -> dict[str, Json]:
        """The shape of `--json`."""
        return {
            "format": 1,
            "tool": self.tool,
            "where": self.where,
            "migrations": [result.to_json() for result in self.migrations],
            "totals": {**self.totals, "migrations": len(self.migrations)},
            "seconds": self.seconds,
            "split": dict(self.split),
            "facts": dict(self.facts),
            "warnings": list(self.warnings),
            "interrupted": self.interrupted,
            "rows_compared": self.rows_compared,
        }
