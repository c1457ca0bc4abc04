"""`rollproof findings`: what was refuted and not yet proven again, and who takes care of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rollproof.cli_drill import Debug, Reports, reports_of
from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.evidence.standing.findings import Entry, Finding
    from rollproof.evidence.standing.ledger import Ledger

app = typer.Typer(help="Findings: list, assign, accept for a time, export.", no_args_is_help=True)
_Id = Annotated[str, typer.Argument(help="id of a finding, such as F-k3xz7qmplo", metavar="FINDING")]
_By = Annotated[str, typer.Option("--by", help="the person who says so")]


@app.command("list")
@explained
def findings_list(
    *,
    everything: Annotated[bool, typer.Option("--all", help="closed ones as well")] = False,
    overdue: Annotated[bool, typer.Option("--overdue", help="only those past their due date")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    reports: Reports = None,
    debug: Debug = False,
) -> None:
    """List findings, the most urgent first. Exit code 1 with --overdue when there is any."""
    now = datetime.now(UTC)
    known = _read(reports_of(reports)).findings.values()
    shown = [one for one in known if (everything or not one.closed_run) and (not overdue or one.overdue(now))]
    shown.sort(key=lambda one: (bool(one.closed_run), not one.overdue(now), one.due, one.id))
    if as_json:
        said = [
            {**one.to_json(), "state": one.state(now).value, "overdue": one.overdue(now)} for one in shown
        ]
        typer.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        for one in shown:
            typer.echo(_line(one, now))
        typer.echo(f"{len(shown)} findings" if shown else "no findings")
    if overdue and shown:
        raise typer.Exit(1)


@app.command("assign")
@explained
def findings_assign(
    finding: _Id,
    *,
    by: _By,
    owner: Annotated[str, typer.Option("--to", help="who takes care of it")] = "",
    due: Annotated[str, typer.Option(help="to the end of which day, such as 2026-12-31")] = "",
    reports: Reports = None,
    debug: Debug = False,
) -> None:
    """Say who takes care of a finding, and until when."""
    from rollproof.evidence.standing.findings import Act

    if not owner.strip() and not due:
        raise BadInput(
            "nothing is said of it", doing="assigning a finding", remedy="give --to, --due or both"
        )
    data = {"owner": owner.strip()} if owner.strip() else {}
    if due:
        data["due"] = _day(due, "--due")
    typer.echo(_line(_change(reports_of(reports), finding, Act.ASSIGNED, by, data), datetime.now(UTC)))


@app.command("accept")
@explained
def findings_accept(
    finding: _Id,
    *,
    by: _By,
    reason: Annotated[str, typer.Option(help="why the risk may stay for a time")],
    until: Annotated[str, typer.Option(help="to the end of which day, such as 2026-12-31")],
    reports: Reports = None,
    debug: Debug = False,
) -> None:
    """Accept the risk of a finding until a day; then it is open again. Readiness stays as it is."""
    from rollproof.evidence.standing.findings import Act, day_of

    now = datetime.now(UTC)
    day = _day(until, "--until")
    if not reason.strip():
        raise BadInput("a risk is not accepted without a reason", where="--reason")
    if day < day_of(now):
        raise BadInput(f"{day} has gone by", where="--until", remedy="name a day that is to come")
    data = {"reason": reason.strip(), "until": day}
    typer.echo(_line(_change(reports_of(reports), finding, Act.ACCEPTED, by, data), now))


@app.command("export")
@explained
def findings_export(
    *,
    kind: Annotated[Literal["github", "jira", "csv"], typer.Option("--as", help="for whom")],
    output: Annotated[Path, typer.Option(help="folder for the files")] = Path("findings"),
    everything: Annotated[bool, typer.Option("--all", help="closed ones as well")] = False,
    reports: Reports = None,
    debug: Debug = False,
) -> None:
    """Write findings as files for GitHub, Jira or a spreadsheet. Nothing is sent anywhere."""
    from rollproof.evidence.standing.export import EXPORTS
    from rollproof.plans.files import write_files

    known = _read(reports_of(reports)).findings.values()
    shown = [one for one in known if everything or not one.closed_run]
    for path in write_files(output, EXPORTS[kind](shown, datetime.now(UTC))):
        typer.echo(str(path))


def _read(reports: Path) -> Ledger:
    from rollproof.evidence.standing.folder import expect_reports
    from rollproof.evidence.standing.ledger import read_ledger

    expect_reports(reports)
    return read_ledger(reports)


def _change(reports: Path, name: str, act: str, by: str, data: dict[str, str]) -> Finding:
    """Raises BadInput for a finding that is not there or is closed, and for nobody."""
    from rollproof.evidence.standing.findings import Act
    from rollproof.evidence.standing.folder import expect_reports
    from rollproof.evidence.standing.ledger import add, by_person, read_ledger

    expect_reports(reports)
    if not by.strip():
        raise BadInput("it is not said who says so", where="--by", remedy="name a person")

    def wanted(ledger: Ledger) -> Iterable[Entry]:
        if (known := ledger.findings.get(name)) is None:
            raise BadInput(
                f"there is no finding {name!r}",
                where=str(ledger.path),
                remedy="see `rollproof findings list`",
            )
        if known.closed_run:
            raise BadInput(f"{name} is closed: run {known.closed_run} proved it", where=str(ledger.path))
        return [by_person(name, Act(act), by.strip(), data)]

    add(reports, wanted)
    return read_ledger(reports).findings[name]


def _day(text: str, option: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadInput(f"found {text!r}, expected a day", where=option, remedy="like 2026-12-31") from None


def _line(one: Finding, now: datetime) -> str:
    from rollproof.evidence.wording import printable

    state = "overdue" if one.overdue(now) else one.state(now).value
    if state == "accepted":
        state += f" by {one.accepted_by} until {one.until} ({one.reason})"
    elif state == "closed":
        state += f" by run {one.closed_run}"
    owner, again = one.owner or "nobody", f", reopened {one.reopened}×" if one.reopened else ""
    place = f"{one.place.system}, {one.place.environment}"
    return printable(f"{one.id} {state}{again}; due {one.due}; {owner}; {one.title} – {one.name} [{place}]")
