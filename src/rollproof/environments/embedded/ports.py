"""Ports on the loopback address that nothing listens on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable

from rollproof.errors import EnvironmentUnavailable

LOOPBACK = "127.0.0.1"
_TRIES = 100


class Ports:
    """Hands out free ports, never the same one twice."""

    def __init__(self, allowed: Iterable[int] | None = None) -> None:
        """`allowed`: the ports to choose from; any that the operating system offers when None."""
        self._allowed = None if allowed is None else tuple(allowed)
        self._taken: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int:
        """A port on 127.0.0.1 that nothing listens on. It is not held: whoever asked listens soon.

        Raises EnvironmentUnavailable when there is none.
        """
        with self._lock:
            for candidate in self._candidates():
                port = _free(candidate)
                if port is not None and port not in self._taken:
                    self._taken.add(port)
                    return port
        raise EnvironmentUnavailable(
            f"no free port on {LOOPBACK}" + (f" among {self._say()}" if self._allowed is not None else ""),
            doing="looking for a port for a service",
            remedy="end programs that listen on or are connected to many ports (`ss -tan` lists them), "
            "or allow more ports",
        )

    def _candidates(self) -> Iterable[int]:
        return (0,) * _TRIES if self._allowed is None else self._allowed

    def _say(self) -> str:
        allowed = self._allowed or ()
        return f"{min(allowed)}-{max(allowed)}" if allowed else "none at all"


def _free(port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if port:  # connections that ended a moment ago must not count as somebody listening
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            if port:
                probe.listen(1)
        except OSError:
            return None
        return int(probe.getsockname()[1])
