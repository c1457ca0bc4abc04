"""Finishing what a killed run could not: finding it, undoing it from its journal, ending its journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from rollproof.drill.healing import heal, outstanding
from rollproof.drill.lease import NAME as LEASE
from rollproof.drill.lease import is_running
from rollproof.errors import UnhealedRun
from rollproof.journal import Journal, Recorder

JOURNAL = "journal.ndjson"
_LAST = b'"act":"run.finished"'


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
    for journal in sorted([*reports.glob(f"*/{JOURNAL}"), *reports.glob(f"*/parts/*/{JOURNAL}")]):
        if journal.is_symlink() or journal.parent.is_symlink() or _says_finished(journal):
            continue
        if not is_running(journal.parent):
            yield journal.parent


def _says_finished(journal: Path) -> bool:
    with journal.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 65536))
        lines = file.read().rstrip(b"\n").split(b"\n")
    return lines[-1].startswith(b'{"act":"run.finished"') or _LAST in lines[-1]


def heal_unfinished(reports: Path) -> list[Healed]:
    """Undoes what killed runs left, newest run first.

    Raises:
        UnhealedRun: something could not be undone; nothing else may start until it is.
        JournalError: a journal of a killed run was altered and cannot be trusted to say what to undo.
    """
    if not reports.is_dir():
        return []
    with FileLock(reports / ".heal.lock", thread_local=False):
        return [_finish(folder) for folder in sorted(set(unfinished(reports)), reverse=True)]


def _finish(folder: Path) -> Healed:
    with Journal.reopen(folder / JOURNAL) as journal:
        recorder = Recorder(journal, "heal")
        pending = outstanding(journal.events)
        failures = heal(pending, recorder)
        if failures:
            raise UnhealedRun(
                "; ".join(failures),
                doing="undoing what a killed run left",
                where=str(folder),
                remedy="mend what is named here, then run `rollproof heal` again",
            )
        recorder.note(
            "run.finished", {"outcome": "unknown", "reason": "the run was killed; it was healed later"}
        )
    (folder / LEASE).unlink(missing_ok=True)
    return Healed(folder, len(pending))
