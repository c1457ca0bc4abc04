"""What one script held, put together from looks at its backend while it ran."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from psycopg import OperationalError

from rollproof.migrations.locks.model import HeldLock, LockReport
from rollproof.migrations.locks.modes import strength
from rollproof.migrations.locks.rows import SHOWN
from rollproof.migrations.locks.watch import CannotLookError, LockWatch, Seen


@dataclass
class _Open:
    """A lock of the transaction that is going on."""

    seen: Seen
    since: float | None
    line: int | None


@dataclass
class Taken:
    """Collects the locks of one backend.

    Attributes:
        reasons: why some may be missing.
    """

    watch: LockWatch
    pid: int
    newest: int | None = None
    reasons: list[str] = field(default_factory=list)
    _now: dict[tuple[int, str], _Open] = field(default_factory=dict)
    _held: dict[str, HeldLock] = field(default_factory=dict)
    _stored: dict[int, Seen] = field(default_factory=dict)

    @classmethod
    def begin(cls, watch: LockWatch, pid: int) -> Taken:
        """Before the script does anything."""
        taken = cls(watch, pid)
        try:
            watch.ask_newest()
        except (CannotLookError, OperationalError) as error:
            taken.newest = 0
            taken.miss(str(error))
        return taken

    def can_look(self) -> bool:
        """False when it is known that nothing can be seen."""
        if self.newest is None:
            self.newest = 0
            try:
                self.newest = self.watch.newest()
            except CannotLookError as error:
                self.miss(str(error))
        return bool(self.newest)

    def miss(self, why: str) -> None:
        if why not in self.reasons:
            self.reasons.append(why)

    def look(self, *, line: int | None, since: float | None) -> None:
        """Notes what is held now; what was not held before was taken by the statement at `line`.

        Args:
            since: when that statement began, on the monotonic clock; None when there were several.
        """
        if not self.can_look():
            return
        try:
            seen = self.watch.held(self.pid, self.newest or 0)
        except CannotLookError as error:
            self.miss(str(error))
            return
        for lock in seen:
            if lock.kind in SHOWN and strength(lock.mode) >= 0:
                self._now.setdefault((lock.oid, lock.mode), _Open(lock, since, line))

    def end(self, at: float | None = None) -> None:
        """The transaction is over: committed, or rolled back."""
        at = time.monotonic() if at is None else at
        for lock in self._now.values():
            self._keep(lock, at)
        self._now.clear()

    def _keep(self, lock: _Open, at: float) -> None:
        self._stored.setdefault(lock.seen.oid, lock.seen)
        seconds = None if lock.since is None else at - lock.since
        held = HeldLock(lock.seen.name, lock.seen.mode, seconds, lock.line)
        before = self._held.get(held.relation)
        if before is None or _rank(held) > _rank(before):
            self._held[held.relation] = held

    def report(self, *, emptied: Iterable[str] = ()) -> LockReport:
        """All of it, after the last transaction.

        Args:
            emptied: names of tables, unqualified, that the script truncates: they are stored anew, but
                nothing is copied.
        """
        self.can_look()
        return LockReport(
            held=tuple(self._held[name] for name in sorted(self._held)),
            rewritten=self._rewritten(frozenset(emptied)),
            incomplete="; ".join(self.reasons),
        )

    def _rewritten(self, emptied: frozenset[str]) -> tuple[str, ...]:
        before = {
            oid: seen
            for oid, seen in self._stored.items()
            if seen.kind in "rm" and self._held[seen.name].mode == "AccessExclusiveLock"
        }
        if not before:
            return ()
        try:
            now = self.watch.filenodes(list(before))
        except CannotLookError as error:
            self.miss(str(error))
            return ()
        anew = [seen.name for oid, seen in before.items() if now.get(oid, seen.filenode) != seen.filenode]
        return tuple(sorted(name for name in anew if _bare(name) not in emptied))


def _rank(lock: HeldLock) -> tuple[int, float]:
    return strength(lock.mode), lock.seconds or 0.0


def _bare(name: str) -> str:
    return name.rpartition(".")[2].strip('"').lower()
