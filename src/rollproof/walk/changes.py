"""What is other between two looks, weighed: what counts, what is only order, and what is no difference.

The weighing is a catalogue of false alarms: a dropped and re-added column comes last; a sequence moves
forward though no row does; a default that was computed when the script ran holds another time; a role or
the tool's own ledger is no part of the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rollproof.fingerprint import compare
from rollproof.model.fingerprint import Difference, DifferenceClass, Fact, Fingerprint
from rollproof.model.json import Json
from rollproof.model.names import same_name, split_name
from rollproof.model.rows import RowChanges
from rollproof.rowgen.rowstate import compare_states
from rollproof.walk.observer import State
from rollproof.walk.serverwide import server_differences

_ORDER = frozenset({DifferenceClass.COLUMN_ORDER, DifferenceClass.GENERATED_NAME})
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?")
_UUID = re.compile(r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
_NEAR = timedelta(hours=26)
"""a stamp so near to now was computed now; a script may have written it in any time zone"""
_WHITE_SPACE = "a function's body is laid out otherwise, with the same words"


@dataclass(frozen=True)
class Changes:
    """All that is other.

    Attributes:
        differences: that count. order: that only show another order or another generated name.
        rows: by table. notes: what was found to be no difference, one sentence each.
        ledger_lost: True when the tool's own table was there and is gone.
    """

    differences: tuple[Difference, ...] = ()
    order: tuple[Difference, ...] = ()
    rows: tuple[RowChanges, ...] = ()
    notes: tuple[str, ...] = ()
    ledger_lost: bool = False

    @property
    def none(self) -> bool:
        """True when nothing at all is other."""
        return not (self.differences or self.order or self.rows or self.ledger_lost)

    @property
    def loses(self) -> bool:
        """True when rows or values are gone, or are other."""
        return any(lost(change) for change in self.rows)


def lost(change: RowChanges) -> bool:
    """True unless rows only came to it; what cannot be told exactly is a loss: something is other."""
    return change.loses or not change.added


def changes(before: State, after: State, *, again: bool = False) -> Changes:
    """What is other in `after`; pure but for the clock.

    Args:
        again: both are states right after the same script: what is other only by a made-up uuid is none.
    """
    found = [item for item in _catalog(before.facts, after.facts) if item.kind != "role"]
    lookup = _Lookup(before.facts.facts, after.facts.facts, before.ledger)
    own = [item for item in found if lookup.of_ledger(item, found)]
    weighed = _Weighing(after.facts.facts, before.facts.facts, again=again)
    for item in found:
        if item not in own:
            weighed.add(item)
    return Changes(
        (*weighed.counting, *server_differences(before.server, after.server)),
        tuple(weighed.order),
        compare_states(before.rows, after.rows) if before.rows and after.rows else (),
        tuple(dict.fromkeys(weighed.notes)),
        any(item.attribute is None and item.after is None and item.kind == "table" for item in own),
    )


def _catalog(before: Fingerprint, after: Fingerprint) -> tuple[Difference, ...]:
    """Of two large catalogs only what is not the same object: most of it is shared, or equal."""
    old, new = before.facts, after.facts
    if old is new:
        return ()
    gone = {key: fact for key, fact in old.items() if (other := new.get(key)) is not fact and other != fact}
    came = {key: fact for key, fact in new.items() if key in gone or key not in old}
    return compare(Fingerprint(gone), Fingerprint(came)) if gone or came else ()


def without_new_ledger(
    found: Iterable[Difference], before: Fingerprint, after: Fingerprint, ledger: str
) -> list[Difference]:
    """The differences but for those of the tool's own ledger, where that has come since; pure."""
    everything = list(found)
    if any(kind == "table" and same_name(name, ledger) for kind, name in before.facts):
        return everything
    lookup = _Lookup(before.facts, after.facts, ledger)
    return [item for item in everything if not lookup.of_ledger(item, everything)]


