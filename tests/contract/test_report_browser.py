"""report.html in a real browser: nothing is asked for, nothing is complained of, and everyone can read it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rollproof.components.browser import Browser, Browsers, find_browser
from rollproof.components.browser_page import Handed, Opened, Visit
from rollproof.drill.session import DrillSession
from rollproof.environments.embedded import EmbeddedEnvironment
from rollproof.evidence import render_html
from rollproof.model.system import System

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from report_support import whole

URL = "https://report.example/"
AXE = "axe-core@4.14.1"
SYSTEM = System.model_validate({"system": {"name": "shop"}, "site": {"front": {"bucket": "b"}}})

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser is installed")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillSession]:
    folder = tmp_path_factory.mktemp("run") / "r"
    session = DrillSession(folder=folder, run="r", environment=EmbeddedEnvironment())
    yield session
    session.finish("proven")


class Handing:
    """Hands out one report, and keeps what else was asked for."""

    def __init__(self, language: str) -> None:
        self.body = render_html(whole(), language).encode()
        self.asked: list[str] = []

    def __call__(self, method: str, url: str) -> Handed | None:
        if url == URL:
            return Handed(200, {"content-type": "text/html; charset=utf-8"}, self.body)
        self.asked.append(url)
        return None


@pytest.mark.parametrize(("language", "said"), [("en", "1 of 4 drills is proven"), ("pt", "1 de 4 ensaios")])
def test_a_report_asks_for_nothing_and_nothing_is_complained_of(
    session: DrillSession, language: str, said: str
) -> None:
    handing = Handing(language)
    seen = session.use(Browsers, SYSTEM).open(URL, handing)
    assert (seen.errors, seen.failed, seen.refused, seen.finished) == ([], [], [], True)
    assert [url for url in handing.asked if not url.endswith("/favicon.ico")] == []
    assert said in seen.title
    assert "leads_phone_idx" in seen.text


class Asking(Visit):
    """A visit that asks the page a question before it leaves."""

    answer: Any = None

    def _read(self) -> tuple[str, str]:
        scheme = {"name": "prefers-color-scheme", "value": self.scheme}
        self._wait(self._send("Emulation.setEmulatedMedia", features=[scheme]))
        for source in self.questions:
            asked = {"expression": source, "awaitPromise": True, "returnByValue": True}
            said = self._wait(self._send("Runtime.evaluate", **asked))
            assert "exceptionDetails" not in said, said
            type(self).answer = said["result"].get("value")
        return super()._read()

    questions: tuple[str, ...] = ()
    scheme = "light"


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core cannot be had: there is no npm")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text("{}")
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", AXE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        pytest.skip(f"axe-core cannot be had: {done.stderr.strip()[-300:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "pt"])
def test_axe_finds_no_fault_in_a_report_with_everything_unfolded(
    session: DrillSession, axe: str, language: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfold = "document.querySelectorAll('details').forEach(one => one.open = true)"
    found = "r.violations.map(v => [v.id, v.impact, v.nodes[0].html])"
    paper = "getComputedStyle(document.body).backgroundColor"
    ask = f"axe.run().then(r => JSON.stringify({{found: {found}, paper: {paper}}}))"
    monkeypatch.setattr(Asking, "scheme", scheme)
    monkeypatch.setattr(Asking, "questions", (unfold, axe + "; 1", ask))
    monkeypatch.setattr("rollproof.components.browser.Visit", Asking)
    browser = Browser.start(session.open(SYSTEM))
    try:
        seen: Opened = browser.visit(URL, Handing(language))
    finally:
        browser.stop()
    assert seen.finished
    white = "rgb(255, 255, 255)"
    answer = json.loads(Asking.answer)
    assert (answer["paper"] == white) == (scheme == "light")
    assert answer["found"] == []
