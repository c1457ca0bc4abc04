"""What an approval of a plan covers: the plan, the system files and the features, to the byte.

An approval says who looked at what, when and until when. The digest is what makes it hold for that
alone: a plan that was edited afterwards has another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import rfc8785
from pydantic import Field, field_validator

from rollproof.features_folder import feature_path
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


def digest_of(plan: Plan, root: Path) -> str:
    """SHA-256 over the plan without its approval, and every system file and feature file that it names.

    Args:
        root: the folder that the plan is run from, which its paths are relative to.
    """
    said = plan.model_dump(mode="json", exclude={"approval", "source"}, exclude_defaults=True)
    files = {_named(path, root): _sha256(path) for path in sorted(files_of(plan, root))}
    return hashlib.sha256(rfc8785.dumps({"plan": said, "files": files})).hexdigest()


def files_of(plan: Plan, root: Path) -> Iterator[Path]:
    """The system files and feature files that a plan leads to now."""
    for name in plan.system_files:
        path = root / name
        yield path / "system.toml" if path.is_dir() else path
    for name in plan.plan.features:
        path = root / (feature_path(name) or name)
        yield from sorted(path.rglob("*.feature")) if path.is_dir() else [path]


def _named(path: Path, root: Path) -> str:
    """Relative where it can be, so that an approval holds in another checkout of the same files."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else f"shipped/{path.name}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"


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
    if approval.digest != digest_of(plan, root):
        found.append(
            f"what {approval.by} approved was another: the plan, a system file or a feature was edited since"
        )
    if moment > approval.ends:
        found.append(f"the approval of {approval.by} ended to hold at {approval.until}")
    if datetime.fromisoformat(approval.at) > moment:
        found.append(f"the approval of {approval.by} is of the future: {approval.at}")
    if differs and approval.by == operator:
        found.append(f"{operator} approved what {operator} runs, and somebody else must")
    return found
