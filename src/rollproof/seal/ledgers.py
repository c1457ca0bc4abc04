"""The ledger of findings held against what sealed runs say of it: lines are only ever added to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rollproof.errors import JournalError
from rollproof.evidence.standing.findings import Act, Entry
from rollproof.evidence.standing.ledger import LEDGER, read_ledger
from rollproof.seal.declared import moment_of
from rollproof.seal.layout import unreadable
from rollproof.seal.result import Finding, Reason, Verification
from rollproof.seal.statement import MALFORMED

FINDINGS = "findings.json"
_ALTERED = frozenset(
    {Reason.SEAL, Reason.SIGNATURE, Reason.CHANGED, Reason.MISSING, Reason.CHAIN, Reason.HEAD}
)
"""A bundle that is not what was sealed says nothing of the ledger."""


def check_ledger(reports: Path, bundles: Sequence[Verification]) -> list[Finding]:
    """Whether a line was altered, or taken away since a run that is sealed.

    A run holds how long the ledger was when it began, and how its findings stood at its end. Two runs at a
    time may each find the other's lines there, so of the end only this is asked: what a run opened, closed or
    found accepted is in the ledger, by whomever. What people entered after the last seal is bound by nothing.
    """
    if why := unreadable(reports / LEDGER):
        return [Finding(Reason.STRANGE, LEDGER, why)]
    try:
        entries = read_ledger(reports).entries
    except JournalError as error:
        return [Finding(Reason.LEDGER, error.where, error.found)]
    heads = _heads(reports / LEDGER)
    sound = [one for one in bundles if not _ALTERED & {finding.reason for finding in one.findings}]
    return [*_shortened(sound, heads), *_missing(sound, entries)]


def _heads(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [hashlib.sha256(line).hexdigest() for line in path.read_bytes().split(b"\n")[:-1]]


def _shortened(bundles: Sequence[Verification], heads: Sequence[str]) -> Iterator[Finding]:
    for one in bundles:
        if one.ledger is None:
            continue
        lines, head = one.ledger
        if not 0 < lines <= len(heads) or heads[lines - 1] != head:
            told = f"there were {lines} lines when run {one.folder.name} began, ending {head[:16]}…; "
            told += "they are not here as they were" if len(heads) >= lines else f"{len(heads)} are here"
            yield Finding(Reason.LEDGER, LEDGER, told)
            return  # those after it say the same


def _missing(bundles: Sequence[Verification], entries: Sequence[Entry]) -> Iterator[Finding]:
    lives: dict[str, list[Entry]] = {}
    for entry in entries:
        lives.setdefault(entry.finding, []).append(entry)
    told = set()
    for bundle in bundles:
        for said in _findings_of(bundle):
            if said["id"] not in told and (why := _unlike(said, lives.get(said["id"], []))):
                told.add(said["id"])
                yield Finding(Reason.LEDGER, LEDGER, f"run {bundle.folder.name} {why} {said['id']}")


def _findings_of(bundle: Verification) -> list[Mapping[str, str]]:
    if bundle.statement is None or FINDINGS not in bundle.statement.files:
        return []
    try:
        found: Any = json.loads((bundle.folder / FINDINGS).read_bytes())["findings"]
        return [one for one in found if all(isinstance(one[name], str) for name in _READ)]
    except (OSError, *MALFORMED):
        return []


_READ = ("id", "opened_at", "closed_at", "accepted_at")


def _unlike(said: Mapping[str, str], life: Sequence[Entry]) -> str:
    """What the ledger does not know of a finding that a sealed run knew; empty when it knows all."""
    if not _since(said["opened_at"], life):
        return "opened, and the ledger does not have,"
    closing = [entry for entry in life if entry.act is Act.CLOSED]
    if said["closed_at"] and not (_since(said["opened_at"], closing) or _since(said["closed_at"], life)):
        return "closed, and the ledger does not,"
    accepted = {entry.at for entry in life if entry.act is Act.ACCEPTED}
    return "found accepted, and the ledger does not," if said["accepted_at"] not in {"", *accepted} else ""


def _since(stamp: str, life: Sequence[Entry]) -> bool:
    wanted = moment_of(stamp)
    moments = (moment_of(entry.at) for entry in life)
    return wanted is None or any(_not_before(one, wanted) for one in moments)


def _not_before(one: datetime | None, other: datetime) -> bool:
    return one is not None and one >= other
