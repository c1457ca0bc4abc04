"""How long each migration would take on tables of a stated size; see migrations/locks/estimate.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from rollproof.errors import BadInput, MigrationError
from rollproof.migrations.locks.estimate import Rates, estimate, find_work
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.model import MigrationHistory
from rollproof.migrations.script import Script
from rollproof.walk.model import RevisionResult, WalkResult

_SIZE = re.compile(r"(?i)^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*$")
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def read_size(text: str) -> int:
    """Bytes from `10GB`, `512 MiB` or `4096`; units are powers of 1,024. Raises BadInput."""
    found = _SIZE.match(text)
    if not found:
        raise BadInput(f"{text!r} is no size", remedy="write it as --table-size 10GB")
    return int(float(found[1]) * 1024 ** _POWERS[found[2].lower()])


def with_estimates(
    result: WalkResult, history: MigrationHistory, rates: Rates, *, table_bytes: int
) -> WalkResult:
    """The same result with an estimate of each direction that is a script of SQL."""
    judged = tuple(_estimated(one, history, rates, table_bytes) for one in result.migrations)
    return replace(result, migrations=judged)


def _estimated(
    result: RevisionResult, history: MigrationHistory, rates: Rates, table_bytes: int
) -> RevisionResult:
    migration = history.named(result.id)
    found = dict(_of("up", migration.up, result, rates, table_bytes))
    if migration.way_back is not None:
        found |= dict(_of("down", migration.way_back, result, rates, table_bytes))
    return replace(result, estimates=found)


def _of(
    direction: str, script: Script, result: RevisionResult, rates: Rates, table_bytes: int
) -> Iterator[tuple[str, float]]:
    report: LockReport | None = result.locks.get(direction)
    try:
        works = find_work(script)
    except MigrationError:  # no SQL, or none that can be read: the walk has said so
        return
    for name, blocking in ((direction, False), (f"{direction} blocking", True)):
        yield (
            name,
            estimate(report, works, table_bytes=table_bytes, bytes_per_second=rates, blocking=blocking),
        )
