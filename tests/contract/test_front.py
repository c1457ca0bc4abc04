"""What stands before a service while its releases change: real sockets, nothing faked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from rollproof.components.compatibility.front import Front
from rollproof.waiting import eventually


class Slow(BaseHTTPRequestHandler):
    """Answers its server's name; `/wait` only once it may."""

    server: Named

    def do_GET(self) -> None:
        if self.path == "/wait":
            self.server.asked.set()
            self.server.may_answer.wait(10)
        body = self.server.name.encode() * 40_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class names it so
        pass


class Named(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Slow)
        self.name, self.asked, self.may_answer = name, threading.Event(), threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(name: str) -> Iterator[Named]:
    with Named(name) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def front() -> Iterator[Front]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Front(port)
    try:
        yield made
    finally:
        made.close()


def get(front: Front, path: str = "/") -> str:
    answer = httpx.get(front.url + path, timeout=10, trust_env=False)
    return answer.text[0] if len(answer.text) == 40_000 else "cut short"


def test_everybody_goes_to_what_serves_now_and_what_is_under_way_is_answered(front: Front) -> None:
    with serving("a") as old, serving("b") as new:
        front.to(old.url)
        late: list[str] = []
        waiting = threading.Thread(target=lambda: late.append(get(front, "/wait")))
        waiting.start()
        old.asked.wait(10)
        front.to(new.url)
        assert {get(front) for _ in range(5)} == {"b"}
        old.may_answer.set()
        front.drain(old.url)
        waiting.join()
        assert late == ["a"]


def test_a_front_that_is_closed_serves_nobody_until_it_is_opened(front: Front) -> None:
    with serving("a") as server:
        with pytest.raises(httpx.HTTPError):
            get(front)
        front.to(server.url)
        assert get(front) == "a"
        front.to(None)
        with pytest.raises(httpx.HTTPError):
            get(front)


def test_a_client_that_goes_away_keeps_nothing_under_way(front: Front) -> None:
    with serving("a") as server:
        front.to(server.url)
        with socket.create_connection(("127.0.0.1", int(front.url.rpartition(":")[2]))) as client:
            client.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            server.asked.wait(10)
        server.may_answer.set()
        front.drain(server.url)
        eventually(lambda: get(front) == "a", within=5, what="the next client is served")
