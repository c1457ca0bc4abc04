"""The facts of the last look, by what they are about, and the fingerprint that they make."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy
from typing import NamedTuple

from rollproof.model.fingerprint import Fact, Fingerprint

WHOLE = 0
"""In the place of an oid: all rows of a statement that is read as a whole."""
Key = tuple[str, str]


class Entry(NamedTuple):
    """A fact, with what decides whether it lies in an ignored schema.

    Attributes:
        parent: the parent that its query names; the fact's own may be the schema instead.
    """

    schema: str | None
    parent: str | None
    fact: Fact


class FactStore:
    """Facts by statement and oid. A fact that is read again and is the same stays the same object."""

    def __init__(self, *, ignored: Collection[str] = (), source: str = "") -> None:
        self._ignored = frozenset(ignored)
        self._source = source
        self._entries: dict[str, dict[int, list[Entry]]] = {}
        self._out: list[Entry] = []
        self._in: list[Entry] = []
        self._inside: frozenset[str] = frozenset()
        self.fingerprint = Fingerprint({}, source)

    def copy(self) -> FactStore:
        """The same again, settled, which goes its own way from now on."""
        found = copy(self)
        found._entries = {statement: dict(entries) for statement, entries in self._entries.items()}
        found._out, found._in = [], []
        return found

    def of(self, statement: str) -> Iterable[tuple[int, Entry]]:
        """The oid and entry of each fact of a statement."""
        return [
            (oid, entry) for oid, entries in self._entries.get(statement, {}).items() for entry in entries
        ]

    def has(self, statement: str) -> bool:
        return bool(self._entries.get(statement))

    def replace(self, statement: str, oids: Collection[int] | None, new: Iterable[tuple[int, Entry]]) -> None:
        """`new` instead of what a statement said of these objects; None: of all."""
        kept = self._entries.setdefault(statement, {})
        for oid in list(kept) if oids is None else oids:
            self._out += kept.pop(oid, ())
        for oid, entry in new:
            kept.setdefault(oid, []).append(entry)
            self._in.append(entry)

    def replace_one(self, statement: str, oid: int, fact: Fact) -> None:
        """The only fact that a statement has of an object; of no schema of its own."""
        self.replace(statement, [oid], [(oid, Entry(None, None, fact))])

    def settle(self) -> Fingerprint:
        """The fingerprint after all that was replaced; the last one when nothing came of it.

        Raises:
            ValueError: two facts bear the same kind and name, as in `Fingerprint.of`.
        """
        out, new = self._out, self._in
        self._out, self._in = [], []
        if any(entry.schema in self._ignored for entry in (*out, *new)):
            facts = self._all_again()
        else:
            facts = _changed(self.fingerprint.facts, self._visible(out), self._visible(new))
        if facts is not None:
            self.fingerprint = Fingerprint(facts, self._source)
        return self.fingerprint

    def _all_again(self) -> dict[Key, Fact] | None:
        """What lies inside the ignored schemas has changed, and with it what goes away with that."""
        entries = [entry for kept in self._entries.values() for listed in kept.values() for entry in listed]
        ignored = (entry.fact for entry in entries if entry.schema in self._ignored)
        self._inside = frozenset(f"{fact.kind} {fact.name}" for fact in ignored)
        before = self.fingerprint.facts
        return _changed(before, list(before.values()), self._visible(entries))

    def _visible(self, entries: Iterable[Entry]) -> list[Fact]:
        return [
            entry.fact
            for entry in entries
            if entry.schema not in self._ignored and entry.parent not in self._inside
        ]


def _changed(before: Mapping[Key, Fact], out: Iterable[Fact], new: Iterable[Fact]) -> dict[Key, Fact] | None:
    """`before` without `out` and with `new`; None when that is the same. Costs little more than a copy."""
    gone = {fact.key: fact for fact in out}
    fresh: dict[Key, Fact] = {}
    for fact in new:
        key = fact.key
        if key in fresh or (key in before and key not in gone):
            raise ValueError(f"two facts for {fact.kind} {fact.name}")
        fresh[key] = _same_or(fact, gone.get(key))
    lost = gone.keys() - fresh.keys()
    changed = {key: fact for key, fact in fresh.items() if before.get(key) is not fact}
    if not lost and changed.keys() <= before.keys():
        return {**before, **changed} if changed else None
    facts = dict(before)
    for key in lost:
        del facts[key]
    facts.update(changed)
    return facts


def _same_or(fact: Fact, before: Fact | None) -> Fact:
    return before if before is not None and before == fact and before.parent == fact.parent else fact
