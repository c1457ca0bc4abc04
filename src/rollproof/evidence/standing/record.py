"""Writing down, when a run begins, how everything stands: its reports are then made of its journal alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollproof.evidence.standing.earlier import ACT, Earlier
from rollproof.evidence.standing.findings import Finding
from rollproof.evidence.standing.ledger import read_ledger
from rollproof.evidence.standing.readiness import moment
from rollproof.evidence.standing.whole import whole_of
from rollproof.journal import Attachments, Recorder
from rollproof.journal.redaction import clean
from rollproof.model.json import JsonObject

_CLOSED_DAYS = 90
"""Findings that were closed longer ago are left out of new runs; the runs of then hold them."""


def note_earlier(recorder: Recorder, reports: Path, controls: JsonObject | None = None) -> None:
    """Into the journal, when there is anything to say. Raises JournalError as `earlier_in` does."""
    if kept := put_earlier(recorder.journal.attachments, earlier_in(reports, controls or {})):
        recorder.note(ACT, {"history": kept})


def put_earlier(attachments: Attachments, found: Earlier) -> str | None:
    """Its digest among the attachments; None when there is nothing to say."""
    if found.runs or found.findings or found.controls or found.left_out or found.ledger or found.retired:
        return attachments.put(clean(found.to_json()))
    return None


def earlier_in(reports: Path, controls: JsonObject, *, until: str = "") -> Earlier:
    """How everything stands in a folder of runs now; nothing where there is none yet.

    Args:
        until: leaves out what was claimed later, by its stamp; for a run that others came after.

    Raises:
        JournalError: the index or the findings were altered.
    """
    ledger = read_ledger(reports)
    findings = {name: one for name, one in ledger.findings.items() if _matters(one)}
    at = (len(ledger.entries), ledger.head) if ledger.entries else None
    whole = whole_of(reports, until=until)
    runs = whole.runs
    return Earlier(
        whole.standings,
        findings,
        runs.count,
        runs.last,
        runs.seal,
        whole.left_out,
        controls,
        at,
        whole.retired,
    )


def _matters(one: Finding) -> bool:
    old = datetime.now(UTC) - timedelta(days=_CLOSED_DAYS)
    return not one.closed_at or moment(one.closed_at) > old
