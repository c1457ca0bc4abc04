"""Reading what the runs of a folder claimed: from the small file that each has, checked against its seal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollproof.errors import BadInput, JournalError
from rollproof.evidence.register import INDEX, Entered, Entry, read_index
from rollproof.evidence.standing.claims import Claim, claims_from
from rollproof.model.verdict import Outcome

RESULT = "result.json"
_JOURNAL = "journal.ndjson"
_SEAL = "seal.json"


@dataclass(frozen=True)
class Runs:
    """All that the runs in a folder claimed.

    Attributes:
        claims: of every run that counts. Of one that is not sealed, only what speaks against it.
        count: how many runs those are of; last, seal: the newest of them, and the digest of its seal.
        left_out: what was not counted, and why, one line each.
        missed: drills that fell due and never began, by plan.
        expired: runs that were removed because their time was over.
        gone: how many of those left out had ended: what they claimed is to be looked for elsewhere.
    """

    claims: tuple[Claim, ...] = ()
    count: int = 0
    last: str = ""
    seal: str = ""
    left_out: tuple[str, ...] = ()
    missed: dict[str, int] = field(default_factory=dict)
    expired: frozenset[str] = frozenset()
    gone: int = 0


def expect_reports(reports: Path) -> None:
    """Raises BadInput for anything but a folder of runs that holds at least one."""
    doing = "looking for what the runs proved"
    if not reports.is_dir():
        found = "this is a file, not a folder of runs" if reports.exists() else "there is no such folder"
        raise BadInput(found, doing=doing, where=str(reports), remedy="name the folder of the runs")
    if (reports / INDEX).exists():
        return
    if (reports / _JOURNAL).exists():
        found = "this is the folder of one run"
        raise BadInput(
            found, doing=doing, where=str(reports), remedy=f"name the one around it: {reports.parent}"
        )
    if any(reports.glob(f"*/{_JOURNAL}")):
        found = "there are runs here, and no index that says which there should be"
        remedy = f"bring {INDEX} back from a copy; drills make a new one, and count from there"
        raise BadInput(found, doing=doing, where=str(reports), remedy=remedy)
    if any(reports.iterdir()) and not any(reports.glob(".index.lock")):
        found = "this is no folder of runs: it has no index of them, and none of what is in it is a run"
        raise BadInput(found, doing=doing, where=str(reports), remedy="name the folder of the runs")
    raise BadInput(
        "no drill has been run yet", doing=doing, where=str(reports), remedy="run one: `pytest features/`"
    )


def read_runs(reports: Path) -> Runs:
    """Every run that the index names, the oldest first. Raises JournalError for an index that was altered."""
    entries = read_index(reports / INDEX)
    ended = {entry.run: entry for entry in entries if entry.kind is Entered.EXECUTED}
    gone = {entry.run for entry in entries if entry.kind is Entered.EXPIRED}
    claims: list[Claim] = []
    left_out: list[str] = []
    counted: list[Entry] = []
    for entry in ended.values():
        if entry.run in gone:
            continue
        try:
            claims += _claims(reports / entry.run, entry)
            counted.append(entry)
        except JournalError as error:
            left_out.append(f"{entry.run}: {error.found}")
    last = counted[-1] if counted else None
    return Runs(
        tuple(claims),
        len(counted),
        last.run if last else "",
        str(last.data.get("seal") or "") if last else "",
        (*left_out, *_unended(entries, ended)),
        _missed(entries),
        frozenset(gone),
        len(left_out),
    )


def _unended(entries: Sequence[Entry], ended: dict[str, Entry]) -> Iterator[str]:
    aborted = {entry.run for entry in entries if entry.kind is Entered.ABORTED}
    for entry in entries:
        if entry.kind is Entered.PLANNED and entry.run in aborted - set(ended):
            yield f"{entry.run}: it was killed, and came to no end"


def _missed(entries: Sequence[Entry]) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in entries:
        if entry.kind is Entered.MISSED:
            found[entry.run] = found.get(entry.run, 0) + 1
    return found


def _claims(folder: Path, entry: Entry) -> tuple[Claim, ...]:
    """Raises JournalError when the run's folder is gone, or is not as it was sealed."""
    if not folder.is_dir():
        raise JournalError("its folder is gone", where=str(folder))
    seal = entry.data.get("seal")
    if seal is None:
        found = _of_journal(folder, entry)
        return tuple(claim for claim in found if claim.outcome is not Outcome.PROVEN)
    digests = _sealed(folder, str(seal))
    if RESULT not in digests:  # of an older Rollproof
        return _of_journal(folder, entry)
    return _of_result(folder, digests[RESULT])


def skipped_of(folder: Path) -> dict[str, int]:
    """How many scenarios a run skipped, by why; nothing for a run whose result does not say."""
    try:
        found = json.loads((folder / RESULT).read_bytes())["skipped"]
        return {str(why): many for why, many in found.items() if type(many) is int and many}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _sealed(folder: Path, digest: str) -> dict[str, str]:
    """Name and SHA-256 of the files under the seal that the index knows of."""
    from rollproof.seal.statement import digest_of_bytes

    try:
        payload = _payload((folder / _SEAL).read_bytes())
        if digest_of_bytes(payload) != digest:
            raise JournalError("its seal is not the one that the index names", where=str(folder))
        return {one["name"]: one["digest"]["sha256"] for one in json.loads(payload)["subject"]}
    except OSError as error:
        raise JournalError(f"its seal cannot be read ({error.strerror})", where=str(folder)) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise JournalError("its seal was altered", where=str(folder)) from error


def _payload(envelope: bytes) -> bytes:
    """Of a DSSE envelope: its digest is checked, so that its form needs not be."""
    from base64 import b64decode

    return b64decode(json.loads(envelope)["payload"], validate=True)


def _of_result(folder: Path, digest: str) -> tuple[Claim, ...]:
    from rollproof.seal.statement import digest_of_bytes

    try:
        body = (folder / RESULT).read_bytes()
        if digest_of_bytes(body) != digest:
            raise JournalError(f"{RESULT} is not what was sealed", where=str(folder))
        return claims_from(json.loads(body))
    except OSError as error:
        raise JournalError(f"{RESULT} cannot be read ({error.strerror})", where=str(folder)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise JournalError(f"{RESULT} cannot be understood", where=str(folder)) from error


def _of_journal(folder: Path, entry: Entry) -> tuple[Claim, ...]:
    """Slower: the whole journal, which must be the one that the index knows the head of."""
    from rollproof.evidence.standing.claims import claims_of
    from rollproof.evidence.summary import summarise
    from rollproof.journal import read_journal

    history = read_journal(folder / _JOURNAL)
    if not history.events or history.events[-1].hash != entry.data.get("head"):
        raise JournalError("its journal is not the one that the index names", where=str(folder))
    return claims_of(summarise(history))
