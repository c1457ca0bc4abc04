"""The `rollproof` command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof import __version__, cli_drill, cli_environment, cli_findings, cli_lock, cli_migrations
from rollproof.cli_decide import decide_command
from rollproof.cli_errors import explained
from rollproof.cli_fleet import merge_command
from rollproof.cli_guide import guide_command
from rollproof.cli_init import init_command
from rollproof.cli_metrics import metrics_command, trace_command
from rollproof.cli_postmortem import postmortem_command
from rollproof.cli_report import report_command
from rollproof.cli_retire import retire_command
from rollproof.cli_seal import keygen_command, seal_command, sign_command
from rollproof.cli_status import badge_command, status_command, trend_command
from rollproof.cli_sweep import sweep_command
from rollproof.errors import BadInput, JournalError, MigrationError

if TYPE_CHECKING:
    from rollproof.drill.recovery import Healed
    from rollproof.migrations.model import MigrationHistory

app = typer.Typer(
    name="rollproof",
    help="Rehearses rollbacks for real and proves whether they work.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(cli_drill.app, name="drill")
app.add_typer(cli_migrations.app, name="migrations")
app.add_typer(cli_environment.app, name="environment")
app.add_typer(cli_lock.app, name="lock")
app.add_typer(cli_findings.app, name="findings")
app.command("badge")(badge_command)
app.command("status")(status_command)
app.command("trend")(trend_command)
app.command("decide")(decide_command)
app.command("guide")(guide_command)
app.command("init")(init_command)
app.command("keygen")(keygen_command)
app.command("seal")(seal_command)
app.command("sign")(sign_command)
app.command("merge")(merge_command)
app.command("metrics")(metrics_command)
app.command("postmortem")(postmortem_command)
app.command("report")(report_command)
app.command("retire")(retire_command)
app.command("sweep")(sweep_command)
app.command("trace")(trace_command)

_RunFolder = Annotated[Path, typer.Argument(help="folder of a run, or reports/latest", metavar="RUN")]
_Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"rollproof {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="show the version")
    ] = False,
) -> None:
    """Rehearses rollbacks for real and proves whether they work."""


@app.command(
    "verify",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def verify(context: typer.Context) -> None:
    """Check a bundle, offline, by what you bring along."""
    from rollproof.cli_verify import verify_command

    verify_command(context.args)


@app.command()
@explained
def judge(run: _RunFolder, debug: _Debug = False) -> None:
    """Judge a saved journal again, offline, and compare with the verdicts it recorded.

    Exit code 0 when everything is proven again, 1 when something is refuted or unknown or a verdict
    now comes out otherwise.
    """
    from rich.console import Console
    from rich.table import Table

    from rollproof.checks.judging import judge_again
    from rollproof.drill.recovery import JOURNAL
    from rollproof.journal import read_journal

    journal = run / JOURNAL if run.is_dir() else run
    judged = judge_again(read_journal(journal))
    if not judged:
        raise JournalError(
            "no check has judged anything in this run",
            where=str(journal),
            remedy="name the folder of a run that came to its Thens",
        )
    table = Table("scenario", "check", "recorded", "judged again", "reason")
    for item in judged:
        table.add_row(
            item.scenario, item.check, item.recorded.value, item.again.outcome.value, item.again.reason
        )
    Console().print(table)
    differing = [item for item in judged if item.again.outcome is not item.recorded]
    proven = sum(item.again.outcome.passes for item in judged)
    typer.echo(f"{len(judged)} verdicts judged again: {proven} proven, {len(differing)} come out otherwise")
    if differing or proven < len(judged):
        raise typer.Exit(1)


@app.command()
@explained
def heal(
    reports: Annotated[Path, typer.Option(help="folder of the runs")] = Path("reports"), debug: _Debug = False
) -> None:
    """Undo what killed runs left, from their journals."""
    import rollproof.components.healers  # noqa: F401  they register themselves
    from rollproof.drill.recovery import heal_unfinished

    if not reports.is_dir():
        if reports.exists():
            raise BadInput("this is not a folder", where=str(reports), remedy="name the folder of the runs")
        typer.echo(f"nothing to heal: there is no folder {reports}")
        return
    healed = heal_unfinished(reports)
    for one in healed:
        typer.echo(f"{one.name}: {one.undone} things undone")
    _close(healed)
    typer.echo(f"{len(healed)} killed runs healed" if healed else "nothing to heal")


def _close(healed: list[Healed]) -> None:
    """Reports and seals for what has been healed, as the project here says."""
    if not healed:
        return
    from rollproof.cli_seal import settings_in
    from rollproof.seal.closing import close_healed

    for failure in close_healed(healed, settings_in(Path()).seal, root=Path.cwd()):
        typer.echo(f"not sealed: {failure}")


@app.command("check")
@explained
def check_system(system: Annotated[Path, typer.Argument(help="system file")], debug: _Debug = False) -> None:
    """Read a system file and its migrations, and say what could be drilled; nothing is started."""
    from rich.console import Console
    from rich.table import Table

    from rollproof.migrations.source import open_source
    from rollproof.model.systemfile import read_system

    read = read_system(system)
    typer.echo(f"{read.name}: declares {', '.join(sorted(read.components)) or 'nothing'}")
    if read.database is None:
        return
    history = open_source(read.database.migrations, read.root).load()
    _refuse_invalid(history)
    table = Table("migration", "kind", "rolled back by", "reversed by")
    for migration in history.migrations:
        table.add_row(
            migration.id,
            str(history.classification(migration).kind),
            migration.down.name if migration.down else "-",
            migration.reverse.name if migration.reverse else "-",
        )
    Console().print(table)
    for warning in history.warnings:
        typer.echo(f"warning: {warning}")


def _refuse_invalid(history: MigrationHistory) -> None:
    """Raises MigrationError with every script that no PostgreSQL would take."""
    from rollproof.migrations.kinds import validate

    mistakes = []
    for migration in history.migrations:
        if migration.stated is not None:  # code, whose tool has said what it does
            continue
        for script in filter(None, (migration.up, migration.down, migration.reverse)):
            try:
                validate(script)
            except MigrationError as error:
                mistakes.append(error)
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        raise MigrationError("\n".join(f"{error.where}: {error.found}" for error in mistakes))
