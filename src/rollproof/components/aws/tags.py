"""Tags on what a drill makes in an account that stays: whose run, and until when it may be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

RUN_TAG = "rollproof:run"
EXPIRES_TAG = "rollproof:expires"
EXPIRY_SECONDS = 86400.0
"""How long something that a run made may be there before it counts as left behind."""


def drill_tags(run: str, *, now: datetime | None = None) -> dict[str, str]:
    """Of everything that a drill makes in an account that stays; the time in UTC, ISO 8601."""
    until = (now or datetime.now(UTC)) + timedelta(seconds=EXPIRY_SECONDS)
    return {RUN_TAG: run, EXPIRES_TAG: until.isoformat(timespec="seconds")}


def tags_of(said: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """A run's tags among those that AWS lists as `{"Key": …, "Value": …}`."""
    return {item["Key"]: item["Value"] for item in said if item["Key"] in (RUN_TAG, EXPIRES_TAG)}


def expires_at(tags: Mapping[str, str]) -> datetime | None:
    """When something with these tags counts as left behind; None when its tag cannot be read."""
    try:
        found = datetime.fromisoformat(tags.get(EXPIRES_TAG, ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
