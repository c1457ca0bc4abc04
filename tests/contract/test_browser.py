"""A real browser, opened on pages that are handed to it: what it complains of, and that nothing leaves."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from rollproof.components import browser as browsers
from rollproof.components import browser_page
from rollproof.components.browser import Browser, Browsers, find_browser
from rollproof.components.browser_page import Answering, Handed, Opened
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.errors import AttemptFailed, NotProvenHere
from rollproof.model.system import System

SITE = "https://site.example"
HTML = "text/html; charset=utf-8"
SYSTEM = System.model_validate({"system": {"name": "shop"}, "site": {"front": {"bucket": "b"}}})

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser is installed")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    session = DrillSession(
        folder=tmp_path_factory.mktemp("run") / "r", run="r", environment=EmbeddedEnvironment()
    )
    yield session
    session.finish("proven")


def handing(pages: Mapping[str, str | tuple[str, str]]) -> Answering:
    """Answers the site's own paths: a text is HTML, a pair a type and a text; 404 for all others."""

    def answering(method: str, url: str) -> Handed | None:
        if not url.startswith(SITE):
            return None
        found = pages.get(url.removeprefix(SITE))
        if found is None:
            return Handed(404, {"content-type": "text/plain"}, b"not there")
        content_type, text = found if isinstance(found, tuple) else (HTML, found)
        return Handed(200, {"content-type": content_type}, text.encode())

    return answering


def opened(session: DrillSession, **pages: str | tuple[str, str]) -> Opened:
    paths = {"/" + name.replace("__", "."): page for name, page in pages.items() if name != "root"}
    return session.use(Browsers, SYSTEM).open(f"{SITE}/", handing({"/": pages["root"], **paths}))


def test_a_page_that_is_well_leaves_its_text_and_no_complaint(session: DrillSession) -> None:
    page = '<!doctype html><title>Shop</title><p id=p></p><script type=module src="/a.js"></script>'
    script = "document.getElementById('p').textContent = 'made by a script'"
    seen = opened(session, root=page, a__js=("text/javascript", script))
    assert (seen.title, seen.text) == ("Shop", "made by a script")
    assert (seen.errors, seen.failed, seen.refused, seen.finished) == ([], [], [], True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<script>throw new Error('boom')</script>", "Error: boom"),
        ("<script>setTimeout(() => { nobody() }, 30)</script>", "nobody is not defined"),
        ("<script>console.error('said', 1)</script>", "said 1"),
        ("<script>Promise.reject(new Error('lost'))</script>", "lost"),
    ],
)
def test_what_a_script_complains_of_is_heard(session: DrillSession, body: str, said: str) -> None:
    assert any(said in line for line in opened(session, root=f"<!doctype html>{body}").errors)


def test_an_asset_that_is_missing_or_is_a_page_is_a_failed_request_or_a_complaint(
    session: DrillSession,
) -> None:
    missing = opened(session, root='<!doctype html><script src="/lost.js"></script>')
    assert missing.failed == [f"404 {SITE}/lost.js"]
    page = '<!doctype html><script type="module" src="/a.js"></script>'
    masked = opened(session, root=page, a__js="<!doctype html><p>not found")
    assert any("MIME" in line for line in masked.errors)


def test_bytes_that_fail_their_integrity_are_complained_of(session: DrillSession) -> None:
    page = '<!doctype html><script src="/a.js" integrity="sha256-AAAA"></script>'
    seen = opened(session, root=page, a__js=("text/javascript", "1"))
    assert any("integrity" in line for line in seen.errors)


def test_nothing_leaves_the_machine_and_that_is_no_complaint(session: DrillSession) -> None:
    """Not even to another port of this machine: a listener there is never connected to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        page = f"""<!doctype html><img src="https://elsewhere.example/a.png">
        <img src="http://127.0.0.1:{port}/b.png">
        <script>fetch("http://127.0.0.1:{port}/c").catch(() => 0);
        new WebSocket("ws://127.0.0.1:{port}/d").onerror = () => 0;</script>"""
        seen = opened(session, root=page)
        listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert "GET https://elsewhere.example/a.png" in seen.refused
    assert seen.failed == []
    assert not any("elsewhere" in line for line in seen.errors)


def test_visits_know_nothing_of_each_other(session: DrillSession) -> None:
    script = "p.textContent = localStorage.x || 'new'; localStorage.x = 'old'"
    page = f"<!doctype html><p id=p></p><script>{script}</script>"
    assert [opened(session, root=page).text for _ in range(2)] == ["new", "new"]


def test_a_page_that_never_comes_to_rest_is_left_when_its_time_is_up(
    session: DrillSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser_page, "VISIT_SECONDS", 2.0)
    page = "<!doctype html><p>busy</p><script>const again = () => fetch('/x').then(again); again()</script>"
    seen = opened(session, root=page, x=("text/plain", "x"))
    assert not seen.finished
    assert seen.text == "busy"


def test_a_browser_that_dies_is_started_anew_and_said_to_have_died_when_it_dies_again(
    session: DrillSession,
) -> None:
    part = session.use(Browsers, SYSTEM)
    opened(session, root="<!doctype html>")
    deaths: list[int] = []

    def killing(times: int) -> Answering:
        def answering(method: str, url: str) -> Handed | None:
            browser = part._browser
            assert browser is not None
            pid = browser._keeper.child_pid
            if len(deaths) < times and pid is not None:
                deaths.append(pid)
                psutil.Process(pid).kill()
            return Handed(200, {"content-type": HTML}, b"<!doctype html><p>there")

        return answering

    assert part.open(f"{SITE}/", killing(1)).text == "there"
    deaths.clear()
    with pytest.raises(AttemptFailed, match="died"):
        part.open(f"{SITE}/", killing(5))
    assert opened(session, root="<!doctype html><p>well").text == "well"


def test_it_leaves_nothing_behind(session: DrillSession) -> None:
    environment = session.open(SYSTEM)
    browser = Browser.start(environment)
    pid = browser._keeper.child_pid
    assert pid is not None
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    folders = set(environment.scratch.glob("browser-*"))
    browser.stop()
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family)
    assert len(set(environment.scratch.glob("browser-*"))) == len(folders) - 1


def test_without_a_browser_it_says_what_to_install(
    session: DrillSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsers, "find_browser", lambda: None)
    with pytest.raises(NotProvenHere, match="no browser is installed") as caught:
        Browser.start(session.open(SYSTEM))
    assert "chromium" in caught.value.remedy


def test_a_browser_that_cannot_start_says_what_it_said(
    session: DrillSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(browsers, "find_browser", lambda: broken)
    with pytest.raises(AttemptFailed, match="no display"):
        Browser.start(session.open(SYSTEM))
