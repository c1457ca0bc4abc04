"""`rollproof retire`: a scenario that nobody drills any more, taken out of the score for all to see."""

from __future__ import annotations

from typing import Annotated

import typer

from rollproof.cli_drill import Debug, Reports, reports_of
from rollproof.cli_errors import explained


@explained
def retire_command(
    scenario: Annotated[
        str, typer.Argument(help="as `rollproof status --json` calls it, such as a.feature::test_b[shop]")
    ],
    *,
    by: Annotated[str, typer.Option("--by", help="the person who says so")],
    reason: Annotated[str, typer.Option(help="why it is not drilled any more")],
    instead: Annotated[str, typer.Option(help="the scenario that replaces it, if any does")] = "",
    system: Annotated[str, typer.Option(help="of which system, where there are several")] = "",
    environment: Annotated[str, typer.Option(help="in which environment, where there are several")] = "",
    reports: Reports = None,
    debug: Debug = False,
) -> None:
    """Take a scenario that nobody drills any more out of the score; it stays listed beside it.

    What stands refuted takes --instead, a scenario that was proven since. Drilled again, it counts again.
    """
    from rollproof.evidence.register import Register
    from rollproof.evidence.standing.folder import expect_reports
    from rollproof.evidence.standing.retired import named, retiring
    from rollproof.evidence.standing.whole import whole_of
    from rollproof.evidence.wording import printable

    folder = reports_of(reports)
    expect_reports(folder)
    standings = whole_of(folder).standings
    place = named(standings, scenario, system=system, environment=environment)
    said = retiring(standings, place, by=by, reason=reason, instead=instead)
    Register(folder).retired(said)
    typer.echo(printable(f"retired, {said['stood']}: {said['name']} [{place.system}, {place.environment}]"))
