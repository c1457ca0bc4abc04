"""Which runs belong to which plan, read from the first lines of their journals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from rollproof.drill.lease import is_running
from rollproof.drill.recovery import JOURNAL
from rollproof.errors import JournalError
from rollproof.evidence.reading import mapping, text
from rollproof.evidence.summary import summarise
from rollproof.journal import Event, read_journal
from rollproof.model.verdict import Outcome

_FIRST_LINES = 300
"""`run.started` stands among them: after it come scenarios, before it at most the merging of parts"""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run of a plan.

    Attributes:
        folder: its report folder.
        plan, digest: the plan's name, and the SHA-256 of its file then.
        due: when it had fallen due; None when a person started it.
        started: UTC.
    """

    folder: Path
    plan: str
    digest: str
    due: datetime | None
    started: datetime

    @property
    def running(self) -> bool:
        """While some process still holds the lease of it or of a part of it."""
        parts = self.folder.glob(f"parts/*/{JOURNAL}")
        return any(map(is_running, [self.folder, *(part.parent for part in parts)]))

    def outcome(self) -> Outcome | None:
        """What it proved; None while it runs. Unknown when its journal cannot be read or is cut short."""
        if self.running:
            return None
        try:
            return summarise(read_journal(self.folder / JOURNAL)).outcome
        except JournalError:
            return Outcome.UNKNOWN


def past_runs(reports: Path, plan: str = "") -> list[PastRun]:
    """The runs of one plan, of all plans without a name; the newest first. Others are passed over."""
    found = [run for folder in sorted(reports.glob("*")) if (run := _read(folder))]
    mine = [run for run in found if plan in ("", run.plan)]
    return sorted(mine, key=lambda run: (run.started, run.folder.name), reverse=True)


def _read(folder: Path) -> PastRun | None:
    if folder.is_symlink() or not folder.is_dir():  # `latest`, or a file
        return None
    journals = [folder / JOURNAL, *sorted(folder.glob(f"parts/*/{JOURNAL}"))]
    started = next((event for path in journals for event in _beginning(path)), None)
    if started is None:
        return None
    plan = mapping(started.data, "plan")
    if not plan:
        return None
    due = text(plan, "due")
    return PastRun(
        folder=folder,
        plan=text(plan, "name"),
        digest=text(plan, "digest"),
        due=datetime.fromisoformat(due) if due else None,
        started=datetime.fromisoformat(started.at),
    )


def _beginning(journal: Path) -> Iterator[Event]:
    try:
        with journal.open("rb") as file:
            for line in islice(file, _FIRST_LINES):
                event = Event.from_line(line.rstrip(b"\n"))
                if event.act == "run.started":
                    yield event
                    return
    except (OSError, ValueError, KeyError, TypeError):
        return
