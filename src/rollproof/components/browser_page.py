"""One page opened in a browser: its requests answered, its complaints collected."""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from rollproof.errors import AttemptFailed

VISIT_SECONDS, QUIET_SECONDS = 30.0, 0.25

Answering = Callable[[str, str], "Handed | None"]
"""Answers a request's method and URL; None for what the page may not have."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What a page is handed for one request. `status` 0: nobody answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Opened:
    """What one visit left.

    Attributes:
        title: the page's.
        text: what a reader sees of it.
        errors: what the console and the page's own scripts complain of, in order.
        failed: own requests that failed or were answered with an error: status and URL.
        refused: requests that would have left the machine; they were never made.
        finished: the page loaded and came to rest within the time.
    """

    title: str = ""
    text: str = ""
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    finished: bool = False


_NO_ICON = Handed(204, {}, b"")
"""Browsers ask for /favicon.ico though no page names it; its absence is nobody's fault."""


class Talking(Protocol):
    """A browser's two pipes."""

    def send(self, method: str, params: Mapping[str, Any], *, session: str = "") -> int: ...

    def hear(self, deadline: float) -> dict[str, Any] | None: ...

    def dumb(self, waited_for: str) -> AttemptFailed: ...


class Visit:
    """One page being opened."""

    def __init__(self, browser: Talking, session: str, answering: Answering, *, frame: str) -> None:
        self._frame = frame
        self._browser, self._session, self._answering = browser, session, answering
        self._opened = Opened()
        self._under_way: dict[str, str] = {}
        self._ended: set[str] = set()
        self._refused: set[str] = set()
        self._loaded = False
        self._document = ""

    def run(self, url: str) -> Opened:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")
        self._wait(self._send("Fetch.enable", patterns=[{"urlPattern": "*"}]))
        self._send("Page.navigate", url=url)
        self._opened.finished = self._rest(time.monotonic() + VISIT_SECONDS)
        if not self._opened.finished:
            self._opened.failed += [f"never ended {_short(one)}" for one in self._under_way.values()]
        self._opened.title, self._opened.text = self._read()
        return self._opened

    def _send(self, method: str, **params: Any) -> int:
        return self._browser.send(method, params, session=self._session)

    def _rest(self, deadline: float) -> bool:
        """Whether the page has loaded and asked for nothing for a while, before the deadline."""
        while time.monotonic() < deadline:
            quiet = self._loaded and not self._under_way
            until = min(deadline, time.monotonic() + QUIET_SECONDS) if quiet else deadline
            message = self._browser.hear(until)
            if message is None and quiet:
                return True
            if message is not None:
                self._take_in(message)
        return False

    def _read(self) -> tuple[str, str]:
        script = "[document.title, document.body ? document.body.innerText : '']"
        said = self._wait(self._send("Runtime.evaluate", expression=script, returnByValue=True))
        title, text = said["result"].get("value") or ("", "")
        return str(title), str(text)

    def _wait(self, number: int) -> dict[str, Any]:
        """The answer to a command; what is heard before it is taken in."""
        deadline = time.monotonic() + VISIT_SECONDS
        while (message := self._browser.hear(deadline)) is not None:
            if message.get("id") == number:
                return result_of("the browser", message)
            self._take_in(message)
        raise self._browser.dumb("an answer of the page")

    def _take_in(self, message: dict[str, Any]) -> None:
        handler = _HANDLERS.get(str(message.get("method")))
        if handler is not None and message.get("sessionId") == self._session:
            handler(self, message["params"])

    def _paused(self, params: dict[str, Any]) -> None:
        asked = params["request"]
        handed = self._answering(asked["method"], asked["url"])
        if handed is None:
            self._opened.refused.append(f"{asked['method']} {_short(asked['url'])}")
            self._refused.add(asked["url"])
            self._send("Fetch.failRequest", requestId=params["requestId"], errorReason="BlockedByClient")
        elif handed.status >= 400 and urlsplit(asked["url"]).path == "/favicon.ico":
            self._fulfil(params["requestId"], _NO_ICON)
        elif handed.status == 0:
            self._send("Fetch.failRequest", requestId=params["requestId"], errorReason="ConnectionFailed")
        else:
            self._fulfil(params["requestId"], handed)

    def _fulfil(self, request: str, handed: Handed) -> None:
        headers, body = _uncompressed(handed)
        self._send(
            "Fetch.fulfillRequest",
            requestId=request,
            responseCode=handed.status,
            responseHeaders=[{"name": name, "value": value} for name, value in headers.items()],
            body=base64.b64encode(body).decode(),
        )

    def _begun(self, params: dict[str, Any]) -> None:
        """Two processes tell of one request, so that its beginning may be heard after its end."""
        if params["requestId"] == params.get("loaderId"):
            self._document = params["requestId"]
        if params["requestId"] not in self._ended:
            self._under_way[params["requestId"]] = params["request"]["url"]

    def _answered(self, params: dict[str, Any]) -> None:
        if params["response"]["status"] >= 400:
            said = f"{params['response']['status']} {_short(params['response']['url'])}"
            self._opened.failed.append(said)

    def _finished(self, params: dict[str, Any]) -> None:
        self._ended.add(params["requestId"])
        self._under_way.pop(params["requestId"], None)

    def _failed(self, params: dict[str, Any]) -> None:
        self._ended.add(params["requestId"])
        url = self._under_way.pop(params["requestId"], "")
        refused = url in self._refused or params.get("blockedReason") == "inspector"
        if not refused and not params.get("canceled"):
            why = params.get("blockedReason") or params.get("errorText", "")
            self._opened.failed.append(f"{why} {_short(url)}")

    def _stopped(self, params: dict[str, Any]) -> None:
        """Of a small page Chromium may tell no load event: it ends before its process is listened to."""
        if params["frameId"] == self._frame:
            self._load(params)

    def _load(self, _: dict[str, Any]) -> None:
        """The document has ended by now, though Chromium does not always say so of one it was handed."""
        self._loaded = bool(self._document)  # about:blank, which was there first, loads too
        self._under_way.pop(self._document, None)

    def _thrown(self, params: dict[str, Any]) -> None:
        details = params["exceptionDetails"]
        said = details.get("exception", {}).get("description") or details.get("text", "")
        self._complain(str(said).splitlines()[0] if said else "an exception", details.get("url", ""))

    def _console(self, params: dict[str, Any]) -> None:
        if params["type"] in {"error", "assert"}:
            said = " ".join(str(one.get("value", one.get("description", ""))) for one in params["args"])
            self._complain(said, "")

    def _logged(self, params: dict[str, Any]) -> None:
        entry = params["entry"]
        if entry["level"] == "error" and entry.get("url", "") not in self._refused:
            self._complain(str(entry["text"]), entry.get("url", ""))

    def _complain(self, said: str, url: str) -> None:
        self._opened.errors.append(f"{said} ({_short(url)})" if url else said)


