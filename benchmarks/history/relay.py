"""A port on 127.0.0.1 that leads to a server's Unix socket, for drivers that know no other way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rollproof.environments.base import PostgresServer


@contextmanager
def relay(server: PostgresServer) -> Iterator[int]:
    """The port, as long as the block lasts."""
    target = f"{server.host}/.s.PGSQL.{server.port}"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(listening, target), daemon=True).start()
        yield listening.getsockname()[1]


def _accept(listening: socket.socket, target: str) -> None:
    with suppress(OSError):
        while True:
            near, _ = listening.accept()
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far = socket.socket(socket.AF_UNIX)
            far.connect(target)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
