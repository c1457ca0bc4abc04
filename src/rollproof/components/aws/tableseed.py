"""Items that are there before anything is drilled: a system's own seed, or made up."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

from rollproof.components.aws.clients import calling
from rollproof.components.aws.table import Tables
from rollproof.components.aws.tableitems import Item, key_names
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput, PreconditionNotMet

LARGEST = "99999999999999999999999999999999999999"
"""38 digits, the most that a number of DynamoDB has."""
_TYPES = frozenset({"S", "N", "B", "SS", "NS", "BS", "L", "M", "BOOL", "NULL"})


def has_items(client: Any, name: str) -> bool:
    with calling("looking for items", where=name):
        return bool(client.scan(TableName=name, Limit=1)["Items"])


def expect_private(tables: Tables, found: str) -> None:
    if not tables.cloud.endpoint.private:
        raise PreconditionNotMet(
            f"{found}, and nothing is made up in an account that is not the drill's own",
            remedy="let the table hold items before it is drilled",
        )


def seed_of(drill: Drill, key: str) -> list[Item]:
    """Raises BadInput for a seed that is not a list of items as DynamoDB's JSON has them."""
    spec = drill.system.table[key]
    if spec.seed is None:
        return []
    where = f"{drill.system.source}: table.{key}.seed"
    try:
        found = json.loads((drill.system.root / spec.seed).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"the seed cannot be read: {error}", where=where, remedy="name a JSON file") from error
    items = found.get("Items", found.get("items")) if isinstance(found, dict) else found
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadInput("the seed is no list of items", where=where, remedy='write [{"pk": {"S": "a"}}, …]')
    return [_as_item(item) for item in items]


def _as_item(item: dict[str, Any]) -> Item:
    """A plain JSON object becomes an item; one in DynamoDB's own notation stays as it is."""
    return {name: value if _is_typed(value) else _typed(value) for name, value in item.items()}


def _is_typed(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in _TYPES


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": str(value)}
        case None:
            return {"NULL": True}
        case list():
            return {"L": [_typed(member) for member in value]}
        case dict():
            return {"M": {name: _typed(member) for name, member in value.items()}}
        case _:
            return {"S": str(value)}


def made_up(client: Any, name: str, what: str, count: int) -> Iterator[Item]:
    """Items with the table's own key, and an attribute of every type."""
    with calling("reading the table's keys", where=name):
        table = client.describe_table(TableName=name)["Table"]
    types = {part["AttributeName"]: part["AttributeType"] for part in table["AttributeDefinitions"]}
    keys = key_names(table)
    batch = secrets.token_hex(4)
    for number in range(count):
        key = {part: _key_value(types[part], f"{what}-{batch}-{number:04d}", number) for part in keys}
        yield {**_of_every_type(number), **key}


def _key_value(kind: str, text: str, number: int) -> dict[str, Any]:
    if kind == "N":
        return {"N": str(secrets.randbelow(10**18) * 10**4 + number)}
    return {"B": text.encode()} if kind == "B" else {"S": text}


def _of_every_type(number: int) -> dict[str, Any]:
    return {
        "rollproof_text": {"S": f"é漢字 {number}"},
        "rollproof_number": {"N": LARGEST if number % 7 == 0 else f"{number}.125"},
        "rollproof_bytes": {"B": bytes([number % 256, 0, 255])},
        "rollproof_texts": {"SS": ["b", "a", str(number)]},
        "rollproof_numbers": {"NS": ["1", f"-{number}.5"]},
        "rollproof_chunks": {"BS": [b"\x00", bytes([1, number % 256])]},
        "rollproof_list": {"L": [{"N": "1"}, {"S": "1"}, {"NULL": True}]},
        "rollproof_map": {"M": {"deep": {"M": {"yes": {"BOOL": True}}}, "empty": {"L": []}}},
    }
