"""`rollproof status`, `badge` and `trend`: what all runs together say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_drill import Debug, Reports, reports_of
from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rollproof.evidence.standing.findings import Finding
    from rollproof.evidence.standing.readiness import Readiness
    from rollproof.evidence.standing.trend import Trend
    from rollproof.evidence.standing.whole import Whole
    from rollproof.model.json import Json

_AsOf = Annotated[
    str, typer.Option("--as-of", help="the moment to reckon for, ISO 8601 with an offset (default: now)")
]
_Json = Annotated[bool, typer.Option("--json", help="for programs")]


@explained
def status_command(
    *, reports: Reports = None, as_of: _AsOf = "", as_json: _Json = False, debug: Debug = False
) -> None:
    """Say how ready everything is: the score and what it is made of, by system and environment.

    Exit code 0 when all of it is ready, 1 when something is not.
    """
    from rollproof.evidence.standing.ledger import read_ledger
    from rollproof.evidence.standing.readiness import Level

    folder, asked = reports_of(reports), _moment(as_of)
    whole, found = _read(folder, asked)
    moment = asked or datetime.now(UTC)
    findings = list(read_ledger(folder).findings.values())
    if as_json:
        typer.echo(json.dumps(_status_json(whole, found, findings, moment), indent=2, ensure_ascii=False))
    else:
        _show_status(whole, found, findings, moment)
    if not found or any(one.level is not Level.READY for one in found):
        raise typer.Exit(1)


@explained
def badge_command(
    *,
    reports: Reports = None,
    output: Annotated[Path, typer.Option(help="folder for badge.svg and badge.json")] = Path(),
    as_of: _AsOf = "",
    debug: Debug = False,
) -> None:
    """Write badge.svg, and badge.json for a shields.io endpoint: when all was last proven, and how quickly.

    Both name the moment that they were made for; make them anew each day.
    """
    from rollproof.evidence.standing.badge import badge_of
    from rollproof.plans.files import write_files

    asked = _moment(as_of)
    badge = badge_of(_read(reports_of(reports), asked)[1], asked or datetime.now(UTC))
    text = json.dumps(badge.to_json(), indent=2) + "\n"
    for path in write_files(output, {"badge.svg": badge.to_svg(), "badge.json": text}):
        typer.echo(str(path))
    typer.echo(badge.message)


@explained
def trend_command(
    *,
    gate: Annotated[str, typer.Option(help="how much longer a recovery may become, such as 20%")] = "20%",
    reports: Reports = None,
    as_json: _Json = False,
    debug: Debug = False,
) -> None:
    """Say whether recovery takes longer than it did, beyond what varies anyhow.

    Exit code 0 when none does, 1 when one does, 3 when there are too few runs to tell of any.
    """
    from rollproof.evidence.standing.trend import trends_of
    from rollproof.model.verdict import Outcome

    share = _share(gate)
    folder = reports_of(reports)
    found = trends_of(_read(folder, None)[0].standings.values(), share)
    if as_json:
        typer.echo(json.dumps([_trend_json(one) for one in found], indent=2, ensure_ascii=False))
    else:
        _show_trends(found, gate)
    outcomes = {one.outcome for one in found}
    if Outcome.REFUTED in outcomes:
        raise typer.Exit(1)
    if Outcome.PROVEN not in outcomes:
        raise typer.Exit(3)


def _read(folder: Path, moment: datetime | None) -> tuple[Whole, tuple[Readiness, ...]]:
    """As of a moment that was asked for, or of now."""
    from rollproof.evidence.standing.folder import expect_reports
    from rollproof.evidence.standing.readiness import readiness_of
    from rollproof.evidence.standing.whole import whole_of

    expect_reports(folder)
    whole = whole_of(folder, as_of=moment)
    return whole, readiness_of(whole.standings.values(), moment or datetime.now(UTC), whole.retired)


def _moment(text: str) -> datetime | None:
    """None for now."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901  # it has no offset, which is what is asked next
    if moment.utcoffset() is None:
        raise BadInput(
            f"found {text!r}, expected a time with its offset from UTC",
            where="--as-of",
            remedy="write it like 2026-11-22T03:00:00+00:00",
        )
    return moment.astimezone(UTC)


def _share(text: str) -> float:
    """Raises BadInput for anything but a percentage from 0 on."""
    number = text.strip().removesuffix("%")
    if text.strip().endswith("%") and number.replace(".", "", 1).isdecimal():
        return float(number) / 100
    raise BadInput(f"found {text!r}, expected a percentage", where="--gate", remedy="write it like 20%")


def _status_json(
    whole: Whole, found: Sequence[Readiness], findings: Sequence[Finding], moment: datetime
) -> dict[str, Json]:
    from rollproof.evidence.standing.readiness import lowest

    worst, runs = lowest(found), whole.runs
    return {
        "format": "rollproof-status/1",
        "as_of": moment.isoformat(timespec="seconds"),
        "score": worst.score if worst else None,
        "runs": runs.count,
        "newest_run": runs.last,
        "left_out": list(whole.left_out),
        "skipped": dict(whole.skipped),
        "missed": dict(runs.missed),
        "readiness": [_readiness_json(one) for one in found],
        "findings": _counts(findings, moment),
    }


