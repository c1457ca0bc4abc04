"""Telling the team and the users: by a chat's webhook and a status page.

A drill never writes to the real ones: a receiver on this machine takes their place, and the report says
that the suite provides it.
"""

from __future__ import annotations

import json
import secrets
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from rollproof.components.commands import fill_in, run_command
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill, observer
from rollproof.errors import AttemptFailed, NotApplicable, PreconditionNotMet
from rollproof.model.aws import StatusPage
from rollproof.model.json import Json, JsonObject

CHAT, PAGE = "chat", "status page"
MOST_BYTES = 100_000
SEND_SECONDS = 10.0
_PATHS = {CHAT: "/chat", PAGE: "/status"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as it arrived. `body`: the JSON that was posted, or nothing that could be read."""

    channel: str
    body: Any


class Receiver:
    """Takes the place of a chat and of a status page, on the loopback address."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MOST_BYTES))
                channel = next((name for name, path in _PATHS.items() if path == self.path), "")
                heard.append(Heard(channel, _json(body)))
                self.send_response(200 if channel else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_PATCH = do_POST  # noqa: N815  their names are given

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  its name is given
                """A drill's output is no place for it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def url(self, channel: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{_PATHS[channel]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5.0)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Told:
    """One message as it was sent: `token` is in its text, so that it is known again."""

    moment: str
    channel: str
    token: str
    status: str


class Announcements:
    """A scenario's channels and what was said on them."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.receiver: Receiver | None = None
        self.told: list[Told] = []

    def channels(self) -> list[str]:
        """Those that the system declares. Raises NotApplicable when there is none."""
        system = self.drill.system
        found = [CHAT] if system.notifications and system.notifications.webhook else []
        found += [PAGE] if system.status_page else []
        if not found:
            raise NotApplicable(f"system {system.name} declares neither a team's webhook nor a status page")
        return found


@dataclass(frozen=True)
class OpenChannels(Act):
    """Puts a receiver in the place of every declared channel."""

    name = "people.reach"

    def prepare(self, drill: Drill) -> None:
        drill.use(Announcements).channels()

    def run(self, drill: Drill) -> JsonObject:
        announcements = drill.use(Announcements)
        receiver = announcements.receiver = Receiver()
        drill.on_heal(receiver.stop)
        channels = announcements.channels()
        for channel in channels:
            found = f"a receiver on this machine takes the place of the {channel}: nothing is sent to it"
            drill.recorder.note("provided", {"name": channel, "found": found})
        return {"items": list(channels)}


@dataclass(frozen=True)
class Tell(Act):
    """Says on every channel that it is being worked on, or that it is over.

    Attributes:
        moment: `before` the rollback or `after` the service was verified.
    """

    moment: str
    name = "people.tell"

    def describe(self, drill: Drill) -> JsonObject:
        return {"label": self.moment}

    def run(self, drill: Drill) -> JsonObject:
        announcements = drill.use(Announcements)
        if announcements.receiver is None:
            raise PreconditionNotMet(
                "nobody listens", remedy="add `Given the team and the status page can be reached`"
            )
        channels = announcements.channels()
        for channel in channels:
            _tell(drill, announcements, announcements.receiver.url(channel), channel, self.moment)
        return {"label": self.moment, "items": list(channels)}


def _tell(drill: Drill, announcements: Announcements, url: str, channel: str, moment: str) -> None:
    token = secrets.token_hex(8)
    page = drill.system.status_page if channel == PAGE else None
    status = "" if page is None else (page.begun if moment == "before" else page.over)
    announcements.told.append(Told(moment, channel, token, status))
    what = "an incident is being worked on" if moment == "before" else "it is over, the service was verified"
    text = f"{drill.system.name}: {what} ({token})"
    if page is not None and page.command is not None:
        _by_command(drill, page, url, status, text)
    else:
        _post(channel, url, {"text": text} if page is None else {"status": status, "message": text})


def _post(channel: str, url: str, body: dict[str, str]) -> None:
    try:
        answer = httpx.post(url, json=body, timeout=SEND_SECONDS, trust_env=False, verify=False)  # noqa: S501  plain HTTP on this machine
    except httpx.HTTPError as error:
        raise AttemptFailed(f"the {channel} could not be told: {type(error).__name__}") from error
    if not answer.is_success:
        raise AttemptFailed(f"the {channel} could not be told: it answered {answer.status_code}")


def _by_command(drill: Drill, page: StatusPage, url: str, status: str, text: str) -> None:
    opened = drill.session.open(drill.system)
    ran = run_command(
        opened,
        fill_in(page.command or (), env=opened.name),
        name="the command that updates the status page",
        where=f"{drill.system.source}: status_page.command",
        cwd=drill.system.root,
        environment={"STATUS_URL": url, "STATUS": status, "STATUS_MESSAGE": text},
        limit=page.limit,
    )
    if ran.exit_code != 0:
        how = "took too long" if ran.exit_code is None else f"ended with {ran.exit_code}"
        raise AttemptFailed(f"status_page.command {how}; last it said: {ran.last_words}")


@observer("announcements")
def look_at_announcements(drill: Drill) -> None:
    """What arrived of what was said: by its token, on its channel, with its status, naming the system."""
    announcements = drill.use(Announcements)
    heard = announcements.receiver.heard if announcements.receiver else []
    items = [_arrival(drill, one, heard) for one in announcements.told]
    pages = [one.body for one in heard if one.channel == PAGE and isinstance(one.body, dict)]
    drill.recorder.note(
        "people.heard",
        {
            "items": items,
            "count": len(heard),
            "status": str(pages[-1].get("status", "")) if pages else "",
            "against": drill.system.status_page.over if drill.system.status_page else "",
            "sources": list(announcements.channels()),
        },
    )


def _arrival(drill: Drill, told: Told, heard: list[Heard]) -> Json:
    bodies = [one.body for one in heard if one.channel == told.channel and isinstance(one.body, dict)]
    mine = [body for body in bodies if told.token in json.dumps(body)]
    return {
        "moment": told.moment,
        "channel": told.channel,
        "arrived": bool(mine) and all(body.get("status", "") == told.status for body in mine),
        "named": any(drill.system.name in json.dumps(body) for body in mine),
    }
