"""Is the backup one that can be relied on? The guard before every rollback uses the same function."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.checks.evidence import lines
from rollproof.checks.registry import check
from rollproof.journal import History, Kind
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What is known of a backup when a rollback asks for it.

    Attributes:
        exists, readable: the file is there; pg_restore can list what is in it.
        bytes: its size.
        unchanged: its content is still what was restored and compared.
        major: major version of the server that it was dumped from; None when it cannot be told.
        server_major: of the server that it would have to be restored to.
        snapshot_ns: monotonic time of its snapshot; None when it is not known.
        newest_write_ns: of the newest acknowledged write that it has to cover; None when none was made.
        compared: it was restored and the copy was identical.
    """

    exists: bool
    readable: bool
    bytes: int
    unchanged: bool
    major: int | None
    server_major: int
    snapshot_ns: int | None
    newest_write_ns: int | None
    compared: bool


def objections(facts: BackupFacts) -> list[str]:
    """Why a rollback must not rely on this backup, the plainest reason first; empty when it may."""
    if not facts.exists:
        return ["there is no backup"]
    if not facts.bytes:
        return ["the backup is empty"]
    if not facts.readable:
        return ["the backup cannot be read: it is truncated or damaged"]
    return [reason for reason in _finer_objections(facts) if reason]


def _finer_objections(facts: BackupFacts) -> list[str]:
    return [
        f"the backup is of PostgreSQL {facts.major}, the server is {facts.server_major}"
        if facts.major != facts.server_major
        else "",
        "the backup is older than the newest write that it must cover" if _too_old(facts) else "",
        "the backup has never been restored and compared" if not facts.compared else "",
        "the backup is not the one that was restored and compared: its content has changed"
        if facts.compared and not facts.unchanged
        else "",
    ]


def _too_old(facts: BackupFacts) -> bool:
    if facts.snapshot_ns is None:
        return True
    return facts.newest_write_ns is not None and facts.snapshot_ns < facts.newest_write_ns


@check("rollback-refused", "the rollback is refused, with its reason")
def rollback_refused(history: History, *, because: str) -> Verdict:
    """The guard said no for the expected reason, and no rollback or restore was begun after it."""
    guard = history.last("rollback.guard", Kind.OK, Kind.FAIL, Kind.UNKNOWN)
    if guard is None:
        return unknown("no guard was asked")
    begun = [
        event
        for act in ("migration.roll_back", "migration.reverse", "backup.restore")
        for event in history.all(act, Kind.BEGIN)
        if event.seq > guard.seq
    ]
    said = str(guard.data.get("found", ""))
    if guard.kind is not Kind.FAIL:
        return refuted("the guard let the rollback through")
    if begun:
        return refuted("the guard said no, and the rollback went ahead", *lines(event.act for event in begun))
    if because not in said:
        return refuted(f"the guard said no for another reason: {said}")
    return proven(f"refused: {said}")


@check("backup-restores", "the backup restores to an identical copy")
def backup_restores(history: History) -> Verdict:
    """The newest backup was restored into an empty database and compared: no fact, no row differs."""
    last = history.last("backup.verify", Kind.OK, Kind.FAIL, Kind.UNKNOWN)
    if last is None:
        return unknown("the backup was never restored")
    if last.kind is not Kind.OK:
        return refuted(f"the backup does not restore to an identical copy: {last.data.get('found', '')}")
    count = last.data.get("count")
    rows = last.data.get("rows")
    if not count:
        return unknown("the restored copy was empty")
    return proven("restored into an empty database, no fact and no row differs", facts=count, rows=rows)
