"""`rollproof init`: a first system file and a first plan for a repository that nobody has drilled yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_errors import explained

if TYPE_CHECKING:
    from rollproof.adopt.survey import Adopted

_LISTED = 20
"""places of one kind that are listed"""


@explained
def init_command(
    folder: Annotated[Path, typer.Argument(help="the repository", metavar="FOLDER")] = Path(),
    *,
    force: Annotated[
        bool, typer.Option("--force", help="write over files that are there, and keep them as .bak")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print what would be written")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Look a repository through, and write system.toml and a first plan, drills/first.toml.

    Nothing of the project is run, and no value of a secret is copied. Each guess says in a comment which file
    and line it comes from. Exit code 1 when nothing was found that could be drilled.
    """
    from rollproof.adopt.output import write_all
    from rollproof.adopt.survey import PLAN, SYSTEM, adopt

    adopted = adopt(folder)
    _say_found(adopted)
    if adopted.empty:
        _say_nothing(folder)
        raise typer.Exit(1)
    texts = {folder / SYSTEM: adopted.system, folder / PLAN: adopted.plan}
    if dry_run:
        for path, text in texts.items():
            typer.echo(f"\n--- {path} (not written)\n{text}", nl=False)
    else:
        for path, kept in write_all(texts, force=force):
            typer.echo(f"written: {path}" + (f" (the old one is {kept})" if kept else ""))
    _say_features(adopted)
    _say_next(folder, written=not dry_run)


def _say_found(adopted: Adopted) -> None:
    kinds = list(dict.fromkeys(kind for kind, _ in adopted.found))
    for kind in kinds:
        places = [where for each, where in adopted.found if each == kind]
        for where in places[:_LISTED]:
            typer.echo(f"found: {kind:<12} {where}")
        if places[_LISTED:]:
            typer.echo(f"found: {kind:<12} and {len(places) - _LISTED} more")
    for note in adopted.notes:
        typer.echo(f"note: {note}")
    for table, why in adopted.left_out:
        typer.echo(f"left out: {table}: {why}")


def _say_nothing(folder: Path) -> None:
    from rollproof.adopt.survey import LOOKED_FOR

    typer.echo(f"{folder}: nothing that could be drilled; looked for:")
    for item in LOOKED_FOR:
        typer.echo(f"  - {item}")
    typer.echo("what to do: name the repository's folder, or write a system.toml by hand")


def _say_features(adopted: Adopted) -> None:
    typer.echo("features, by what their scenarios ask for:")
    for one in sorted(adopted.features, key=lambda item: not item.applying):
        typer.echo(f"  {one.name:<14} {one.said}")


def _say_next(folder: Path, *, written: bool) -> None:
    there = f"cd {folder} && " if folder.absolute() != Path.cwd() else ""
    if not written:
        typer.echo(f"next: rollproof init {folder}")
        return
    typer.echo(f"next: {there}rollproof check system.toml")
    typer.echo(f"then: {there}rollproof drill run drills/first.toml")
