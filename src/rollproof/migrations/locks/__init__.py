"""Locks that migrations take, whom they block and for how long, and what they rewrite.

model      what one direction of a migration held
modes      which lock is stronger, and who waits for which
watch      reading, from another session, what a backend holds
taken      putting together what one script held
following  looking at the right moments while a script runs
plain      statements that may run in a transaction of their own without being any different for it
probe      how long readers and writers wait meanwhile
rows       locks that a worker has read in its own session (held.sql)
estimate   how long it would take on a table of a stated size
"""

from rollproof.migrations.locks.model import Blocked, HeldLock, LockReport
from rollproof.migrations.locks.rows import held_query, parse_locks

__all__ = ["Blocked", "HeldLock", "LockReport", "held_query", "parse_locks"]
