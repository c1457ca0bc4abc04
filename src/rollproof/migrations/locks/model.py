"""What one direction of a migration held while it ran."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.model.json import Json


@dataclass(frozen=True, slots=True)
class HeldLock:
    """A lock on a relation that was there before the migration.

    Attributes:
        relation: qualified name, as it was before.
        mode: as pg_locks has it: `AccessExclusiveLock`.
        seconds: how long it was held, from the statement that took it to the end of the transaction;
            None where only the mode could be seen.
        line: line of the script, from 1, whose statement took it; None where that cannot be told.
    """

    relation: str
    mode: str
    seconds: float | None = None
    line: int | None = None

    def to_json(self) -> dict[str, Json]:
        return {"relation": self.relation, "mode": self.mode, "seconds": self.seconds, "line": self.line}


@dataclass(frozen=True, slots=True)
class Blocked:
    """How long others waited for a table, at most; measured from a second connection.

    Attributes:
        reader, writer: seconds of the longest wait; 0.0 when nobody had to wait.
        gave_up: True when the wait was cut off and was longer still.
    """

    relation: str
    reader: float
    writer: float
    gave_up: bool = False

    def to_json(self) -> dict[str, Json]:
        return {
            "relation": self.relation,
            "reader": self.reader,
            "writer": self.writer,
            "gave_up": self.gave_up,
        }


@dataclass(frozen=True, slots=True)
class LockReport:
    """All of one run of a script.

    Attributes:
        held: strongest mode of each relation, by name.
        blocked: empty when it was not measured; see `measured`.
        rewritten: tables whose storage was written anew.
        measured: True when a second connection read and wrote meanwhile.
        incomplete: why `held` may lack some; empty when it does not.
    """

    held: tuple[HeldLock, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    rewritten: tuple[str, ...] = ()
    measured: bool = False
    incomplete: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "held": [lock.to_json() for lock in self.held],
            "blocked": [wait.to_json() for wait in self.blocked] if self.measured else None,
            "rewritten": list(self.rewritten),
            "incomplete": self.incomplete,
        }
