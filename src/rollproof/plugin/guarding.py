"""Limits of a run, and what ends it before its time: from the plan and from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from rollproof.plugin.plans import plan_of
from rollproof.plugin.systems import declared_systems
from rollproof.plugin.workers import STOP

if TYPE_CHECKING:
    from rollproof.drill.session import DrillSession


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("rollproof")
    group.addoption(
        "--rollproof-stop-file",
        metavar="FILE",
        default="",
        help="end the run once this file is there: everything is put back, and the verdict is unknown",
    )


def guard(config: pytest.Config, session: DrillSession) -> None:
    """From now on the run is held to its limits.

    Raises OutOfBounds when it is to drill too many systems, PreconditionNotMet when there is a reason
    to end it already.
    """
    from rollproof.model.limits import Abort, Limits

    plan = plan_of(config)
    session.guarding.declare(
        plan.limits if plan else Limits(),
        plan.abort if plan else Abort(),
        where=f"[limits] of {plan.source.name}" if plan else "",
        stop_file=config.option.rollproof_stop_file,
        systems=len(declared_systems(config)),
    )
    if hasattr(config, "workerinput"):
        session.guarding.obey(session.folder.parents[1] / STOP)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """A run that was to be ended did not do what was asked, although its last scenario may have."""
    from rollproof.plugin.session import ABORTED

    result = yield
    if session.config.stash.get(ABORTED, ""):
        session.exitstatus = session.exitstatus or pytest.ExitCode.INTERRUPTED
    return result
