"""findings.ndjson: the life of every finding, one canonical JSON line an entry, with the hash of the last.

Beside the index of the runs. Runs write what they refuted and proved; people, who takes care of what until
when. Lines are only ever added.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rollproof.errors import EnvironmentUnavailable, JournalError
from rollproof.evidence.standing.claims import Claim
from rollproof.evidence.standing.findings import Act, Entry, Finding, after, entries_of_run
from rollproof.journal.event import GENESIS
from rollproof.model.json import JsonObject, canonical, read_canonical

LEDGER = "findings.ndjson"
_LOCK = ".findings.lock"
_WAIT_SECONDS = 60.0
_FIELDS = frozenset({"seq", "at", "finding", "act", "by", "data", "prev"})


@dataclass(frozen=True, slots=True)
class Ledger:
    """What findings.ndjson holds; `head` is the hash of its last line."""

    entries: tuple[Entry, ...]
    head: str
    path: Path

    @property
    def findings(self) -> dict[str, Finding]:
        """How each finding stands, in the order in which they were opened first."""
        return after({}, self.entries)


def read_ledger(reports: Path) -> Ledger:
    """All entries, their chain checked; none when there is no such file.

    A last line cut short by a crash is left out. Raises JournalError for a line that is no entry, or was
    altered, dropped or moved.
    """
    path = reports / LEDGER
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        body = b""
    except OSError as error:
        raise JournalError(f"the findings cannot be read ({error.strerror})", where=str(path)) from error
    entries, head = [], GENESIS
    for number, line in enumerate(body.split(b"\n")[:-1], start=1):
        entries.append(_entry(path, number, line, head))
        head = hashlib.sha256(line).hexdigest()
    return Ledger(tuple(entries), head, path)


def _entry(path: Path, number: int, line: bytes, previous: str) -> Entry:
    try:
        raw = read_canonical(line)
        if set(raw) != _FIELDS or not isinstance(raw["data"], dict):
            raise ValueError("not the fields of an entry")
        entry = Entry(raw["finding"], Act(raw["act"]), raw["at"], raw["by"], raw["data"])
        if datetime.fromisoformat(entry.at).tzinfo is None:
            raise ValueError("a time without its zone")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JournalError("this line is no entry of the findings", where=f"{path}:{number}") from error
    if raw["seq"] != number or raw["prev"] != previous:
        raise JournalError(
            "the findings are broken: this line or the one before was altered, dropped or moved",
            where=f"{path}:{number}",
            remedy="look for a copy; each run's findings.json holds how they stood after it",
        )
    return entry


def enter_run(reports: Path, claims: Iterable[Claim]) -> list[Entry]:
    """What a run's claims do to the findings; the entries that were added, none when it was entered before.

    Errors as `add`.
    """
    told = tuple(claims)
    if not any(entries_of_run(read_ledger(reports).findings, told)):  # most runs: nothing to wait for
        return []

    def wanted(ledger: Ledger) -> Iterator[Entry]:
        known = {(entry.finding, entry.by) for entry in ledger.entries}
        for entry in entries_of_run(ledger.findings, told):
            if (entry.finding, entry.by) not in known:
                yield entry

    return add(reports, wanted)


def add(reports: Path, wanted: Callable[[Ledger], Iterable[Entry]]) -> list[Entry]:
    """Adds what `wanted` makes of the ledger as it stands, while nobody else writes to it.

    Raises:
        JournalError: the ledger was altered.
        EnvironmentUnavailable: it cannot be written, or another process holds it for a minute.
    """
    from filelock import FileLock, Timeout  # whoever only reads waits for nobody

    path = reports / LEDGER
    try:
        with FileLock(reports / _LOCK, timeout=_WAIT_SECONDS):
            ledger = read_ledger(reports)
            entries = list(wanted(ledger))
            if entries:
                _append(path, _lines(entries, len(ledger.entries), ledger.head))
            return entries
    except (Timeout, OSError) as error:
        why = "another process holds it" if isinstance(error, Timeout) else error.strerror
        raise EnvironmentUnavailable(
            f"the findings cannot be written ({why})",
            where=str(path),
            remedy="make the folder writable, or end the process that holds its lock",
        ) from error


def _lines(entries: Sequence[Entry], count: int, head: str) -> bytes:
    lines = []
    for number, entry in enumerate(entries, start=count + 1):
        line = canonical(
            {
                "seq": number,
                "at": entry.at,
                "finding": entry.finding,
                "act": entry.act.value,
                "by": entry.by,
                "data": entry.data,
                "prev": head,
            }
        )
        head = hashlib.sha256(line).hexdigest()
        lines.append(line + b"\n")
    return b"".join(lines)


def _append(path: Path, lines: bytes) -> None:
    """Behind the last whole line: half a line, which a crash left, is taken away first."""
    with path.open("a+b", buffering=0) as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(lines)
        os.fsync(file.fileno())


def by_person(finding: str, act: Act, person: str, data: JsonObject | Mapping[str, str]) -> Entry:
    """An entry that a person makes, now."""
    return Entry(
        finding, act, datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"), person, data
    )
