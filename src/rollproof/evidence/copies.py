"""What drills worked on where it was no database of their own making: which copy, of what, how old.

The words are those of the journal: whoever made the copy knew what it was.
"""

from __future__ import annotations

from rollproof.evidence import reading
from rollproof.journal import History, Kind
from rollproof.model.workingcopy import WorkingCopy

ORIGIN = "database.origin"
"""Noted by each scenario: what the rows of its database are those of."""
CLUSTER = "cluster.clone"


def copies_of(history: History) -> tuple[WorkingCopy, ...]:
    """What its scenarios worked on, each once; a copy that none of them began with is not among it."""
    events = [one for one in history.events if one.act == CLUSTER and one.kind is Kind.OK]
    events += history.all(ORIGIN)
    found = [WorkingCopy(reading.text(one.data, "found"), reading.text(one.data, "reason")) for one in events]
    return tuple(dict.fromkeys(copy for copy in found if copy.what))
