"""`rollproof sweep`: what killed runs left, found by name, tag and age, without their journals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput, EnvironmentUnavailable, RollproofError

if TYPE_CHECKING:
    from rollproof.environments.staging.leftovers import Leftover


@explained
def sweep_command(  # noqa: PLR0917  options of a command
    system: Annotated[
        Path | None, typer.Argument(help="system file; left out, only this machine is looked at")
    ] = None,
    environment: Annotated[
        str, typer.Option(help="name of an [environments.NAME] of the system file")
    ] = "staging",
    older_than: Annotated[str, typer.Option(help="leave what is younger", metavar="DURATION")] = "24h",
    yes: Annotated[bool, typer.Option("--yes", help="remove it; without, it is only listed")] = False,
    reports: Annotated[Path, typer.Option(help="folder of the runs")] = Path("reports"),
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """List what killed runs left, and with --yes remove it. No journal is needed.

    What is younger than --older-than, is of a run that goes on, or has sessions, stays. Where the journal
    still is, `rollproof heal` is better: it knows all that the run did. Exit code 1 when something could
    not be removed.
    """
    older = timedelta(seconds=_seconds(older_than))
    live = {path.name for path in _running(reports)}
    found = list(_found(system, environment, older, live))
    now = datetime.now(UTC)
    kept = [(one, one.why_not(now, live)) for one in found]
    for one, why in kept:
        run = f" of run {one.run}" if one.run else ""
        typer.echo(f"{one.kind:9} {one.name}{run}: {f'stays: {why}' if why else 'left behind'}")
    removable = [one for one, why in kept if not why]
    typer.echo(f"{len(found)} found, {len(removable)} left behind")
    if removable and not yes:
        typer.echo("nothing was removed; add --yes to do so")
    elif removable:
        _remove(removable)


def _found(system: Path | None, environment: str, older: timedelta, live: set[str]) -> Iterator[Leftover]:
    from rollproof.environments.strays import containers_left, folders_left

    try:
        yield from containers_left(older=older)
    except EnvironmentUnavailable as error:
        typer.echo(f"containers were not looked at: {error.found}; {error.remedy}", err=True)
    yield from folders_left(older=older)
    if system is not None:
        import rollproof.components.healers  # noqa: F401  they register themselves
        from rollproof.environments.staging.places import Place

        place = Place.look(system, environment)
        live |= {holder.run for holder in place.holders()}
        yield from place.left(older=older)


def _running(reports: Path) -> Iterator[Path]:
    """Folders of runs that go on here."""
    from rollproof.drill.lease import is_running

    for folder in reports.glob("*Z-*") if reports.is_dir() else ():
        if is_running(folder) or any(map(is_running, folder.glob("parts/*"))):
            yield folder


def _remove(removable: Sequence[Leftover]) -> None:
    failures = 0
    for one in removable:
        try:
            one.remove()
            typer.echo(f"removed {one.kind} {one.name}")
        except RollproofError as error:
            failures += 1
            typer.echo(f"not removed: {one.kind} {one.name}: {error}")
    if failures:
        raise typer.Exit(1)


def _seconds(text: str) -> float:
    from rollproof.model.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no duration", where="--older-than", remedy="say 24h, or 2d") from error
