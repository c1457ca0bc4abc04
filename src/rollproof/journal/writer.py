"""Writing a journal: an act is on disk before it happens."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO

from rollproof.journal.attachments import Attachments
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
        self._previous = GENESIS
        self._lock = threading.Lock()
        self._file: IO[bytes] = path.open("xb")

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
        journal._previous = journal.events[-1].hash if journal.events else GENESIS
        journal._lock = threading.Lock()
        journal._file = path.open("r+b")
        journal._file.truncate(sum(len(event.line()) + 1 for event in journal.events))
        journal._file.seek(0, os.SEEK_END)
        return journal

    def write(self, actor: str, kind: Kind, act: str, data: JsonObject, *, sync: bool = False) -> Event:
        """Appends one event; with `sync`, returns only when it is on disk."""
        clean = allowed(data)
        with self._lock:
            event = Event(
                seq=len(self.events) + 1,
                at=datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
                mono_ns=time.monotonic_ns(),
                run=self.run,
                actor=actor,
                kind=kind,
                act=act,
                data=clean,
                prev=self._previous,
            )
            self._put(event, sync=sync)
        for listener in self.listeners:
            listener(event)
        return event

    def append(self, event: Event, *, data: JsonObject) -> Event:
        """Takes over an event of another journal of the same run: its times stay, its place is here."""
        with self._lock:
            moved = replace(event, seq=len(self.events) + 1, data=data, prev=self._previous)
            self._put(moved, sync=False)
        return moved

    def _put(self, event: Event, *, sync: bool) -> None:
        line = event.line()
        self._file.write(line + b"\n")
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())
        self._previous = hashlib.sha256(line).hexdigest()
        self.events.append(event)

    @property
    def history(self) -> History:
        """Everything recorded so far."""
        return History(tuple(self.events), self.attachments)

    def close(self) -> None:
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
        """Begin, then ok with what the block put into the yielded dictionary, or fail and re-raise."""
        begun = self.begin(act, data)
        result: dict[str, object] = {}
        try:
            yield result
        except BaseException as error:
            self.close(begun, Kind.FAIL, {"found": type(error).__name__})
            raise
        self.close(begun, Kind.OK, result)  # type: ignore[arg-type]  # redaction refuses what is not JSON
