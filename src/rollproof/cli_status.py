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
    from rollproof.evidence.standing.folder import Runs
    from rollproof.evidence.standing.readiness import Readiness
    from rollproof.evidence.standing.trend import Trend
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

    folder, moment = reports_of(reports), _moment(as_of)
    runs, found = _read(folder, moment)
    findings = list(read_ledger(folder).findings.values())
    if as_json:
        typer.echo(json.dumps(_status_json(runs, found, findings, moment), indent=2, ensure_ascii=False))
    else:
        _show_status(runs, found, findings, moment)
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

    moment = _moment(as_of)
    badge = badge_of(_read(reports_of(reports), moment)[1], moment)
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
    from rollproof.evidence.standing.states import standings_of
    from rollproof.evidence.standing.trend import trends_of
    from rollproof.model.verdict import Outcome

    share = _share(gate)
    folder = reports_of(reports)
    runs, _ = _read(folder, datetime.now(UTC))
    found = trends_of(standings_of(runs.claims).values(), share)
    if as_json:
        typer.echo(json.dumps([_trend_json(one) for one in found], indent=2, ensure_ascii=False))
    else:
        _show_trends(found, gate)
    outcomes = {one.outcome for one in found}
    if Outcome.REFUTED in outcomes:
        raise typer.Exit(1)
    if Outcome.PROVEN not in outcomes:
        raise typer.Exit(3)


def _read(folder: Path, moment: datetime) -> tuple[Runs, tuple[Readiness, ...]]:
    from rollproof.evidence.standing.folder import expect_reports, read_runs
    from rollproof.evidence.standing.readiness import readiness_of
    from rollproof.evidence.standing.states import standings_of

    expect_reports(folder)
    runs = read_runs(folder)
    claims = [claim for claim in runs.claims if datetime.fromisoformat(claim.at) <= moment]
    return runs, readiness_of(standings_of(claims).values(), moment)


def _moment(text: str) -> datetime:
    if not text:
        return datetime.now(UTC)
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
    runs: Runs, found: Sequence[Readiness], findings: Sequence[Finding], moment: datetime
) -> dict[str, Json]:
    from rollproof.evidence.standing.readiness import lowest

    worst = lowest(found)
    return {
        "format": "rollproof-status/1",
        "as_of": moment.isoformat(timespec="seconds"),
        "score": worst.score if worst else None,
        "runs": runs.count,
        "newest_run": runs.last,
        "left_out": list(runs.left_out),
        "missed": dict(runs.missed),
        "readiness": [_readiness_json(one) for one in found],
        "findings": _counts(findings, moment),
    }


def _readiness_json(one: Readiness) -> dict[str, Json]:
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
    runs: Runs, found: Sequence[Readiness], findings: Sequence[Finding], moment: datetime
) -> None:
    from rollproof.evidence.standing.badge import badge_of
    from rollproof.evidence.wording import count_of, printable

    lines = [f"as of {moment:%Y-%m-%d %H:%M} UTC, from {count_of(runs.count, 'run')}"]
    lines += [line for one in found for line in _lines(one)]
    counts = _counts(findings, moment)
    lines.append(
        f"findings: {counts['open']} open, {counts['overdue']} overdue, {counts['accepted']} accepted"
    )
    lines += [f"missed: {plan} {count_of(times, 'time')}" for plan, times in sorted(runs.missed.items())]
    lines += [f"not counted: {line}" for line in runs.left_out]
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
    lines += [f"  held down by a critical scenario that is refuted: {held.name}" for held in one.capped]
    for share in sorted(one.shares, key=lambda share: (share.credit, share.standing.place)):
        if share.credit < 1:
            age = "never proven" if share.age is None else f"proven {say_age(share.age)} ago"
            said = (
                f"{share.credit:.2f} of 1, weight {share.weight}, {age}, interval {say_age(share.interval)}"
            )
            lines.append(f"  {share.standing.outcome.value}: {share.standing.name} ({said})")
    return lines


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
