"""Items of a DynamoDB table as keyed digests, so that two moments can be compared without keeping a value."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from hashlib import sha256
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.model.json import Json

Item = Mapping[str, Mapping[str, Any]]
"""An item as the low-level API gives it: `{"pk": {"S": "a"}, "n": {"N": "1.5"}}`."""

_EXACT = Context(prec=60)
"""DynamoDB keeps 38 digits; nothing of them may be rounded away here."""
_SETS = frozenset({"SS", "NS", "BS"})
MOST_NAMED = 20


def canonical(value: Mapping[str, Any]) -> list[Any]:
    """An attribute value as JSON in which equal values are equal texts, and no two types ever are.

    Numbers compare by value (`1.10` is `1.1`) to the last digit, sets without order, lists with it.
    """
    ((kind, content),) = value.items()
    return [kind, _content(kind, content)]


def _content(kind: str, content: Any) -> Any:
    if kind in _SETS:
        return sorted(_content(kind[0], member) for member in content)
    if kind == "N":
        return _number(content)
    if kind == "B":
        return bytes(content).hex()
    if kind == "L":
        return [canonical(member) for member in content]
    if kind == "M":
        return {name: canonical(member) for name, member in content.items()}
    return content


def _number(text: str) -> str:
    value = _EXACT.create_decimal(text)
    return str(_EXACT.normalize(value)) if value else str(Decimal(0))


def kinds_of(item: Item) -> tuple[tuple[str, str], ...]:
    """The type of each attribute, sorted by its name."""
    return tuple(sorted((name, next(iter(value))) for name, value in item.items()))


@dataclass(frozen=True, slots=True)
class SeenItem:
    """What is kept of one item: a digest of all of it, and its attributes' types."""

    digest: bytes
    kinds: tuple[tuple[str, str], ...] = field(compare=False)


@dataclass(frozen=True, slots=True)
class SeenItems:
    """All items of a table at one moment, by the keyed digest of the primary key.

    Takes about 250 bytes an item; types are kept once for all items of one shape.
    """

    table: str
    items: Mapping[str, SeenItem]

    @property
    def digest(self) -> str:
        """Equal when every item is, whatever order they were read in."""
        total = sha256()
        for key in sorted(self.items):
            total.update(key.encode())
            total.update(self.items[key].digest)
        return total.hexdigest()


@dataclass(frozen=True, slots=True)
class ItemChanges:
    """How a table's items differ from an earlier look, by keyed digests of their keys.

    Attributes:
        retyped: attributes whose type is another one in some item: `amount: N became S`.
    """

    table: str
    lost: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lost or self.added or self.changed)

    def __str__(self) -> str:
        parts = [
            f"{len(keys):,} item{'s' if len(keys) != 1 else ''} {what} ({_some(keys)})"
            for keys, what in ((self.lost, "lost"), (self.added, "added"), (self.changed, "changed"))
            if keys
        ]
        return f"{self.table}: {', '.join([*parts, *self.retyped]) or 'no difference'}"

    def to_json(self) -> dict[str, Json]:
        return {
            "table": self.table,
            "lost": list(self.lost),
            "added": list(self.added),
            "changed": list(self.changed),
            "retyped": list(self.retyped),
        }


def _some(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:3]) + (", …" if len(keys) > 3 else "")


class ItemReader:
    """Reads tables and digests their items; the key of the digests lives as long as the scenario."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._shapes: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}

    def name_of(self, item: Item, keys: Iterable[str]) -> str:
        """An item's key as a short keyed digest, `#1f3a9c…`: 64 bits, so that millions do not collide."""
        return "#" + self._digest([canonical(item[name]) for name in keys]).hex()[:16]

    def seen(self, item: Item) -> SeenItem:
        kinds = kinds_of(item)
        whole = {name: canonical(value) for name, value in item.items()}
        return SeenItem(self._digest(whole)[:16], self._shapes.setdefault(kinds, kinds))

    def read(self, client: Any, table: str) -> SeenItems:
        """Every item, page by page and strongly consistent. Raises AttemptFailed when it cannot be read."""
        with calling("reading the table's keys", where=table):
            keys = key_names(client.describe_table(TableName=table)["Table"])
        found = {self.name_of(item, keys): self.seen(item) for item in scan(client, table)}
        return SeenItems(table, found)

    def _digest(self, value: Any) -> bytes:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hmac.digest(self._key, text.encode(), "sha256")


def key_names(description: Mapping[str, Any]) -> list[str]:
    """Names of the primary key's attributes, the partition key first."""
    schema = sorted(description["KeySchema"], key=lambda part: part["KeyType"] != "HASH")
    return [str(part["AttributeName"]) for part in schema]


def scan(client: Any, table: str) -> Iterator[Item]:
    """All items of a table. Raises AttemptFailed when a page is refused."""
    with calling("reading the table's items", where=table):
        for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]


def changes(before: SeenItems, after: SeenItems) -> ItemChanges:
    """What is missing, what was added and what is another one."""
    common = before.items.keys() & after.items.keys()
    changed = sorted(key for key in common if before.items[key] != after.items[key])
    return ItemChanges(
        before.table,
        lost=tuple(sorted(before.items.keys() - after.items.keys())),
        added=tuple(sorted(after.items.keys() - before.items.keys())),
        changed=tuple(changed),
        retyped=_retyped((before.items[key], after.items[key]) for key in changed),
    )


def _retyped(pairs: Iterable[tuple[SeenItem, SeenItem]]) -> tuple[str, ...]:
    said: dict[str, None] = {}
    for before, after in pairs:
        now = dict(after.kinds)
        for name, kind in before.kinds:
            if now.get(name, kind) != kind:
                said[f"attribute {name}: {kind} became {now[name]}"] = None
    return tuple(said)[:MOST_NAMED]
