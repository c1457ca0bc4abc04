"""A stand-in for what the emulator's RDS lacks: copies of clusters, whose endpoint is a real Postgres.

It stands between a drill and the emulator, and hands everything on but for two calls of RDS; clusters,
instances and their tags are the emulator's own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

RESTORES = ("RestoreDBClusterToPointInTime", "RestoreDBClusterFromSnapshot")
_KEPT = ("content-type", "authorization", "x-amz-target", "x-amz-date", "x-amz-security-token", "accept")
_BLOCK = re.compile(r"<DBCluster>.*?</DBCluster>", re.DOTALL)


@dataclass
class Rds:
    """Where clusters answer, and what was asked for.

    Attributes:
        url: what drills use as the endpoint of every service.
        behind: the emulator.
        endpoints: host and port of each cluster by its name; of any other, those under an empty name.
        creating: how many looks a new cluster is still said to be creating.
        asked: parameters of the calls that made copies.
    """

    url: str
    behind: str
    endpoints: dict[str, tuple[str, int]]
    creating: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        params = dict(parse_qsl(body.decode("utf-8", "replace"))) if b"Action=" in body else {}
        action = params.get("Action", "")
        if action in RESTORES:
            self.asked.append(params)
            body = urlencode(_as_create(params)).encode()
        got = self.client.request(method, self.behind + path, headers=headers, content=body)
        if "DBCluster" in action:
            said = got.text.replace("CreateDBCluster", action) if action in RESTORES else got.text
            return httpx.Response(got.status_code, headers=got.headers, text=_BLOCK.sub(self._placed, said))
        return got

    def _placed(self, block: re.Match[str]) -> str:
        name = re.search(r"<DBClusterIdentifier>(.*?)<", block[0])
        known = name[1] if name and name[1] in self.endpoints else ""
        host, port = self.endpoints[known]
        said = re.sub(r"<Endpoint>.*?<", f"<Endpoint>{host}<", block[0])
        said = re.sub(r"<ReaderEndpoint>.*?<", f"<ReaderEndpoint>{host}<", said)
        if not known and self.creating:
            self.creating -= 1
            said = said.replace("<Status>available<", "<Status>creating<")
        return re.sub(r"<Port>\d+<", f"<Port>{port}<", said)


def _as_create(params: dict[str, str]) -> dict[str, str]:
    """The emulator can make an empty cluster: there is nothing in it to copy."""
    kept = {
        name: value for name, value in params.items() if name.startswith(("DBCluster", "Tags", "Version"))
    }
    return {
        **kept,
        "Action": "CreateDBCluster",
        "Engine": "aurora-postgresql",
        "MasterUsername": "postgres",
        "MasterUserPassword": "not-looked-at",
    }


@contextmanager
def rds_before(behind: str, endpoints: dict[str, tuple[str, int]]) -> Iterator[Rds]:
    """One that listens on 127.0.0.1 until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.rds = Rds(f"http://127.0.0.1:{server.server_port}", behind, endpoints)  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.rds  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        server.rds.client.close()  # type: ignore[attr-defined]
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name: value for name, value in self.headers.items() if _is_kept(name)}
        got = self.server.rds.answer(self.command, self.path, headers, body)  # type: ignore[attr-defined]
        self.send_response(got.status_code)
        for name, value in got.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "content-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(got.content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(got.content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815  named by http.server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  as http.server has it
        """Nothing is said."""


def _is_kept(name: str) -> bool:
    return name.lower() in _KEPT or name.lower().startswith(("x-amz", "x-api"))
