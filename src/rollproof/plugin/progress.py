"""What a person sees while drills run, and at the end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from rollproof.journal import Event


class Progress:
    """Writes a line for each event that is worth one, past pytest's capturing."""

    def __init__(self, config: pytest.Config, reporter: pytest.TerminalReporter) -> None:
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._reporter = reporter
        self._begun = False

    def show(self, event: Event) -> None:
        from rollproof.evidence.terminal import progress_line

        line = progress_line(event)
        if line is None:
            return
        if self._capture is None:
            self._write(line)
            return
        with self._capture.global_and_fixture_disabled():
            self._write(line)

    def _write(self, line: str) -> None:
        self._reporter.ensure_newline()
        self._reporter.write_line(line)


def show_verdicts(reporter: pytest.TerminalReporter, folder: Path) -> None:
    """The table of verdicts of a finished run, as wide as the terminal."""
    from rich.console import Console

    from rollproof.evidence import summarise, verdict_table
    from rollproof.journal import read_journal

    summary = summarise(read_journal(folder / "journal.ndjson"))
    text = io.StringIO()
    colour = reporter.hasmarkup
    console = Console(
        file=text, width=max(reporter._tw.fullwidth, 60), force_terminal=colour, no_color=not colour
    )
    console.print(verdict_table(summary))
    reporter.ensure_newline()
    reporter.section("rollback verdicts", sep="=")
    reporter.write(text.getvalue())
    reporter.write_line(f"report: {_shown(folder / 'report.html')}")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
