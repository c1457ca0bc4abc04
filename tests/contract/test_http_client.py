"""What an HTTP client says of an operation is what really happened to it, with a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import http_service
import psutil
import pytest
from http_service import Service, served

from rollproof.errors import PreconditionNotMet
from rollproof.model.system import Traffic
from rollproof.waiting import eventually
from rollproof.workload.httpclient import HttpClient
from rollproof.workload.limits import Limits

TOKEN = "0123456789ab4def8123456789abcdef"  # noqa: S105  # no secret
Make = Callable[..., HttpClient]


@pytest.fixture
def service() -> Iterator[Service]:
    with served() as running:
        yield running


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[HttpClient] = []

    def client(url: str, path: str, *, operation: float = 4.0, **more: Any) -> HttpClient:
        entry = {"kind": "write", "method": "POST", "table": "a.b", "verify": "SELECT {token}"} | more
        spec = Traffic(name="t", service="api", path=path, **entry)
        made.append(HttpClient(spec, base_url=url, limits=Limits(operation=operation, connect=operation)))
        return made[-1]

    yield client
    for one in made:
        one.close()


def test_the_token_is_sent_in_path_and_body_and_nothing_else_changes(make: Make, service: Service) -> None:
    body = {"note": "drill {token}", "tags": ["{token}", 1, None], "deep": {"{token}": "{token}", "n": 1.5}}
    client = make(service.url, "/notes/{token}?q=caf%C3%A9&r=a b", body=body)
    assert client.sends_token
    assert client.perform("a/b?c").outcome == "ok"
    assert service.requests == [
        (
            "POST",
            "/notes/a%2Fb%3Fc?q=caf%C3%A9&r=a%20b",
            {"note": "drill a/b?c", "tags": ["a/b?c", 1, None], "deep": {"{token}": "a/b?c", "n": 1.5}},
        )
    ]


def test_the_headers_that_traffic_gives_are_sent_with_each_request(make: Make, service: Service) -> None:
    client = make(service.url, "/ok", headers={"Authorization": "Token for-drills"})
    for token in ("a", "b"):
        assert client.perform(token).outcome == "ok"
    assert service.authorizations == ["Token for-drills"] * 2


def test_headers_are_not_in_what_is_printed_of_traffic() -> None:
    spec = Traffic(name="t", kind="read", service="api", path="/", headers={"Authorization": "Token x"})
    assert "Token x" not in repr(spec)


def test_a_read_sends_no_token_unless_it_is_asked_to(make: Make, service: Service) -> None:
    client = make(service.url, "/ok", kind="read", method="GET")
    assert not client.sends_token
    assert client.perform("").outcome == "ok"
    assert service.requests == [("GET", "/ok", None)]


@pytest.mark.parametrize(
    ("path", "outcomes", "error"),
    [
        ("/ok", ["ok", "ok"], None),
        ("/status/201", ["ok", "ok"], None),
        ("/status/404", ["failed", "failed"], "HTTP 404"),
        ("/status/503", ["indeterminate", "failed"], "HTTP 503"),
        ("/elsewhere", ["indeterminate", "failed"], "HTTP 302"),
        ("/drop", ["indeterminate", "failed"], "RemoteProtocolError"),
        ("/hang", ["indeterminate", "failed"], "ReadTimeout"),
        ("/drip", ["indeterminate", "failed"], "Timeout"),
    ],
)
def test_each_answer_has_its_outcome_for_a_write_and_for_a_read(
    make: Make, service: Service, path: str, outcomes: list[str], error: str | None
) -> None:
    answers = [make(service.url, path, kind=kind, operation=0.2).perform(TOKEN) for kind in ("write", "read")]
    assert [answer.outcome for answer in answers] == outcomes
    assert {answer.error for answer in answers} == {error}
    assert len(service.requests) == 2, "nothing is sent twice and no redirect followed"


def test_a_service_that_is_down_was_sent_nothing(make: Make) -> None:
    with served() as service:
        url = service.url
    answer = make(url, "/notes").perform(TOKEN)
    assert (answer.outcome, answer.error) == ("failed", "ConnectError")


def test_a_service_killed_in_the_middle_of_a_write_leaves_it_in_doubt(make: Make, tmp_path: Path) -> None:
    port_file = tmp_path / "url"
    with subprocess.Popen([sys.executable, http_service.__file__, str(port_file)]) as server:
        try:
            url = eventually(
                lambda: port_file.exists() and port_file.read_text(), within=20, what="it listens"
            )
            client = make(str(url), "/hang", operation=30)
            with ThreadPoolExecutor(1) as aside:
                answer = aside.submit(client.perform, TOKEN)
                eventually(lambda: _connections(server.pid), within=10, what="the request is there")
                server.kill()
                assert answer.result(10).outcome == "indeterminate"
            server.wait(10)
            assert client.perform(TOKEN).outcome == "failed"
        finally:
            server.kill()


def _connections(pid: int) -> bool:
    return any(c.status == psutil.CONN_ESTABLISHED for c in psutil.Process(pid).net_connections())


def test_proxies_of_the_environment_are_not_used(
    make: Make, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert make(service.url, "/ok").perform(TOKEN).outcome == "ok"


def test_an_answer_without_end_is_given_up(make: Make, service: Service) -> None:
    client = make(service.url, "/drip", kind="read", operation=30)
    with ThreadPoolExecutor(1) as aside:
        answer = aside.submit(client.perform, "")
        eventually(lambda: service.requests, within=10, what="the request is there")
        client.abort()
        assert answer.result(10).error == "Timeout"


@pytest.mark.parametrize("url", ["", "api:8080", "file:///etc/passwd", "ftp://127.0.0.1/"])
def test_what_is_no_http_address_is_refused(make: Make, url: str) -> None:
    with pytest.raises(PreconditionNotMet, match="no address"):
        make(url, "/ok")
