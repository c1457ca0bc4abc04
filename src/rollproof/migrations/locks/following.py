"""Looking at the right moments while a script runs: after its statements, and before each commit."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rollproof.migrations.failure import Step, steps
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.locks.plain import plain, worth_a_look
from rollproof.migrations.locks.taken import Taken
from rollproof.migrations.psqltext import Statement
from rollproof.migrations.script import Script
from rollproof.migrations.sending import Piece, Sending, split_once
from rollproof.migrations.wire import Wire

_FEW = 8
"""statements, up to which each of a transaction is looked at by itself; a look takes some 60 µs"""
_MANY = 12
"""statements outside a transaction that are looked at; each costs a BEGIN and a COMMIT besides"""
_BEGINNING = 5
"""words by which two statements are of one sort and need only one look: ALTER TABLE name ADD COLUMN"""
_SETTLES = frozenset(
    "SET RESET SHOW BEGIN START COMMIT END ROLLBACK ABORT LISTEN UNLISTEN NOTIFY DISCARD DEALLOCATE".split()
)
_TRUNCATES = re.compile(r"(?i)\btruncate\s+(?:table\s+)?(?:only\s+)?([^;]+)")
_NAME = re.compile(r'"((?:[^"]|"")+)"|([^\W\d][\w$]*)')


class Following:
    """Follows one script over its wire."""

    def __init__(self, script: Script, sending: Sending, wire: Wire, taken: Taken) -> None:
        self.script = script
        self.wire = wire
        self.taken = taken
        self.few = len(sending.pieces) <= _FEW and all(piece.step for piece in sending.pieces)
        self.sorts: set[tuple[str, ...]] = set()
        self.left_out = 0

    def wraps(self, piece: Piece) -> bool:
        """True when the message gets a transaction of its own, so that one can look before its end."""
        if self.wire.in_transaction:
            return False
        every = self._statements(piece)
        if not every or not all(plain(text, statement) for text, statement in every):
            return False
        return piece.step is None or (self._interesting(piece) and self._new_sort(piece))

    def _statements(self, piece: Piece) -> list[tuple[str, Statement]]:
        """All statements of a message, each with the text that its offsets are of."""
        if piece.step is not None and self.script.statements is None:
            return [(self.script.text, piece.step.statement)]
        span = piece.step.statement if piece.step else None
        text = self.script.text[span.start : span.end] if span else self.script.text
        return [(text, statement) for statement in split_once(text).statements]

    def _interesting(self, piece: Piece) -> bool:
        return any(worth_a_look(text, statement) for text, statement in self._statements(piece))

    def _new_sort(self, piece: Piece) -> bool:
        sort = tuple(piece.sql.split(maxsplit=_BEGINNING)[:_BEGINNING])
        if sort in self.sorts:
            return False
        self.left_out += len(self.sorts) >= _MANY
        if len(self.sorts) < _MANY:
            self.sorts.add(sort)
        return sort in self.sorts

    @contextmanager
    def message(self, piece: Piece, *, wrapped: bool) -> Iterator[None]:
        """Around sending one message of the script.

        Args:
            wrapped: it has a transaction of its own, as `wraps` has asked for.
        """
        inside, started = self.wire.in_transaction, time.monotonic()
        if inside and not self.few and piece.step and piece.step.commits:
            self.look()
        with self._sampling(piece, alone=not inside):
            yield
        if self.wire.in_transaction and (wrapped or (self.few and self._interesting(piece))):
            self._look_after(piece, started)
        if not self.wire.in_transaction:
            self.taken.end()

    def ended(self) -> None:
        """A transaction that `wraps` asked for has been committed."""
        self.taken.end()

    @contextmanager
    def _sampling(self, piece: Piece, *, alone: bool) -> Iterator[None]:
        """A statement by itself lets its locks go before anyone can look: then now and then, meanwhile."""
        step, before = piece.step, time.monotonic()
        if not self._needs_samples(piece, alone=alone):
            yield
            return
        line = step.first_line if step else None
        self.wire.tick = lambda: self.taken.look(line=line, since=before)
        try:
            yield
        finally:
            self.wire.tick = None
        if not self.wire.in_transaction:
            self.taken.miss(self._only_sampled(step))

    def _needs_samples(self, piece: Piece, *, alone: bool) -> bool:
        """False for what is no news: it only settles things, locks nothing old, or its like was looked at."""
        every = self._statements(piece)
        settles = all(set(statement.words[:1]) <= _SETTLES for _, statement in every)
        if settles or not self._interesting(piece):
            return False
        ends = any(set(statement.words[:1]) <= _SETTLES for _, statement in every) and len(every) > 1
        if not alone:
            return ends
        return ends or not all(plain(text, statement) for text, statement in every)

    def _only_sampled(self, step: Step | None) -> str:
        if step is None:
            return "the script was sent whole and commits by itself: its locks were only sampled"
        words = " ".join(step.statement.words[:2])
        return f"line {step.first_line}: {words} ran outside a transaction: its locks were only sampled"

    def _look_after(self, piece: Piece, started: float) -> None:
        step = piece.step
        if step is None:
            alone = steps(self.script, split_once(self.script.text))
            step = alone[0] if len(alone) == 1 else None
        self.taken.look(line=step.first_line if step else None, since=started if step else None)

    def look(self) -> None:
        """Before a commit, for what was not looked at by itself."""
        self.taken.look(line=None, since=None)

    def before_commit(self) -> None:
        """Before the tool's own COMMIT."""
        if not self.few:
            self.look()

    def report(self) -> LockReport:
        self.taken.end()
        if self.left_out:
            self.taken.miss(f"{self.left_out} statements outside a transaction were not looked at")
        found = _TRUNCATES.findall(self.script.text)
        names = {(quoted or bare.lower()) for text in found for quoted, bare in _NAME.findall(text)}
        return self.taken.report(emptied=names)
