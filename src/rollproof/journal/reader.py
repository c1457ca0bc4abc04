"""Reading a journal back: the chain is checked, then scenarios are told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollproof.errors import JournalError
from rollproof.journal.attachments import Attachments
from rollproof.journal.event import GENESIS, Event, Kind
from rollproof.model.json import Json


@dataclass(frozen=True)
class History:
    """What was recorded, in order; what every check judges. Literal histories make good tests."""

    events: Sequence[Event]
    attachments: Attachments | None = None

    def of_scenario(self, scenario: str) -> History:
        """Only the events of one scenario and of its clients."""
        mine = [e for e in self.events if e.actor == scenario or e.actor.startswith(f"{scenario}/")]
        return History(mine, self.attachments)

    def until(self, seq: int) -> History:
        """Only the events before the one numbered `seq`."""
        return History([event for event in self.events if event.seq < seq], self.attachments)

    def all(self, act: str, *kinds: Kind) -> list[Event]:
        """Events of `act`, in order; of the given kinds only, when any are given."""
        return [event for event in self.events if event.act == act and (not kinds or event.kind in kinds)]

    def last(self, act: str, *kinds: Kind) -> Event | None:
        """The newest event of `act`, or None."""
        found = self.all(act, *kinds)
        return found[-1] if found else None

    def first(self, act: str, *kinds: Kind) -> Event | None:
        found = self.all(act, *kinds)
        return found[0] if found else None

    def attachment(self, reference: Json) -> Json:
        """The attached value that an event refers to. Raises JournalError when it cannot be had."""
        if self.attachments is None:
            raise JournalError("this history has no attachments", where=str(reference))
        return self.attachments.get(str(reference))


_NO_JOURNAL = "name the folder of a run, such as reports/latest; if this is one, its journal was altered"


def read_journal(path: Path) -> History:
    """Reads and checks one journal file.

    A last line cut short by a crash is left out: its act never began.

    Raises:
        JournalError: unreadable, not an event, a gap in `seq` or a broken chain, with the line.
    """
    try:
        body = path.read_bytes()
    except OSError as error:
        raise JournalError(
            f"the journal cannot be read ({error.strerror})",
            where=str(path),
            remedy="name the folder of a run, such as reports/latest",
        ) from error
    return History(list(_events(path, body)), Attachments(path.parent))


def _events(path: Path, body: bytes) -> Iterator[Event]:
    lines = body.split(b"\n")
    whole = lines[:-1]  # what follows the last line feed is a line that was being written
    previous = GENESIS
    for number, line in enumerate(whole, start=1):
        try:
            event = Event.from_line(line)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise JournalError(
                "this line is not an event", where=f"{path}:{number}", remedy=_NO_JOURNAL
            ) from error
        if event.seq != number or event.prev != previous:
            raise JournalError(
                "the chain is broken: this line or the one before was altered, dropped or moved",
                where=f"{path}:{number}",
                remedy="take what it says for lost, and look for a copy of the run's folder",
            )
        previous = hashlib.sha256(line).hexdigest()
        yield event
