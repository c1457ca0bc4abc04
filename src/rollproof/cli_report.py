"""`rollproof report`: a run's reports, made again from its journal, in other formats or another language."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rollproof.cli_errors import explained
from rollproof.errors import BadInput


@explained
def report_command(
    run: Annotated[Path, typer.Argument(help="folder of a run, or reports/latest", metavar="RUN")],
    *,
    output: Annotated[Path | None, typer.Option(help="another folder for them")] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="html, pdf, oscal, markdown, junit, allure, verdicts: some of them, separated by commas",
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="en or pt-BR: of html, pdf and markdown (default: the run's own)")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False,
) -> None:
    """Write a run's reports again from its journal; those of a sealed run into another folder."""
    from rollproof.evidence.write import expect_known, write_reports
    from rollproof.seal.sealing import is_sealed

    wanted = tuple(filter(None, (name.strip().lower() for name in (formats or "").split(","))))
    expect_known(wanted, language)
    if output is None and is_sealed(run):
        raise BadInput(
            "this run is sealed: its files stay as they are",
            where=str(run),
            remedy="name another folder with --output; `rollproof verify` compares them with the journal",
        )
    if output is not None:
        _make(output)
    for path in write_reports(run, into=output, formats=wanted, language=language):
        typer.echo(str(path))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"no reports can be written here ({error.strerror})",
            where=str(folder),
            remedy="name another folder",
        ) from error
