"""What a seal says: an in-toto Statement over the files of a run.

Source: in-toto attestation framework, Statement v1; its subjects are the files, its predicate is ours and
described in docs/reference/evidence.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rollproof.model.json import Json, canonical, read_canonical

STATEMENT = "https://in-toto.io/Statement/v1"
SEALED_RUN = "urn:rollproof:sealed-run:1"
SIGN_OFF = "urn:rollproof:sign-off:1"
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading bytes raises that somebody else made up; never a crash of the checker."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another sealed run, or a place in the index: its name and the digest that stands for it."""

    name: str
    digest: str

    def to_json(self) -> dict[str, Json]:
        return {"name": self.name, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class Key:
    """A public key as a statement names it: `keyid` is the SHA-256 of its DER form."""

    keyid: str
    scheme: str
    public: str

    def to_json(self) -> dict[str, Json]:
        return {"keyid": self.keyid, "scheme": self.scheme, "public": self.public}


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What is sealed.

    Attributes:
        files: name -> SHA-256 of every file of the bundle, but for the seal and what comes after it.
        head, events: hash of the journal's last line, and how many lines it has.
        previous: the run that was sealed before this one in the same folder; None for the first.
        index: number and hash of the index's last line when this was sealed.
        key: who signs; None for a bundle that nobody signs.
        renderer: what made the reports; only the same one can be asked to make them again.
    """

    run: str
    outcome: str
    sealed_at: str
    operator: str
    files: Mapping[str, str]
    head: str
    events: int
    previous: Link | None
    index: Link | None
    key: Key | None
    rollproof: str
    renderer: str

    def to_bytes(self) -> bytes:
        """The canonical form: what is signed."""
        subject: list[Json] = [
            {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(self.files.items())
        ]
        predicate: dict[str, Json] = {
            "run": self.run,
            "outcome": self.outcome,
            "sealed_at": self.sealed_at,
            "operator": self.operator,
            "journal": {"head": self.head, "events": self.events},
            "previous": self.previous.to_json() if self.previous else None,
            "index": self.index.to_json() if self.index else None,
            "key": self.key.to_json() if self.key else None,
            "rollproof": self.rollproof,
            "renderer": self.renderer,
        }
        return statement_bytes(SEALED_RUN, subject, predicate)

    @classmethod
    def from_bytes(cls, body: bytes) -> Statement:
        """Raises ValueError, KeyError or TypeError for anything but what `to_bytes` writes."""
        subject, predicate = read_statement(body, SEALED_RUN)
        found = cls(
            files=subject,
            head=predicate["journal"]["head"],
            events=predicate["journal"]["events"],
            previous=_link(predicate["previous"]),
            index=_link(predicate["index"]),
            key=None if predicate["key"] is None else key_of(predicate["key"]),
            **{
                name: predicate[name]
                for name in ("run", "outcome", "sealed_at", "operator", "rollproof", "renderer")
            },
        )
        texts = (found.run, found.outcome, found.sealed_at, found.operator, found.head, found.rollproof)
        expect_texts(*texts, found.renderer)
        if type(found.events) is not int or found.to_bytes() != body:
            raise ValueError("not a statement that Rollproof writes")
        return found


def expect_texts(*values: object) -> None:
    """Raises ValueError for a value of another kind: whoever made a bundle may have put anything there."""
    if not all(isinstance(value, str) for value in values):
        raise ValueError("something else where a text must be")


def key_of(data: Any) -> Key:
    """Raises ValueError, KeyError or TypeError for anything but what `Key.to_json` gives."""
    key = Key(**data)
    expect_texts(key.keyid, key.scheme, key.public)
    return key


def _link(data: Any) -> Link | None:
    if data is None:
        return None
    expect_texts(data["name"], data["digest"])
    return Link(data["name"], data["digest"])


def statement_bytes(kind: str, subject: list[Json], predicate: Mapping[str, Json]) -> bytes:
    """An in-toto Statement in its canonical form."""
    return canonical(
        {"_type": STATEMENT, "subject": subject, "predicateType": kind, "predicate": dict(predicate)}
    )


def read_statement(body: bytes, kind: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Subjects as name -> SHA-256, and the predicate.

    Raises ValueError, KeyError or TypeError for another kind, a name twice, or another digest.
    """
    data = read_canonical(body)
    if data["_type"] != STATEMENT or data["predicateType"] != kind:
        raise ValueError("another kind of statement")
    subject = {one["name"]: one["digest"]["sha256"] for one in data["subject"]}
    expect_texts(*subject, *subject.values())
    if len(subject) != len(data["subject"]):
        raise ValueError("a file is named twice")
    for digest in subject.values():
        if len(digest) != 64 or digest != digest.lower() or not bytes.fromhex(digest):
            raise ValueError("not a SHA-256 digest")
    return subject, data["predicate"]


def digest_of_bytes(body: bytes) -> str:
    """SHA-256 in hex: of a statement, what other seals and the index call the run by."""
    return hashlib.sha256(body).hexdigest()
