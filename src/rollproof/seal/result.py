"""What checking a bundle brings: findings with their reasons, notes, and one result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path

from rollproof.evidence.register import Entry
from rollproof.journal import History
from rollproof.model.json import Json
from rollproof.seal.keys import PublicKey
from rollproof.seal.statement import Statement

UNSIGNED = "unsigned: detects accident, not malice"


class Reason(StrEnum):
    """Why a bundle is not what it should be."""

    UNREADABLE = "cannot be read"
    NOT_SEALED = "not sealed"
    SEAL = "the seal was altered"
    SIGNATURE = "the signature does not verify"
    UNKNOWN_KEY = "signed by a key that was not given"
    STRIPPED = "the signature is gone"
    CHANGED = "a file was altered"
    MISSING = "a file is missing"
    ADDED = "a file was added"
    STRANGE = "not a plain file"
    CHAIN = "the journal's chain is broken"
    HEAD = "the journal is not the one that was sealed"
    DISAGREES = "the seal does not agree with the journal"
    RENDERED = "a report is not what the journal gives"
    JUDGED = "a verdict is not what the journal gives"
    OUTCOME = "the outcome is not what the journal gives"
    PREVIOUS = "the link to the run before is wrong"
    INDEX = "the index does not agree"
    GAP = "a run is missing"
    LEDGER = "the findings do not agree"
    SIGN_OFF = "a sign-off does not verify"
    TIME_STAMP = "the time stamp does not verify"
    OSCAL = "the OSCAL file is not valid"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: why, where (a file or a run), and in words."""

    reason: Reason
    where: str
    found: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.where}: {self.found}" if self.where else f"{self.reason}: {self.found}"


class Result(IntEnum):
    """As exit codes."""

    VERIFIED = 0
    FAILED = 1
    UNSIGNED = 3


@dataclass(frozen=True)
class Trust:
    """What the checker brings along, from outside the bundle.

    Attributes:
        keys: public keys of those who may seal, and sign off unless `reviewers` names who may.
        roots: certificates of time-stamp authorities.
        previous: the bundle before this one. index, anchors: the index, and digests of seals by run.
        signed: digests of the sign-offs of each run, from where copies of heads are kept.
        oscal: what checks an OSCAL file: its findings as texts; None to leave it out.
    """

    keys: Sequence[PublicKey] = ()
    reviewers: Sequence[PublicKey] | None = None
    roots: Sequence[Path] = ()
    previous: Path | None = None
    index: Sequence[Entry] | None = None
    anchors: Mapping[str, str] | None = None
    signed: Mapping[str, Collection[str]] = field(default_factory=dict)
    oscal: Callable[[bytes, History], Sequence[str]] | None = None

    @property
    def of_reviewers(self) -> Sequence[PublicKey]:
        return self.keys if self.reviewers is None else self.reviewers


@dataclass
class Verification:
    """What was found. `signer` is who sealed: a key that was given from outside, or None.

    `operators`: all who ran it, by the seal and by the journal. `ledger`: how many lines the findings had
    when the run began, and the hash of the last.
    """

    folder: Path
    statement: Statement | None = None
    digest: str = ""
    signer: PublicKey | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    signoffs: list[dict[str, Json]] = field(default_factory=list)
    files: int = 0
    operators: frozenset[str] = frozenset()
    ledger: tuple[int, str] | None = None

    @property
    def result(self) -> Result:
        if self.findings:
            return Result.FAILED
        return Result.VERIFIED if self.signer else Result.UNSIGNED

    def add(self, reason: Reason, where: str, found: str) -> None:
        self.findings.append(Finding(reason, where, found))

    def to_json(self) -> dict[str, Json]:
        """For other programs; `rollproof verify --json`."""
        statement = self.statement
        return {
            "format": "rollproof-verification/1",
            "result": self.result.name.lower(),
            "run": statement.run if statement else self.folder.name,
            "outcome": statement.outcome if statement else None,
            "sealed_at": statement.sealed_at if statement else None,
            "operator": statement.operator if statement else None,
            "seal": self.digest or None,
            "signed_by": self.signer.keyid if self.signer else None,
            "findings": [
                {"reason": one.reason.value, "where": one.where, "found": one.found} for one in self.findings
            ],
            "notes": list(self.notes),
            "sign_offs": list(self.signoffs),
        }
