"""A wire between a client and a Postgres server that tests may cut: a proxy on a Unix socket."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from psycopg.conninfo import make_conninfo

from rollproof.environments.base import PostgresServer


class Wire:
    """Passes bytes both ways until told otherwise."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.answers = threading.Event()
        self.answers.set()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{server.port}"))
        self._listener.listen()
        self._spawn(self._accept)

    def conninfo(self, database: str, user: str = "postgres") -> str:
        return make_conninfo(self.server.conninfo(database, user=user), host=str(self.folder))

    def lose_answers(self) -> None:
        """What clients send still arrives; what the server says does not."""
        self.answers.clear()

    def cut(self) -> None:
        """Breaks every connection that is open now; new ones may be made."""
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nothing listens any more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in list(self._threads):
            thread.join(5)
        for end in [*self._ends, self._listener]:
            end.close()

    def _spawn(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]  # methods below
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self.server.host}/.s.PGSQL.{self.server.port}")
            self._ends += [client, server]
            self._spawn(self._pump, client, server, None)
            self._spawn(self._pump, server, client, self.answers)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, gate: threading.Event | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if gate is None or gate.is_set():
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def wire_to(server: PostgresServer) -> Iterator[Wire]:
    with tempfile.TemporaryDirectory(prefix="rp-wire-") as folder:
        wire = Wire(server, Path(folder))
        try:
            yield wire
        finally:
            wire.close()
