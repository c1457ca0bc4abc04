"""Which deploy caused it: the first after which more requests failed, or more errors were logged. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rollproof.checks.significance import Rate, chance_of_more_events, chance_of_rise
from rollproof.model.json import Json

ALPHA = 0.01
"""The chance of blaming a deploy that changed nothing."""


@dataclass(frozen=True, slots=True)
class Served:
    """What was seen while one release served.

    Attributes:
        asked, failed: requests of clients.
        lines, errors: written to the logs.
        seconds: for how long.
    """

    release: str
    asked: int
    failed: int
    lines: int
    errors: int
    seconds: float

    def to_json(self) -> dict[str, Json]:
        return {
            "release": self.release,
            "asked": self.asked,
            "failed": self.failed,
            "lines": self.lines,
            "errors": self.errors,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Blamed:
    """The release whose deploy is to blame, and what speaks for it; none when nothing has risen."""

    release: str
    before: str
    findings: tuple[str, ...]


def blame(served: Sequence[Served]) -> Blamed:
    """The first release, in order, with which failures or logged errors rose over the release before it."""
    for then, now in pairwise(served):
        if findings := tuple(_risen(then, now)):
            return Blamed(now.release, then.release, findings)
    return Blamed("", "", ())


def _risen(then: Served, now: Served) -> Iterable[str]:
    failed, failing = Rate(then.failed, then.asked), Rate(now.failed, now.asked)
    if now.failed and then.asked and now.asked and chance_of_rise(failed, failing) < ALPHA:
        yield (
            f"{now.failed} of {now.asked} requests failed with {now.release}, "
            f"{then.failed} of {then.asked} with {then.release}"
        )
    if now.errors and then.seconds > 0 and now.seconds > 0:
        more = chance_of_more_events(then.errors, then.seconds, now.errors, now.seconds)
        if more < ALPHA:
            yield (
                f"{now.errors} errors were logged in {now.seconds:.1f} s with {now.release}, "
                f"{then.errors} in {then.seconds:.1f} s with {then.release}"
            )