class _Lookup:
    """Tells what belongs to the tool's own ledger, however far down."""

    def __init__(
        self, old: Mapping[tuple[str, str], Fact], new: Mapping[tuple[str, str], Fact], ledger: str
    ) -> None:
        self.old, self.new, self.ledger = old, new, ledger

    def of_ledger(self, item: Difference, among: Iterable[Difference]) -> bool:
        if item.kind == "table" and same_name(item.name, self.ledger):
            return True
        if schema := _new_schema(item):
            return self._made_for_ledger(schema, among)
        parent = item.parent
        for _ in range(8):  # a comment on a trigger on a table: chains are short
            if not parent:
                return False
            key = self._key(parent)
            if key is None:
                return False
            if key[0] == "table" and same_name(key[1], self.ledger):
                return True
            fact = self.new.get(key) or self.old.get(key)
            parent = fact.parent if fact else ""
        return False

    def _made_for_ledger(self, name: str, among: Iterable[Difference]) -> bool:
        """A schema that came with the ledger in it is the tool's own, and so are the grants on it."""
        schema = split_name(self.ledger)[0]
        came = any(d.kind == "table" and d.before is None and same_name(d.name, self.ledger) for d in among)
        return came and ("schema", name) not in self.old and split_name(name) == (schema,)

    def _key(self, parent: str) -> tuple[str, str] | None:
        """A fact's parent, in one text, as the key of that fact: kinds are one word or several."""
        words = parent.split(" ")
        keys = [(" ".join(words[:count]), " ".join(words[count:])) for count in range(1, min(4, len(words)))]
        return next((key for key in keys if key in self.new or key in self.old), keys[0] if keys else None)


def _new_schema(item: Difference) -> str:
    """The schema that came, or that a grant came on; empty when it is something else that came."""
    if item.before is not None or item.attribute is not None:
        return ""
    if item.kind == "grant" and item.parent.startswith("schema "):
        return item.parent.removeprefix("schema ")
    return item.name if item.kind == "schema" else ""


class _Weighing:
    """Sorts differences into those that count and those that do not."""

    def __init__(
        self, now: Mapping[tuple[str, str], Fact], then: Mapping[tuple[str, str], Fact], *, again: bool
    ) -> None:
        self.now, self.then, self.again = now, then, again
        self.counting: list[Difference] = []
        self.order: list[Difference] = []
        self.notes: list[str] = []

    def add(self, item: Difference) -> None:
        if item.klass in _ORDER:
            self.order.append(item)
        elif item.klass is DifferenceClass.WHITE_SPACE:
            self.notes.append(f"{item.kind} {item.name}: {_WHITE_SPACE}")
        elif item.klass is DifferenceClass.SEQUENCE_STATE and self._forward(item):
            self.notes.append(f"sequence {item.name} stands further on, which is harmless")
        elif self._made_when_run(item.before, item.after):
            self.notes.append(
                f"{item.kind} {item.name}: {item.attribute} holds what was computed when the script ran"
            )
        else:
            self.counting.append(item)

    def _forward(self, item: Difference) -> bool:
        fact = self.now.get(("sequence", item.name)) or self.then.get(("sequence", item.name))
        step = int(str(fact.attributes.get("increment", 1))) if fact else 1
        try:
            moved = int(str(item.after)) - int(str(item.before))
        except ValueError:
            return False
        return moved * step > 0

    def _made_when_run(self, before: Json, after: Json) -> bool:
        if not isinstance(before, str) or not isinstance(after, str):
            return False
        return same_but_for_now(before, after, now=datetime.now(UTC), uuids=self.again)


def same_but_for_now(before: str, after: str, *, now: datetime, uuids: bool = False) -> bool:
    """True when two texts differ only in moments near `now`: each was computed when its script ran."""
    if len(before) > 100_000 or before == after:
        return False
    old, new = (_without_now(text, now, uuids=uuids) for text in (before, after))
    return old == new and old != before and new != after


def _without_now(text: str, now: datetime, *, uuids: bool) -> str:
    def stand_in(found: re.Match[str]) -> str:
        return "<now>" if _is_near(found[0], now) else found[0]

    text = _STAMP.sub(stand_in, text)
    return _UUID.sub("<uuid>", text) if uuids else text


def _is_near(stamp: str, now: datetime) -> bool:
    if re.search(r"[+-]\d\d$", stamp) and stamp.count(":"):
        stamp += ":00"
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return False
    return abs((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now) < _NEAR
