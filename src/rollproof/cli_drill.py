"""`rollproof drill`: what plans say, run, listed, served and written out for other schedulers."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollproof.cli_approve import approve_command
from rollproof.cli_errors import explained
from rollproof.errors import BadInput

if TYPE_CHECKING:
    from rollproof.fleet.shards import Shard
    from rollproof.model.plan import Plan
    from rollproof.plans.running import Engine

app = typer.Typer(help="Run drills as a plan says.", no_args_is_help=True)
app.command("approve")(approve_command)

Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]
_PytestArguments = Annotated[list[str] | None, typer.Argument(help="more arguments for pytest, after --")]
_Plan = Annotated[Path, typer.Argument(help="plan file, such as drills/embedded.toml", metavar="PLAN")]
_Plans = Annotated[list[Path] | None, typer.Argument(help="plan files (default: drills/*.toml)")]
Reports = Annotated[
    Path | None, typer.Option(help="folder of the runs (default: that of pyproject.toml, else reports)")
]


@app.command("run")
@explained
def drill_run(
    plan: _Plan,
    pytest_arguments: _PytestArguments = None,
    *,
    only_plan: Annotated[
        bool, typer.Option("--plan", help="show what would be touched, from a look that writes nothing")
    ] = False,
    override: Annotated[
        str, typer.Option(help="start outside the plan's windows and on frozen dates; the reason is recorded")
    ] = "",
    due: Annotated[
        str, typer.Option(help="when it fell due, ISO 8601 with an offset: what schedulers say")
    ] = "",
    shards: Annotated[int | None, typer.Option(help="split the drill into this many parts")] = None,
    shard: Annotated[int | None, typer.Option(help="which part, from 0 (default: the job's index)")] = None,
    engine: Annotated[str, typer.Option(help="what runs it: pytest, here; or dask")] = "pytest",
    scheduler: Annotated[str, typer.Option(help="Dask's scheduler, such as tcp://10.0.0.5:8786")] = "",
    language: Annotated[
        str, typer.Option(help="en or pt-BR: of the reports (default: the plan's, pyproject.toml's, English)")
    ] = "",
    reports: Reports = None,
    debug: Debug = False,
) -> None:
    """Run the drills of a plan. Exit code 0 only when everything that was claimed is proven."""
    from rollproof.fleet.shards import Shard
    from rollproof.model.planfile import read_plan
    from rollproof.plans.running import Start, run_plan

    read, part = read_plan(plan), None
    if only_plan:
        raise typer.Exit(_preview(read, pytest_arguments or []))
    if shards is not None or shard is not None:
        part = Shard.here(shard, shards, os.environ)
    folder = reports_of(reports)
    start = Start(
        reports=folder,
        due=_moment(due),
        override=override,
        shard=part,
        extra=[
            f"--rollproof-reports={_folder_of(folder, part)}",
            *_in_language(language),
            *(pytest_arguments or []),
        ],
        engine=_engine(engine, scheduler, folder),
    )
    raise typer.Exit(run_plan(read, start, lambda line: typer.echo(line, err=True)))


def _in_language(name: str) -> list[str]:
    if not name:
        return []
    from rollproof.evidence.language import words

    return [f"--rollproof-language={words(name).tag}"]


def _preview(plan: Plan, extra: list[str]) -> int:
    import pytest

    alone = ["-n0"] if plan.fleet.workers > 1 else []  # workers have no terminal, and nothing to do
    return int(pytest.main([*plan.arguments(), *alone, "--rollproof-preview", *extra]))


def reports_of(given: Path | None) -> Path:
    """The folder of the runs: as given, as the project's pyproject.toml says, else `reports` here."""
    from rollproof.model.systemfile import project_settings

    return given.absolute() if given is not None else Path.cwd() / project_settings().reports


def _folder_of(reports: Path, part: Shard | None) -> Path:
    """Parts that run on different machines must not take each other's runs for dead ones."""
    return reports / "shards" / str(part.index) if part else reports


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901  # it has no offset, which is what is asked next
    if moment.utcoffset() is None:
        raise BadInput(
            f"found {text!r}, expected a time with its offset from UTC",
            where="--due",
            remedy="write it like 2026-11-22T03:00:00+00:00",
        )
    return moment.astimezone(UTC)


def _engine(name: str, scheduler: str, reports: Path) -> Engine:
    from rollproof.plans.running import run_pytest

    if name == "pytest" and not scheduler:
        return run_pytest
    if name == "dask" and scheduler:
        from rollproof.fleet.dask_engine import dask_engine

        return dask_engine(scheduler, reports)
    if name == "dask" or (name == "pytest" and scheduler):
        raise BadInput(
            "--engine dask and --scheduler ADDRESS belong together",
            remedy="give both, such as --engine dask --scheduler tcp://10.0.0.5:8786",
        )
    raise BadInput(f"there is no engine {name!r}", where="--engine", remedy="name pytest or dask")


