"""Kinds of migration, and what was read or seen that makes a migration one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from rollproof.migrations.psqltext import DataBlock, MetaCommand
from rollproof.model.json import Json


class Kind(StrEnum):
    """What a migration does, as far as its rollback is concerned.

    A runbook's type 1 is ADDITIVE (and ROWS), type 2 is DATA, type 3 is DROPPING.
    """

    ADDITIVE = "additive"
    """adds objects, and may index and grant beside it; nothing that was there is other than before"""
    ROWS = "rows"
    """adds rows to tables that were there before; the way back has to find and delete just these"""
    DATA = "data"
    """changes or deletes rows in place"""
    DROPPING = "dropping"
    """drops tables, columns, schemas, sequences or types that may hold data, or narrows a type"""
    DEFINITION = "definition"
    """changes or drops definitions that hold no rows: views, functions, defaults, constraints, names"""
    INDEX = "index"
    """builds, rebuilds or drops indexes, nothing else"""
    PRIVILEGE = "privilege"
    """changes who may do what: grants, roles, owners, policies"""
    SERVER = "server"
    """changes something outside the database: server settings, databases, tablespaces"""
    MIXED = "mixed"
    """several of the kinds that lose nothing, definitions among them"""
    UNDECIDED = "undecided from the text"
    """does what only running it can tell: dynamic SQL, functions of unknown effect, included files"""
    NOTHING = "nothing"
    """leaves nothing behind"""

    @property
    def structural(self) -> bool:
        """True when no row and no object that may hold rows is touched."""
        return self in _STRUCTURAL


_STRUCTURAL = frozenset({Kind.ADDITIVE, Kind.DEFINITION, Kind.INDEX, Kind.PRIVILEGE, Kind.SERVER, Kind.MIXED})
_WORST_FIRST = (Kind.DROPPING, Kind.UNDECIDED, Kind.DATA, Kind.ROWS)
_BESIDE_ADDITIVE = frozenset({Kind.ADDITIVE, Kind.INDEX, Kind.PRIVILEGE})


def decide(kinds: Iterable[Kind]) -> Kind:
    """The kind of a whole migration from the kinds of its parts.

    The one that endangers most wins: dropping, undecided, data, rows. Among the others, index and
    privilege go along with additive; any other combination is mixed.
    """
    found = set(kinds) - {Kind.NOTHING}
    if worst := next((kind for kind in _WORST_FIRST if kind in found), None):
        return worst
    if not found:
        return Kind.NOTHING
    if len(found) == 1:
        return found.pop()
    return Kind.ADDITIVE if Kind.ADDITIVE in found and found <= _BESIDE_ADDITIVE else Kind.MIXED


@dataclass(frozen=True, slots=True)
class Reason:
    """One statement that makes a migration what it is.

    Attributes:
        line: in the file, from 1.
        statement: its kind as the manual's headings have it: `ALTER TABLE … DROP COLUMN`.
        kind: what it makes the migration.
        about: the object, qualified.
        note: what is not plain from the above.
    """

    line: int
    statement: str
    kind: Kind
    about: str = ""
    note: str = ""

    def __str__(self) -> str:
        text = f"line {self.line}: {self.statement} {self.about}".rstrip()
        return f"{text} ({self.note})" if self.note else text


@dataclass(frozen=True, slots=True)
class Irreversible:
    """A statement that no later statement undoes without a backup or a rebuild.

    Attributes:
        why: what is gone, or why plain SQL cannot take it back.
    """

    line: int
    statement: str
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.statement}: {self.why}"


@dataclass(frozen=True, slots=True)
class Classification:
    """What the text of a script says it does.

    Attributes:
        kind: the one word; the most dangerous of its parts.
        reasons: every statement that counts, in order.
        destroys: tables, columns and other objects with data that are gone afterwards, qualified.
        touches: tables from before that it names as a target, qualified, sorted.
        renamed: (before, after) of tables, columns and others that only change their name.
        irreversible: statements that plain SQL cannot take back.
        transactional: True when psql applies it as a whole or not at all.
        needs_no_transaction: True when it holds a statement that PostgreSQL refuses inside a
            transaction block.
        concurrent: True when it builds or drops an index without locking out writers.
        volatile_default: True when it adds a column whose default is computed anew for each row.
        notes: what a reader should know: transactions left open, conditions, psql variables.
        meta, data: psql's meta-commands and blocks of COPY data, which are not part of the SQL.
    """

    kind: Kind
    reasons: tuple[Reason, ...] = ()
    destroys: tuple[str, ...] = ()
    touches: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    irreversible: tuple[Irreversible, ...] = ()
    transactional: bool = True
    needs_no_transaction: bool = False
    concurrent: bool = False
    volatile_default: bool = False
    notes: tuple[str, ...] = ()
    meta: tuple[MetaCommand, ...] = ()
    data: tuple[DataBlock, ...] = field(default=())

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of all its parts."""
        return frozenset(reason.kind for reason in self.reasons)

    @property
    def decisive(self) -> tuple[Reason, ...]:
        """The reasons that made it the kind that it is."""
        return tuple(reason for reason in self.reasons if reason.kind is self.kind) or self.reasons

    def to_json(self) -> dict[str, Json]:
        """For reports; no row values are in it."""
        return {
            "kind": self.kind.value,
            "reasons": [str(reason) for reason in self.reasons],
            "destroys": list(self.destroys),
            "touches": list(self.touches),
            "irreversible": [str(item) for item in self.irreversible],
            "transactional": self.transactional,
            "needs_no_transaction": self.needs_no_transaction,
            "volatile_default": self.volatile_default,
            "notes": [*self.notes, *(f"line {m.line}: psql runs \\{m.name}" for m in self.meta)],
        }
