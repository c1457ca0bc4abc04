"""`index.ndjson`: which drills were planned and what became of them, so that none can be dropped unseen.

One canonical JSON line an entry, each with the SHA-256 of the line before, beside the folders of the runs.
A run is entered before it does anything, and again when it is sealed; one that has only the first entry was
killed, and one that has both and no folder was taken away. Whoever writes the whole file anew is found out
by the seals, which hold its head, and by whatever copy of a head lies elsewhere.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from rollproof.errors import EnvironmentUnavailable, JournalError
from rollproof.journal.event import GENESIS
from rollproof.model.json import Json, JsonObject, canonical, read_canonical

INDEX = "index.ndjson"
_LOCK = ".index.lock"
_WAIT_SECONDS = 60.0
_FIELDS = frozenset({"seq", "at", "kind", "run", "data", "prev"})


class Entered(StrEnum):
    """What an entry says of its run.

    `executed` closes what `planned` opens, as do `aborted` (it came to no end of its own) and `expired`
    (its folder was removed when its time was over); `missed` is a plan that fell due and never began, and
    `retired` a scenario that nobody drills any more.
    """

    PLANNED = "planned"
    EXECUTED = "executed"
    ABORTED = "aborted"
    MISSED = "missed"
    SIGNED = "signed"
    EXPIRED = "expired"
    RETIRED = "retired"


_SAID = {
    Entered.EXECUTED: ("outcome", "head"),
    Entered.ABORTED: ("reason",),
    Entered.MISSED: ("due", "reason"),
    Entered.SIGNED: ("by", "item", "file", "digest"),
    Entered.EXPIRED: ("reason",),
    Entered.RETIRED: ("system", "environment", "scenario", "by", "reason", "stood"),
}
"""Fields that are texts in every entry of a kind; an index may come from anywhere."""


def _seal_told(kind: Entered, data: JsonObject) -> bool:
    return kind is not Entered.EXECUTED or ("seal" in data and isinstance(data["seal"], str | None))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `run` is the run's id, or the plan's name for what was missed; `hash` is the line's own."""

    seq: int
    at: str
    kind: Entered
    run: str
    data: JsonObject
    prev: str
    hash: str

    @classmethod
    def from_line(cls, line: bytes) -> Entry:
        """Raises ValueError, KeyError or TypeError when the line is no entry."""
        raw = read_canonical(line)
        if set(raw) != _FIELDS or type(raw["seq"]) is not int or not isinstance(raw["data"], dict):
            raise ValueError("not the fields of an entry")
        kind, texts = Entered(raw["kind"]), (raw["at"], raw["run"], raw["prev"])
        said = [raw["data"].get(name) for name in _SAID.get(kind, ())]
        if not all(isinstance(value, str) for value in (*texts, *said)) or not _seal_told(kind, raw["data"]):
            raise ValueError("not what an entry of this kind says")
        digest = hashlib.sha256(line).hexdigest()
        return cls(raw["seq"], raw["at"], kind, raw["run"], raw["data"], raw["prev"], digest)


def read_index(path: Path) -> list[Entry]:
    """All entries, their chain checked; none when there is no such file.

    A last line cut short by a crash is left out.

    Raises:
        JournalError: not entries, or a line that was altered, dropped or moved.
    """
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise JournalError(f"the index cannot be read ({error.strerror})", where=str(path)) from error
    return list(_entries(path, body))


def _entries(path: Path, body: bytes) -> Iterator[Entry]:
    previous = GENESIS
    for number, line in enumerate(body.split(b"\n")[:-1], start=1):
        try:
            entry = Entry.from_line(line)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise JournalError("this line is no entry of the index", where=f"{path}:{number}") from error
        if entry.seq != number or entry.prev != previous:
            raise JournalError(
                "the index is broken: this line or the one before was altered, dropped or moved",
                where=f"{path}:{number}",
                remedy="look for a copy of the index, or of its head in a later seal",
            )
        previous = entry.hash
        yield entry


