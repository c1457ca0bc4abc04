"""Where sequences stand, which no catalog knows: read at every look, by statements that stay prepared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy

from rollproof.fingerprint.catalog import json_value
from rollproof.fingerprint.incremental_store import FactStore
from rollproof.fingerprint.pipeline import Answer, Ask, Pipeline
from rollproof.model.fingerprint import Fact

SEQUENCES = "sequences 1"
_STATES = "sequence states"
_TOGETHER, _LOOSE = 32, 3
"""Sequences in one statement, and statements beyond those that would do, before all are grouped anew: more
together make an unchanged look faster, a changed sequence dearer."""


class States:
    """The value that each sequence of the store hands out next.

    A sequence is read by a statement of a few, which is made anew when one of them comes or goes.
    """

    def __init__(self, pipeline: Pipeline, store: FactStore, *, ignored: Collection[str]) -> None:
        self._pipeline, self._store, self._ignored = pipeline, store, ignored
        self._groups: dict[str, tuple[str, ...]] = {}
        self._oids: dict[str, int] = {}
        self._steps: dict[str, int] = {}
        self._last: dict[str, tuple[int, bool]] = {}

    def copy(self, pipeline: Pipeline, store: FactStore) -> States:
        """The same again, of a copy of the store, over another connection."""
        found = copy(self)
        found._pipeline, found._store = pipeline, store
        for name in ("_groups", "_oids", "_steps", "_last"):
            setattr(found, name, dict(getattr(self, name)))
        return found

    @property
    def asks(self) -> list[Ask]:
        """What to ask at a look."""
        return [Ask(text) for text in self._groups]

    def read(self) -> None:
        """Asks by itself, for the sequences that the store knows now."""
        self._regroup()
        self.take(self._pipeline.send(self.asks))

    def take(self, answers: Sequence[Answer]) -> None:
        """Puts the answers to `asks`, which come first, into the store."""
        for answer in answers[: len(self._groups)]:
            for name, value, called in answer.rows:
                self._take(name, int(value), called)

    def _take(self, name: str, value: int, called: bool) -> None:
        if self._last.get(name) == (value, called):
            return
        self._last[name] = value, called
        following = value + self._steps[name] if called else value
        fact = Fact("sequence state", name, {"next value": json_value(following)}, f"sequence {name}")
        self._store.replace_one(_STATES, self._oids[name], fact)

    def _regroup(self) -> None:
        """Follows what the store says of sequences."""
        there = {
            entry.fact.name: (oid, int(str(entry.fact.attributes["increment"])))
            for oid, entry in self._store.of(SEQUENCES)
            if entry.schema not in self._ignored
        }
        for name in [name for name, oid in self._oids.items() if there.get(name, (0, 0))[0] != oid]:
            self._store.replace(_STATES, [self._oids.pop(name)], ())
            self._last.pop(name, None)
            self._steps.pop(name)
        new = [name for name in there if name not in self._oids]
        for name, (oid, step) in there.items():
            if self._steps.get(name, step) != step:
                self._last.pop(name, None)
            self._oids[name], self._steps[name] = oid, step
        broken = [text for text, names in self._groups.items() if any(name not in there for name in names)]
        loose = new + [name for text in broken for name in self._groups[text] if name in there]
        if len(self._groups) - len(broken) > _LOOSE + len(there) // _TOGETHER:
            broken, loose = list(self._groups), list(there)
        for text in broken:
            del self._groups[text]
        self._pipeline.forget(broken)
        for at in range(0, len(loose), _TOGETHER):
            names = tuple(loose[at : at + _TOGETHER])
            self._groups[_text(names)] = names


def _text(names: Sequence[str]) -> str:
    """Names are quoted already, as the catalog's queries do it."""
    parts = (
        f"SELECT '{name.replace(chr(39), chr(39) * 2)}', last_value::text, is_called FROM {name}"  # noqa: S608
        for name in names
    )
    return " UNION ALL ".join(parts)
