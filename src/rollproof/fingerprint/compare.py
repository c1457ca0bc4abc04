"""How two fingerprints of a database differ, as named facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from rollproof.fingerprint.meaning import same_meaning, same_words
from rollproof.fingerprint.renames import Rename, find_renames, rename_back
from rollproof.model.fingerprint import Difference, DifferenceClass, Fact, Fingerprint
from rollproof.model.json import Json

Facts = Mapping[tuple[str, str], Fact]

_DATABASE = "database current"
_TOLD_BY_PARENT = frozenset({"column order", "sequence state"})
"""Facts that come and go with the object that they are of: their own coming and going says nothing."""
_NOT_NULL = re.compile(r"NOT NULL (?P<column>.+?)(?: NO INHERIT)?$")


def compare(before: Fingerprint, after: Fingerprint) -> tuple[Difference, ...]:
    """All differences, those of whole objects before those of what belongs to them.

    What belongs to the database itself (its owner, settings, grants, comment) is compared only
    when both fingerprints are of a database of the same name: neither a clone nor a restore into
    a fresh database carries it along.

    A missing table's columns, constraints, indexes and grants are differences too; `summarise`
    folds them into the table.
    """
    old, new = _comparable(before, after)
    renames = find_renames(old, new)
    new = rename_back(new, renames)
    found = [_of_rename(old[rename.kind, rename.before], rename) for rename in renames]
    found += _of_objects(old, new)
    for key in old.keys() & new.keys():
        found += _of_attributes(old[key], new[key])
    return _in_order(_without_echoes(found))


def _comparable(before: Fingerprint, after: Fingerprint) -> tuple[Facts, Facts]:
    if not before.source or not after.source or before.source == after.source:
        return before.facts, after.facts
    return _within_database(before.facts), _within_database(after.facts)


def _within_database(facts: Facts) -> Facts:
    return {key: fact for key, fact in facts.items() if fact.kind != "database" and fact.parent != _DATABASE}


def _of_rename(fact: Fact, rename: Rename) -> Difference:
    return Difference(
        fact.kind, fact.name, "name", rename.before, rename.after, DifferenceClass.GENERATED_NAME, fact.parent
    )


def _of_objects(old: Facts, new: Facts) -> list[Difference]:
    """Missing and added objects.

    Not of roles: a role is listed while something in the database refers to it, so that its
    coming and going is told by that something, and does not mean that the role came or went.
    """
    unsaid = _TOLD_BY_PARENT | {"role"}
    missing = [old[key] for key in old.keys() - new.keys() if key[0] not in unsaid]
    added = [new[key] for key in new.keys() - old.keys() if key[0] not in unsaid]
    return [Difference(f.kind, f.name, None, dict(f.attributes), None, parent=f.parent) for f in missing] + [
        Difference(f.kind, f.name, None, None, dict(f.attributes), parent=f.parent) for f in added
    ]


def _of_attributes(old: Fact, new: Fact) -> Iterator[Difference]:
    if old.kind == "column order":
        yield from _of_order(old, new)
        return
    for attribute in sorted(old.attributes.keys() | new.attributes.keys()):
        before, after = old.attributes.get(attribute), new.attributes.get(attribute)
        if before != after:
            yield from _of_attribute(old, attribute, before, after)


def _of_attribute(fact: Fact, attribute: str, before: Json, after: Json) -> Iterator[Difference]:
    klass, kind = DifferenceClass.OBJECT, fact.kind
    if kind == "sequence state":
        klass, kind = DifferenceClass.SEQUENCE_STATE, "sequence"
    elif isinstance(before, str) and isinstance(after, str):
        if same_meaning(kind, attribute, before, after):
            return
        if attribute == "body" and same_words(fact.attributes.get("language"), before, after):
            klass = DifferenceClass.WHITE_SPACE
    yield Difference(kind, fact.name, attribute, before, after, klass, fact.parent)


def _of_order(old: Fact, new: Fact) -> Iterator[Difference]:
    """Only the columns that are there both times: those that are not are differences of their own."""
    before, after = (_names(fact.attributes.get("columns")) for fact in (old, new))
    common_before = [column for column in before if column in set(after)]
    common_after = [column for column in after if column in set(before)]
    if common_before != common_after:
        kind = old.parent.removesuffix(f" {old.name}") or "table"
        yield Difference(
            kind, old.name, "column order", common_before, common_after, DifferenceClass.COLUMN_ORDER
        )


def _names(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list | tuple) else []


def _without_echoes(found: list[Difference]) -> list[Difference]:
    """One loss, told once: NOT NULL is a constraint too, and an extension brings its own comment."""
    told = {(d.kind, d.name) for d in found if d.attribute in (None, "nullable")}
    return [d for d in found if not _echoes_not_null(d, told) and not _echoes_extension(d, told)]


def _echoes_extension(difference: Difference, told: set[tuple[str, str]]) -> bool:
    kind, _, name = difference.parent.partition(" ")
    return difference.kind == "comment" and kind == "extension" and (kind, name) in told


def _echoes_not_null(difference: Difference, told: set[tuple[str, str]]) -> bool:
    """From PostgreSQL 18 on (17 for domains) a column's NOT NULL is a named constraint."""
    attributes = difference.before or difference.after
    if difference.kind != "constraint" or difference.attribute or not isinstance(attributes, Mapping):
        return False
    if attributes.get("type") != "not null":
        return False
    kind, _, owner = difference.parent.partition(" ")
    if kind == "domain":
        return (kind, owner) in told
    column = _NOT_NULL.match(str(attributes.get("definition")))
    owner = difference.parent.removeprefix("foreign ").removeprefix("table ")
    return column is not None and ("column", f"{owner}.{column['column']}") in told


def _in_order(found: Iterable[Difference]) -> tuple[Difference, ...]:
    found = list(found)
    whole = {f"{d.kind} {d.name}" for d in found if d.attribute is None}
    return tuple(sorted(found, key=lambda d: (d.parent in whole, d.kind, d.name, d.attribute or "")))
