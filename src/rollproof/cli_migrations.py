"""`rollproof migrations …`: whole histories of migrations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_draft import draft_command
from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from rollproof.environments.base import PostgresServer
    from rollproof.migrations.model import MigrationHistory
    from rollproof.migrations.source import MigrationSource
    from rollproof.model.system import System
    from rollproof.walk.baseline import Baseline
    from rollproof.walk.model import RevisionResult, WalkResult
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
_Option = Annotated[
    list[str] | None, typer.Option("--option", help="KEY=VALUE: what only this tool knows; may be repeated")
]
_BASELINE = Path("rollproof-baseline.toml")
_Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]


@dataclass(frozen=True)
class _Chosen:
    """What the command line says of the history."""

    path: Path | None
    tool: str | None
    python: Path | None
    system: Path | None
    variables: tuple[str, ...]
    options: tuple[str, ...] = ()
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
        settings = ToolSettings(
            python=self.python,
            environment=dict(_pair("--set", text) for text in self.variables),
            options=dict(_pair("--option", text) for text in self.options),
            limit=self.limit,
        )
        root = (self.path or Path()).absolute()
        return partial(find_tool, root, tool=self.tool, settings=settings)


def _pair(option: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise BadInput(f"{option} {text} is no KEY=VALUE", remedy=f"write it as {option} NAME=value")
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
    blocked: Annotated[
        bool, typer.Option("--blocked", help="measure how long readers and writers wait meanwhile; slower")
    ] = False,
    table_size: Annotated[
        str | None, typer.Option(help="estimate how long it would take on tables of this size, such as 10GB")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help=f"known findings that do not fail [default: {_BASELINE}, if there]")
    ] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="accept what fails now, for the --reason given")
    ] = False,
    reason: Annotated[str, typer.Option(help="why the findings of --write-baseline are put up with")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="write all that was found to FILE")] = None,
    html: Annotated[Path | None, typer.Option(help="write a page to FILE")] = None,
    junit: Annotated[Path | None, typer.Option(help="write JUnit XML to FILE")] = None,
    text: Annotated[Path | None, typer.Option(help="write plain text to FILE")] = None,
    github: Annotated[
        bool | None,
        typer.Option("--github/--no-github", help="annotate the pull request; found by itself"),
    ] = None,
    limit: Annotated[float, typer.Option(min=0.1, help="seconds that one script may run")] = 60.0,
    role: Annotated[list[str] | None, typer.Option(help="create this role first; may be repeated")] = None,
    variables: _Set = None,
    options: _Option = None,
    debug: _Debug = False,
) -> None:
    """Roll every migration back on a scratch Postgres, apply it again, and say what that came to.

    Exit code 0 when all are sound, 1 when one is not, 2 when the history cannot be read.
    """
    from rollproof.walk.reports.outputs import Outputs
    from rollproof.walk.settings import WalkSettings

    chosen = _Chosen(path, tool, python, system, tuple(variables or ()), tuple(options or ()), limit)
    read = chosen.read_system()
    reopen = chosen.opener(read)
    outputs = Outputs(json=json_file, html=html, junit=junit, text=text, github=github)
    outputs.expect_writable()
    known = _Known.of(baseline, write=write_baseline, reason=reason)
    settings = WalkSettings(
        since=since,
        only=tuple(only or ()),
        to_zero=to_zero,
        rows=rows,
        limit=limit,
        workers=workers,
        blocked=blocked,
        roles=(*(read.database.all_roles if read and read.database else ()), *(role or ())),
        reopen=reopen,
    )
    result = _walk(reopen(), read, settings, known, table_size)
    outputs.write(result)
    typer.echo(outputs.annotations(result), nl=False)
    if result.interrupted:
        raise typer.Exit(130)
    if known.write:
        typer.echo(f"{known.accept(result)} migrations accepted in {known.path}")
    elif not result.passes:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Known:
    """The baseline: what of it holds, and whether it is written."""

    path: Path
    baseline: Baseline | None
    write: bool
    reason: str
    today: date

    @classmethod
    def of(cls, path: Path | None, *, write: bool, reason: str) -> _Known:
        from rollproof.walk.baseline import Baseline

        if write and not reason.strip():
            raise BadInput("--write-baseline needs a --reason", remedy="say why these are put up with")
        place = path or _BASELINE
        read = Baseline.read(place) if place.exists() or (path and not write) else None
        return cls(place, read, write, reason, datetime.now(UTC).date())

    def judge(self, result: RevisionResult) -> RevisionResult:
        return self.baseline.judge(result, today=self.today) if self.baseline else result

    def apply(self, result: WalkResult) -> WalkResult:
        return self.baseline.apply(result, today=self.today) if self.baseline else result

    def accept(self, result: WalkResult) -> int:
        from rollproof.walk.baseline import write_baseline

        return write_baseline(self.path, result, reason=self.reason, today=self.today)


def _walk(
    source: MigrationSource,
    system: System | None,
    settings: WalkSettings,
    known: _Known,
    table_size: str | None,
) -> WalkResult:
    from rich.console import Console

    from rollproof.walk.estimates import read_size
    from rollproof.walk.place import scratch_environment
    from rollproof.walk.settings import wanted
    from rollproof.walk.terminal import Terminal, print_summary
    from rollproof.walk.walk import walk

    console = Console()
    table_bytes = read_size(table_size) if table_size else 0
    try:
        judged = wanted(source.load(), settings)
        with scratch_environment(system) as opened:
            server = opened.postgres()
            _announce(console, source, len(judged), server.major)
            with Terminal(console, total=len(judged)) as terminal:
                result = walk(source, server, settings, on_result=lambda one: terminal.told(known.judge(one)))
            if table_bytes:
                result = _estimated(result, source.load(), server, table_bytes)
    finally:
        source.close()
    result = known.apply(result)
    print_summary(console, result)
    return result


def _estimated(
    result: WalkResult, history: MigrationHistory, server: PostgresServer, table_bytes: int
) -> WalkResult:
    from rollproof.components.postgres.admin import connected
    from rollproof.migrations.locks.estimate import calibrate
    from rollproof.walk.estimates import with_estimates

    with connected(server, "postgres") as conn:
        return with_estimates(result, history, calibrate(conn), table_bytes=table_bytes)


def _announce(console: Console, source: MigrationSource, count: int, major: int) -> None:
    from rich.text import Text

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
    options: _Option = None,
    debug: _Debug = False,
) -> None:
    """Say which history is there, in order, and what each migration is; nothing is started but the tool."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    chosen = _Chosen(path, tool, python, system, tuple(variables or ()), tuple(options or ()))
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


draft_command(app)
