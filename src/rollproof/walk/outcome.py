"""What the rollback of a migration is worth, from what was seen; pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from rollproof.model.rows import RowChanges
from rollproof.walk.changes import Changes, lost
from rollproof.walk.model import Again, Outcome


@dataclass(frozen=True)
class Seen:
    """All that a verdict rests on.

    Attributes:
        environment: why nothing can be said here; empty when something can.
        unproven: what keeps a sound outcome from being proven here; empty mostly.
        up_failed, down_failed, again_failed: the script ended in an error.
        no_down: there is no way back, or the way back says that there is none.
        up: what the migration changed. back: what is other after the rollback than it was before the
            migration. undone: what the rollback changed. again: what is other after the second time
            than after the first. Each is None when it did not come to that.
    """

    environment: str = ""
    unproven: str = ""
    up_failed: bool = False
    down_failed: bool = False
    again_failed: bool = False
    no_down: bool = False
    up: Changes | None = None
    back: Changes | None = None
    undone: Changes | None = None
    again: Changes | None = None
    new_tables: Collection[str] = field(default=())


def outcome_of(seen: Seen) -> Outcome:
    """The one outcome. A loss of data outranks a schema that is other, which outranks mere order."""
    if seen.environment:
        return Outcome.ENVIRONMENT
    found = _outcome(seen)
    return Outcome.ENVIRONMENT if found.sound and seen.unproven else found


def _outcome(seen: Seen) -> Outcome:
    if seen.up_failed:
        return Outcome.UP_FAILED
    if seen.no_down:
        return Outcome.NO_DOWN
    if seen.down_failed or seen.back is None:
        return Outcome.CANNOT_RUN
    if _did_nothing(seen):
        return Outcome.DID_NOTHING
    return _restored(seen.back)


def _did_nothing(seen: Seen) -> bool:
    """Without a change to undo, a rollback that changes nothing is right."""
    assert seen.up is not None
    assert seen.back is not None
    return seen.undone is not None and seen.undone.none and not seen.up.none and not seen.back.none


def _restored(back: Changes) -> Outcome:
    if back.loses:
        return Outcome.LOSES_DATA
    if back.differences or back.rows or back.ledger_lost:
        return Outcome.NOT_RESTORED
    return Outcome.ORDER_ONLY if back.order else Outcome.RESTORED


def again_of(seen: Seen) -> Again:
    """What applying it once more came to."""
    if seen.again_failed:
        return Again.FAILED
    if seen.again is None:
        return Again.NOT_TRIED
    if seen.again.differences or again_rows(seen):
        return Again.DIFFERS
    return Again.ORDER_ONLY if seen.again.order else Again.SAME


def again_rows(seen: Seen) -> tuple[RowChanges, ...]:
    """Rows that are other after the second time for a reason of the migration's own.

    Rows that the migration itself writes, and columns that it adds, may hold the time, a made-up key or
    the next number of a sequence: as many of them are as good, where the rollback had brought the
    table's rows back to what they were.
    """
    assert seen.again is not None
    not_back = {change.table for change in seen.back.rows} if seen.back else set()
    written = {change.table for change in seen.up.rows} if seen.up else set()
    altered = {item.parent.removeprefix("table ") for item in seen.up.differences} if seen.up else set()
    excused = (written | altered | set(seen.new_tables)) - not_back
    return tuple(change for change in seen.again.rows if not (change.table in excused and as_many(change)))


def as_many(change: RowChanges) -> bool:
    """True when only values are other: there are as many rows as before."""
    return not change.missing_table and not change.incomplete and change.lost == change.added


__all__ = ["Seen", "again_of", "again_rows", "lost", "outcome_of"]
