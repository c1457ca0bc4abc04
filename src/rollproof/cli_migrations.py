"""`rollproof migrations …`: whole histories of migrations."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.migrations.source import MigrationSource
    from rollproof.model.system import System
    from rollproof.walk.model import WalkResult
    from rollproof.walk.settings import Reopen, WalkSettings

app = typer.Typer(
    help="Verify a whole history of migrations, whichever tool it is for.", no_args_is_help=True
)

_Path = Annotated[
    Path | None, typer.Argument(help="the repository or the folder of the migrations", metavar="PATH")
]
_Tool = Annotated[str | None, typer.Option("--tool", help="the migration tool, when it is not recognised")]
_Python = Annotated[Path | None, typer.Option(help="the project's interpreter, for tools written in Python")]
_System = Annotated[
    Path | None, typer.Option(help="system file that names the history, the roles and the version")
]
_Set = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE: a variable for the tool; {url} is filled in")
]
_Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]


@dataclass(frozen=True)
class _Chosen:
    """What the command line says of the history."""

    path: Path | None
    tool: str | None
    python: Path | None
    system: Path | None
    variables: tuple[str, ...]
    limit: float = 60.0

    def read_system(self) -> System | None:
        from rollproof.model.systemfile import read_system

        if self.system is None:
            return None
        if self.path is not None or self.tool is not None:
            raise BadInput("a system file names path and tool itself", remedy="leave PATH and --tool out")
        return read_system(self.system)

    def opener(self, system: System | None) -> Reopen:
        """Opens the history; another process may call it too."""
        from rollproof.migrations.source import open_source
        from rollproof.migrations.tools.choice import find_tool
        from rollproof.migrations.tools.settings import ToolSettings

        if system is not None:
            if system.database is None:
                raise BadInput("this system declares no database", where=str(system.source))
            return partial(open_source, system.database.migrations, system.root)
        variables = dict(map(_variable, self.variables))
        settings = ToolSettings(python=self.python, environment=variables, limit=self.limit)
        root = (self.path or Path()).absolute()
        return partial(find_tool, root, tool=self.tool, settings=settings)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadInput(f"--set {text} is no KEY=VALUE", remedy="write it as --set DATABASE_URL={url}")
    return name, value


@app.command()
@explained
def verify(
    *,
    path: _Path = None,
    tool: _Tool = None,
    python: _Python = None,
    system: _System = None,
    to_zero: Annotated[
        bool, typer.Option("--to-zero", help="all the way up, down to nothing, up again")
    ] = False,
    since: Annotated[str | None, typer.Option(help="judge only the migrations after this one")] = None,
    only: Annotated[list[str] | None, typer.Option(help="judge only this one; may be repeated")] = None,
    workers: Annotated[int, typer.Option("-n", "--workers", min=1, help="how many processes")] = 1,
    rows: Annotated[bool, typer.Option("--rows/--no-rows", help="make up rows, and see what is lost")] = True,
    json_file: Annotated[Path | None, typer.Option("--json", help="write all that was found to FILE")] = None,
    limit: Annotated[float, typer.Option(min=0.1, help="seconds that one script may run")] = 60.0,
    role: Annotated[list[str] | None, typer.Option(help="create this role first; may be repeated")] = None,
    variables: _Set = None,
    debug: _Debug = False,
) -> None:
    """Roll every migration back on a scratch Postgres, apply it again, and say what that came to.

    Exit code 0 when all are sound, 1 when one is not, 2 when the history cannot be read.
    """
    from rollproof.walk.settings import WalkSettings

    chosen = _Chosen(path, tool, python, system, tuple(variables or ()), limit)
    read = chosen.read_system()
    reopen = chosen.opener(read)
    _expect_writable(json_file)
    settings = WalkSettings(
        since=since,
        only=tuple(only or ()),
        to_zero=to_zero,
        rows=rows,
        limit=limit,
        workers=workers,
        roles=(*(read.database.all_roles if read and read.database else ()), *(role or ())),
        reopen=reopen,
    )
    result = _walk(reopen(), read, settings)
    if json_file is not None:
        json_file.write_text(json.dumps(result.to_json(), indent=1) + "\n", encoding="utf-8")
    if result.interrupted:
        raise typer.Exit(130)
    if not result.passes:
        raise typer.Exit(1)


def _expect_writable(file: Path | None) -> None:
    """Before the walk, not after it."""
    if file is not None and not file.absolute().parent.is_dir():
        raise BadInput("there is no such folder", where=str(file.absolute().parent), remedy="make it first")


def _walk(source: MigrationSource, system: System | None, settings: WalkSettings) -> WalkResult:
    from rollproof.walk.place import scratch_environment
    from rollproof.walk.settings import wanted
    from rollproof.walk.terminal import Terminal, print_summary
    from rollproof.walk.walk import walk

    console = Console()
    try:
        judged = wanted(source.load(), settings)
        with scratch_environment(system) as opened:
            server = opened.postgres()
            _announce(console, source, len(judged), server.major)
            with Terminal(console, total=len(judged)) as terminal:
                result = walk(source, server, settings, on_result=terminal.told)
    finally:
        source.close()
    print_summary(console, result)
    return result


def _announce(console: Console, source: MigrationSource, count: int, major: int) -> None:
    said = (
        f"{count} migrations of {source.tool} in {source.load().where}: each is applied, rolled back, "
        f"compared and applied again on a scratch PostgreSQL {major}."
    )
    console.print(Text(said), soft_wrap=True)


@app.command("list")
@explained
def list_migrations(
    *,
    path: _Path = None,
    tool: _Tool = None,
    python: _Python = None,
    system: _System = None,
    variables: _Set = None,
    debug: _Debug = False,
) -> None:
    """Say which history is there, in order, and what each migration is; nothing is started but the tool."""
    chosen = _Chosen(path, tool, python, system, tuple(variables or ()))
    source = chosen.opener(chosen.read_system())()
    try:
        history = source.load()
        table = Table("", "migration", "kind, by its text", "way back", box=None, pad_edge=False)
        for number, migration in enumerate(history, 1):
            back = migration.irreversible or ("yes" if migration.down else "none")
            kind = history.classification(migration).kind.value
            table.add_row(str(number), Text(migration.id), kind, Text(back))
    finally:
        source.close()
    console = Console()
    console.print(Text(f"{len(history)} migrations of {source.tool} in {history.where}"), soft_wrap=True)
    console.print(table)
    for warning in history.warnings:
        console.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
