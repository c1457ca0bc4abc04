"""Ending a drill before its time: whoever finds a reason says so, and the main thread puts everything back.

The reason reaches the main thread as an exception, between two acts or in the midst of one. It is an
interrupt, as Ctrl-C is one: nothing that tries again after a failure takes it for one, and what waits for
a server lets go of it. Healing is never cut short by it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rollproof.waiting import pause

SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_WAKE: signal.Signals = getattr(signal, "SIGUSR2", signal.SIGINT)
"""interrupts whatever the main thread waits for, so that it hears of the reason now"""

_healing = 0


class Aborted(KeyboardInterrupt):
    """The drill was ended before its time. `found` says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.found = f"aborted because {reason}"
        super().__init__(self.found)


@contextmanager
def healing() -> Iterator[None]:
    """In this block nothing is aborted: a reason that comes up meanwhile waits for the next act."""
    global _healing  # noqa: PLW0603  of the process, as its signals are
    _healing += 1
    try:
        yield
    finally:
        _healing -= 1


def is_healing() -> bool:
    """Whether something is being undone at the moment."""
    return _healing > 0


class Stopper:
    """The one reason, if any, why this process' run must end. The first one stays.

    Attributes:
        reason: a clause that follows "because"; empty while there is none.
    """

    def __init__(self) -> None:
        self.reason = ""
        self._lock = threading.RLock()  # a signal may come while this thread holds it
        self._before: dict[int, Any] = {}
        self._main = threading.main_thread().ident

    def listen(self) -> None:
        """From now on signals end the drill in good order. Only the main thread can say so."""
        if self._before or threading.current_thread() is not threading.main_thread():
            return
        self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        self._before[_WAKE] = signal.signal(_WAKE, self._wake)

    def forget(self) -> None:
        """Signals are again whose they were."""
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._before = {}

    def ask(self, reason: str) -> None:
        """Ends the drill, from any thread; does nothing when it is being ended already."""
        if self._take(reason) and self._before and self._main is not None:
            signal.pthread_kill(self._main, _WAKE)

    def expect_none(self) -> None:
        """Raises Aborted once there is a reason."""
        if self.reason:
            raise Aborted(self.reason)

    def _take(self, reason: str) -> bool:
        with self._lock:
            first = not self.reason
            self.reason = self.reason or reason
        return first

    def _hear(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if not self._take(f"the process got {name}"):
            sys.stderr.write(f"\n{name}: it is being put back already; see `rollproof heal` if it hangs\n")
            return
        self._wake(number, frame)

    def _wake(self, number: int, frame: FrameType | None) -> None:
        if self.reason and not is_healing():
            raise Aborted(self.reason)


@contextmanager
def as_interrupts() -> Iterator[None]:
    """In this block every signal that ends a drill is an interrupt; a second one is only heard."""
    stopper = Stopper()
    stopper.listen()
    try:
        yield
    finally:
        stopper.forget()


Probe = Callable[[], str]
"""Looks for a reason to end the drill: a clause, or nothing. What it raises is a reason as well."""


class Watch:
    """Probes, each asked again and again by a thread of its own kind, until one has a reason."""

    def __init__(self, stopper: Stopper) -> None:
        self._stopper = stopper
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def add(self, probe: Probe, *, every: float) -> None:
        """Asks `probe` at once and then every so many seconds. Threads of their own: one may take long."""
        thread = threading.Thread(target=self._ask, args=(probe, every), name="rollproof-watch", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ask(self, probe: Probe, every: float) -> None:
        while not self._ended.is_set():
            try:
                reason = probe()
            except Exception as error:  # noqa: BLE001  what cannot be watched must not go on
                reason = f"what watches it failed: {getattr(error, 'found', type(error).__name__)}"
            if reason and not self._ended.is_set():
                self._stopper.ask(reason)
                return
            pause(every, stop=self._ended)

    def end(self) -> None:
        """Ends the threads; waits for a look that is going on."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=30)
