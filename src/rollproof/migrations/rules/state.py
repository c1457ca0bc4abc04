"""What is known while a script is read, statement by statement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rollproof.migrations.classification import Irreversible, Kind, Reason
from rollproof.migrations.coltypes import ColumnType
from rollproof.migrations.rules.names import Node, dotted, parts, quote

TEMPORARY = "pg_temp"


@dataclass
class Background:
    """What earlier migrations have made, as far as their text tells.

    Keys are an object's class and qualified name: `relation public.leads`,
    `column public.leads.email`, `function public.touch`, `trigger public.leads.touch`.
    """

    objects: set[str] = field(default_factory=set)
    types: dict[str, ColumnType] = field(default_factory=dict)
    routines: dict[str, Routine] = field(default_factory=dict)

    def learn(self, reading: Reading) -> None:
        """Takes over what a script made and took away."""
        self.objects |= {key for key in reading.made if f" {TEMPORARY}." not in key}
        self.objects -= reading.gone
        self.types.update(reading.types)
        self.routines.update(reading.routines)


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or procedure whose body is in the script.

    Attributes:
        source: the whole statement, as the file has it.
        body: the code alone.
        line: in the file, of the body's first line.
    """

    language: str
    source: str
    body: str
    line: int


@dataclass
class Reading:
    """One script being read. Rules call `say` for what counts; the rest is bookkeeping."""

    ledger: str
    background: Background
    line: int = 1
    path: tuple[str, ...] = ("public",)
    made: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    types: dict[str, ColumnType] = field(default_factory=dict)
    routines: dict[str, Routine] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    irreversible: list[Irreversible] = field(default_factory=list)
    destroys: list[str] = field(default_factory=list)
    touches: list[str] = field(default_factory=list)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    dropped: dict[str, tuple[Reason, bool]] = field(default_factory=dict)
    """definitions dropped so far, and whether they were surely there: a CREATE may follow"""
    units: set[int] = field(default_factory=set)
    """each is applied as a whole: an explicit transaction, or one statement outside of any"""
    in_transaction: bool = False
    unit: int = 0
    needs_no_transaction: bool = False
    concurrent: bool = False
    volatile_default: bool = False
    source: str = ""
    """text of the statement being read"""
    routine: tuple[str, ...] = ()
    """functions being read, outermost first: a function may call itself"""
    mark: tuple[list[Any], ...] = ()
    """what was known when the transaction began"""

    # what rules say

    def say(self, kind: Kind, statement: str, about: str = "", note: str = "") -> Reason:
        """A statement that makes the migration what it is."""
        reason = Reason(self.line, statement, kind, about, note)
        self.reasons.append(reason)
        self.units.add(self.unit)
        return reason

    def forget(self, name: str) -> None:
        """What this script made and has taken away again counts for nothing."""
        inner = (f"{name}.",)
        self.reasons[:] = [
            reason
            for reason in self.reasons
            if not reason.kind.structural or (reason.about != name and not reason.about.startswith(inner))
        ]

    def lasting(self) -> None:
        """A statement that leaves something behind but does not count for the kind."""
        self.units.add(self.unit)

    def cannot_undo(self, statement: str, why: str) -> None:
        self.irreversible.append(Irreversible(self.line, statement, why))

    def outside_transaction(self) -> None:
        """The statement is refused inside a transaction block."""
        self.needs_no_transaction = True
        if self.in_transaction:
            self.note("cannot run inside the transaction that the script begins")

    def note(self, text: str) -> None:
        self.notes.append(f"line {self.line}: {text}")

    # transactions

    def next_statement(self, line: int, source: str) -> None:
        self.line, self.source = line, source
        self.unit += not self.in_transaction

    def begin(self) -> None:
        self.unit += 1
        self.in_transaction = True
        self.mark = tuple(list(items) for items in self._lists())

    def end(self, *, undone: bool) -> None:
        if undone and self.in_transaction:
            for items, before in zip(self._lists(), self.mark, strict=True):
                items[:] = before
            self.units.discard(self.unit)
        self.in_transaction = False
        self.unit += 1

    def _lists(self) -> tuple[list[Any], ...]:
        return self.reasons, self.irreversible, self.destroys, self.touches, self.renamed

    # names

    def set_path(self, schemas: list[str]) -> None:
        """What unqualified names mean from here on; empty for the default."""
        named = [schema for schema in schemas if schema not in ("$user", TEMPORARY, "pg_catalog", "")]
        self.path = tuple(named) or ("public",)

    def relation(self, node: Node) -> str:
        """Qualified name of a table, view, index or sequence; looked up along the search path."""
        if getattr(node, "relpersistence", "p") == "t":
            return dotted([TEMPORARY, node.relname])
        return self.qualified(parts(node), "relation")

    def qualified(self, name: tuple[str, ...], what: str) -> str:
        """An object's qualified name. Without a schema: where it is known to be, or the first of the path."""
        if len(name) != 1:
            return dotted(name[-2:])
        places = [dotted([schema, name[0]]) for schema in (TEMPORARY, *self.path)]
        known = (place for place in places if self.is_own(what, place) or self.was_there(what, place))
        return next(known, places[1])

    def column(self, table: str, name: str) -> str:
        return f"{table}.{quote(name)}"

    # what is whose

    def make(self, what: str, name: str) -> None:
        self.made.add(f"{what} {name}")
        self.gone.discard(f"{what} {name}")

    def remove(self, what: str, name: str) -> None:
        """Forgets the object and, for a relation, everything that it had."""
        key = f"{what} {name}"
        inner = tuple(f"{kind} {name}." for kind in ("column", "trigger", "policy", "rule"))
        self.gone |= {key, *(k for k in self.background.objects | self.made if k.startswith(inner))}
        self.made -= self.gone

    def is_own(self, what: str, name: str) -> bool:
        """True when this script made it: nothing from before can be lost with it."""
        return f"{what} {name}" in self.made

    def is_own_table(self, name: str) -> bool:
        return name.startswith(f"{TEMPORARY}.") or self.is_own("relation", name)

    def is_own_column(self, table: str, name: str) -> bool:
        return self.is_own_table(table) or self.is_own("column", self.column(table, name))

    def was_there(self, what: str, name: str) -> bool:
        """True when an earlier migration is known to have made it, and this script has not dropped it."""
        key = f"{what} {name}"
        return key in self.background.objects and key not in self.gone

    def type_of(self, column: str) -> ColumnType | None:
        return self.types.get(column) or self.background.types.get(column)

    def touch(self, tables: Iterable[str]) -> None:
        self.touches.extend(
            table for table in tables if not self.is_own_table(table) and table != self.ledger
        )