class Register:
    """The index of a folder of runs, for writing. Safe with several processes; each entry is on disk."""

    def __init__(self, reports: Path) -> None:
        from filelock import FileLock  # whoever only reads an index waits for nobody

        self.path = reports / INDEX
        self._lock = FileLock(reports / _LOCK, thread_local=False)

    @contextmanager
    def held(self) -> Iterator[list[Entry]]:
        """The entries, while nobody else writes any. May be nested.

        Raises EnvironmentUnavailable when the folder cannot be written, or another holds it for a minute.
        """
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=_WAIT_SECONDS)
        except (Timeout, OSError) as error:
            why = "another process holds it" if isinstance(error, Timeout) else error.strerror
            raise EnvironmentUnavailable(
                f"the index of the runs cannot be written ({why})",
                where=str(self.path),
                remedy="make the folder writable, or end the process that holds its lock",
            ) from error
        try:
            yield read_index(self.path)
        finally:
            self._lock.release()

    def planned(self, run: str, about: JsonObject) -> Entry:
        """Before a run does anything; the same entry however many of its workers say so."""
        with self.held() as entries:
            mine = [entry for entry in entries if entry.run == run and entry.kind is Entered.PLANNED]
            return mine[0] if mine else self._append(entries, Entered.PLANNED, run, about)

    def executed(self, run: str, *, outcome: str, head: str, seal: str | None, reason: str = "") -> Entry:
        """A run came to its end. `seal` is the digest of its statement; None with a reason when unsealed."""
        said: dict[str, Json] = {"outcome": outcome, "head": head, "seal": seal}
        with self.held() as entries:
            return self._append(entries, Entered.EXECUTED, run, said | ({"reason": reason} if reason else {}))

    def aborted(self, run: str, reason: str) -> Entry:
        """A run that came to no end; once for each."""
        return self._once(Entered.ABORTED, run, {"reason": reason})

    def missed(self, plan: str, due: datetime, reason: str = "") -> Entry:
        """A plan that fell due and did not begin; once for each due time."""
        return self._once(Entered.MISSED, plan, {"due": _stamp(due), "reason": reason})

    def signed(self, run: str, *, by: str, item: str, file: str, digest: str) -> Entry:
        """A sign-off was put beside a sealed run; `digest` is the SHA-256 of its file."""
        with self.held() as entries:
            said: dict[str, Json] = {"by": by, "item": item, "file": file, "digest": digest}
            return self._append(entries, Entered.SIGNED, run, said)

    def expired(self, run: str, reason: str) -> Entry:
        """Before a run's folder is removed because its time is over."""
        return self._once(Entered.EXPIRED, run, {"reason": reason})

    def retired(self, about: JsonObject) -> Entry:
        """A scenario that nobody drills any more; see `retiring`. The entry's `run` is the scenario."""
        with self.held() as entries:
            return self._append(entries, Entered.RETIRED, str(about["scenario"]), about)

    def _once(self, kind: Entered, run: str, data: dict[str, Json]) -> Entry:
        with self.held() as entries:
            same = [entry for entry in entries if (entry.kind, entry.run, entry.data) == (kind, run, data)]
            return same[0] if same else self._append(entries, kind, run, data)

    def _append(self, entries: Sequence[Entry], kind: Entered, run: str, data: Mapping[str, Json]) -> Entry:
        last = entries[-1] if entries else None
        line = canonical(
            {
                "seq": last.seq + 1 if last else 1,
                "at": _stamp(datetime.now(UTC)),
                "kind": kind.value,
                "run": run,
                "data": data,
                "prev": last.hash if last else GENESIS,
            }
        )
        try:
            _add_line(self.path, line)
        except OSError as error:
            raise EnvironmentUnavailable(
                f"the index of the runs cannot be written ({error.strerror})",
                where=str(self.path),
                remedy="make room on the disk that holds the reports, or make the folder writable",
            ) from error
        return Entry.from_line(line)


def last_sealed(entries: Sequence[Entry]) -> Entry | None:
    """The newest run that was sealed: what the next seal is linked to."""
    sealed = (entry for entry in reversed(entries) if entry.kind is Entered.EXECUTED and entry.data["seal"])
    return next(sealed, None)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _add_line(path: Path, line: bytes) -> None:
    """Behind the last whole line: half a line, which a crash left, is taken away first."""
    with path.open("a+b", buffering=0) as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.write(line + b"\n")
        os.fsync(file.fileno())
