"""Checking a bundle: offline, by what lies in it and what the checker brings along. Trusts nothing inside.

Each thing that is wrong is a finding with its reason. What cannot be told, for want of a key or of another
bundle, is a note: it never makes a bundle better than it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rollproof.errors import RollproofError
from rollproof.evidence.write import JOURNAL
from rollproof.journal import History, read_journal
from rollproof.journal.attachments import FOLDER as ATTACHMENTS
from rollproof.seal.declared import check_declared
from rollproof.seal.envelope import Envelope
from rollproof.seal.judged import check_judged
from rollproof.seal.keys import key_named
from rollproof.seal.layout import CHECKSUM, SEAL, TIMESTAMP, covered, digest_of, listing
from rollproof.seal.links import check_links
from rollproof.seal.renderer import renderer
from rollproof.seal.result import Reason, Trust, Verification
from rollproof.seal.statement import MALFORMED, Statement, digest_of_bytes


def verify_bundle(folder: Path, trust: Trust) -> Verification:
    """Everything that can be told of one bundle. Never raises for what is in it: that is a finding."""
    found = Verification(folder)
    try:
        _verify(folder, trust, found)
    except OSError as error:
        found.add(Reason.UNREADABLE, str(error.filename or folder), error.strerror or str(error))
    return found


def _verify(folder: Path, trust: Trust, found: Verification) -> None:
    names, strange = listing(folder)
    for one in strange:
        found.add(Reason.STRANGE, one.name, one.why)
    safe = all(one.name in names for one in strange)  # a pipe or a link is never opened, wherever it leads
    if SEAL not in names:
        found.add(Reason.NOT_SEALED, SEAL, "there is no seal in this folder")
        return
    envelope = _envelope(folder, names, found)
    if envelope is not None:
        _signature(envelope, trust, found)
    if found.statement is not None:
        history = _journal(folder, names, found)
        _files(folder, names, found)
        if history is not None and safe:
            check_judged(history, found)
            _reports(folder, names, history, found, trust)
        check_links(found, trust, history)
    _afterwards(folder, names, found, trust)


def _envelope(folder: Path, names: Sequence[str], found: Verification) -> Envelope | None:
    body = (folder / SEAL).read_bytes()
    _checksum(folder, names, body, found)
    try:
        envelope = Envelope.from_bytes(body)
        found.statement = Statement.from_bytes(envelope.payload)
    except MALFORMED as error:
        found.add(Reason.SEAL, SEAL, f"it cannot be read as Rollproof writes it ({type(error).__name__})")
        return None
    found.digest = digest_of_bytes(envelope.payload)
    if found.statement.run != folder.name and not folder.name.startswith(found.statement.run):
        found.notes.append(f"the folder is called {folder.name}, the run {found.statement.run}")
    return envelope


def _checksum(folder: Path, names: Sequence[str], body: bytes, found: Verification) -> None:
    if CHECKSUM not in names:
        found.add(Reason.MISSING, CHECKSUM, "the seal's checksum is not there")
    elif (folder / CHECKSUM).read_bytes() != f"{hashlib.sha256(body).hexdigest()}  {SEAL}\n".encode():
        found.add(Reason.SEAL, SEAL, f"it is not what {CHECKSUM} says")


def _signature(envelope: Envelope, trust: Trust, found: Verification) -> None:
    """Only a key that came from outside makes a bundle verified; the one inside finds accidents."""
    assert found.statement is not None
    declared = found.statement.key
    if not envelope.signatures:
        if declared is not None:
            found.add(Reason.STRIPPED, SEAL, f"it was sealed by key {declared.keyid[:16]}…")
        return
    for keyid, signature in envelope.signatures:
        known = next((key for key in trust.keys if key.keyid == keyid), None)
        if known is None:
            _stranger(envelope, keyid, signature, trust, found)
        elif known.verifies(signature, envelope.signed):
            found.signer = known
        else:
            found.add(Reason.SIGNATURE, SEAL, f"not by key {keyid[:16]}… of {known.source}")
    if declared is None or declared.keyid not in {keyid for keyid, _ in envelope.signatures}:
        found.add(Reason.SIGNATURE, SEAL, "it is not signed by the key that the seal names")


def _stranger(envelope: Envelope, keyid: str, signature: bytes, trust: Trust, found: Verification) -> None:
    if trust.keys:
        found.add(Reason.UNKNOWN_KEY, SEAL, f"key {keyid[:16]}… is none of the {len(trust.keys)} given")
    declared = found.statement.key if found.statement else None
    try:
        whole = declared is not None and declared.keyid == keyid
        whole = whole and key_named(declared).verifies(signature, envelope.signed)  # type: ignore[arg-type]  # not None
    except RollproofError:
        whole = False
    if not whole:
        found.add(Reason.SIGNATURE, SEAL, f"not by the key that the seal itself names, {keyid[:16]}…")
    elif not trust.keys:
        found.notes.append(f"signed by key {keyid[:16]}…, which was not checked: name it with --keys")


def _journal(folder: Path, names: Sequence[str], found: Verification) -> History | None:
    assert found.statement is not None
    if JOURNAL not in names:
        found.add(Reason.CHAIN, JOURNAL, "there is no journal")
        return None
    try:
        history = read_journal(folder / JOURNAL)
    except RollproofError as error:
        found.add(Reason.CHAIN, error.where or JOURNAL, error.found)
        return None
    head = history.events[-1].hash if history.events else ""
    if (head, len(history.events)) != (found.statement.head, found.statement.events):
        said = f"it ends with {head[:16]}… after {len(history.events)} events"
        sealed = f"{found.statement.head[:16]}… after {found.statement.events}"
        found.add(Reason.HEAD, JOURNAL, f"{said}, and {sealed} was sealed")
    check_declared(history, found)
    return history


def _files(folder: Path, names: Sequence[str], found: Verification) -> None:
    assert found.statement is not None
    sealed, here = found.statement.files, [name for name in names if covered(name)]
    found.files = len(sealed)
    for name in sorted(set(sealed) - set(here)):
        found.add(Reason.MISSING, name, "it was sealed and is not here")
    for name in here:
        if name not in sealed:
            found.add(Reason.ADDED, name, "it is here and was not sealed")
        elif not _same(folder / name, sealed[name]):
            found.add(Reason.CHANGED, name, "its bytes are not those that were sealed")
        elif _misnamed(name, sealed[name]):
            found.add(Reason.CHANGED, name, "its bytes are not those that the journal names")


def _misnamed(name: str, digest: str) -> bool:
    """Attachments are called by their content; the journal names them so, and is chained over the name."""
    folders, _, file = name.rpartition("/")
    return folders.rpartition("/")[2] == ATTACHMENTS and file != f"{digest}.json"


def _same(path: Path, digest: str) -> bool:
    try:
        return digest_of(path) == digest
    except OSError:
        return False


def _reports(folder: Path, names: Sequence[str], history: History, found: Verification, trust: Trust) -> None:
    """What the journal gives, made again; by the same code only: another version may say it otherwise."""
    assert found.statement is not None
    if found.statement.renderer != renderer():
        found.notes.append(
            f"the reports were made by {found.statement.renderer} and this is {renderer()}: "
            "they are the ones that were sealed, and were not made again"
        )
    else:
        for name, body in _rendered(history, found):
            if name in names and (folder / name).read_bytes() != body:
                found.add(Reason.RENDERED, name, "made again from the journal it comes out otherwise")
    if trust.oscal is not None:
        for name in (name for name in names if name.endswith("oscal.json")):
            for line in trust.oscal((folder / name).read_bytes(), history):
                found.add(Reason.OSCAL, name, line)


def _rendered(history: History, found: Verification) -> Iterator[tuple[str, bytes]]:
    """Lazily: an altered journal may hold what no report was ever made of."""
    from rollproof.evidence.summary import summarise
    from rollproof.evidence.write import rendered

    assert found.statement is not None
    try:
        outcome = summarise(history).outcome.value
        if outcome != found.statement.outcome:
            found.add(
                Reason.OUTCOME, SEAL, f"{found.statement.outcome} was sealed, the journal gives {outcome}"
            )
        yield from rendered(history)
    except Exception as error:  # noqa: BLE001  whatever a forged journal makes a renderer do
        found.add(Reason.RENDERED, JOURNAL, f"no report can be made of this journal ({type(error).__name__})")


def _afterwards(folder: Path, names: Sequence[str], found: Verification, trust: Trust) -> None:
    if TIMESTAMP in names:
        from rollproof.seal.timestamp import check_stamp, clocks_apart

        try:
            stamped = check_stamp(
                (folder / TIMESTAMP).read_bytes(), (folder / SEAL).read_bytes(), trust.roots
            )
            by = (
                "a trusted authority" if stamped.trusted else "an authority that was not checked (--tsa-root)"
            )
            found.notes.append(f"stamped {stamped.at:%Y-%m-%d %H:%M:%S} UTC by {by}")
            found.notes += clocks_apart(stamped, found.statement.sealed_at if found.statement else "")
        except ValueError as error:
            found.add(Reason.TIME_STAMP, TIMESTAMP, str(error))
    elif trust.roots:
        found.add(Reason.TIME_STAMP, TIMESTAMP, "there is none, and you brought an authority's certificate")
    if any(name.startswith("signatures/") for name in names):
        from rollproof.seal.signoff import check_signoffs

        check_signoffs(folder, names, found, trust)
    if found.statement is not None and (trust.index is not None or trust.signed):
        from rollproof.seal.signoff import expect_kept, expect_signoffs

        expect_kept(folder, names, found, trust)
        expect_signoffs(folder, names, found, trust.index or ())
