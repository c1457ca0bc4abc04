"""How a bundle is tied to what lies outside it: the run before, the index, copies of heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rollproof.evidence.reading import texts
from rollproof.evidence.register import Entered, Entry
from rollproof.journal import History
from rollproof.journal.redaction import CUT
from rollproof.seal.envelope import Envelope
from rollproof.seal.layout import SEAL, unreadable
from rollproof.seal.result import Reason, Trust, Verification
from rollproof.seal.statement import MALFORMED, Link, Statement, digest_of_bytes


def check_links(found: Verification, trust: Trust, history: History | None) -> None:
    """Findings where they do not agree with what the checker brought along."""
    assert found.statement is not None
    before = found.statement.previous
    if trust.previous is not None:
        _previous(trust.previous, found)
    elif before is None:
        found.notes.append("the first run that was sealed in its folder")
    if trust.anchors is not None:
        _anchored(found, trust.anchors)
    if trust.index is not None:
        _indexed(found, trust.index)
        if history is not None:
            _as_planned(found, trust.index, history)


def _previous(folder: Path, found: Verification) -> None:
    assert found.statement is not None
    before = found.statement.previous
    if why := unreadable(folder / SEAL):
        found.add(Reason.PREVIOUS, str(folder), f"its seal is {why}")
        return
    try:
        payload = Envelope.from_bytes((folder / SEAL).read_bytes()).payload
        run, digest = Statement.from_bytes(payload).run, digest_of_bytes(payload)
    except (OSError, *MALFORMED):
        found.add(Reason.PREVIOUS, str(folder), "there is no seal of Rollproof's in it")
        return
    if before is None:
        found.add(Reason.PREVIOUS, run, "this bundle says that it is the first")
    elif (before.name, before.digest) != (run, digest):
        found.add(Reason.PREVIOUS, run, f"this bundle is linked to {before.name}, seal {before.digest[:16]}…")


def _anchored(found: Verification, anchors: Mapping[str, str]) -> None:
    """Copies of heads know runs that were taken away with their entries in the index."""
    assert found.statement is not None
    run = found.statement.run
    if run not in anchors:
        found.add(Reason.INDEX, run, "no copy of a head was kept of this run")
    elif anchors[run] != found.digest:
        found.add(Reason.INDEX, run, f"seal {anchors[run][:16]}… was copied elsewhere, this is another")
    for later in sorted(name for name in anchors if name > run):
        if not _beside(found.folder, later):
            found.notes.append(f"run {later} was sealed later and is not beside this bundle")


def _beside(folder: Path, run: str) -> bool:
    return (folder.absolute().parent / run / SEAL).exists()


def _indexed(found: Verification, index: Sequence[Entry]) -> None:
    assert found.statement is not None
    run = found.statement.run
    mine = [entry for entry in index if entry.kind is Entered.EXECUTED and entry.run == run]
    if not mine or mine[-1].data.get("seal") != found.digest:
        told = str(mine[-1].data.get("seal"))[:16] if mine else "no seal"
        found.add(Reason.INDEX, run, f"the index has {told} of this run, not {found.digest[:16]}…")
    where = found.statement.index
    if where is not None and not _is_line(where, index):
        found.add(Reason.INDEX, run, f"line {where.name} of the index is not the one that was sealed with it")
    if mine:
        _as_entered(mine[-1], found)


def _as_planned(found: Verification, index: Sequence[Entry], history: History) -> None:
    """The index was told before the run which scenarios were chosen; the journal may leave none out."""
    assert found.statement is not None
    run = found.statement.run
    entry = next((one for one in index if one.kind is Entered.PLANNED and one.run == run), None)
    if entry is None or not isinstance(entry.data.get("digest"), str):
        return
    begun = sorted({event.actor for event in history.all("scenario.started")})  # what merging counts
    chosen = [sorted(texts(note.data, "items")) for note in history.all("run.planned")]
    wanted = (entry.data.get("scenarios"), entry.data["digest"])
    if all(wanted != _chosen(some) for some in (begun, *chosen)) and not _cut(chosen):
        told = f"{wanted[0]} scenarios were planned, {max(map(len, chosen), default=0)} are in the journal"
        found.add(Reason.INDEX, run, f"{told}, or others")


def _chosen(scenarios: Sequence[str]) -> tuple[int, str]:
    return len(scenarios), digest_of_bytes("\n".join(scenarios).encode("utf-8", "surrogatepass"))


def _cut(chosen: Sequence[Sequence[str]]) -> bool:
    """What looks like a secret was cut out of a scenario's name: its digest cannot be told any more."""
    return any(CUT in name for some in chosen for name in some)


def _is_line(where: Link, index: Sequence[Entry]) -> bool:
    return any(str(entry.seq) == where.name and entry.hash == where.digest for entry in index)


def _as_entered(entry: Entry, found: Verification) -> None:
    """What the index says of the run is what was sealed: others read only the index."""
    assert found.statement is not None
    said = found.statement
    if (entry.data["outcome"], entry.data["head"]) != (said.outcome, said.head):
        told = f"the index has {entry.data['outcome']}, journal {str(entry.data['head'])[:16]}…"
        found.add(Reason.INDEX, said.run, f"{told}; {said.outcome}, journal {said.head[:16]}… was sealed")
