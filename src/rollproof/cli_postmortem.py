"""`rollproof postmortem`: the post-mortem of a drill, drafted from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rollproof.cli_errors import explained


@explained
def postmortem_command(
    run: Annotated[Path, typer.Argument(help="folder of a run, or reports/latest", metavar="RUN")],
    *,
    scenario: Annotated[
        str | None, typer.Option(help="part of a scenario's name; all with an incident when left out")
    ] = None,
    language: Annotated[str, typer.Option(help="en or pt-BR")] = "en",
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Draft the post-mortem of each incident of a run, as Markdown in the run's folder."""
    from rollproof.evidence.language import words
    from rollproof.evidence.postmortem_files import write_post_mortems
    from rollproof.evidence.write import latest_run

    folder = latest_run(run.parent) or run if run.name == "latest" else run
    for path in write_post_mortems(folder, wanted=scenario, language=words(language).language):
        typer.echo(str(path))
