"""`rollproof migrations draft`: the rollback script that nobody has written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.migrations.source import MigrationSource


def draft_command(app: typer.Typer) -> None:
    """Adds the command to `rollproof migrations`."""
    app.command("draft")(explained(draft))


def draft(
    revision: Annotated[str, typer.Argument(help="id, number or name of the migration", metavar="REV")],
    *,
    path: Annotated[
        Path | None, typer.Argument(help="the repository or the folder of the migrations", metavar="PATH")
    ] = None,
    tool: Annotated[
        str | None, typer.Option("--tool", help="the migration tool, when it is not recognised")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="the project's interpreter, for tools written in Python")
    ] = None,
    variables: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE: a variable for the tool; {url} is filled in")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="write the script to this file, which must be new")
    ] = None,
    role: Annotated[list[str] | None, typer.Option(help="create this role first; may be repeated")] = None,
    limit: Annotated[float, typer.Option(min=0.1, help="seconds that one script may run")] = 60.0,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Write the rollback script of a migration that has none, from what it changes, and prove it.

    It is printed, or written to a new file, once it was run and everything was as before. What throws
    data away is refused. Exit code 0 when it is proven, 1 when it is not (it is then only printed), 2 when
    there is nothing to write.
    """
    from rollproof.migrations.draft_prove import draft as make
    from rollproof.walk.place import scratch_environment
    from rollproof.walk.settings import WalkSettings

    _expect_new(output)
    source = _open(path, tool, python, variables)
    try:
        with scratch_environment() as opened:
            settings = WalkSettings(roles=tuple(role or ()), limit=limit, locks=False)
            drafted = make(source, opened.postgres(), revision, settings=settings)
        text = drafted.text(source.load().named(revision).id)
    finally:
        source.close()
    _deliver(text, output if drafted.proven else None)
    if not drafted.proven:
        raise typer.Exit(1)


def _open(
    path: Path | None, tool: str | None, python: Path | None, variables: list[str] | None
) -> MigrationSource:
    from rollproof.migrations.tools.choice import find_tool
    from rollproof.migrations.tools.settings import ToolSettings

    if wrong := [item for item in variables or () if "=" not in item]:
        raise BadInput(f"--set {wrong[0]} is no KEY=VALUE", remedy="write --set NAME=TEXT")
    pairs = {name: value for name, _, value in (item.partition("=") for item in variables or ())}
    settings = ToolSettings(python=python, environment=pairs)
    return find_tool((path or Path()).absolute(), tool=tool, settings=settings)


def _expect_new(output: Path | None) -> None:
    """Nobody's file is written over."""
    if output is None:
        return
    if output.exists():
        raise BadInput("there is such a file already", where=str(output), remedy="name another one")
    if not output.absolute().parent.is_dir():
        raise BadInput("there is no such folder", where=str(output.absolute().parent), remedy="make it first")


def _deliver(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    with output.open("x", encoding="utf-8") as file:
        file.write(text)
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text(f"written to {output}"), soft_wrap=True)
