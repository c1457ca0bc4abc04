"""Finishing what a killed run could not: finding it, undoing it from its journal, ending its journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from rollproof.drill.healing import heal, outstanding
from rollproof.drill.lease import Lease, is_running
from rollproof.environments.access import is_local, verify_again
from rollproof.errors import JournalError, RollproofError, UnhealedRun
from rollproof.journal import Event, Journal, Recorder

JOURNAL = "journal.ndjson"
FINISHED = "run.finished"
HEALED = "run.healed"
"""Ends the journal of a run that had finished and left something that could not be undone then."""
DOING = "undoing what a killed run left"
_WAIT_SECONDS = 600.0
_TAIL_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Healed:
    """A run that was finished for its dead owner."""

    folder: Path
    undone: int

    @property
    def name(self) -> str:
        """The run's id, and the worker whose part of it this was."""
        parts = self.folder.parent
        return f"{parts.parent.name} ({self.folder.name})" if parts.name == "parts" else self.folder.name


def unfinished(reports: Path) -> Iterator[Path]:
    """Folders with a journal that does not say it is finished and that nobody is writing any more."""
    seen: set[Path] = set()
    for journal in sorted([*reports.glob(f"*/{JOURNAL}"), *reports.glob(f"*/parts/*/{JOURNAL}")]):
        place = journal.resolve()  # `latest` is a link to a run that is met by its own name as well
        if place in seen or _says_finished(journal):
            continue
        seen.add(place)
        if not is_running(journal.parent):
            yield journal.parent


def _says_finished(journal: Path) -> bool:
    """By the last line alone; a doubtful one says no, and reading the whole journal tells."""
    with journal.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL_BYTES))
        *_, last, torn = [b"", *file.read().split(b"\n")]
    try:
        return not torn and ends(Event.from_line(last))
    except (ValueError, KeyError, TypeError):
        return False


def ends(event: Event) -> bool:
    """Whether nothing is left to do after this event."""
    return event.act == HEALED or (event.act == FINISHED and not event.data.get("findings"))


def heal_unfinished(reports: Path) -> list[Healed]:
    """Undoes what killed runs left, newest run first, and goes on after a failure.

    Raises:
        UnhealedRun: something could not be undone; nothing else may start until it is.
        JournalError: a journal of a killed run was altered and cannot be trusted to say what to undo.
    """
    if not reports.is_dir():
        return []
    try:
        with FileLock(reports / ".heal.lock", thread_local=False, timeout=_WAIT_SECONDS):
            return _finish_all(sorted(set(unfinished(reports)), reverse=True))
    except Timeout as error:
        raise UnhealedRun(
            "another process has been healing the runs here for ten minutes",
            doing=DOING,
            where=str(reports),
            remedy="see what it waits for, or end it, then run `rollproof heal`",
        ) from error
    except OSError as error:
        raise _closed(reports, error) from error


def _finish_all(folders: list[Path]) -> list[Healed]:
    healed: list[Healed] = []
    errors: list[RollproofError] = []
    for folder in folders:
        try:
            healed += _finish(folder)
        except RollproofError as error:
            errors.append(error)
        except OSError as error:
            errors.append(_closed(folder, error))
    if len(errors) > 1:
        raise UnhealedRun("\n".join(map(str, errors)), doing=DOING)
    if errors:
        raise errors[0]
    return healed


def _finish(folder: Path) -> list[Healed]:
    """The run, finished; nothing when it turns out to be going on, or to be finished, after all."""
    try:
        lease = Lease.take(folder)
    except Timeout:
        return []
    try:
        with _reopened(folder) as journal:
            if journal.events and ends(journal.events[-1]):
                return []
            return [Healed(folder, _undo(journal, folder))]
    finally:
        lease.give_back()


def _reopened(folder: Path) -> Journal:
    try:
        return Journal.reopen(folder / JOURNAL)
    except JournalError as error:
        raise JournalError(
            error.found,
            doing=DOING,
            where=error.where,
            remedy="nothing was touched: see in the journal what the run had begun, undo it by hand, "
            "then move the run's folder elsewhere",
        ) from error


def _undo(journal: Journal, folder: Path) -> int:
    """Undoes all that is outstanding and ends the journal; how many things that were."""
    recorder = Recorder(journal, "heal")
    pending = outstanding(journal.events)
    if not all(is_local(item.undo) for item in pending):
        verify_again(journal.events)
    if failures := heal(pending, recorder):
        raise UnhealedRun(
            "; ".join(failures),
            doing=DOING,
            where=str(folder),
            remedy="mend what is named here, then run `rollproof heal` again",
        )
    if any(event.act == FINISHED for event in journal.events):
        recorder.note(HEALED, {"count": len(pending)})
    else:
        reason = "the run was killed; it was healed later"
        recorder.note(FINISHED, {"outcome": "unknown", "reason": reason})
    return len(pending)


def _closed(place: Path, error: OSError) -> UnhealedRun:
    return UnhealedRun(
        f"what a killed run left cannot be undone by this user ({error.strerror})",
        doing=DOING,
        where=str(error.filename or place),
        remedy="run `rollproof heal` as the user who ran the drill",
    )
