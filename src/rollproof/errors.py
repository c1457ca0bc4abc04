"""Everything Rollproof raises on purpose, as one tree.

RollproofError                 one clear message: doing, found, where, remedy
├── BadInput                   what the user wrote is wrong; nothing was touched
│   ├── SystemFileError        system.toml, pyproject.toml or a plan
│   ├── MigrationError         migration files, their SQL, or a ledger that disagrees
│   └── JournalError           a journal that cannot be read or whose chain is broken
├── EnvironmentUnavailable     no binaries, no port, no disk space, no server
│   ├── WrongPlace             not on the allow-list, or marked production; nothing was written
│   └── Locked                 another drill is at work on the same system; nothing was touched
├── PreconditionNotMet         a Given whose world is not as it says
├── AttemptFailed              an act failed; a When records it, a Given raises it
├── OutOfBounds                the drill would have touched what its limits leave out; it was not
├── UnhealedRun                an earlier run left something that must be undone first
└── ScenarioSkipped
    ├── NotApplicable          the system has nothing of the kind that the scenario drills
    └── NotProvenHere          this environment cannot prove it (a small experiment said so)
"""

from __future__ import annotations

from collections.abc import Mapping


class RollproofError(Exception):
    """An error that a person can act on.

    Args:
        found: what was found to be wrong, one sentence without a full stop.
        doing: what was being done when it was found.
        where: file, line, object or server it concerns.
        remedy: what to do next.
        facts: machine-readable details (SQLSTATE, position…); never row values.
    """

    exit_code = 2

    def __init__(
        self,
        found: str,
        *,
        doing: str = "",
        where: str = "",
        remedy: str = "",
        facts: Mapping[str, str | int | float | None] | None = None,
    ) -> None:
        self.found = found
        self.doing = doing
        self.where = where
        self.remedy = remedy
        self.facts = dict(facts or {})
        super().__init__(found)

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.found}" if self.where else self.found]
        if self.doing:
            parts.append(f"while {self.doing}")
        if self.remedy:
            parts.append(f"what to do: {self.remedy}")
        return "\n  ".join(parts)


class BadInput(RollproofError):
    """Something the user wrote is wrong; nothing was touched."""


class SystemFileError(BadInput):
    """A system file, the project's configuration or a plan is unreadable, unknown or wrong."""


class MigrationError(BadInput):
    """A migration's files, SQL or ledger cannot be used as they are."""


class JournalError(BadInput):
    """A journal cannot be read, or its chain of hashes is broken."""


class EnvironmentUnavailable(RollproofError):
    """An environment cannot be opened: binaries, port, disk space, permission or server is missing."""

    exit_code = 3


class WrongPlace(EnvironmentUnavailable):
    """A drill is aimed at what its allow-list does not name, or at what is marked production."""


class Locked(EnvironmentUnavailable):
    """Another drill is at work on the same system."""


class PreconditionNotMet(RollproofError):
    """A Given whose world is not as it says."""

    exit_code = 1


class AttemptFailed(RollproofError):
    """An act did not succeed. A When records it as an event; a Given lets it through."""

    exit_code = 1


class OutOfBounds(RollproofError):
    """What was to be touched is outside of the limits that a plan or an environment sets; it was not."""

    exit_code = 1


class UnhealedRun(RollproofError):
    """An earlier run left something that has to be undone first."""

    exit_code = 4


class ScenarioSkipped(RollproofError):
    """Base of the two honest reasons not to give a verdict."""


class NotApplicable(ScenarioSkipped):
    """The system has nothing of the kind that the scenario drills."""


class NotProvenHere(ScenarioSkipped):
    """This environment cannot prove it, as a small experiment on it has shown."""
