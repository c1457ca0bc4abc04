"""What pytest says of a scenario that failed, without what it must not say.

JUnit, Allure and the terminal all show what pytest's report holds: an error's text, the values in an
assertion, captured output, and with --showlocals every variable. A step's variables are a system's rows.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Generator
from typing import Any

import pytest
from _pytest._code.code import (
    ExceptionChainRepr,
    ExceptionInfo,
    ReprEntry,
    ReprEntryNative,
    ReprExceptionInfo,
    ReprTraceback,
)

from rollproof.errors import RollproofError
from rollproof.plugin.options import settings
from rollproof.plugin.systems import FIXTURE

_QUOTED = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
_TELLING = re.compile(r"[0-9@]|.{18}")
"""A quoted text that may be a value of a row: it has a digit or an @, or is long."""
_HIDDEN = "'…'"


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Innermost, so that every other plugin sees what is left."""
    report = yield
    if FIXTURE not in getattr(item, "fixturenames", ()):
        return report
    if report.sections:
        report.sections = [(title, clean(text)) for title, text in report.sections]
    if call.excinfo is not None and report.longrepr is not None:
        _clean_report(report, call.excinfo.value)
        _replace_error(call)
    return report


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say that a choice of the command line is not followed, rather than not to follow it in silence."""
    if config.option.showlocals and settings(config).in_use:
        return "rollproof: --showlocals shows nothing of scenarios, whose variables may hold rows"
    return None


def clean(text: str) -> str:
    """Without secrets, personal data and what a server quotes of rows."""
    from rollproof.journal.redaction import cut_all

    return cut_all(text)


def _clean_report(report: pytest.TestReport, error: BaseException) -> None:
    shown = report.longrepr
    if isinstance(shown, str):
        report.longrepr = clean(shown)
    elif isinstance(shown, tuple):
        path, line, text = shown
        report.longrepr = (path, line, clean(str(text)))
    elif isinstance(shown, ExceptionChainRepr):
        for traceback, crash, _ in shown.chain:
            _clean_traceback(traceback, error)
            if crash is not None:
                crash.message = said(crash.message, error)
        if shown.reprcrash is not None:
            shown.reprcrash.message = said(shown.reprcrash.message, error)
    elif isinstance(shown, ReprExceptionInfo):
        _clean_traceback(shown.reprtraceback, error)
    else:
        report.longrepr = clean(str(shown))
    shown = report.longrepr
    if isinstance(shown, ExceptionChainRepr | ReprExceptionInfo):
        shown.sections = [(name, clean(text), sep) for name, text, sep in shown.sections]


def _clean_traceback(traceback: ReprTraceback, error: BaseException) -> None:
    for entry in traceback.reprentries:
        if isinstance(entry, ReprEntry):
            entry.reprlocals = entry.reprfuncargs = None
            entry.lines = _lines(entry.lines, error)
        elif isinstance(entry, ReprEntryNative):
            entry.lines = [clean(line) if line[:1].isspace() else said(line, error) for line in entry.lines]


def _lines(lines: Any, error: BaseException) -> list[str]:
    """Source as it is, but for what looks like a secret; what the error says, without values."""
    text = "\n".join(said(line, error) if line.startswith("E") else line for line in lines)
    return clean(text).split("\n")


def said(text: str, error: BaseException) -> str:
    """What an error says, without the values that it quotes.

    Rollproof's own errors quote none. Of an assertion every quoted text is left out, for pytest shows
    both sides of a comparison; of others those that look like data.
    """
    text = clean(text)
    if isinstance(error, RollproofError | pytest.fail.Exception | pytest.skip.Exception):
        return text
    every = isinstance(error, AssertionError)
    return _QUOTED.sub(lambda match: _HIDDEN if every or _telling(match.group()) else match.group(), text)


def _telling(quoted: str) -> bool:
    return bool(_TELLING.search(quoted[1:-1]))


def _replace_error(call: pytest.CallInfo[None]) -> None:
    """Allure asks the error itself for its text: it gets one of the same name that says less."""
    assert call.excinfo is not None
    error = call.excinfo.value
    if isinstance(error, pytest.skip.Exception | pytest.fail.Exception | RollproofError):
        if clean(str(error)) == str(error):
            return
    elif said(str(error), error) == str(error):
        return
    if isinstance(error, pytest.skip.Exception):
        return
    base = AssertionError if isinstance(error, AssertionError | pytest.fail.Exception) else Exception
    kind = type(type(error).__name__, (base,), {"__module__": type(error).__module__})
    call.excinfo = ExceptionInfo.from_exc_info((kind, kind(said(str(error), error)), call.excinfo.tb))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Only where there are drills: other projects' warnings are their own."""
    if settings(session.config).in_use:
        session.config.pluginmanager.register(_Warnings(), "rollproof_warnings")
        _clean_logs(session.config.pluginmanager.get_plugin("logging-plugin"))


def _clean_logs(plugin: Any) -> None:
    """What is logged is shown at once with `--log-cli-level`, and goes into the file of `--log-file`."""
    for name in ("log_cli_handler", "log_file_handler"):
        handler = getattr(plugin, name, None)
        if isinstance(handler, logging.Handler) and handler.formatter is not None:
            handler.setFormatter(_Clean(handler.formatter))


class _Clean(logging.Formatter):
    """Another's lines, without what must not be told."""

    def __init__(self, theirs: logging.Formatter) -> None:
        super().__init__()
        self._theirs = theirs

    def format(self, record: logging.LogRecord) -> str:
        return clean(self._theirs.format(record))


class _Warnings:
    """What is warned of is shown in a summary, at the end of the terminal's output."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        told = str(warning_message.message)
        if (shown := clean(told)) != told:
            warning_message.message = Warning(shown)
