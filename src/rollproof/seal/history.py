"""Checking a whole folder of runs: the index, every bundle in it, the links between them, and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from rollproof.errors import JournalError
from rollproof.evidence.register import INDEX, Entered, Entry, read_index
from rollproof.evidence.write import JOURNAL
from rollproof.model.json import Json
from rollproof.seal.declared import moment_of
from rollproof.seal.layout import LEASE, SEAL, unreadable
from rollproof.seal.ledgers import check_ledger
from rollproof.seal.result import Finding, Reason, Result, Trust, Verification
from rollproof.seal.verifying import verify_bundle

_CLOSING = {Entered.EXECUTED, Entered.ABORTED, Entered.EXPIRED}


@dataclass
class FolderVerification:
    """Every bundle by itself, and what is wrong between them."""

    folder: Path
    bundles: list[Verification] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def result(self) -> Result:
        """Verified only when every bundle is; a folder without bundles proves nothing."""
        results = {one.result for one in self.bundles}
        if self.findings or not results or Result.FAILED in results:
            return Result.FAILED
        return Result.UNSIGNED if Result.UNSIGNED in results else Result.VERIFIED

    def to_json(self) -> dict[str, Json]:
        return {
            "format": "rollproof-verification/1",
            "result": self.result.name.lower(),
            "findings": [
                {"reason": one.reason.value, "where": one.where, "found": one.found} for one in self.findings
            ],
            "notes": list(self.notes),
            "runs": [one.to_json() for one in self.bundles],
        }


def verify_folder(reports: Path, trust: Trust, *, index: Path | None = None) -> FolderVerification:
    """A folder of runs, as `reports/`. Never raises for what is in it: that is a finding."""
    found = FolderVerification(reports)
    entries = _entries(index or reports / INDEX, found)
    if not entries:
        found.findings.append(Finding(Reason.INDEX, INDEX, "there is no index of the runs"))
    trust = replace(trust, index=entries or None)
    found.bundles = [verify_bundle(folder, trust) for folder in _sealed(reports)]
    found.findings += _gaps(found.bundles, entries, trust.anchors or {})
    for entry in _unended(entries):
        if _going_on(reports, entry.run):
            found.notes.append(f"{entry.run}: it is going on")
        else:
            told = f"it was planned at {entry.at} and never came to its end"
            found.findings.append(Finding(Reason.GAP, entry.run, told))
    found.findings += _sealed_twice(entries)
    found.findings += check_ledger(reports, found.bundles)
    strangers = _strangers(reports, entries)
    found.findings += _unheard_of(strangers, entries)
    found.findings += _one_journal_twice(entries)
    found.findings += _links(found.bundles, entries)
    found.notes += _told(entries)
    found.notes += _cut_short(index or reports / INDEX)
    if older := [run for run in strangers if entries and run <= entries[0].run]:
        found.notes.append(f"{len(older)} journals are older than the index, and were not looked at")
    return found


def _entries(index: Path, found: FolderVerification) -> list[Entry]:
    if why := unreadable(index):
        found.findings.append(Finding(Reason.STRANGE, index.name, why))
        return []
    try:
        return read_index(index)
    except JournalError as error:
        found.findings.append(Finding(Reason.INDEX, error.where, error.found))
        return []


def _sealed(reports: Path) -> list[Path]:
    """Bundles by their own names; `latest` is a link to one of them."""
    return sorted(path.parent for path in reports.glob(f"*/{SEAL}") if not path.parent.is_symlink())


def _gaps(
    bundles: Sequence[Verification], entries: Sequence[Entry], anchors: Mapping[str, str]
) -> Iterator[Finding]:
    """Runs that were there, as somebody knows, and are not any more. A folder's name alone is no run."""
    here = set()
    for bundle in bundles:
        run = bundle.statement.run if bundle.statement else bundle.folder.name
        if run == bundle.folder.name:
            here.add(run)
        else:
            yield Finding(Reason.INDEX, bundle.folder.name, f"it holds the run {run}")
    expired = {entry.run for entry in entries if entry.kind is Entered.EXPIRED}
    sealed = {entry.run: entry for entry in entries if entry.kind is Entered.EXECUTED and entry.data["seal"]}
    for run, entry in sealed.items():
        if run not in here | expired:
            yield Finding(Reason.GAP, run, f"it was sealed {entry.data['outcome']}, and is not here")
    for run in sorted(set(anchors) - set(sealed)):
        yield Finding(Reason.GAP, run, "a copy of its head was kept elsewhere, and the index has no such run")
    for run in sorted(here - set(sealed)):
        yield Finding(Reason.INDEX, run, "it is here, and the index has no seal of it")


def _unended(entries: Sequence[Entry]) -> list[Entry]:
    closed = {entry.run for entry in entries if entry.kind in _CLOSING}
    return [entry for entry in entries if entry.kind is Entered.PLANNED and entry.run not in closed]


