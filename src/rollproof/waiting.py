"""The one way to wait. Nothing else in Rollproof sleeps."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from rollproof.errors import AttemptFailed
from rollproof.model.durations import say_duration

T = TypeVar("T")


def eventually(
    probe: Callable[[], T | None],
    *,
    within: float,
    what: str,
    every: float = 0.02,
    stop: threading.Event | None = None,
) -> T:
    """Asks `probe` again and again until it returns something true, and returns that.

    Args:
        within: seconds after which it gives up.
        what: what is waited for, for the error: "the service answers /health".
        every: seconds between two questions at first; grows slowly to a tenth of a second.
        stop: set it to give up early.

    Raises:
        AttemptFailed: not within the time, or stopped.
    """
    deadline = time.monotonic() + within
    waiter = stop or threading.Event()
    pause = every
    while not (answer := probe()):
        if time.monotonic() >= deadline or waiter.wait(pause):
            raise AttemptFailed(
                f"waited {say_duration(within)} in vain until {what}", facts={"seconds": within}
            )
        pause = min(pause * 1.2, max(every, 0.1))
    return answer


def pause(seconds: float, *, stop: threading.Event | None = None) -> bool:
    """Waits, unless `stop` is set meanwhile; True when it was."""
    return (stop or threading.Event()).wait(seconds)


async def rest(seconds: float) -> None:
    """Waits, where an event loop has others to serve meanwhile."""
    await asyncio.sleep(seconds)
