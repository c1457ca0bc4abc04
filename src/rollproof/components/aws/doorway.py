"""A door to an emulator's account for programs that know no AWS: smoke tests, browsers, clients.

An emulator tells accounts apart by the access key in a request's signature. What people and smoke tests
send has none, so that it would reach no account but the default one. The door adds it; AWS needs none.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, urlsplit

import httpx

from rollproof.drill.drill import Drill
from rollproof.environments.base import AwsEndpoint

_FORWARD_SECONDS = 60.0
_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding upgrade"
    " content-length content-encoding accept-encoding host".split()
)
"""Headers that are of one connection only, or that httpx makes itself (RFC 9110, 7.6.1)."""


def emulator_headers(endpoint: AwsEndpoint) -> dict[str, str]:
    """The header by which an emulator knows whose request it is; nobody verifies the signature."""
    scope = f"{endpoint.access_key}/20000101/{endpoint.region}/execute-api/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


class Doorway:
    """Listens on the loopback address for as long as the scenario lasts."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self._servers: dict[str, _Server] = {}

    def url(self, url: str, headers: Mapping[str, str]) -> str:
        """An address that leads to `url` with `headers` added."""
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        if base not in self._servers:
            self._servers[base] = server = _Server(base, dict(headers))
            self.drill.on_heal(server.close)
        return f"{self._servers[base].url}{parts.path}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, base: str, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base, self.added = base, headers
        self.client = httpx.Client(trust_env=False, timeout=_FORWARD_SECONDS, verify=base.startswith("https"))
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        self.client.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = _FORWARD_SECONDS

    def forward(self) -> None:
        """Passes one request on and its answer back; 502 when nobody answers."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        url, headers = self.server.base + self.path, self.server.added | kept
        if "authorization" in {name.lower() for name in kept}:
            scope = self.server.added.get("Authorization", "").partition("Credential=")[2].partition(",")[0]
            url += f"{'&' if '?' in url else '?'}X-Amz-Credential={quote(scope, safe='')}"
        try:
            answer = self.server.client.request(self.command, url, content=body, headers=headers)
        except httpx.HTTPError as error:
            self._answer(502, {}, type(error).__name__.encode())
            return
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
        self._answer(answer.status_code, headers, answer.content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = forward  # noqa: N815

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: what clients send is not for a terminal."""
