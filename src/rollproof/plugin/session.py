"""A pytest session as a run: its folder, its journal, its reports. Made when the first drill asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rollproof.errors import RollproofError
from rollproof.plugin.options import settings
from rollproof.plugin.plans import about_plan, write_metrics
from rollproof.plugin.systems import declared_systems

if TYPE_CHECKING:
    from rollproof.drill.session import DrillSession
    from rollproof.environments import Environment

_SESSION = pytest.StashKey["DrillSession"]()
_RUN = pytest.StashKey[str]()
_INTERRUPTED = pytest.StashKey[bool]()
_WORKER_RUN = "rollproof_run"
ABORTED = pytest.StashKey[str]()
"""Why the run was ended before its time; empty when it was not."""


def drill_session(config: pytest.Config) -> DrillSession:
    """This process's session; opened when first asked for.

    Earlier runs that were killed are healed before anything is started. What cannot be healed ends
    the whole pytest run, for nothing may start on top of it; so does a folder for the reports that
    cannot be written, or an environment that is not there.
    """
    if _SESSION not in config.stash:
        import rollproof.components.healers  # noqa: F401  they register themselves
        from rollproof.drill.session import DrillSession

        try:
            run, environment = run_id(config), _environment(config)
            session = DrillSession(folder=_folder(config), run=run, environment=environment)
        except RollproofError as error:
            pytest.exit(str(error), returncode=error.exit_code)
        config.stash[_SESSION] = session
        _begin(config, session)
        _follow(config, session)
    return config.stash[_SESSION]


def _begin(config: pytest.Config, session: DrillSession) -> None:
    """In the index before it is in the journal; who drills, on what, and which scenarios were chosen."""
    from rollproof.drill.session import command_line
    from rollproof.plugin.guarding import guard
    from rollproof.plugin.sealing import about_run, enter_run, note_plan, note_standing

    try:
        about = {**about_plan(config), **about_run(config)}
        enter_run(config, session.run)
        called = getattr(config, "workerinput", {}).get("mainargv", ())  # a worker's own says nothing
        session.start(systems=declared_systems(config), command=command_line(called), about=about)
        note_plan(config, session)
        guard(config, session)
        note_standing(config, session)
    except RollproofError as error:
        pytest.exit(str(error), returncode=error.exit_code)


def run_id(config: pytest.Config) -> str:
    """The id of this run, the same in all workers; the first to ask heals what earlier runs left."""
    workerinput: dict[str, str] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        return workerinput[_WORKER_RUN]
    if _RUN not in config.stash:
        from rollproof.drill.session import new_run_id

        _heal_earlier(config)
        config.stash[_RUN] = new_run_id()
    return config.stash[_RUN]


def _heal_earlier(config: pytest.Config) -> None:
    import rollproof.components.healers  # noqa: F401  they register themselves
    from rollproof.drill.recovery import heal_unfinished

    try:
        healed = heal_unfinished(settings(config).reports)
    except RollproofError as error:
        pytest.exit(f"an earlier run must be healed first\n{error}", returncode=error.exit_code)
    from rollproof.plugin.sealing import close_earlier

    for one in healed:
        _say(config, f"healed run {one.name}, which was killed: {one.undone} things undone")
    for failure in close_earlier(config, healed):
        _say(config, f"not sealed: {failure}")


def _say(config: pytest.Config, line: str) -> None:
    from rollproof.plugin.progress import Progress

    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        Progress(config, reporter).say(line)


def run_folder(config: pytest.Config) -> Path | None:
    """Where this run's reports are; None when no drill was asked for."""
    return settings(config).reports / config.stash[_RUN] if _RUN in config.stash else None


def _folder(config: pytest.Config) -> Path:
    folder = settings(config).reports / run_id(config)
    workerinput = getattr(config, "workerinput", None)
    return folder / "parts" / str(workerinput["workerid"]) if workerinput is not None else folder


def _environment(config: pytest.Config) -> Environment:
    from rollproof.environments.choice import environment_named
    from rollproof.plugin.permission import expect_permitted

    expect_permitted(config)
    return environment_named(settings(config).environment)


