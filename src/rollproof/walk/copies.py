"""Copies of clean states: where a walk finds its way back to when a rollback has spoilt the state."""

from __future__ import annotations

from dataclasses import dataclass, field

from rollproof.environments.base import PostgresServer
from rollproof.fingerprint.watch import Memory
from rollproof.walk.serverwide import ServerState
from rollproof.walk.workdatabase import Copy, drop_whatever_it_takes


@dataclass(frozen=True, slots=True)
class Base:
    """Where a clean state can be found again.

    Attributes:
        copy: None for an empty database. count: how many of the applied migrations are in it.
        made: which rows in it are made up. memory: what looks have come to know of it.
    """

    copy: Copy | None
    count: int
    server: ServerState
    made: bytes | None = field(default=None, repr=False)
    memory: Memory | None = field(default=None, repr=False, compare=False)


class Copies:
    """The one that a track began with, which is not its own to drop, and those made on the way."""

    def __init__(self, server: PostgresServer, first: Base) -> None:
        self._server = server
        self._first = first
        self._made: list[Base] = []

    def __len__(self) -> int:
        """How many were made on the way."""
        return len(self._made)

    def add(self, base: Base) -> None:
        self._made.append(base)

    def nearest(self, count: int) -> Base:
        """The one from which the fewest migrations lead to the first `count`."""
        usable = [self._first, *(base for base in self._made if base.count <= count)]
        return max(usable, key=lambda base: base.count)

    def thin(self) -> None:
        """Drops every other one."""
        self._keep(self._made[1::2])

    def forget(self, *, beyond: int = -1) -> None:
        """Drops those with more than so many migrations in them; all by default."""
        self._keep([base for base in self._made if base.count <= beyond])

    def _keep(self, kept: list[Base]) -> None:
        dropped = [base for base in self._made if base not in kept]
        self._made = kept
        for base in dropped:
            if base.copy is not None:
                drop_whatever_it_takes(self._server, base.copy.name)
