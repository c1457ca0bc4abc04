"""`rollproof metrics` and `rollproof trace`: runs for dashboards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rollproof.cli_drill import Debug
from rollproof.cli_errors import explained


@explained
def metrics_command(
    place: Annotated[
        Path, typer.Argument(help="folder of a run, or of all runs: reports", metavar="RUN|REPORTS")
    ] = Path("reports"),
    *,
    file: Annotated[
        Path | None, typer.Option(help="write them for the node exporter's textfile collector: NAME.prom")
    ] = None,
    push: Annotated[str, typer.Option(help="push them to a Pushgateway at this address")] = "",
    debug: Debug = False,
) -> None:
    """Say in Prometheus' text format what is proven, since when, and how long recovery took."""
    from rollproof.telemetry import prometheus

    found = prometheus.metrics_of(place)
    if file is not None:
        prometheus.write_file(file, found)
    if push:
        prometheus.push(push, found)
    if file is None and not push:
        typer.echo(prometheus.exposition(found).decode(), nl=False)


@explained
def trace_command(
    run: Annotated[Path, typer.Argument(help="folder of a run, or reports/latest", metavar="RUN")],
    *,
    otlp: Annotated[
        str, typer.Option(help="send the spans over OTLP/HTTP, such as http://127.0.0.1:4318/v1/traces")
    ] = "",
    file: Annotated[Path | None, typer.Option(help="write the spans as OTLP/JSON")] = None,
    debug: Debug = False,
) -> None:
    """Hand a drill to OpenTelemetry: the run, its scenarios, steps and acts as spans."""
    from rollproof.errors import BadInput
    from rollproof.evidence import summarise
    from rollproof.journal import read_journal
    from rollproof.telemetry import traces

    if not otlp and file is None:
        raise BadInput("nothing says where the spans shall go", remedy="give --otlp ADDRESS or --file FILE")
    summary = summarise(read_journal(run / "journal.ndjson"))
    if file is not None:
        typer.echo(f"{traces.write_json(file, summary)} spans written to {file}")
    if otlp:
        typer.echo(f"{traces.export_http(otlp, summary)} spans sent")
