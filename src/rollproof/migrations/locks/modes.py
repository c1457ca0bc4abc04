"""Lock modes of relations: which is stronger, and who has to wait for which.

The conflicts are those of the manual's table "Conflicting Lock Modes" (section 13.3.1).
"""

from __future__ import annotations

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""as pg_locks has them, weakest first"""
BLOCKS_READERS = frozenset({"AccessExclusiveLock"})
"""what SELECT waits for"""
BLOCKS_WRITERS = frozenset({"ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"})
"""what INSERT, UPDATE and DELETE wait for"""


def strength(mode: str) -> int:
    """Place among the modes; -1 for one that is none of a relation, such as SIReadLock."""
    return MODES.index(mode) if mode in MODES else -1
