"""What is recognised as personal data or as a secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was recognised, as it is told to a person."""

    CPF = "a CPF number"
    CNS = "a CNS number"
    EMAIL = "an e-mail address"
    PHONE = "a telephone number"
    PASSWORD = "a password"  # noqa: S105  a word, not a secret
    DSN = "a connection address with a password"
    TOKEN = "an access token"  # noqa: S105  a word, not a secret
    KEY = "a private or secret key"
    ROW = "values of a row"


PERSONAL = frozenset({Kind.CPF, Kind.CNS, Kind.EMAIL, Kind.PHONE})


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing recognised: `text[start:end]`. The value itself is never part of what is told."""

    kind: Kind
    start: int
    end: int
