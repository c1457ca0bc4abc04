"""Ending the workers of pytest-xdist in good order: each puts back what it did before it is ended.

By itself pytest-xdist interrupts a worker that is at work after five seconds and kills it after ten: time
enough for a test, not for a drill that has a stack to restore. So workers are told why they must end, in
a file, and waited for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rollproof.plugin.options import settings

if TYPE_CHECKING:
    from rollproof.drill.aborting import Stopper

STOPPER: pytest.StashKey[Stopper] = pytest.StashKey()
"""Of the process that has workers: why all of them must end, if they must."""
STOP = ".stop"
"""File in the run's folder that tells its workers to end, and why."""
HEALING_SECONDS = 1800.0
"""As long as restoring a stack may take."""


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_configure_node(node: object) -> None:
    """From now on signals end the workers too: a scheduler sends them to this process alone."""
    from rollproof.drill.aborting import Stopper

    config: pytest.Config = node.config  # type: ignore[attr-defined]  # xdist's WorkerController
    if settings(config).in_use and STOPPER not in config.stash:
        config.stash[STOPPER] = Stopper()
        config.stash[STOPPER].listen()


def end_workers(config: pytest.Config, folder: Path) -> int:
    """Tells those that still are at it to end, and waits until they have; how many these were.

    Raises AttemptFailed when one does not end: it is killed then, and healed from its journal.
    """
    from rollproof.drill.aborting import healing
    from rollproof.waiting import eventually

    if STOPPER not in config.stash or not (at_it := _at_it(folder)):
        return 0
    with healing():
        reason = config.stash[STOPPER].reason or "another part of the run ended before its time"
        partial = folder / f"{STOP}.part"
        partial.write_text(reason, encoding="utf-8")
        partial.replace(folder / STOP)
        eventually(
            lambda: not _at_it(folder), within=HEALING_SECONDS, what="the workers have put things back"
        )
    return len(at_it)


def _at_it(folder: Path) -> list[Path]:
    from rollproof.drill.lease import is_running

    return [part for part in folder.glob("parts/*") if is_running(part)]


def forget_reason(folder: Path) -> None:
    """They have ended."""
    (folder / STOP).unlink(missing_ok=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Signals are whose they were."""
    if STOPPER in config.stash:
        config.stash[STOPPER].forget()
