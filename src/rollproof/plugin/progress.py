"""What a person sees while drills run, and at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollproof.evidence import Progress as Lines
from rollproof.evidence import as_text, closing_panel, summarise, verdict_table
from rollproof.journal import Event, read_journal

_NARROWEST = 60


class Progress:
    """Writes a line for each event that is worth one, past pytest's capturing."""

    def __init__(self, config: pytest.Config, reporter: pytest.TerminalReporter) -> None:
        self._capture = config.pluginmanager.get_plugin("capturemanager")
        self._reporter = reporter
        self._lines = Lines(_encoding(reporter))

    def show(self, event: Event) -> None:
        line = self._lines.line(event)
        if line is not None:
            self.say(line)

    def say(self, line: str) -> None:
        """Writes one line."""
        if self._capture is None:
            self._write(line)
            return
        with self._capture.global_and_fixture_disabled():
            self._write(line)

    def _write(self, line: str) -> None:
        self._reporter.ensure_newline()
        self._reporter.write_line(line)


def show_verdicts(reporter: pytest.TerminalReporter, folder: Path, *, seal: str = "") -> None:
    """The table of verdicts of a finished run, as wide as the terminal, and where the report is."""
    summary = summarise(read_journal(folder / "journal.ndjson"))
    reporter.section("rollback verdicts", sep="=")
    panel = closing_panel(summary, report=_shown(folder / "report.html"), seal=seal)
    for renderable in (verdict_table(summary), panel) if reporter.config.get_verbosity() >= 0 else (panel,):
        width = max(reporter._tw.fullwidth, _NARROWEST)
        shown = as_text(renderable, width=width, encoding=_encoding(reporter), colour=reporter.hasmarkup)
        reporter.write(shown)


def _encoding(reporter: pytest.TerminalReporter) -> str:
    return str(getattr(reporter._tw._file, "encoding", None) or "ascii")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
