"""JSON as a type, and its one canonical form (RFC 8785)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]


def canonical(value: Json) -> bytes:
    """`value` as RFC 8785 canonical JSON. Raises CanonicalizationError for NaN and integers over 2^53."""
    return rfc8785.dumps(value)


def digest(value: Json) -> str:
    """SHA-256, in hex, of the canonical form of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()


def read_canonical(text: bytes) -> Any:
    """The value that `text` is the canonical form of.

    Python's own encoder writes the same bytes but for some fractions and for names beyond the Basic
    Multilingual Plane, at a tenth of the time; where its bytes differ, the canonical form decides.

    Raises:
        ValueError: not JSON, or not in its canonical form.
    """
    value = json.loads(text.decode(), parse_float=_fraction, parse_int=_whole, parse_constant=_refused)
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    if plain != text and canonical(value) != text:
        raise ValueError("not in the canonical form")
    return value


def _fraction(token: str) -> float:
    value = float(token)
    if rfc8785.dumps(value) != token.encode():
        raise ValueError("a number that is not in its canonical form")
    return value


def _whole(token: str) -> int:
    value = int(token)
    if len(token) >= 16:
        rfc8785.dumps(value)  # refuses what a double cannot hold
    return value


def _refused(token: str) -> float:
    raise ValueError(f"{token} is not JSON")