def _going_on(reports: Path, run: str) -> bool:
    """Whether some process holds the run's lease, or that of a part. No link is followed to ask for it."""
    if "/" in run or run in {"", ".", ".."}:
        return False
    leases = [reports / run / LEASE, *(reports / run).glob(f"parts/*/{LEASE}")]
    plain = [one for one in leases if one.is_file() and not one.is_symlink() and not one.stat().st_size]
    if not plain or (reports / run).is_symlink():
        return False
    from rollproof.drill.lease import is_running

    return any(is_running(one.parent) for one in plain)


def _sealed_twice(entries: Sequence[Entry]) -> Iterator[Finding]:
    """What is sealed stays as it is; a seal in the place of another one hides what that one said."""
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.kind is not Entered.EXECUTED:
            continue
        before = first.setdefault(entry.run, entry)
        if before.data["seal"] not in (None, entry.data["seal"]):
            told = f"it was sealed {before.data['outcome']}, and sealed anew {entry.data['outcome']}"
            yield Finding(Reason.INDEX, entry.run, told)
        elif before.data["head"] != entry.data["head"]:
            told = f"it ended {before.data['outcome']}; what was sealed later is another journal"
            yield Finding(Reason.INDEX, entry.run, told)


def _strangers(reports: Path, entries: Sequence[Entry]) -> list[str]:
    """Journals of runs that the index never heard of: those whose seal and lines were both taken away."""
    known = {entry.run for entry in entries}
    folders = (path.parent for path in sorted(reports.glob(f"*/{JOURNAL}")))
    return [
        folder.name
        for folder in folders
        if folder.name not in known and not folder.is_symlink() and not (folder / SEAL).exists()
    ]


def _unheard_of(strangers: Sequence[str], entries: Sequence[Entry]) -> Iterator[Finding]:
    """But for those from before there was an index: a run's name begins with its time."""
    for run in strangers:
        if entries and run > entries[0].run:
            yield Finding(Reason.INDEX, run, "there is a journal of it, and the index never heard of it")


def _one_journal_twice(entries: Sequence[Entry]) -> Iterator[Finding]:
    ended: dict[str, str] = {}
    for entry in entries:
        if entry.kind is Entered.EXECUTED:
            first = ended.setdefault(str(entry.data["head"]), entry.run)
            if first != entry.run:
                yield Finding(Reason.INDEX, entry.run, f"its journal is that of {first}")


def _links(bundles: Sequence[Verification], entries: Sequence[Entry]) -> Iterator[Finding]:
    """Each seal names the one that the index has before it."""
    sealed = [entry for entry in entries if entry.kind is Entered.EXECUTED and entry.data["seal"]]
    before = dict(zip((entry.run for entry in sealed), [None, *sealed], strict=False))
    for bundle in bundles:
        said = bundle.statement
        if said is None or said.run not in before:
            continue
        expected = before[said.run]
        wanted = (expected.run, expected.data["seal"]) if expected else None
        linked = (said.previous.name, said.previous.digest) if said.previous else None
        if linked != wanted:
            there = wanted[0] if wanted else "none"
            told = linked[0] if linked else "none"
            yield Finding(
                Reason.PREVIOUS, said.run, f"it is linked to {told}, the index has {there} before it"
            )


def _cut_short(index: Path) -> Iterator[str]:
    body = b"" if unreadable(index) or not index.exists() else index.read_bytes()
    if body and not body.endswith(b"\n"):
        yield f"the last line of {index.name} is cut short and was left out: a crash, or somebody's hand"


def _removed(entry: Entry, entries: Sequence[Entry]) -> str:
    """What an expired run had come to, and how long ago: others may have wanted it gone."""
    ended = [one for one in entries if one.run == entry.run and one.kind is Entered.EXECUTED]
    begun, gone = moment_of(ended[-1].at) if ended else None, moment_of(entry.at)
    if begun is None or gone is None:
        return "it never came to an end"
    return f"it was {ended[-1].data['outcome']}, {(gone - begun).days} days before"


def _told(entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries:
        if entry.kind is Entered.ABORTED:
            yield f"{entry.run}: aborted: {entry.data['reason']}"
        elif entry.kind is Entered.MISSED:
            yield f"plan {entry.run}: missed at {entry.data['due']}: {entry.data['reason']}"
        elif entry.kind is Entered.RETIRED:
            told = f"{entry.run} on {entry.data['system']} in {entry.data['environment']}"
            yield f"retired by {entry.data['by']}, {entry.data['stood']}: {told}: {entry.data['reason']}"
        elif entry.kind is Entered.EXPIRED:
            yield f"{entry.run}: removed: {entry.data['reason']}; {_removed(entry, entries)}"
        elif entry.kind is Entered.EXECUTED and not entry.data["seal"]:
            yield f"{entry.run}: {entry.data['outcome']}, not sealed: {entry.data.get('reason', '')}"
    for before, entry in pairwise(entries):
        if entry.at < before.at:
            yield f"line {entry.seq} of the index: the clock went back, from {before.at} to {entry.at}"
