"""What drills worked on where it was no database of their own making: which copy, of what, how old.

The words are those of the journal: whoever made the copy knew what it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.evidence import reading
from rollproof.journal import History, Kind

CLUSTER = "cluster.clone"
MADE = ("template.load", "template.clone", CLUSTER)
"""Acts that copy what was there before the run."""


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """One copy.

    Attributes:
        what: which it is, in words.
        but: in what it may be otherwise than what it is a copy of; empty when nothing is known of the kind.
    """

    what: str
    but: str = ""


def copies_of(history: History) -> tuple[WorkingCopy, ...]:
    """Every copy that was made of something that was there before the run, each once."""
    made = [event for event in history.events if event.kind is Kind.OK and event.act in MADE]
    whole = [event for event in made if event.act == CLUSTER] or made  # what is cloned in it is of it
    found = [WorkingCopy(reading.text(one.data, "found"), reading.text(one.data, "reason")) for one in whole]
    return tuple(dict.fromkeys(copy for copy in found if copy.what))
