"""Dumps that were restored, and migrations that were taken back several at a time."""

from __future__ import annotations

from collections import Counter

from rollproof.checks.evidence import (
    as_list,
    comparison,
    ended,
    labelled,
    lines,
    need,
    observation,
    say_changes,
)
from rollproof.checks.registry import check
from rollproof.checks.rows import unsure_of
from rollproof.journal import Event, History, Kind
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.verdict import Verdict, proven, refuted, unknown


@check(
    "copy-identical",
    "the restored database is what was dumped",
    sees=("restored",),
    answers=("dump.restore",),
)
def copy_identical(history: History) -> Verdict:
    """No fact and no row differs; where a sequence stands is read by pg_dump outside of its snapshot."""
    last = need(next(iter(ended(history, "dump.restore")[-1:]), None), "restoring the dump")
    found = str(last.data.get("found", ""))
    if last.kind is Kind.UNKNOWN:
        return unknown(f"restoring the dump was cut short: {found}")
    if last.kind is Kind.FAIL:
        return refuted(f"the dump does not restore: {found}")
    compared = comparison(history, "restored", "backup")
    real = [d for d in compared.differences if d.klass is not DifferenceClass.SEQUENCE_STATE]
    changed = [change for change in compared.changes if change.loses or change.added]
    findings = [*map(str, real), *map(say_changes, changed)]
    if findings:
        return refuted(f"the copy differs: {findings[0]}", *lines(findings), differences=len(findings))
    if unsure := unsure_of(compared.changes):
        return unsure
    facts = observation(history, "backup").data.get("count")
    if not facts:
        return unknown("the fingerprint it is compared with is empty")
    return proven("no fact and no row differs", facts=int(str(facts)))


@check("restore-stopped", "the restore stopped, with its reason", answers=("dump.restore",))
def restore_stopped(history: History, *, because: str) -> Verdict:
    """The restore ended with an error, and with the expected one."""
    last = need(next(iter(ended(history, "dump.restore")[-1:]), None), "restoring the dump")
    return _refused(last, because, "the restore", "went through")


@check("dump-left-nothing", "nothing of the dump is left", sees=("restored",), answers=("dump.restore",))
def nothing_left(history: History) -> Verdict:
    """The database that the dump was restored to is as empty as it was."""
    left = need(history.last("dump.left", Kind.NOTE), "what the restore left").data.get("count")
    if left:
        return refuted(f"{left} tables, indexes and sequences of the dump are left", left=int(str(left)))
    return proven("the database is as empty as it was", left=0)


@check("back-refused", "taking them back was refused", answers=("migration.take_back",))
def back_refused(history: History) -> Verdict:
    """It was refused before anything was done, and the migration that has no way back was named."""
    last = need(next(iter(ended(history, "migration.take_back")[-1:]), None), "taking migrations back")
    return _refused(last, "has no way back", "taking them back", "went through")


def _refused(last: Event, because: str, what: str, otherwise: str) -> Verdict:
    found = str(last.data.get("found", ""))
    if last.kind is Kind.OK:
        return refuted(f"{what} {otherwise}")
    if last.kind is Kind.UNKNOWN:
        return unknown(f"{what} was cut short, and nobody can tell what it did: {found}")
    if because not in found:
        return refuted(f"{what} ended for another reason: {found}")
    return proven(f"stopped: {found}")


@check("ledger-exact", "the ledger lists exactly the migrations that stay", sees=("database",))
def ledger_exact(history: History, *, stay: list[str]) -> Verdict:
    """Each that was not taken back once, and none that was; a ledger that is gone lists none."""
    event = need(labelled(history, "observe.ledger", "after"), "the ledger 'after'")
    gone = event.data.get("found")
    if gone is not None and stay:
        return refuted(f"the ledger cannot be read any more: {gone}")
    expected, listed = Counter(stay), Counter(map(str, as_list(event.data.get("items", []))))
    findings = [f"no longer listed: {name}" for name in expected - listed]
    findings += [f"still listed: {name}" for name in listed - expected]
    if findings:
        return refuted("the ledger is not what it should be", *lines(findings), migrations=listed.total())
    taken = need(next(iter(ended(history, "migration.take_back")[-1:]), None), "taking migrations back")
    if taken.kind is not Kind.OK:
        return unknown(f"they were not taken back: {taken.data.get('found', '')}")
    return proven(f"the ledger lists the {len(stay)} migrations that stay", migrations=len(stay))
