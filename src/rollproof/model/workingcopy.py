"""What a scenario works on where its database is a copy of one that was there before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """One copy, in words for a journal; reports show them as they are.

    Attributes:
        what: which it is, of what, how old; empty when none was made.
        but: in what it may be otherwise than what it is a copy of; empty when nothing is known of the kind.
    """

    what: str
    but: str = ""
