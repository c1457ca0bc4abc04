"""Running a plan: may it start, is it its turn, then pytest, then everyone is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from rollproof.drill.recovery import JOURNAL
from rollproof.errors import BadInput, EnvironmentUnavailable, JournalError, RollproofError
from rollproof.evidence.summary import summarise
from rollproof.fleet.shards import Shard
from rollproof.journal import read_journal
from rollproof.model.calendar import refusal
from rollproof.model.plan import Plan
from rollproof.plans.message import Message, of_failure, of_missed, of_run
from rollproof.plans.missed import record_missed
from rollproof.plans.notify import recipients, tell
from rollproof.plans.past import past_runs

STATE = ".plans"
"""the folder in the reports that belongs to plans: locks, and what `drill serve` has dealt with"""
UNTOLD = 3
"""exit code of a drill that is proven, and of which not everyone could be told"""

Say = Callable[[str], None]
Engine = Callable[[list[str]], tuple[int, Path | None]]
"""Runs pytest with these arguments, here or elsewhere: the exit code, and the folder of the run, if any."""


def run_pytest(arguments: list[str]) -> tuple[int, Path | None]:
    """Runs pytest in this process."""
    ear = _Ear()
    return int(pytest.main(arguments, plugins=[ear])), ear.folder


@dataclass(eq=False)
class _Ear:
    """Hears where the run's reports are."""

    folder: Path | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        from rollproof.plugin.session import run_folder

        self.folder = run_folder(config)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a plan is started.

    Attributes:
        reports: the folder of the runs.
        due: when it fell due, UTC; None when a person starts it.
        override: why it may start though the plan forbids it; empty when nobody says so.
        shard: which part of it; None for all of it.
        extra: more arguments for pytest.
    """

    reports: Path
    due: datetime | None = None
    override: str = ""
    shard: Shard | None = None
    extra: Sequence[str] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    engine: Engine = run_pytest


def run_plan(plan: Plan, start: Start, say: Say) -> int:
    """Drills as the plan says and tells everyone; 0 when all that was claimed is proven.

    A plan that fell due and may not start, or whose systems stay busy, was missed: that is recorded
    and told, and then raised. One that has been run for this due time already is left alone.

    Raises:
        BadInput: the plan forbids it now, or a variable for a notice is not set; nothing was touched.
        EnvironmentUnavailable: other drills held its systems until it was too late.
    """
    told = recipients(plan, start.environ)
    _expect_workers(plan)
    with ExitStack() as stack:
        try:
            expect_allowed(plan, start.override, datetime.now(UTC))
            stack.enter_context(_turn(plan, start))
        except RollproofError as error:
            if start.due is not None:
                record_missed(start.reports, plan, start.due, error.found)
                _say_untold(tell(told, of_missed(plan, start.due, error.found)), say)
            raise
        if start.due and any(run.due == start.due for run in past_runs(start.reports, plan.name)):
            say(f"{plan.name}: what fell due at {start.due:%Y-%m-%d %H:%M} UTC has been run already")
            return 0
        code, folder = start.engine(arguments(plan, start))
    failures = tell(told, _news(plan, code, folder))
    _say_untold(failures, say)
    return UNTOLD if failures and code == 0 else code


def _expect_workers(plan: Plan) -> None:
    if plan.fleet.workers > 1 and find_spec("xdist") is None:
        raise EnvironmentUnavailable(
            "pytest-xdist is not installed, and the plan asks for several workers",
            where=str(plan.source),
            remedy="pip install pytest-xdist, or leave out workers in [fleet]",
        )


def _say_untold(failures: Sequence[str], say: Say) -> None:
    for line in failures:
        say(line)


def expect_allowed(plan: Plan, override: str, moment: datetime) -> None:
    """Raises BadInput when the plan's windows or frozen dates forbid a start, unless overridden."""
    found = refusal(plan, moment)
    if found and not override.strip():
        raise BadInput(
            found,
            doing=f"starting plan {plan.name}",
            where=str(plan.source),
            remedy="wait, or give --override REASON, which goes on record",
        )


def arguments(plan: Plan, start: Start) -> list[str]:
    """What pytest is called with."""
    said = plan.arguments()
    if start.due:
        said.append(f"--rollproof-due={start.due.isoformat()}")
    if start.override.strip():
        said.append(f"--rollproof-override={start.override.strip()}")
    if start.shard:
        said += [f"--rollproof-shards={start.shard.count}", f"--rollproof-shard={start.shard.index}"]
    return [*said, *start.extra]


@contextmanager
def _turn(plan: Plan, start: Start) -> Iterator[None]:
    """Waits until no other scheduled drill works on the plan's systems; a person's drill does not wait.

    In the order of the names, so that two plans never wait for each other.
    """
    if start.due is None:
        yield
        return
    latest = start.due + timedelta(seconds=plan.schedule.start_within)
    with ExitStack() as stack:
        for path in sorted(plan.system_files):
            stack.enter_context(_lock(start.reports, path, latest))
        if datetime.now(UTC) > latest:
            raise _too_late(plan)
        yield


@contextmanager
def _lock(reports: Path, system: str, latest: datetime) -> Iterator[None]:
    folder = reports / STATE
    folder.mkdir(parents=True, exist_ok=True)
    name = sha256(os.fsencode(Path(system).resolve())).hexdigest()[:16]
    patience = max(0.0, (latest - datetime.now(UTC)).total_seconds())
    try:
        with FileLock(folder / f"{name}.lock", thread_local=False, timeout=patience):
            yield
    except Timeout:
        raise EnvironmentUnavailable(
            "another drill was still at work on it when it was too late to start",
            doing="waiting for the turn of a drill that fell due",
            where=system,
            remedy="move the schedules apart, or raise start_within",
        ) from None


def _too_late(plan: Plan) -> EnvironmentUnavailable:
    return EnvironmentUnavailable(
        "it is later than start_within allows",
        doing=f"starting plan {plan.name}",
        where=str(plan.source),
        remedy="raise start_within in [schedule] if a late drill is better than none",
    )


def _news(plan: Plan, code: int, folder: Path | None) -> Message:
    if folder is None or not (folder / JOURNAL).exists():
        return of_failure(plan, code)
    try:
        return of_run(plan, summarise(read_journal(folder / JOURNAL)))
    except JournalError:
        return of_failure(plan, code)
