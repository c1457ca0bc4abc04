"""How everything stands in a folder of runs, also where somebody would rather have it forgotten.

Three things keep a run's claims when its folder is gone: the ledger of findings holds what was refuted and
not proven since; the newest run holds how everything stood when it began; the index holds when. So neither
a run that was removed, nor one whose clock was ahead, makes a score better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rollproof.errors import JournalError
from rollproof.evidence.register import INDEX, Entered, Entry, read_index
from rollproof.evidence.standing.claims import Claim, Place
from rollproof.evidence.standing.earlier import earlier_of
from rollproof.evidence.standing.findings import Finding
from rollproof.evidence.standing.folder import Runs, read_runs, skipped_of
from rollproof.evidence.standing.ledger import read_ledger
from rollproof.evidence.standing.readiness import moment
from rollproof.evidence.standing.retired import Retired, retired_of
from rollproof.evidence.standing.states import Standing, standings_of
from rollproof.journal import read_journal
from rollproof.model.verdict import Outcome

_JOURNAL = "journal.ndjson"
_APART = timedelta(hours=1)
"""what clocks of several machines may differ by"""


@dataclass(frozen=True)
class Whole:
    """All runs together.

    Attributes:
        left_out: what was not counted, or not as it was claimed, one line each.
        skipped: how many scenarios the newest run skipped, by why: no score knows of them.
    """

    runs: Runs
    standings: Mapping[Place, Standing]
    retired: tuple[Retired, ...] = ()
    left_out: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)


def whole_of(reports: Path, *, as_of: datetime | None = None, until: str = "") -> Whole:
    """Of a folder of runs, now or as of a moment; nothing where there is no index.

    Args:
        until: leaves out what was claimed later, by its stamp; for a run that others came after.

    Raises JournalError when the index or the findings were altered.
    """
    if not (reports / INDEX).exists():
        return Whole(Runs(), {})
    entries, runs = read_index(reports / INDEX), read_runs(reports)
    claims, late = _dated(runs.claims, entries)
    open_now = _refuted_still(read_ledger(reports).findings.values(), claims)
    wanted = [one for one in (*claims, *open_now) if not until or one.at <= until]
    counted, ahead = _arrived(wanted, as_of)
    standings = standings_of(counted)
    if runs.gone or runs.expired:
        standings = _remembered(standings, reports, runs, entries, until)
    left_out = (*runs.left_out, *late, *ahead, *_behind(entries, as_of))
    skipped = skipped_of(reports / runs.last) if runs.last else {}
    return Whole(runs, standings, retired_of(entries), left_out, skipped)


def _dated(claims: Sequence[Claim], entries: Sequence[Entry]) -> tuple[list[Claim], list[str]]:
    """What a later line of the index says was earlier cannot have been later: the run's clock was ahead."""
    latest: dict[str, str] = {}
    earliest = ""
    for entry in reversed(entries):
        if entry.kind is Entered.EXECUTED and earliest:
            latest.setdefault(entry.run, earliest)
        earliest = min(earliest or entry.at, entry.at)
    told: dict[str, str] = {}
    found = []
    for claim in claims:
        known = latest.get(claim.run, claim.at)
        if moment(claim.at) - moment(known) > _APART:
            told[claim.run] = f"{claim.run}: its clock was ahead, it counts as of {known[:16]}Z"
            found.append(replace(claim, at=known))
        else:
            found.append(claim)
    return found, list(told.values())


def _refuted_still(findings: Iterable[Finding], claims: Iterable[Claim]) -> Iterator[Claim]:
    """Open findings of runs that are not to be read any more, as the claims that they came from."""
    read = {(claim.place, claim.run) for claim in claims}
    for one in findings:
        if not one.closed_run and (one.place, one.seen_run) not in read:
            yield Claim(one.place, one.name, "", (), one.critical, Outcome.REFUTED, one.seen_at, one.seen_run)


def _arrived(claims: Iterable[Claim], as_of: datetime | None) -> tuple[list[Claim], list[str]]:
    """As of a moment that was asked for, what came later is not there. Now, only proofs must wait for it."""
    counted: list[Claim] = []
    told: dict[str, str] = {}
    limit = as_of or datetime.now(UTC) + _APART
    for claim in claims:
        if moment(claim.at) <= limit or (as_of is None and claim.outcome is not Outcome.PROVEN):
            counted.append(claim)
        elif as_of is None:
            told[claim.run] = f"{claim.run}: it says that it is of {claim.at[:16]}Z, which is to come"
    return counted, list(told.values())


def _behind(entries: Sequence[Entry], as_of: datetime | None) -> Iterator[str]:
    newest = max((moment(entry.at) for entry in entries), default=None)
    if as_of is None and newest is not None and newest - datetime.now(UTC) > _APART:
        yield f"this computer's clock is behind the index, whose newest line is of {newest:%Y-%m-%d %H:%M}Z"


def _remembered(
    standings: dict[Place, Standing], reports: Path, runs: Runs, entries: Sequence[Entry], until: str
) -> dict[Place, Standing]:
    """What the newest run knew when it began. A proof whose run is gone, and had time left, is none."""
    found = dict(standings)
    for place, one in _as_it_began(reports, runs, entries).items():
        if until and one.at > until:
            continue
        if place not in found or moment(one.at) > moment(found[place].at):
            lost = one.outcome is Outcome.PROVEN and one.proven_run not in runs.expired
            found[place] = replace(one, outcome=Outcome.UNKNOWN) if lost else one
    return dict(sorted(found.items()))


def _as_it_began(reports: Path, runs: Runs, entries: Sequence[Entry]) -> Mapping[Place, Standing]:
    heads = {entry.run: entry.data["head"] for entry in entries if entry.kind is Entered.EXECUTED}
    try:
        history = read_journal(reports / runs.last / _JOURNAL)
    except JournalError:
        return {}
    if not runs.last or not history.events or history.events[-1].hash != heads.get(runs.last):
        return {}
    return earlier_of(history).standings
