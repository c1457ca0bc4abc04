"""A small HTTP service for tests, misbehaving as it is asked to. Also a program: `http_service.py PORT_FILE`.

GET /ok, POST /notes answer well; /status/503 with that status; /hang never; /drop closes without a
word; /drip sends a byte now and then; /elsewhere redirects. What POST /notes was sent is remembered.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Service(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, object]] = []
        self.authorizations: list[str | None] = []
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.server.requests.append((self.command, self.path, body))
        self.server.authorizations.append(self.headers.get("Authorization"))
        what, _, rest = self.path.lstrip("/").partition("/")
        match what:
            case "hang":
                self.server.ending.wait(60)
            case "drop":
                pass
            case "drip":
                self._drip()
            case "status":
                self._answer(int(rest))
            case "elsewhere":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
            case _:
                self._answer(200)

    do_POST = do_GET  # noqa: N815  # http.server's name

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.server.ending.wait(0.05):
            self.wfile.write(b".")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def served() -> Iterator[Service]:
    """The service in a thread."""
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.ending.set()
            service.shutdown()
            thread.join(5)


if __name__ == "__main__":
    with Service() as own:
        partial = Path(sys.argv[1] + ".part")
        partial.write_text(own.url)
        partial.rename(sys.argv[1])
        own.serve_forever()
