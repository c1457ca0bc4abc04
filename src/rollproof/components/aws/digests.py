"""Digests of what may be secret: comparable within a scenario, meaningless outside it."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from rollproof.drill.drill import Drill
from rollproof.model.json import Json, canonical


class Digests:
    """A key that lives as long as the scenario, and nowhere else."""

    def __init__(self, drill: Drill) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, value: str) -> str:
        """A keyed digest of one value: equal values, equal digests."""
        return "#" + hmac.digest(self._key, value.encode(), "sha256").hex()[:16]


def digest_of(value: Json) -> str:
    """A plain digest of what is no secret but too long to show: a template, a policy's conditions."""
    return hashlib.sha256(canonical(value)).hexdigest()[:16]