_HANDLERS: Mapping[str, Callable[[Visit, dict[str, Any]], None]] = {
    "Fetch.requestPaused": Visit._paused,
    "Network.requestWillBeSent": Visit._begun,
    "Network.responseReceived": Visit._answered,
    "Network.loadingFinished": Visit._finished,
    "Network.loadingFailed": Visit._failed,
    "Page.loadEventFired": Visit._load,
    "Page.frameStoppedLoading": Visit._stopped,
    "Runtime.exceptionThrown": Visit._thrown,
    "Runtime.consoleAPICalled": Visit._console,
    "Log.entryAdded": Visit._logged,
}


def result_of(method: str, message: dict[str, Any]) -> dict[str, Any]:
    if "error" in message:
        raise AttemptFailed(
            f"the browser refused: {message['error'].get('message', '')}", doing=f"calling {method}"
        )
    found: dict[str, Any] = message["result"]
    return found


def _short(url: str) -> str:
    """A URL without its query, which may hold what nobody should keep."""
    split = urlsplit(url)
    return f"{split.scheme}:…" if split.scheme == "data" else f"{split.scheme}://{split.netloc}{split.path}"


def _uncompressed(handed: Handed) -> tuple[dict[str, str], bytes]:
    """The browser takes what it is handed for plain, whatever the header says."""
    headers = {name.lower(): value for name, value in handed.headers.items()}
    if headers.get("content-encoding") == "gzip":
        del headers["content-encoding"]
        return headers, gzip.decompress(handed.body)
    return headers, handed.body