def _readiness_json(one: Readiness) -> dict[str, Json]:
    from rollproof.evidence.standing.claims import BASES

    last = one.last_proven
    return {
        "system": one.system,
        "environment": one.environment,
        "score": one.score,
        "level": one.level.value,
        "earned": one.earned,
        "possible": one.possible,
        "capped_by": [standing.name for standing in one.capped],
        "last_proven_at": last.proven_at if last else None,
        "rests_on": {basis: one.resting(basis) for basis in BASES},
        "longest_interval_seconds": one.longest_interval,
        "retired": [retired.to_json() for retired in one.retired],
        "scenarios": [
            {
                "scenario": share.standing.place.scenario,
                "name": share.standing.name,
                "critical": share.standing.critical,
                "outcome": share.standing.outcome.value,
                "weight": share.weight,
                "credit": round(share.credit, 4),
                "last_proven_at": share.standing.proven_at or None,
                "interval_seconds": share.interval,
                "rto_seconds": share.standing.rto,
                "rto_objective_seconds": share.standing.rto_target,
            }
            for share in one.shares
        ],
    }


def _counts(findings: Sequence[Finding], moment: datetime) -> dict[str, Json]:
    states = [one.state(moment).value for one in findings]
    counts: dict[str, Json] = {state: states.count(state) for state in ("open", "accepted", "closed")}
    return {**counts, "overdue": sum(one.overdue(moment) for one in findings)}


def _show_status(
    whole: Whole, found: Sequence[Readiness], findings: Sequence[Finding], moment: datetime
) -> None:
    from rollproof.evidence.standing.badge import badge_of
    from rollproof.evidence.wording import count_of, printable

    runs = whole.runs
    lines = [f"as of {moment:%Y-%m-%d %H:%M} UTC, from {count_of(runs.count, 'run')}"]
    lines += [line for one in found for line in _lines(one)]
    counts = _counts(findings, moment)
    lines.append(
        f"findings: {counts['open']} open, {counts['overdue']} overdue, {counts['accepted']} accepted"
    )
    lines += [f"missed: {plan} {count_of(times, 'time')}" for plan, times in sorted(runs.missed.items())]
    lines += [
        f"in no score: {many} scenarios of the newest run, {why}" for why, many in whole.skipped.items()
    ]
    lines += [f"not counted: {line}" for line in whole.left_out]
    lines.append(badge_of(found, moment).message)
    for line in lines:
        typer.echo(printable(line))


def _lines(one: Readiness) -> list[str]:
    from rollproof.evidence.standing.sections import say_age

    score = "–" if one.score is None else f"{one.score:.1f}"
    lines = [
        f"{one.system} in {one.environment}: {score} of 100, {one.level.value}"
        f" (earned {one.earned:.2f} of {one.possible})"
    ]
    lines += [f"  {line}" for line in _resting(one)]
    lines += [f"  held down by a critical scenario that is refuted: {held.name}" for held in one.capped]
    for share in sorted(one.shares, key=lambda share: (share.credit, share.standing.place)):
        if share.credit < 1:
            age = "never proven" if share.age is None else f"proven {say_age(share.age)} ago"
            said = (
                f"{share.credit:.2f} of 1, weight {share.weight}, {age}, interval {say_age(share.interval)}"
            )
            lines.append(f"  {share.standing.outcome.value}: {share.standing.name} ({said})")
    return lines


def _resting(one: Readiness) -> list[str]:
    """What the score rests on, where a reader might think it rests on more."""
    from rollproof.evidence.standing.claims import BASES
    from rollproof.evidence.standing.readiness import DEFAULT_INTERVAL
    from rollproof.evidence.standing.sections import say_age
    from rollproof.model.verdict import Outcome

    lines = [f"rests on {len(one.shares)} scenarios, {one.count(Outcome.PROVEN)} of them proven"]
    lines += [f"{many} proven in runs {_BASES[basis]}" for basis in BASES if (many := one.resting(basis))]
    if one.longest_interval > DEFAULT_INTERVAL:
        lines.append(f"proofs may become {say_age(one.longest_interval)} old, as plans say")
    for gone in one.retired:
        instead = f", in favour of {gone.instead}" if gone.instead else ""
        lines.append(
            f"retired by {gone.by} on {gone.at[:10]}, {gone.stood}: {gone.name}: {gone.reason}{instead}"
        )
    return lines


_BASES = {
    "unsigned": "that nobody signed",
    "changes": "of a working copy with changes that were not committed",
    "picked": "that picked scenarios by hand",
    "override": "begun against their plan's own conditions",
}


def _trend_json(one: Trend) -> dict[str, Json]:
    place = one.standing.place
    return {
        "system": place.system,
        "environment": place.environment,
        "scenario": place.scenario,
        "name": one.standing.name,
        "outcome": one.outcome.value,
        "reason": one.reason,
        "newest_seconds": one.newest,
        "median_before_seconds": one.before,
        "change": one.change,
        "runs": one.runs,
    }


def _show_trends(found: Sequence[Trend], gate: str) -> None:
    from rollproof.evidence.wording import count_of, printable
    from rollproof.model.durations import say_duration

    words = {"proven": "steady", "refuted": "slower", "unknown": "unknown"}
    for one in found:
        newest = say_duration(one.newest or 0.0)
        before = f", before {say_duration(one.before)}" if one.before is not None else ""
        place = one.standing.place
        typer.echo(
            printable(
                f"{words[one.outcome.value]}: {one.standing.name} [{place.system}, {place.environment}]:"
                f" {newest}{before}; {one.reason}"
            )
        )
    slower = sum(one.outcome.value == "refuted" for one in found)
    typer.echo(f"{count_of(len(found), 'recovery time')} looked at, {slower} slower by more than {gate}")
