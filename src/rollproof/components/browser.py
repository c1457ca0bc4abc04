"""A real headless browser that reaches nothing but what it is handed: pages opened, complaints collected.

Chromium is driven through the DevTools protocol over two pipes: no port, no driver program, no library.
Every request of a page is paused and answered here; names resolve to nothing and every connection of the
browser's own goes to a proxy that is not there, so nothing leaves the machine.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import select
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollproof.components import browser_program
from rollproof.components.browser_page import Answering, Opened, Visit, result_of
from rollproof.drill.session import DrillSession
from rollproof.environments.base import OpenEnvironment
from rollproof.environments.embedded.scratch import LONGEST_SOCKET_PATH, SHORT_ROOTS
from rollproof.environments.keeper import Folder, Keeper, KeeperSpec, inherited_environment
from rollproof.environments.keeper_program import PREFIX
from rollproof.errors import AttemptFailed, NotProvenHere
from rollproof.model.system import System

PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "headless_shell",
)
_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
START_SECONDS = 30.0
_SOCKET_BYTES = len("/org.chromium.Chromium.XXXXXX/SingletonSocket")
_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--disable-extensions",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
)


def find_browser() -> Path | None:
    """The first Chromium on the PATH, or where macOS has it; None for none."""
    found = (shutil.which(name) for name in (*PROGRAMS, _MAC))
    return next((Path(path) for path in found if path), None)


class Browsers:
    """A run's one browser, started when a page is first opened; ends with the environment."""

    def __init__(self, session: DrillSession, system: System) -> None:
        self._environment = session.open(system)
        self._browser: Browser | None = None
        session.on_finish(self.close)

    def unsteady(self) -> list[str]:
        return []

    def open(self, url: str, answering: Answering) -> Opened:
        """One visit, in a profile of its own.

        Raises:
            NotProvenHere: no browser on this machine.
            AttemptFailed: it does not start, or died while the page was open; started anew, it is
                tried once more before that is said.
        """
        for last in (False, True):
            try:
                return self._running().visit(url, answering)
            except AttemptFailed:
                self.close()
                if last:
                    raise
        raise AssertionError

    def _running(self) -> Browser:
        if self._browser is None or not self._browser.alive:
            self._browser = Browser.start(self._environment)
        return self._browser

    def close(self) -> None:
        """Ends the browser, if there is one; the next visit starts another."""
        browser, self._browser = self._browser, None
        if browser is not None:
            browser.stop()


