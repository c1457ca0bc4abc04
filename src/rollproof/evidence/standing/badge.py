"""A badge of what was proven, and when: for a README or a dashboard. It names the moment it was made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from rollproof.evidence.standing.readiness import Level, Readiness, moment
from rollproof.evidence.standing.states import Standing
from rollproof.model.durations import say_duration
from rollproof.model.json import Json
from rollproof.model.verdict import Outcome

LABEL = "rollback"
_COLOURS = {
    Level.READY: ("brightgreen", "#2e7d32"),
    Level.PARTLY: ("yellow", "#8a6100"),
    Level.NOT_READY: ("red", "#b3261e"),
    Level.NONE: ("lightgrey", "#5f6368"),
}
_LETTER = 6.6
"""pixels that a letter takes at most, on average, in the badge's font"""


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says. `as_of` is UTC, ISO 8601: whoever reads it later must reckon from there."""

    message: str
    level: Level
    as_of: str
    label: str = LABEL

    def to_json(self) -> dict[str, Json]:
        """As shields.io reads an endpoint (schema version 1); and the moment beside it."""
        return {
            "schemaVersion": 1,
            "label": self.label,
            "message": f"{self.message} (as of {self.as_of[:10]})",
            "color": _COLOURS[self.level][0],
            "isError": self.level is Level.NOT_READY,
            "asOf": self.as_of,
        }

    def to_svg(self) -> str:
        """A picture with no script, no font and no link of its own."""
        said = f"{self.message} (as of {self.as_of[:10]})"
        left, right = round(len(self.label) * _LETTER + 12), round(len(said) * _LETTER + 12)
        title = escape(f"{self.label}: {self.message}, {self.level.value}, as of {self.as_of}")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img"'
            f' aria-label="{title}"><title>{title}</title>'
            f'<rect width="{left}" height="20" fill="#444"/>'
            f'<rect x="{left}" width="{right}" height="20" fill="{_COLOURS[self.level][1]}"/>'
            '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
            f'<text x="{left / 2:.0f}" y="14">{escape(self.label)}</text>'
            f'<text x="{left + right / 2:.0f}" y="14">{escape(said)}</text></g></svg>\n'
        )


def badge_of(found: Sequence[Readiness], as_of: datetime) -> Badge:
    """`last proven: 3 days ago, RTO 41 s of 15 min`; what is refuted, and what is not proven, comes first.

    The oldest of the proofs that stand speaks for them all. The label says where: `rollback (embedded)`.
    """
    stamp = as_of.isoformat(timespec="seconds").replace("+00:00", "Z")
    shares = [share for one in found for share in one.shares]
    if not shares:
        return Badge("nothing drilled", Level.NONE, stamp)
    level = next(level for level in _GRAVEST if level in {one.level for one in found})
    proven = [share.standing for share in shares if share.standing.outcome is Outcome.PROVEN]
    refuted = sum(share.standing.outcome is Outcome.REFUTED for share in shares)
    said = [f"{refuted} refuted"] if refuted else []
    if len(proven) < len(shares):
        said.append(f"{len(proven)} of {len(shares)} proven")
    if proven:
        oldest = min(moment(one.proven_at) for one in proven)
        said.append(f"last proven: {say_ago((as_of - oldest).total_seconds())}")
    said += filter(None, [_recovery(found)])
    if retired := sum(len(one.retired) for one in found):
        said.append(f"{retired} retired")
    return Badge(", ".join(said), level, stamp, f"{LABEL} ({', '.join(_environments(found))})")


def _environments(found: Sequence[Readiness]) -> list[str]:
    """The first three; names are the project's own."""
    names = list(dict.fromkeys(one.environment for one in found if one.shares))
    return [*names[:3], "…"] if len(names) > 3 else names


_GRAVEST = (Level.NOT_READY, Level.PARTLY, Level.READY, Level.NONE)


def _recovery(found: Sequence[Readiness]) -> str:
    """The recovery that took most of its objective, of all systems."""
    known: list[Standing] = [one.longest_recovery for one in found if one.longest_recovery is not None]
    if not known:
        return ""
    one = max(known, key=lambda one: (one.rto or 0.0) / one.rto_target if one.rto_target else 0.0)
    assert one.rto is not None
    of = f" of {say_short(one.rto_target)}" if one.rto_target is not None else ""
    return f"RTO {say_short(one.rto)}{of}"


def say_short(seconds: float) -> str:
    """`41 s` where a report would say `41.0 s`."""
    return say_duration(seconds).replace(".0 s", " s")


def say_ago(seconds: float) -> str:
    """`today`, `1 day ago`, `3 days ago`: whole days that have gone by."""
    days = int(max(0.0, seconds) // 86400)
    return "today" if days == 0 else f"{days} day{'' if days == 1 else 's'} ago"
