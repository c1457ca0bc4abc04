"""Is the backup one that can be relied on? The guard before every rollback uses the same function."""

from __future__ import annotations

from dataclasses import dataclass

from rollproof.checks.evidence import ended, lines
from rollproof.checks.registry import check
from rollproof.journal import Event, History, Kind
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
        _of_other_major(facts),
        _too_old(facts),
        "" if facts.compared else "the backup has never been restored and compared",
        "the backup is not the one that was restored and compared: its content has changed"
        if facts.compared and not facts.unchanged
        else "",
    ]


def _of_other_major(facts: BackupFacts) -> str:
    if facts.major is None:
        return "the backup does not tell which PostgreSQL it was dumped from"
    if facts.major != facts.server_major:
        return f"the backup is of PostgreSQL {facts.major}, the server is {facts.server_major}"
    return ""


def _too_old(facts: BackupFacts) -> str:
    if facts.snapshot_ns is None:
        return "nobody knows when the backup was taken"
    if facts.newest_write_ns is not None and facts.snapshot_ns < facts.newest_write_ns:
        return "the backup is older than the newest write that it must cover"
    return ""


ROLLBACKS = ("migration.roll_back", "migration.take_back", "backup.restore")
"""Acts that no rollback may begin without the guard's consent."""


def unguarded(history: History) -> list[Event]:
    """Rollbacks that began although the guard had not been asked since the one before, or had said no."""
    found = []
    consent = False
    for event in history.events:
        if event.act == "rollback.guard" and event.kind is not Kind.NOTE:
            consent = event.kind is Kind.OK
        elif event.act in ROLLBACKS and event.kind is Kind.BEGIN:
            found += [] if consent else [event]
            consent = False
    return found


@check("rollback-refused", "the rollback is refused, with its reason", answers=("rollback.guard",))
def rollback_refused(history: History, *, because: str) -> Verdict:
    """The guard said no for the expected reason, and no rollback or restore was begun without its consent."""
    guard = next(iter(ended(history, "rollback.guard")[-1:]), None)
    if guard is None:
        return unknown("no guard was asked")
    said = str(guard.data.get("found", ""))
    if guard.kind is Kind.OK:
        return refuted("the guard let the rollback through")
    if ignored := unguarded(history):
        return refuted("a rollback went ahead without the guard", *lines(event.act for event in ignored))
    if guard.kind is Kind.UNKNOWN:
        return unknown(f"the guard was cut short: {said}")
    if because not in said:
        return refuted(f"the guard said no for another reason: {said}")
    return proven(f"refused: {said}")


@check("backup-restores", "the backup restores to an identical copy")
def backup_restores(history: History) -> Verdict:
    """The newest backup was restored into an empty database and compared: no fact, no row differs."""
    last = next(iter(ended(history, "backup.verify")[-1:]), None)
    if last is None:
        return unknown("the backup was never restored")
    found = str(last.data.get("found", ""))
    if last.kind is Kind.UNKNOWN:
        return unknown(f"restoring the backup was cut short: {found}")
    if last.kind is Kind.FAIL:
        return refuted(f"the backup does not restore to an identical copy: {found}")
    newest = history.last("backup.take", Kind.OK)
    if newest is not None and newest.seq > last.seq:
        return unknown("a newer backup was taken, and never restored")
    facts, rows = last.data.get("count"), last.data.get("rows")
    if not facts or not rows:
        return unknown(
            "the restored copy was empty, so nothing shows that rows survive", facts=facts, rows=rows
        )
    return proven("restored into an empty database, no fact and no row differs", facts=facts, rows=rows)
