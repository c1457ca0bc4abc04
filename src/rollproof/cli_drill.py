"""`rollproof drill`: what plans say, run, listed, scheduled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rollproof.cli_errors import explained

app = typer.Typer(help="Run drills as a plan says.", no_args_is_help=True)

_Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]
_PytestArguments = Annotated[list[str] | None, typer.Argument(help="more arguments for pytest, after --")]


@app.command("run")
@explained
def drill_run(
    plan: Annotated[Path, typer.Argument(help="plan file, such as drills/embedded.toml")],
    pytest_arguments: _PytestArguments = None,
    debug: _Debug = False,
) -> None:
    """Run the drills of a plan. Exit code 0 only when everything that was claimed is proven."""
    import pytest

    from rollproof.model.planfile import read_plan

    arguments = [*read_plan(plan).arguments(), *(pytest_arguments or [])]
    typer.echo(f"pytest {' '.join(arguments)}")
    raise typer.Exit(int(pytest.main(arguments)))


@app.command("system")
@explained
def drill_system(
    system: Annotated[Path, typer.Argument(help="system file")],
    feature: Annotated[
        list[str] | None, typer.Option(help="only this feature of those that ship, such as migration")
    ] = None,
    pytest_arguments: _PytestArguments = None,
    debug: _Debug = False,
) -> None:
    """Drill a system by the features that ship with Rollproof; what does not apply is skipped and said."""
    import pytest

    from rollproof.features_folder import shipped_features

    paths = [str(path) for path in shipped_features(feature or [])]
    root = [f"--rootdir={Path.cwd()}", f"--rollproof-reports={Path.cwd() / 'reports'}"]
    raise typer.Exit(int(pytest.main([*paths, f"--system={system}", *root, *(pytest_arguments or [])])))