class Browser:
    """A running browser."""

    def __init__(self, keeper: Keeper, commands: int, answers: int) -> None:
        self._keeper, self._commands, self._answers = keeper, commands, answers
        self._numbers = itertools.count(1)
        self._heard = b""

    @classmethod
    def start(cls, environment: OpenEnvironment) -> Browser:
        """Raises NotProvenHere without a browser, AttemptFailed when it does not start."""
        program = find_browser()
        if program is None:
            raise NotProvenHere(
                f"no browser is installed: none of {', '.join(PROGRAMS)} is on the PATH",
                doing="opening the site in a browser",
                remedy="install Chromium, on Debian with `apt-get install chromium`",
            )
        sandboxed = [True, False] if os.geteuid() else [False]
        for sandbox in sandboxed:
            try:
                return cls._start(environment, program, sandbox=sandbox)
            except AttemptFailed:
                if sandbox is sandboxed[-1]:
                    raise
        raise AssertionError

    @classmethod
    def _start(cls, environment: OpenEnvironment, program: Path, *, sandbox: bool) -> Browser:
        folder = environment.scratch / f"browser-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        pipes = [folder / "commands", folder / "answers"]
        for pipe in pipes:
            os.mkfifo(pipe, 0o600)
        # open for both, so that neither end waits for the other
        commands, answers = (os.open(pipe, os.O_RDWR | os.O_CLOEXEC) for pipe in pipes)
        spec = _spec(environment, program, folder, [str(pipe) for pipe in pipes], sandbox=sandbox)
        browser = cls(Keeper.start(spec, within=environment.guardian), commands, answers)
        try:
            browser._call("Browser.getVersion", within=START_SECONDS)
        except BaseException:
            browser.stop()
            raise
        return browser

    @property
    def alive(self) -> bool:
        return self._keeper.alive

    def stop(self) -> None:
        self._keeper.stop()
        for descriptor in (self._commands, self._answers):
            os.close(descriptor)

    def visit(self, url: str, answering: Answering) -> Opened:
        """Raises AttemptFailed when the browser dies, or does not answer in time."""
        context = self._call("Target.createBrowserContext")["browserContextId"]
        try:
            about = {"url": "about:blank", "browserContextId": context}
            target = self._call("Target.createTarget", about)["targetId"]
            attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})
            return Visit(self, attached["sessionId"], answering, frame=target).run(url)
        finally:
            if self.alive:
                self.send("Target.disposeBrowserContext", {"browserContextId": context})

    def _call(
        self, method: str, params: Mapping[str, Any] | None = None, *, within: float = START_SECONDS
    ) -> dict[str, Any]:
        number = self.send(method, params or {})
        deadline = time.monotonic() + within
        while True:
            message = self.hear(deadline)
            if message is None:
                raise self.dumb(method)
            if message.get("id") == number:
                return result_of(method, message)

    def send(self, method: str, params: Mapping[str, Any], *, session: str = "") -> int:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        body = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while body:
            body = body[self._write(body) :]
        return number

    def _write(self, body: bytes) -> int:
        """As much as the pipe takes: a browser that has died reads nothing, and must not be waited for."""
        deadline = time.monotonic() + START_SECONDS
        while not select.select([], [self._commands], [], 0.1)[1]:
            if not self.alive or time.monotonic() > deadline:
                raise self.dumb("a command")
        return os.write(self._commands, body[: select.PIPE_BUF])

    def hear(self, deadline: float) -> dict[str, Any] | None:
        """The next message; None when the time is up. Raises AttemptFailed when the browser has died."""
        while b"\0" not in self._heard:
            rest = deadline - time.monotonic()
            if rest <= 0:
                return None
            if select.select([self._answers], [], [], min(rest, 0.1))[0]:
                self._heard += os.read(self._answers, 2**20)
            elif not self.alive:
                raise self.dumb("its next words")
        message, _, self._heard = self._heard.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def dumb(self, waited_for: str) -> AttemptFailed:
        said = " | ".join(self._keeper.log_tail(3).splitlines()) or "nothing"
        how = "does not answer" if self.alive else "has died"
        return AttemptFailed(
            f"the browser {how}; last it said: {said[-500:]}",
            doing=f"waiting for {waited_for}",
            where=self._keeper.spec.name,
            remedy="run the drill again; if it happens again, look whether memory is short",
        )


def _short_folder(folder: Path) -> Path:
    """The folder itself, or one elsewhere where its path leaves no room for the socket that Chromium makes
    in `TMPDIR/org.chromium.Chromium.XXXXXX/SingletonSocket`."""
    if len(str(folder).encode()) <= LONGEST_SOCKET_PATH - _SOCKET_BYTES:
        return folder
    root = next((root for root in SHORT_ROOTS if os.access(root, os.W_OK | os.X_OK)), folder.parent)
    return root / f"{PREFIX}{secrets.token_hex(6)}"


def _spec(
    environment: OpenEnvironment, program: Path, folder: Path, pipes: list[str], *, sandbox: bool
) -> KeeperSpec:
    own = [f"--user-data-dir={folder / 'profile'}", *([] if sandbox else ["--no-sandbox"]), "about:blank"]
    temporary = _short_folder(folder)
    apart = [] if temporary == folder else [temporary]
    wrapper = str(Path(browser_program.__file__))
    return KeeperSpec(
        name="the browser",
        scratch=environment.scratch,
        argv=(sys.executable, "-I", "-S", wrapper, *pipes, str(program), *_FLAGS, *own),
        env={**inherited_environment("LANG"), "TMPDIR": str(temporary), "HOME": str(folder)},
        cwd=folder,
        log=folder / "browser.log",
        make=[Folder(path=folder / "profile"), *(Folder(path=path) for path in apart)],
        remove=[folder, *apart],
        ladder=((signal.SIGTERM, 3.0),),
    )