def _follow(config: pytest.Config, session: DrillSession) -> None:
    from rollproof.plugin.progress import Progress

    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput") and config.get_verbosity() >= 0:
        session.journal.listeners.append(Progress(config, reporter).show)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Give a worker of pytest-xdist the run that it belongs to."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist's WorkerController
    if settings(config).in_use:
        _expect_usable(config)
        node.workerinput[_WORKER_RUN] = run_id(config)  # type: ignore[attr-defined]


def _expect_usable(config: pytest.Config) -> None:
    """Looks for what would end every worker at its first scenario: then xdist could only crash."""
    reports = settings(config).reports
    try:
        _environment(config)
        reports.mkdir(parents=True, exist_ok=True)
    except RollproofError as error:
        raise pytest.UsageError(str(error)) from None
    except OSError as error:
        raise pytest.UsageError(f"{reports}: no reports can be written here ({error.strerror})") from None
    if not os.access(reports, os.W_OK | os.X_OK):
        raise pytest.UsageError(f"{reports}: no reports can be written here (Permission denied)")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Close this process's part; then, where it is the only one or the last, write the reports.

    Innermost of the wrappers: workers have ended by then, and the terminal's summary comes after.
    """
    session.config.stash[_INTERRUPTED] = exitstatus == pytest.ExitCode.INTERRUPTED
    _carefully(session, _end_workers)
    try:
        return (yield)
    finally:
        _carefully(session, _forget_reason)
        _carefully(session, _finish)
        _carefully(session, _heal_workers)
        _carefully(session, _report)
        _carefully(session, write_metrics)


def _carefully(session: pytest.Session, step: Callable[[pytest.Config], None]) -> None:
    """What cannot be brought to its end is said in a line, and makes the run fail."""
    try:
        step(session.config)
    except KeyboardInterrupt:
        _say(session.config, "interrupted at the end: `rollproof heal`, or the next run, undoes what is left")
        session.exitstatus = pytest.ExitCode.INTERRUPTED
    except (RollproofError, OSError) as error:
        place = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        _say(session.config, f"the run did not come to its end: {place}{error}")
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def _finish(config: pytest.Config) -> None:
    if _SESSION in config.stash:
        from rollproof.plugin.scenario import run_outcome

        reason = "the run was interrupted" if config.stash.get(_INTERRUPTED, False) else ""
        config.stash[_SESSION].finish(run_outcome(config), reason=reason)
        config.stash[ABORTED] = config.stash[_SESSION].guarding.stopper.reason


def _end_workers(config: pytest.Config) -> None:
    from rollproof.plugin.workers import end_workers

    if (folder := run_folder(config)) and (ended := end_workers(config, folder)):
        _say(config, f"{ended} workers were ended and have put things back")


def _forget_reason(config: pytest.Config) -> None:
    from rollproof.plugin.workers import forget_reason

    if folder := run_folder(config):
        forget_reason(folder)


def _heal_workers(config: pytest.Config) -> None:
    """Undoes what workers left that died in this run, before their parts are made one."""
    if _RUN not in config.stash or hasattr(config, "workerinput"):
        return
    from rollproof.drill.recovery import heal_unfinished

    for one in heal_unfinished(settings(config).reports / config.stash[_RUN] / "parts"):
        _say(config, f"healed worker {one.folder.name}, which died: {one.undone} things undone")


def _report(config: pytest.Config) -> None:
    if _RUN not in config.stash or hasattr(config, "workerinput"):
        return
    from rollproof.drill.merging import merge_parts
    from rollproof.evidence import point_latest, write_reports

    folder = settings(config).reports / config.stash[_RUN]
    merge_parts(folder)
    if (folder / "journal.ndjson").exists():
        from rollproof.plugin.sealing import close_session

        write_reports(folder)
        point_latest(settings(config).reports, folder.name)
        close_session(config, folder)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of verdicts, and where the report is."""
    if _RUN not in config.stash or hasattr(config, "workerinput"):
        return
    folder = settings(config).reports / config.stash[_RUN]
    if (folder / "journal.ndjson").exists():
        from rollproof.plugin.progress import show_verdicts
        from rollproof.plugin.sealing import said_of_seal

        show_verdicts(terminalreporter, folder, seal=said_of_seal(config))
