"""Sign-offs: what a second person says of a sealed run, by a key of their own, beside the seal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollproof.errors import BadInput
from rollproof.evidence.register import Entered, Entry, Register
from rollproof.evidence.write import JOURNAL
from rollproof.journal import read_journal
from rollproof.seal.declared import APART, moment_of, operators_of
from rollproof.seal.envelope import Envelope
from rollproof.seal.keys import PublicKey, key_named
from rollproof.seal.layout import SEAL, SIGNATURES, digest_of
from rollproof.seal.people import same_name, unclear
from rollproof.seal.result import Reason, Trust, Verification
from rollproof.seal.statement import (
    MALFORMED,
    SIGN_OFF,
    Key,
    Statement,
    digest_of_bytes,
    expect_texts,
    key_of,
    read_statement,
    statement_bytes,
)

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

WHOLE = "the run"
"""what is signed when no item of the checklist is named"""


@dataclass(frozen=True, slots=True)
class SignOff:
    """One sign-off: who, of what, when, by which key; `before`: SHA-256 of the files of those before it."""

    seal: str
    by: str
    item: str
    remark: str
    at: str
    key: Key
    before: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        return statement_bytes(
            SIGN_OFF,
            [{"name": SEAL, "digest": {"sha256": self.seal}}],
            {
                "by": self.by,
                "item": self.item,
                "remark": self.remark,
                "at": self.at,
                "key": self.key.to_json(),
                **({"before": list(self.before)} if self.before else {}),
            },
        )

    @classmethod
    def from_bytes(cls, body: bytes) -> SignOff:
        """Raises ValueError, KeyError or TypeError for anything but what `to_bytes` writes."""
        subject, said = read_statement(body, SIGN_OFF)
        texts = (said["by"], said["item"], said["remark"], said["at"])
        expect_texts(*texts, *(before := tuple(said.get("before", ()))))
        found = cls(subject[SEAL], *texts, key_of(said["key"]), before)
        if found.to_bytes() != body:
            raise ValueError("not a sign-off that Rollproof writes")
        return found


def sign_off(folder: Path, signer: Signer, *, by: str, item: str = "", remark: str = "") -> Path:
    """Puts a sign-off beside the seal of a run and enters it into the index; its path.

    Args:
        item: of the checklist; the whole run without it.

    Raises:
        BadInput: the run is not sealed or its seal was altered, the item is not on its checklist, the remark
            holds what must not leave, who signs ran the drill (four eyes are two people and two keys), the
            key has signed as somebody else, or the name is written so that it passes for another.
        EnvironmentUnavailable: the key did not sign, or the folder cannot be written.
    """
    from rollproof.seal.keys import signing_key
    from rollproof.seal.sealing import put, signed

    statement, seal = _statement(folder)
    key, others = signing_key(signer), _signed_before(folder, seal)
    operators = operators_of(read_journal(folder / JOURNAL))
    taken = next((one for one in others.values() if one.key == key and not same_name(one.by, by)), None)
    why = f"this key has signed as {taken.by}" if taken else ""
    if why := why or same_person(statement, by, key.keyid, operators):
        raise BadInput(why, where=str(folder), remedy="let somebody else sign, by a key of their own")
    _expect_item(folder, item)
    _expect_nothing_personal(folder, remark)
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    said = SignOff(seal, by, item or WHOLE, remark, at, key, tuple(sorted(others)))
    body = signed(said.to_bytes(), signer).to_bytes()
    path = folder / SIGNATURES / f"{_free_name(folder, by)}.json"
    path.parent.mkdir(exist_ok=True)
    put(path, body)
    Register(folder.parent).signed(
        statement.run, by=by, item=item or WHOLE, file=path.name, digest=digest_of_bytes(body)
    )
    return path


def _signed_before(folder: Path, seal: str) -> dict[str, SignOff]:
    """The sign-offs of this seal that are there, by the SHA-256 of their files; whoever made them."""
    found = {}
    for path in sorted((folder / SIGNATURES).glob("*.json")):
        try:
            body = path.read_bytes()
            said = SignOff.from_bytes(Envelope.from_bytes(body).payload)
        except (OSError, *MALFORMED):
            continue
        if said.seal == seal:
            found[digest_of_bytes(body)] = said
    return found


def same_person(statement: Statement, by: str, keyid: str, operators: Iterable[str] = ()) -> str:
    """Why who signs is no second person; empty when nothing says so."""
    if why := unclear(by):
        return f"{why}: {by}"
    if any(same_name(by, operator) for operator in (statement.operator, *operators)):
        return f"{by} ran this drill and cannot be its reviewer as well"
    if statement.key is not None and statement.key.keyid == keyid:
        return "the run is sealed by this very key"
    return ""


def _statement(folder: Path) -> tuple[Statement, str]:
    try:
        payload = Envelope.from_bytes((folder / SEAL).read_bytes()).payload
        return Statement.from_bytes(payload), digest_of_bytes(payload)
    except FileNotFoundError as error:
        raise BadInput(
            "this run is not sealed", where=str(folder), remedy="seal it: `rollproof seal`"
        ) from error
    except (OSError, *MALFORMED) as error:
        raise BadInput(
            "the run's seal was altered", where=str(folder), remedy="see with `rollproof verify` what was"
        ) from error


def _expect_item(folder: Path, item: str) -> None:
    if not item:
        return
    from rollproof.evidence.summary import summarise

    summary = summarise(read_journal(folder / JOURNAL))
    known = sorted({one.item for scenario in summary.scenarios for one in scenario.checklist})
    if item not in known:
        raise BadInput(
            f"the checklist of this run has no item {item!r}",
            where=str(folder),
            remedy=f"one of {', '.join(known)}" if known else "leave --item out: it has no checklist",
        )


def _expect_nothing_personal(folder: Path, remark: str) -> None:
    """A remark comes after the search of the bundle and lies in it all the same."""
    from rollproof.privacy.detect import find

    if hits := find(remark):
        raise BadInput(
            f"the remark holds {hits[0].kind}",
            where=str(folder),
            remedy="say it without: what is signed cannot be taken back",
        )


def _free_name(folder: Path, by: str) -> str:
    """`001-ana-souza`: ASCII, so that no file system writes it otherwise."""
    ascii_only = unicodedata.normalize("NFKD", by).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:40] or "reviewer"
    taken = [path.name for path in (folder / SIGNATURES).glob("*.json")]
    return f"{len(taken) + 1:03}-{slug}"


def check_signoffs(folder: Path, names: Sequence[str], found: Verification, trust: Trust) -> None:
    """Every file among the signatures must be a sign-off of this very seal."""
    good: dict[str, SignOff] = {}
    for name in (name for name in names if name.startswith(f"{SIGNATURES}/")):
        try:
            envelope = Envelope.from_bytes((folder / name).read_bytes())
            said = SignOff.from_bytes(envelope.payload)
        except (OSError, *MALFORMED):
            found.add(Reason.SIGN_OFF, name, "this is no sign-off, or was altered")
            continue
        why = _wrong(envelope, said, found, trust) or _again(said, good)
        if why:
            found.add(Reason.SIGN_OFF, name, why)
            continue
        good[name] = said
        known = any(key.keyid == said.key.keyid for key in trust.of_reviewers)
        found.signoffs.append(_told(said, name, known=known))
        found.notes += _early(said, found)
    _expect_earlier(folder, good, found)


def _wrong(envelope: Envelope, said: SignOff, found: Verification, trust: Trust) -> str:
    if said.seal != found.digest:
        return "it is of another seal"
    if found.statement is not None and (
        why := same_person(found.statement, said.by, said.key.keyid, found.operators)
    ):
        return why
    try:
        given = next((key for key in trust.of_reviewers if key.keyid == said.key.keyid), None)
        key: PublicKey = given or key_named(said.key)
    except BadInput as error:
        return error.found
    signed = [signature for keyid, signature in envelope.signatures if keyid == key.keyid]
    if len(envelope.signatures) != 1 or not signed or not key.verifies(signed[0], envelope.signed):
        return f"it is not signed by key {said.key.keyid[:16]}…"
    return ""


def _again(said: SignOff, others: Mapping[str, SignOff]) -> str:
    """Why it adds nothing to those that are there already; empty when it does."""
    for name, other in others.items():
        if other == said:
            return f"it is {name} once more: one sign-off counts once"
        if other.key.keyid == said.key.keyid and not same_name(other.by, said.by):
            return f"its key has signed as {other.by} as well: one key is one person's"
    return ""


def _early(said: SignOff, found: Verification) -> list[str]:
    """A sign-off holds the digest of what it is of, so that it cannot be the older one."""
    at = moment_of(said.at)
    sealed = moment_of(found.statement.sealed_at) if found.statement else None
    if at is None:
        return [f"{said.by} does not say when they signed, by no clock"]
    early = sealed is not None and sealed - at > APART
    return [f"{said.by} signed at {said.at}, before the seal: a clock was wrong"] if early else []


def _expect_earlier(folder: Path, good: Mapping[str, SignOff], found: Verification) -> None:
    """Each sign-off names those that were there before it."""
    here = {digest_of(folder / name) for name in good}
    for name, said in good.items():
        for digest in said.before:
            if digest not in here:
                told = f"a sign-off that was there before it is gone or altered, {digest[:16]}…"
                found.add(Reason.SIGN_OFF, name, told)


def _told(said: SignOff, name: str, *, known: bool) -> dict[str, Any]:
    return {
        "file": name,
        "by": said.by,
        "item": said.item,
        "remark": said.remark,
        "at": said.at,
        "keyid": said.key.keyid,
        "key_given": known,
    }


def expect_kept(folder: Path, names: Sequence[str], found: Verification, trust: Trust) -> None:
    """Sign-offs of which a copy of their digest is kept elsewhere are there."""
    assert found.statement is not None
    there = [name for name in names if name.startswith(f"{SIGNATURES}/")]
    here = {digest_of(folder / name) for name in there} if trust.signed else set()
    for digest in sorted(set(trust.signed.get(found.statement.run, ())) - here):
        found.add(Reason.SIGN_OFF, SIGNATURES, f"the one kept elsewhere as {digest[:16]}… is not here")


def expect_signoffs(folder: Path, names: Sequence[str], found: Verification, index: Sequence[Entry]) -> None:
    """Sign-offs that the index knows of are there as they were. No path is opened that is not in `names`."""
    assert found.statement is not None
    for entry in index:
        if entry.kind is not Entered.SIGNED or entry.run != found.statement.run:
            continue
        name = f"{SIGNATURES}/{entry.data['file']}"
        if name not in names or digest_of(folder / name) != entry.data["digest"]:
            said = f"{entry.data['by']} signed {entry.data['item']}, and it is not here as it was"
            found.add(Reason.SIGN_OFF, name, said)
