"""`rollproof lock`: who drills a system in an environment, and breaking a lock that nobody gives back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.environments.staging.places import Place

app = typer.Typer(
    help="See who drills a system, and break a lock that nobody gives back.", no_args_is_help=True
)

_System = Annotated[Path, typer.Argument(help="system file", metavar="SYSTEM")]
_Environment = Annotated[str, typer.Option(help="name of an [environments.NAME] of the system file")]
_Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]


@app.command()
@explained
def show(system: _System, environment: _Environment = "staging", debug: _Debug = False) -> None:
    """Say who holds the lock of a system, since when, and on what. Nothing is written.

    Exit code 0 when it is free, 1 when somebody holds it.
    """
    place = _place(system, environment)
    holders = place.holders()
    for holder in holders:
        typer.echo(f"{holder.where}: {holder}")
    if holders:
        raise typer.Exit(1)
    typer.echo(f"{place.system.name} on {environment}: nobody drills")


@app.command("break")
@explained
def break_lock(  # noqa: PLR0917  options of a command
    system: _System,
    environment: _Environment = "staging",
    reason: Annotated[str, typer.Option(help="why; it goes on record")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="really break it")] = False,
    reports: Annotated[Path, typer.Option(help="folder of the runs")] = Path("reports"),
    debug: _Debug = False,
) -> None:
    """Take the lock away from whoever holds it. A drill that runs notices, puts everything back and ends.

    What its holder left is not undone by this: run `rollproof heal` where it ran, or `rollproof sweep`.
    """
    place = _place(system, environment)
    holders = place.holders()
    for holder in holders:
        typer.echo(f"{holder.where}: {holder}")
    if not holders:
        typer.echo(f"{place.system.name} on {environment}: nobody drills")
        return
    if not (yes and reason.strip()):
        raise BadInput(
            "a lock is broken only on purpose",
            where=f"{place.system.name} on {environment}",
            remedy="add --yes, and --reason with why its holder will not give it back",
        )
    record = place.break_locks(reason.strip(), reports)
    typer.echo(f"broken; on record in {record}")


def _place(system: Path, environment: str) -> Place:
    from rollproof.environments.staging.places import Place

    return Place.look(system, environment)
