"""What a component *is*, as named facts that can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rollproof.model.json import Json, JsonObject, digest


@dataclass(frozen=True, slots=True)
class Fact:
    """One object of a component and its attributes.

    Attributes:
        kind: the object's kind in the field's own word: `table`, `column`, `index`, `grant`…
        name: its qualified name as a DBA would write it: `nigredo_leads.leads.email`.
        attributes: what it is; two facts are equal when these are.
        parent: kind and name of the fact that it goes away with, in one text: `table nigredo_leads.leads`.
    """

    kind: str
    name: str
    attributes: JsonObject = field(default_factory=dict)
    parent: str = field(default="", compare=False)

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.name


class DifferenceClass(StrEnum):
    """How much a difference matters."""

    OBJECT = "object"
    """something is missing, added or other than it was"""
    COLUMN_ORDER = "column order"
    """the same columns in another order, as after a drop and a re-add"""
    GENERATED_NAME = "generated name"
    """the same object under another name that the server made up"""
    SEQUENCE_STATE = "sequence state"
    """a sequence stands elsewhere; harmless forward, a duplicate key waiting to happen backward"""
    WHITE_SPACE = "white space"
    """a function body of the same words, laid out otherwise"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One named difference between two fingerprints of the same component.

    `attribute` is None when the whole object is missing (after is None) or added (before is None);
    the other of the two is then its attributes.
    """

    kind: str
    name: str
    attribute: str | None
    before: Json
    after: Json
    klass: DifferenceClass = DifferenceClass.OBJECT
    parent: str = field(default="", compare=False)
    """kind and name of the fact that it goes away with, as in `Fact`"""

    def __str__(self) -> str:
        if self.attribute is None:
            return f"{self.kind} {self.name}: {'missing after' if self.after is None else 'added'}"
        before, after = _say_both(self.before, self.after)
        return f"{self.kind} {self.name}: {self.attribute} {before} before, {after} after"

    def to_json(self) -> dict[str, Json]:
        return {
            "kind": self.kind,
            "name": self.name,
            "attribute": self.attribute,
            "before": self.before,
            "after": self.after,
            "class": self.klass.value,
            "parent": self.parent,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Difference:
        attribute = data["attribute"]
        return cls(
            str(data["kind"]),
            str(data["name"]),
            None if attribute is None else str(attribute),
            data["before"],
            data["after"],
            DifferenceClass(str(data["class"])),
            str(data.get("parent", "")),
        )


_LONG = 300


def _say_both(before: Json, after: Json) -> tuple[str, str]:
    """Both values in words; of two long texts what stands around the first character that differs."""
    if not (isinstance(before, str) and isinstance(after, str)) or not (_is_long(before) or _is_long(after)):
        return _say(before), _say(after)
    pairs = enumerate(zip(before, after, strict=False))
    same = next((at for at, (old, new) in pairs if old != new), min(len(before), len(after)))
    line = before.count("\n", 0, same) + 1
    return f"line {line} {_around(before, same)}", _around(after, same)


def _is_long(text: str) -> bool:
    return len(text) > _LONG or "\n" in text


def _around(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    end = len(text) if end < 0 else end
    cut_start, cut_end = max(start, position - 60), min(end, position + 60)
    shown = text[cut_start:cut_end].strip()
    return f"`{'…' if cut_start > start else ''}{shown}{'…' if cut_end < end else ''}`"


def _say(value: Json) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return value or "''"
        case list() | tuple():
            return ", ".join(map(_say, value)) or "none"
        case _:
            return str(value)


@dataclass(frozen=True)
class Fingerprint:
    """All facts of a component at one moment. Order does not matter; equal facts, equal digest.

    Attributes:
        source: what it was taken of, such as the database's name; empty when unknown. No fact: a
            copy under another name has the same fingerprint.
    """

    facts: Mapping[tuple[str, str], Fact]
    source: str = field(default="", compare=False)

    @classmethod
    def of(cls, facts: Iterable[Fact], *, source: str = "") -> Fingerprint:
        """Raises ValueError when two facts bear the same kind and name: one of them would be unseen."""
        by_key: dict[tuple[str, str], Fact] = {}
        for fact in facts:
            if fact.key in by_key:
                raise ValueError(f"two facts for {fact.kind} {fact.name}")
            by_key[fact.key] = fact
        return cls(dict(sorted(by_key.items())), source)

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON of all facts."""
        return digest(self.to_json())

    def to_json(self) -> list[Json]:
        facts = (self.facts[key] for key in sorted(self.facts))
        return [[fact.kind, fact.name, dict(fact.attributes), fact.parent] for fact in facts]

    @classmethod
    def from_json(cls, data: Iterable[Json]) -> Fingerprint:
        facts = []
        for item in data:
            assert isinstance(item, list)
            kind, name, attributes, *parent = item
            assert isinstance(attributes, Mapping)
            facts.append(Fact(str(kind), str(name), attributes, "".join(map(str, parent))))
        return cls.of(facts)
