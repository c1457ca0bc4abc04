"""What all kinds of settings have in common: a history that earlier values come back from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rollproof.model.fingerprint import Fact
from rollproof.model.json import Json


@dataclass(frozen=True, slots=True)
class Version:
    """A setting as it is now.

    Attributes:
        name: parameter, configuration or function, in the account.
        version: which version of its history is in force.
        digest: keyed, of its value: equal for equal values within a scenario.
    """

    name: str
    version: str
    digest: str

    def to_json(self) -> dict[str, Json]:
        return {"name": self.name, "version": self.version, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Restored:
    """A setting that was put back.

    Attributes:
        source: where its value came from: `version 3 of its history`.
    """

    name: str
    source: str
    version: str
    digest: str

    def to_json(self) -> dict[str, Json]:
        return {
            "name": self.name,
            "source": self.source,
            "version": self.version,
            "digest": self.digest,
        }


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be told, and where it is from."""

    name: str
    value: str = field(repr=False)


_SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|api_?key|private|credential|dsn|database_url")
_NAMES_ONLY = re.compile(r"[\w/.:+=@-]{1,64}")
"""what a name of something secret looks like: a path, an ARN; never told apart from a short secret"""


def names_a_secret(name: str) -> bool:
    """Whether a variable's name tells of a secret."""
    return bool(_SECRET_NAME.search(name))


def is_secret(name: str, value: str) -> bool:
    """Whether a variable holds one, and does not only name where it is kept."""
    return names_a_secret(name) and not _NAMES_ONLY.fullmatch(value)


class Store(Protocol):
    """Where the settings of one `[settings.*]` are kept."""

    def facts(self) -> Iterable[Fact]:
        """What they are; of values, a keyed digest only."""
        ...

    def versions(self) -> list[Version]:
        """All of them as they are now."""
        ...

    def change(self, wrong: Mapping[str, str]) -> list[str]:
        """Sets wrong values, and returns the names of the settings that are now wrong."""
        ...

    def restore(self, known: Version) -> Restored:
        """Puts one back to what it was, value and attributes, from its history.

        Raises AttemptFailed when the history does not hold it any more, or never did.
        """
        ...

    def secrets(self) -> Iterable[Secret]:
        """The values among them that nobody may see."""
        ...
