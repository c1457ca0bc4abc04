"""What stands before a service while its releases change: connections go to whichever serves now."""

from __future__ import annotations

import selectors
import socket
import socketserver
import threading
from collections import Counter
from contextlib import suppress

from rollproof.components.service import HOST
from rollproof.waiting import eventually

_CHUNK = 65536
_CONNECT_SECONDS = 5.0
_DRAIN_SECONDS = 15.0


class Front:
    """Forwards each connection to the port that serves when it is made; to none while it is closed."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._target: int | None = None
        self._under_way: Counter[int] = Counter()
        self._lock = threading.Lock()
        self._server = _Server((HOST, port), _Connection)
        self._server.front = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def to(self, url: str | None) -> None:
        """From now on connections go there; None: they are closed at once."""
        with self._lock:
            self._target = int(url.rpartition(":")[2]) if url else None

    def drain(self, url: str) -> None:
        """Waits until nothing that went there is under way. Raises AttemptFailed after 15 seconds."""
        port = int(url.rpartition(":")[2])
        eventually(
            lambda: not self._under_way[port], within=_DRAIN_SECONDS, what="requests under way have ended"
        )

    def close(self) -> None:
        self.to(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_CONNECT_SECONDS)

    def begin(self) -> int | None:
        """The port for a new connection, which counts as under way from now on."""
        with self._lock:
            if self._target is not None:
                self._under_way[self._target] += 1
            return self._target

    def end(self, port: int) -> None:
        with self._lock:
            self._under_way[port] -= 1


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    front: Front

    def handle_error(self, request: object, client_address: object) -> None:
        """A client or a service that breaks a connection off: the other one sees it."""


class _Connection(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        port = self.server.front.begin()
        if port is None:
            return
        try:
            with socket.create_connection((HOST, port), _CONNECT_SECONDS) as behind:
                behind.settimeout(None)
                _pump(self.request, behind)
        finally:
            self.server.front.end(port)


def _pump(client: socket.socket, behind: socket.socket) -> None:
    """Bytes both ways, until the service has said all; a client may go before."""
    other = {client: behind, behind: client}
    with selectors.DefaultSelector() as ready:
        for end in other:
            ready.register(end, selectors.EVENT_READ, end)
        while behind in other:
            for key, _ in ready.select():
                one: socket.socket = key.data
                chunk = one.recv(_CHUNK)
                if chunk:
                    other[one].sendall(chunk)
                    continue
                ready.unregister(one)
                if one is behind:
                    return
                with suppress(OSError):
                    behind.shutdown(socket.SHUT_WR)
