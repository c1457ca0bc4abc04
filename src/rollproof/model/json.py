"""JSON as a type, and its one canonical form (RFC 8785)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import rfc8785

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]


def canonical(value: Json) -> bytes:
    """`value` as RFC 8785 canonical JSON. Raises CanonicalizationError for NaN and integers over 2^53."""
    return rfc8785.dumps(value)


def digest(value: Json) -> str:
    """SHA-256, in hex, of the canonical form of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()
