"""report.html in a real browser: it asks for nothing, complains of nothing and fits a phone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))

import evidence_stories as stories
from evidence_poison import poisoned

from rollproof.evidence import render_html, summarise
from rollproof.journal import read_journal

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((path for name in BROWSERS if (path := shutil.which(name))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",  # as root, Chromium starts in no other way; every page here is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--enable-logging=stderr",
    "--log-level=0",
)
LIMIT_SECONDS = 60

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is installed")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class Visit:
    """What one visit left: the page as it stood, what the browser complained of, what the page asked for."""

    dom: str
    console: list[str]
    requests: list[str]


def visit(url: str, folder: Path) -> Visit:
    """Opens `url`; requests that the browser makes for itself have no page as their origin."""
    net_log = folder / "net.json"
    command = [
        str(BROWSER),
        *FLAGS,
        f"--user-data-dir={folder / 'profile'}",
        f"--log-net-log={net_log}",
        "--dump-dom",
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True)
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    started = [event.get("params", {}) for event in json.loads(net_log.read_text())["events"]]
    asked = [one["url"] for one in started if one.get("initiator", "not an origin") != "not an origin"]
    return Visit(done.stdout, console, asked)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which a server on this machine offers it."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def write_report(folder: Path, tmp_path: Path, *, poison: str = "") -> Path:
    history = read_journal(stories.write_whole(tmp_path / "run") / "journal.ndjson")
    html = render_html(summarise(poisoned(history, poison) if poison else history))
    path = folder / "report.html"
    path.write_bytes(html.encode())
    return path


@pytest.mark.parametrize(
    "poison", ["", '"><img src=/x onerror=console.error(1)><script>console.error(2)</script>']
)
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_report_asks_for_nothing_and_the_browser_has_nothing_to_complain_of(
    site: tuple[Path, str], tmp_path: Path, scheme: str, poison: str
) -> None:
    folder, address = site
    path = write_report(folder, tmp_path, poison=poison)
    seen = visit(f"{address}/report.html" if scheme == "http" else path.as_uri(), tmp_path)
    assert "Rollproof drill report" in seen.dom
    assert seen.console == []
    assert seen.requests == []


def test_a_page_that_does_ask_and_is_refused_is_noticed(site: tuple[Path, str], tmp_path: Path) -> None:
    """Shows that the test above can fail."""
    folder, address = site
    path = write_report(folder, tmp_path)
    html = path.read_text()
    path.write_text(html.replace("</style>", " </style>") + f'<img src="{address}/x.png">')
    (folder / "open.html").write_text(f'<!doctype html><img src="{address}/x.png">')
    refused = visit(f"{address}/report.html", tmp_path / "one")
    assert any("style" in line for line in refused.console)
    assert any("x.png" in line for line in refused.console)
    assert f"{address}/x.png" in visit(f"{address}/open.html", tmp_path / "other").requests


FRAME = """<!doctype html><iframe src="report.html" style="width:{width}px;height:900px;border:0"></iframe>
<script>onload = () => {{ const page = document.querySelector("iframe").contentDocument;
for (const one of page.querySelectorAll("details")) one.open = true;
const root = page.documentElement;
document.body.dataset.over = root.scrollWidth - root.clientWidth;
document.body.dataset.small = [...page.querySelectorAll("body *")]
  .filter(e => e.childNodes.length && getComputedStyle(e).display != "none")
  .filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).length; }}</script>"""


@pytest.mark.parametrize("poison", ["", "x" * 3000], ids=["sample", "unbroken texts"])
@pytest.mark.parametrize("width", [320, 1400])
def test_a_report_fits_the_screen_and_its_letters_are_not_too_small(
    site: tuple[Path, str], tmp_path: Path, width: int, poison: str
) -> None:
    """WCAG 2.2, success criterion 1.4.10: no scrolling in two directions at 320 CSS pixels."""
    folder, address = site
    write_report(folder, tmp_path, poison=poison)
    (folder / "frame.html").write_text(FRAME.format(width=width))
    found = re.search(r'data-over="(\d+)" data-small="(\d+)"', visit(f"{address}/frame.html", tmp_path).dom)
    assert found is not None
    assert found.groups() == ("0", "0")


@pytest.mark.parametrize("scheme", [0, 1], ids=["dark", "light"])
def test_a_report_follows_the_reader_s_light_or_dark(
    site: tuple[Path, str], tmp_path: Path, scheme: int
) -> None:
    folder, address = site
    write_report(folder, tmp_path)
    (folder / "frame.html").write_text(
        '<!doctype html><meta name="color-scheme" content="light dark"><iframe src="report.html"></iframe>'
        "<script>onload = () => { document.body.dataset.paper = getComputedStyle("
        'document.querySelector("iframe").contentDocument.body).backgroundColor }</script>'
    )
    command = [
        str(BROWSER),
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--dump-dom",
        f"{address}/frame.html",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True)
    paper = ("rgb(20, 23, 27)", "rgb(255, 255, 255)")[scheme]
    assert f'data-paper="{paper}"' in done.stdout
