"""`rollproof merge`: the runs of several machines as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rollproof.cli_drill import Debug, Reports, reports_of
from rollproof.cli_errors import explained


@explained
def merge_command(
    runs: Annotated[
        list[Path], typer.Argument(help="folders of the runs, or their `latest`", metavar="RUN…")
    ],
    *,
    into: Reports = None,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="merge though parts are missing; unknown at best")
    ] = False,
    debug: Debug = False,
) -> None:
    """Make one run of several: the parts of a drill that was split. Exit code 0 when it is proven.

    The same runs give the same bytes, whichever order they are named in.
    """
    from rollproof.evidence import as_text, closing_panel, summarise
    from rollproof.fleet.merge import close_merged, merge_runs
    from rollproof.journal import read_journal
    from rollproof.model.systemfile import project_settings

    folder = merge_runs([_folder(run) for run in runs], reports_of(into), incomplete=incomplete)
    said = close_merged(folder, project_settings())
    summary = summarise(read_journal(folder / "journal.ndjson"))
    panel = closing_panel(summary, report=str(folder / "report.html"), seal=said)
    typer.echo(as_text(panel, width=100, encoding="utf-8"))
    if not summary.outcome.passes:
        raise typer.Exit(1)


def _folder(run: Path) -> Path:
    """Where links cannot be made, `latest` is a text file with the run's name."""
    return run.parent / run.read_text(encoding="utf-8").strip() if run.is_file() else run.resolve()
