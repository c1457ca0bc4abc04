"""Locks that a worker has read in its own session: rows of `held.sql`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rollproof.migrations.locks.model import HeldLock, LockReport
from rollproof.migrations.locks.modes import strength

SHOWN = frozenset("rpmvfS")
"""kinds of relations that a reader or a writer names: not indexes, not TOAST tables"""
_DROPPED = "a relation that it dropped"


@cache
def held_query() -> str:
    """The query for a session to run right before it commits. It takes no parameters.

    Columns: oid, mode, kind, relation, created.
    """
    return (Path(__file__).parent / "held.sql").read_text(encoding="utf-8")


def parse_locks(
    rows: Iterable[Sequence[Any]], *, names: Mapping[int, str] | None = None, incomplete: str = ""
) -> LockReport:
    """What the rows of that query say, of several transactions if need be.

    Args:
        rows: as tuples or lists, in the order of the query's columns.
        names: by oid, the qualified names of the relations before; without them a dropped relation is
            only told by its oid, and a renamed one by its new name.
        incomplete: why there may be more.
    """
    known = names or {}
    strongest: dict[str, str] = {}
    for oid, mode, kind, relation, created in rows:
        if created or (kind is not None and kind not in SHOWN) or strength(mode) < 0:
            continue
        if kind is None and names is not None and int(oid) not in known:
            continue  # an index, or a table made and dropped again
        name = known.get(int(oid)) or relation or f"{_DROPPED} (oid {oid})"
        if strength(mode) > strength(strongest.get(name, "")):
            strongest[name] = mode
    held = tuple(HeldLock(name, mode) for name, mode in sorted(strongest.items()))
    return LockReport(held=held, incomplete=incomplete)
