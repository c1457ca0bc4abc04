"""Instances of a release, and what stands before them: requests go to those that are well."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import httpx

from rollproof.environments.embedded.apprunner_images import Pulled, RefusedError
from rollproof.environments.embedded.ports import LOOPBACK
from rollproof.environments.keeper import MARKER, inherited_environment
from rollproof.waiting import rest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Mapping[str, Any]], Any]

DRAIN_SECONDS, END_SECONDS = 5.0, 3.0
ASK_SECONDS = 0.05
"""Pause between two health checks. App Runner waits an interval; here the time allowed is the same, and
what is asked more often is known earlier."""
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"upgrade", b"proxy-connection"}
)


@dataclass(frozen=True, slots=True)
class Health:
    """When an instance counts as well. Seconds; `path` is empty for a check that only connects."""

    path: str = ""
    within: float = 25.0
    timeout: float = 2.0
    successes: int = 1


@dataclass
class Instance(ABC):
    """One copy of a release that runs, with a port of its own on the loopback address.

    As in a container, what one instance changes in the image's files is gone with it.
    """

    pulled: Pulled
    port: int
    under_way: int = field(default=0, init=False)

    @property
    @abstractmethod
    def alive(self) -> bool: ...

    @property
    @abstractmethod
    def exit_code(self) -> int | None:
        """None while it runs, and when nobody knows."""

    @property
    @abstractmethod
    def seen(self) -> Mapping[str, object]:
        """Where to look at it from outside: `pid`, and the `folder` that it works in."""

    @abstractmethod
    def last_words(self) -> str:
        """The end of what it said, in one line."""

    @abstractmethod
    async def _stop(self) -> None:
        """Asks it to end, sees to it, and removes what it leaves."""

    async def wait_until_well(self, health: Health, http: httpx.AsyncClient) -> None:
        """Raises RefusedError: it ended, or was not well in time; with the end of its log."""
        well, deadline = 0, asyncio.get_running_loop().time() + health.within
        said = "it was never asked"
        while well < health.successes:
            if not self.alive:
                self._refuse(f"it ended with exit code {self.exit_code}")
            said = await self._ask(health, http)
            well = 0 if said else well + 1
            if well < health.successes and asyncio.get_running_loop().time() > deadline:
                self._refuse(f"its health check failed for {health.within:.0f} s: {said}")
            await rest(ASK_SECONDS)
        if not self.alive:  # somebody else's program has answered on its port
            self._refuse(f"it ended with exit code {self.exit_code}")

    async def _ask(self, health: Health, http: httpx.AsyncClient) -> str:
        """Empty when it is well, else what was found."""
        try:
            if not health.path:
                _, writer = await asyncio.wait_for(
                    asyncio.open_connection(LOOPBACK, self.port), health.timeout
                )
                writer.close()
                return ""
            answer = await http.get(f"http://{LOOPBACK}:{self.port}{health.path}", timeout=health.timeout)
        except (OSError, httpx.HTTPError, TimeoutError) as error:
            return f"{health.path or 'its port'}: {type(error).__name__}"
        return "" if answer.is_success else f"{health.path} answers {answer.status_code}"

    def _refuse(self, found: str) -> NoReturn:
        raise RefusedError(f"{found}; last it said: {self.last_words()}")

    async def end(self) -> None:
        """Lets requests under way finish, asks it to end, and sees to it."""
        await until(lambda: self.under_way <= 0 or not self.alive, DRAIN_SECONDS)
        await self._stop()


Starter = Callable[[Pulled, tuple[str, ...], Mapping[str, str], int, Path], Instance]
"""Starts an instance of an image: with a command, variables, the port that its service
names, and a path for what it needs on this machine.
Raises RefusedError when it cannot be started. It may take long, and is called in a thread."""


@dataclass
class ProcessInstance(Instance):
    """A process of this machine, with a copy of the image's files of its own."""

    folder: Path
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, pulled: Pulled, argv: tuple[str, ...], env: Mapping[str, str], port: int, place: Path
    ) -> Instance:
        """Starts it in `place`, a folder that is made for it, on a free port: others use this machine too.

        Raises RefusedError: it cannot be started.
        """
        port, log = free_port(), place.with_suffix(".log")
        shutil.copytree(pulled.folder, place, symlinks=True)
        own = {"PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        known = inherited_environment("LANG", "VIRTUAL_ENV") | {"PATH": path, **pulled.env, **env, **own}
        known |= {name: os.environ[name] for name in (MARKER,) if name in os.environ}
        words = command_in(argv, port=port, python=sys.executable)
        try:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    words,
                    cwd=place / pulled.workdir,
                    env=known,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        except OSError as error:
            raise RefusedError(f"its command {words[0]} cannot be started: {error.strerror}") from error
        return cls(pulled, port, place, log, process)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self.process.returncode

    @property
    def seen(self) -> Mapping[str, object]:
        return {"pid": self.process.pid, "folder": str(self.folder)}

    def last_words(self) -> str:
        return last_lines(self.log.read_bytes())

    async def _stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
            await until(lambda: not self.alive, END_SECONDS)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


def command_in(argv: tuple[str, ...], *, port: int, python: str) -> list[str]:
    """A command with its port and its interpreter filled in."""
    return [word.replace("{port}", str(port)).replace("{python}", python) for word in argv]


def last_lines(said: bytes) -> str:
    lines = said[-4096:].decode(errors="replace").strip().splitlines()[-3:]
    return " | ".join(line.strip() for line in lines) or "nothing"


async def until(condition: Callable[[], bool], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition() and loop.time() < deadline:
        await rest(0.02)


def free_port() -> int:
    """A port that nothing listens on now."""
    with listener() as probe:
        return int(probe.getsockname()[1])


def listener() -> socket.socket:
    """A socket on the loopback address, at a port that the machine chooses."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((LOOPBACK, 0))
    return found


@dataclass
class Front:
    """Passes requests on to an instance that `choose` names, and their answers back as they come."""

    choose: Callable[[], Any]
    http: httpx.AsyncClient = field(repr=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        instance: Instance | None = await self.choose()
        if instance is None:
            await answer(send, 503, b"no instance of the service is there")
            return
        instance.under_way += 1
        try:
            await self._pass_on(instance, scope, receive, send)
        finally:
            instance.under_way -= 1

    async def _pass_on(self, instance: Instance, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"").decode("latin-1")
        target = scope.get("raw_path", scope["path"].encode()).decode("latin-1") + (
            f"?{query}" if query else ""
        )
        headers = [(name, value) for name, value in scope["headers"] if name.lower() not in _HOP_BY_HOP]
        headers.append((b"x-forwarded-proto", b"http"))
        request = self.http.build_request(
            scope["method"],
            f"http://{LOOPBACK}:{instance.port}{target}",
            headers=headers,
            content=_body(receive) if _has_body(scope) else None,
        )
        started = False
        try:
            response = await self.http.send(request, stream=True)
            try:
                kept = [(n.lower(), v) for n, v in response.headers.raw if n.lower() not in _HOP_BY_HOP]
                await send({"type": "http.response.start", "status": response.status_code, "headers": kept})
                started = True
                async for part in response.aiter_raw():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            if started:
                raise
            await answer(send, 502, type(error).__name__.encode())


def _has_body(scope: Scope) -> bool:
    return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def read_body(receive: Receive) -> bytes:
    return b"".join([part async for part in _body(receive)])


async def answer(send: Send, status: int, body: bytes, kind: bytes = b"text/plain", **more: bytes) -> None:
    extra = [(name.replace("_", "-").encode(), value) for name, value in more.items()]
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
