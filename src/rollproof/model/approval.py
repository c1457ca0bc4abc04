"""The approval of a plan: of it and of the files that decide what its drill does, see covered.py.

An approval says who looked at what, when and until when. The digest is what makes it hold for that
alone: a plan that was edited afterwards has another.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import rfc8785
from pydantic import Field, field_validator

from rollproof.model.covered import digests_of, said_of
from rollproof.model.spec import Spec

if TYPE_CHECKING:
    from rollproof.model.plan import Plan

DAYS = 90
"""How long an approval holds unless it says otherwise."""


class Approval(Spec):
    """The `[approval]` table of a plan; `rollproof drill approve` writes it."""

    by: Annotated[str, Field(min_length=1)]
    at: str
    """when, in UTC, ISO 8601"""
    until: str
    """when it ends to hold, in UTC, ISO 8601"""
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of what was approved; see `digest_of`"""

    @field_validator("at", "until")
    @classmethod
    def _moment(cls, text: str) -> str:
        if datetime.fromisoformat(text).tzinfo is None:
            raise ValueError(f"found {text!r}, expected a time with its offset: 2026-11-22T15:00:00+00:00")
        return text

    @property
    def ends(self) -> datetime:
        return datetime.fromisoformat(self.until).astimezone(UTC)


def digest_of(plan: Plan, root: Path, *, by: str = "", at: str = "", until: str = "") -> str:
    """SHA-256 over the plan, every file that decides what its drill does, and who has approved it until when.

    The plan counts by what it says, not by how its TOML is written; files count to the byte.

    Args:
        root: the folder that the plan is run from, which its paths are relative to.
    """
    said = {"plan": said_of(plan), "files": digests_of(plan, root), "approval": [by, at, until]}
    return hashlib.sha256(rfc8785.dumps(said)).hexdigest()


def approved(plan: Plan, root: Path, *, by: str, at: datetime, until: datetime) -> Approval:
    """The table that somebody puts under a plan as it is now."""
    moments = {"at": at.astimezone(UTC).isoformat(), "until": until.astimezone(UTC).isoformat()}
    return Approval(by=by, digest=digest_of(plan, root, by=by, **moments), **moments)


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, as far as names tell: `Ann`, `ann` and `ann@example.com`."""
    return _short(one) == _short(other)


def _short(name: str) -> str:
    found = re.search(r"([^\s<>@]+)@", name)
    return " ".join((found[1] if found else name).casefold().split())


def why_not_approved(
    plan: Plan, root: Path, *, operator: str, differs: bool, now: datetime | None = None
) -> list[str]:
    """Why a plan's approval does not hold, one sentence each; empty when it does.

    Args:
        operator: who runs it.
        differs: whether the one who approved must be somebody else.
    """
    approval, moment = plan.approval, now or datetime.now(UTC)
    if approval is None:
        return ["nobody has approved the plan"]
    found = []
    if approval.digest != digest_of(plan, root, by=approval.by, at=approval.at, until=approval.until):
        found.append(
            f"what {approval.by} approved was another: the plan, a system file, something that it names, "
            "a feature, a step or the approval itself was edited since"
        )
    if moment > approval.ends:
        found.append(f"the approval of {approval.by} ended to hold at {approval.until}")
    if datetime.fromisoformat(approval.at) > moment:
        found.append(f"the approval of {approval.by} is of the future: {approval.at}")
    if differs and same_person(approval.by, operator):
        found.append(f"{operator} approved what {operator} runs, and somebody else must")
    return found
