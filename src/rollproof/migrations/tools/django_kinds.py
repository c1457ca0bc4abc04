"""What kind of migration the operations of a Django migration make it.

The facts come from django_program_facts.py, which has read the project's own operations with Django.

| operation | kind |
|---|---|
| CreateModel, AddField; a many-to-many field makes a table | additive |
| AddConstraint, a new unique_together | additive; index where PostgreSQL has an index for it alone |
| DeleteModel, RemoveField | dropping |
| AlterField whose new type cannot hold every value | dropping; undecided where the types do not tell |
| AlterField that fills in a default for NULL | data |
| other AlterField, renames, constraints that go, comments | definition |
| AddIndex, RemoveIndex, RenameIndex, index_together | index |
| RunSQL | as its SQL says |
| RunPython, operations that are not Django's own | undecided from the text |
| options, managers, state only, proxies, unmanaged models | nothing |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollproof.migrations.classification import Classification, Irreversible, Kind, Reason, decide
from rollproof.migrations.coltypes import ColumnType, Fit, fit
from rollproof.migrations.kinds import Background, classify_or_explain
from rollproof.migrations.script import Script

Fact = Mapping[str, Any]


def classify_operations(
    facts: Iterable[Fact], *, path: Path, background: Background, atomic: bool = True
) -> Classification:
    """What a migration does, from the facts of its operations in order.

    Args:
        path: its file. background: what the migrations before it have made; it learns from RunSQL.
        atomic: False when the migration says that it runs outside of a transaction.
    """
    reading = _Reading(path, background)
    for fact in facts:
        reading.read(fact, fact.get("line") or 1)
    return Classification(
        kind=decide(reason.kind for reason in reading.reasons),
        reasons=tuple(reading.reasons),
        destroys=tuple(dict.fromkeys(reading.destroys)),
        touches=tuple(sorted(reading.touches - reading.made)),
        renamed=tuple(reading.renamed),
        irreversible=tuple(reading.irreversible),
        transactional=atomic,
        needs_no_transaction=reading.concurrent,
        concurrent=reading.concurrent,
        notes=tuple(dict.fromkeys(reading.notes)),
    )


@dataclass
class _Reading:
    """What has been read of one migration so far. Names of tables are as Django has them, in `public`."""

    path: Path
    background: Background
    reasons: list[Reason] = field(default_factory=list)
    destroys: list[str] = field(default_factory=list)
    touches: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)
    renamed: list[tuple[str, str]] = field(default_factory=list)
    irreversible: list[Irreversible] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    concurrent: bool = False

    def read(self, fact: Fact, line: int) -> None:
        """Takes one operation in."""
        inner = fact.get("inner")
        if inner is not None:
            for each in inner:
                self.read(each, line)
            return
        tables = [_qualified(table) for table in fact.get("tables", ())]
        reader = _own if tables and self.made.issuperset(tables) else _READERS.get(fact["what"], _unknown)
        reader(self, fact, line, tables)
        self.concurrent = self.concurrent or bool(fact.get("concurrent"))

    def say(self, fact: Fact, line: int, kind: Kind, about: str = "", note: str = "") -> None:
        self.reasons.append(Reason(line, str(fact["operation"]), kind, about, note))


def _qualified(table: str) -> str:
    """Django may be told a schema inside the quotes: `app"."table`."""
    plain = table.strip('"').replace('"."', ".")
    return plain if "." in plain else f"public.{plain}"


def _column(tables: list[str], fact: Fact) -> str:
    return f"{tables[0]}.{fact['column']}"


def _create(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.made.update(tables)
    reading.say(fact, line, Kind.ADDITIVE, tables[0])


def _own(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    """What is done to a table that the migration itself has made is part of making it."""
    if fact["what"] == "rename":
        reading.made.add(_qualified(fact["to"]))
    reading.say(fact, line, Kind.ADDITIVE, tables[0], "made by this migration")


def _drop(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.destroys.extend(tables)
    reading.touches.update(tables)
    reading.say(fact, line, Kind.DROPPING, tables[0])


def _add(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.touches.update(tables)
    reading.say(fact, line, Kind.ADDITIVE, _column(tables, fact))


def _remove(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.touches.update(tables)
    reading.destroys.append(_column(tables, fact))
    reading.say(fact, line, Kind.DROPPING, _column(tables, fact))


def _rename(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    after = _qualified(fact["to"])
    reading.touches.update(tables)
    reading.renamed.append((tables[0], after))
    reading.say(fact, line, Kind.DEFINITION, tables[0], f"to {after}")


def _rename_column(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    before = _column(tables, fact)
    reading.touches.update(tables)
    reading.renamed.append((before, f"{tables[0]}.{fact['to']}"))
    reading.say(fact, line, Kind.DEFINITION, before, f"to {fact['to']}")


def _alter(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.touches.update(tables)
    about, change = _column(tables, fact), f"{fact['before']} to {fact['after']}"
    match _fit(fact):
        case Fit.NARROWS:
            reading.destroys.append(about)
            reading.say(fact, line, Kind.DROPPING, about, f"{change} cannot hold every value")
            why = f"{about}: what {fact['after']} cannot hold is cut, rounded or refused"
            reading.irreversible.append(Irreversible(line, str(fact["operation"]), why))
        case Fit.UNSURE:
            reading.say(fact, line, Kind.UNDECIDED, about, f"{change}: nobody can tell if every value fits")
        case Fit.HOLDS if fact["fills"]:
            reading.say(fact, line, Kind.DATA, about, "fills in a default where there is NULL")
        case _:
            reading.say(fact, line, Kind.DEFINITION, about)


def _fit(fact: Fact) -> Fit:
    """References and types that Django itself cannot name without a model are taken to stay as they are."""
    before, after = fact["before"], fact["after"]
    if before == after or not (before and after):
        return Fit.HOLDS
    return fit(ColumnType.parse(before), ColumnType.parse(after))


def _index(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.touches.update(tables)
    reading.say(fact, line, Kind.INDEX, tables[0])


def _definition(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.touches.update(tables)
    reading.say(fact, line, Kind.DEFINITION, *tables[:1])


def _constraint(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    reading.touches.update(tables)
    reading.say(fact, line, Kind.ADDITIVE, *tables[:1])


def _both(reading: _Reading, fact: Fact, line: int, tables: list[str]) -> None:
    _definition(reading, fact, line, tables)
    _constraint(reading, fact, line, tables)


def _extension(reading: _Reading, fact: Fact, line: int, _: list[str]) -> None:
    reading.say(fact, line, Kind.ADDITIVE)


def _code(reading: _Reading, fact: Fact, line: int, _: list[str]) -> None:
    reading.say(fact, line, Kind.UNDECIDED, note="runs Python code")
    if fact["noop"]:
        reading.notes.append("the way back of its Python code does nothing (RunPython.noop)")


def _sql(reading: _Reading, fact: Fact, line: int, _: list[str]) -> None:
    for text in fact["sql"]:
        found = classify_or_explain(Script(reading.path, text), background=reading.background)
        reading.destroys.extend(found.destroys)
        reading.touches.update(found.touches)
        reading.renamed.extend(found.renamed)
        for reason in found.reasons:
            reading.say(fact, line, reason.kind, reason.about, reason.note or reason.statement)
        reading.irreversible += [Irreversible(line, item.statement, item.why) for item in found.irreversible]
        reading.concurrent = reading.concurrent or found.needs_no_transaction
    if fact["noop"]:
        reading.notes.append("the way back of its SQL does nothing (RunSQL.noop)")


def _nothing(reading: _Reading, fact: Fact, line: int, _: list[str]) -> None:
    reading.say(fact, line, Kind.NOTHING)


def _unknown(reading: _Reading, fact: Fact, line: int, _: list[str]) -> None:
    reading.say(fact, line, Kind.UNDECIDED, note=f"not an operation of Django's own: {fact.get('note', '')}")


_READERS: dict[str, Callable[[_Reading, Fact, int, list[str]], None]] = {
    "create": _create,
    "drop": _drop,
    "add": _add,
    "remove": _remove,
    "rename": _rename,
    "column": _rename_column,
    "alter": _alter,
    "index": _index,
    "definition": _definition,
    "constraint": _constraint,
    "both": _both,
    "extension": _extension,
    "code": _code,
    "sql": _sql,
    "nothing": _nothing,
    "unknown": _unknown,
}


def without_reverse(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Operations, those inside of others too, that Django cannot reverse."""
    for fact in facts:
        if not fact["reversible"]:
            yield fact
        yield from without_reverse(fact.get("inner") or ())