@app.command("list")
@explained
def drill_list(plans: _Plans = None, reports: Reports = None, debug: Debug = False) -> None:
    """List the plans: the last result of each, when it runs next, and in red what is overdue."""
    from rich.console import Console

    from rollproof.plans.files import read_plans
    from rollproof.plans.listing import overdue_lines, plan_table, standing

    folder, now = reports_of(reports), datetime.now(UTC)
    standings = [standing(plan, folder, now) for plan in read_plans(plans or [])]
    console = Console()
    console.print(plan_table(standings))
    overdue = overdue_lines(standings)
    for line in overdue:
        console.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    typer.echo(f"{len(standings)} plans, {len(overdue)} overdue")


@app.command("expire")
@explained
def drill_expire(
    plan: _Plan,
    *,
    delete: Annotated[
        bool, typer.Option("--delete", help="remove them; the index says that they were")
    ] = False,
    reports: Reports = None,
    debug: Debug = False,
) -> None:
    """Name the runs of a plan whose time is over, as its [retention] says; remove them only with --delete."""
    from rollproof.model.planfile import read_plan
    from rollproof.plans.retention import over, remove

    read, folder = read_plan(plan), reports_of(reports)
    runs = over(read, folder, datetime.now(UTC))
    for run in runs:
        typer.echo(str(run.folder))
    if delete:
        remove(runs, folder, read)
    typer.echo(
        f"{len(runs)} runs of {read.name} {'removed' if delete else 'are over; --delete removes them'}"
    )


@app.command("emit")
@explained
def drill_emit(
    plan: _Plan,
    *,
    form: Annotated[
        str,
        typer.Option(
            "--as",
            help="github-actions, gitlab, kubernetes-cronjob, eventbridge or systemd",
            show_default=False,
        ),
    ],
    into: Annotated[
        Path | None, typer.Option(help="write the files into this folder (default: print them)")
    ] = None,
    image: Annotated[str, typer.Option(help="container image with the project and Rollproof")] = "",
    folder: Annotated[str, typer.Option(help="the project's folder on the machine, or in the image")] = "",
    user: Annotated[str, typer.Option(help="the account that systemd runs it as")] = "",
    target: Annotated[str, typer.Option(help="ARN of what EventBridge shall call")] = "",
    role: Annotated[str, typer.Option(help="ARN of the role that EventBridge calls it in")] = "",
    shards: Annotated[int, typer.Option(min=1, help="parts that run side by side (Kubernetes)")] = 1,
    install: Annotated[
        str, typer.Option(help="what a CI job runs to install the project")
    ] = "pip install -e .",
    debug: Debug = False,
) -> None:
    """Write a plan's schedule for a scheduler that is there already."""
    from rollproof.model.planfile import read_plan
    from rollproof.plans.emit import Target, emit
    from rollproof.plans.files import write_files

    where = Target(
        image=image, folder=folder, user=user, arn=target, role=role, shards=shards, install=install
    )
    emitted = emit(read_plan(plan), form, where)
    if into is None:
        for name, text in emitted.files.items():
            typer.echo(f"# {name}\n{text}" if len(emitted.files) > 1 else text)
    else:
        for path in write_files(into, emitted.files):
            typer.echo(str(path))
    for note in emitted.notes:
        typer.echo(f"note: {note}", err=True)


@app.command("serve")
@explained
def drill_serve(plans: _Plans = None, reports: Reports = None, debug: Debug = False) -> None:
    """Run plans when they fall due, until Ctrl-C; what was missed meanwhile is recorded as missed."""
    from rollproof.plans.files import read_plans
    from rollproof.plans.serve import serve

    raise typer.Exit(serve(read_plans(plans or []), reports_of(reports), typer.echo))


@app.command("system")
@explained
def drill_system(
    system: Annotated[Path, typer.Argument(help="system file")],
    feature: Annotated[
        list[str] | None, typer.Option(help="only this feature of those that ship, such as migration")
    ] = None,
    pytest_arguments: _PytestArguments = None,
    debug: Debug = False,
) -> None:
    """Drill a system by the features that ship with Rollproof; what does not apply is skipped and said."""
    import pytest

    from rollproof.features_folder import shipped_features

    paths = [str(path) for path in shipped_features(feature or [])]
    root = [f"--rootdir={Path.cwd()}", f"--rollproof-reports={Path.cwd() / 'reports'}"]
    raise typer.Exit(int(pytest.main([*paths, f"--system={system}", *root, *(pytest_arguments or [])])))
