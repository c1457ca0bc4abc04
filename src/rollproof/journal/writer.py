"""Writing a journal: an act is on disk before it happens."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from types import TracebackType

from rollproof.errors import RollproofError
from rollproof.journal.attachments import Attachments, unwritable
from rollproof.journal.event import GENESIS, Event, Kind
from rollproof.journal.reader import History, read_journal
from rollproof.journal.redaction import allowed
from rollproof.model.json import JsonObject


class Journal:
    """The append-only file of one run (or of one worker of it). Safe to use from several threads."""

    def __init__(self, path: Path, *, run: str) -> None:
        """Creates the file; raises FileExistsError rather than go on with another's journal."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.run = run
        self.attachments = Attachments(path.parent)
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self._tail = _Tail()
        self._lock = threading.Lock()
        self._file: FileIO = path.open("xb", buffering=0)

    @classmethod
    def reopen(cls, path: Path) -> Journal:
        """Goes on with a dead run's journal, to finish it. A last line cut short by the crash is cut off.

        Raises JournalError when the chain is broken.
        """
        history = read_journal(path)
        journal = cls.__new__(cls)
        journal.path, journal.attachments = path, Attachments(path.parent)
        journal.events = list(history.events)
        journal.run = journal.events[-1].run if journal.events else path.parent.name
        journal.listeners = []
        journal._tail = _Tail(
            len(journal.events),
            sum(len(event.line()) + 1 for event in journal.events),
            journal.events[-1].hash if journal.events else GENESIS,
        )
        journal._lock = threading.Lock()
        journal._file = path.open("r+b", buffering=0)
        journal._rewind()
        return journal

    def write(self, actor: str, kind: Kind, act: str, data: JsonObject, *, sync: bool = False) -> Event:
        """Appends one event; with `sync`, returns only when it is on disk.

        Raises:
            ValueError: a field that is not allowed, or a value that canonical JSON cannot hold.
            EnvironmentUnavailable: the disk is full or gone; the journal is what it was before.
        """
        clean = allowed(data)
        with self._lock:
            event = Event(
                seq=self._tail.count + 1,
                at=datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
                mono_ns=time.monotonic_ns(),
                run=self.run,
                actor=actor,
                kind=kind,
                act=act,
                data=clean,
                prev=self._tail.hash,
            )
            self._put(event, sync=sync)
        for listener in self.listeners:
            listener(event)
        return event

    def append(self, event: Event, *, data: JsonObject) -> Event:
        """Takes over an event of another journal of the same run: its times stay, its place is here."""
        with self._lock:
            moved = replace(event, seq=self._tail.count + 1, data=data, prev=self._tail.hash)
            self._put(moved, sync=False)
        return moved

    def _put(self, event: Event, *, sync: bool) -> None:
        """Only the last statement makes the event one of the journal's: until then it can be taken back."""
        line = event.line()
        self._rewind()
        try:
            _write_all(self._file, line + b"\n")
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            self._rewind()
            raise unwritable(self.path, error) from error
        self.events.append(event)
        self._tail = _Tail(event.seq, self._tail.size + len(line) + 1, hashlib.sha256(line).hexdigest())

    def _rewind(self) -> None:
        """Takes back what a full disk or an interrupt left of an event that was never the journal's."""
        del self.events[self._tail.count :]
        if self._file.seek(0, os.SEEK_END) != self._tail.size:
            self._file.truncate(self._tail.size)
            self._file.seek(self._tail.size)

    @property
    def history(self) -> History:
        """Everything recorded so far."""
        return History(tuple(self.events), self.attachments)

    def close(self) -> None:
        """Everything is on disk when this returns. Raises EnvironmentUnavailable when it cannot be."""
        if self._file.closed:
            return
        try:
            self._rewind()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from error
        finally:
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Tail:
    """Where the journal ends: how many events, how many bytes, the hash of its last line."""

    count: int = 0
    size: int = 0
    hash: str = GENESIS


def _write_all(file: FileIO, body: bytes) -> None:
    """All of it: one call may write a part."""
    written = 0
    while written < len(body):
        written += file.write(body[written:]) or 0


class Recorder:
    """A journal as one actor sees it."""

    def __init__(self, journal: Journal, actor: str) -> None:
        self.journal = journal
        self.actor = actor

    def begin(self, act: str, data: JsonObject) -> Event:
        """Announces an act; on disk when this returns."""
        return self.journal.write(self.actor, Kind.BEGIN, act, data, sync=True)

    def close(self, begun: Event, kind: Kind, data: JsonObject) -> Event:
        """Says how an announced act ended."""
        return self.journal.write(self.actor, kind, begun.act, {**data, "of": begun.seq})

    def note(self, act: str, data: JsonObject) -> Event:
        return self.journal.write(self.actor, Kind.NOTE, act, data)

    def for_client(self, name: str) -> Recorder:
        """The recorder of a client that runs beside the scenario."""
        return Recorder(self.journal, f"{self.actor}/{name}")

    @property
    def history(self) -> History:
        """Everything recorded so far by this actor and its clients."""
        return self.journal.history.of_scenario(self.actor)

    @contextmanager
    def acting(self, act: str, data: JsonObject) -> Iterator[dict[str, object]]:
        """Begin, then ok with what the block put into the yielded dictionary, or its failure, re-raised.

        See `kind_of` for which failures are unknown.
        """
        begun = self.begin(act, data)
        result: dict[str, object] = {}
        try:
            yield result
        except BaseException as error:
            told = error.found if isinstance(error, RollproofError) else type(error).__name__
            self.close(begun, kind_of(error), {"found": told})
            raise
        self.close(begun, Kind.OK, result)  # type: ignore[arg-type]  # redaction refuses what is not JSON


def kind_of(error: BaseException) -> Kind:
    """How an act ended that an error cut short.

    Failed only when Rollproof itself says so: what an interrupt, a crash or a lost connection left
    behind nobody knows.
    """
    definite = isinstance(error, RollproofError) and not error.facts.get("indeterminate")
    return Kind.FAIL if definite else Kind.UNKNOWN
