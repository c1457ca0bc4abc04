"""The append-only record: one canonical JSON line an event, each holding the hash of the one before."""

from rollproof.journal.attachments import Attachments
from rollproof.journal.event import GENESIS, Event, Kind
from rollproof.journal.reader import History, read_journal
from rollproof.journal.writer import Journal, Recorder, kind_of

__all__ = [
    "GENESIS",
    "Attachments",
    "Event",
    "History",
    "Journal",
    "Kind",
    "Recorder",
    "kind_of",
    "read_journal",
]
