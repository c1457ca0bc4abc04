"""Single values as the text that COPY expects."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import datetime, timedelta


def uuid_text(dice: random.Random) -> str:
    """A version 4 UUID; five times faster than the uuid module, and seeded."""
    digits = f"{dice.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def schedule(start: datetime, seconds: int) -> str:
    """A timestamp that many seconds after `start`, with microseconds that follow from them."""
    return f"{start + timedelta(seconds=seconds, microseconds=seconds * 7_919 % 1_000_000)}"


def document(value: object) -> str:
    """JSON with its letters as they are, not escaped."""
    return json.dumps(value, ensure_ascii=False)


def array(items: Iterable[str]) -> str:
    """A Postgres array literal of texts, every item quoted."""
    quoted = (item.replace("\\", "\\\\").replace('"', '\\"') for item in items)
    return "{" + ",".join(f'"{item}"' for item in quoted) + "}"


def clean_email(local: str, domain: str) -> str:
    """An address under example.com."""
    return f"{local}@{domain}.example.com"


def messy_email(dice: random.Random, address: str) -> str | None:
    """The address as people type it: half as it should be, the rest shouted, padded or missing."""
    way = dice.random()
    if way < 0.5:
        return address
    if way < 0.65:
        return address.upper()
    if way < 0.8:
        return address.capitalize()
    return f"  {address} " if way < 0.92 else None


def messy_phone(dice: random.Random) -> str | None:
    """A telephone number kept for fiction, in one of the spellings that forms let through."""
    way, number = dice.random(), dice.randrange(1000)
    if way < 0.25:
        return f"+447700900{number:03d}"
    if way < 0.45:
        return f"+44 7700 900-{number:03d}"
    if way < 0.6:
        return f"(07700) 900 {number:03d}"
    if way < 0.85:
        return f"+1 ({202 + number % 7}) 555-01{number % 100:02d}"
    return "  " if way < 0.87 else None
