"""Processes of a release's code, each against a database of its own, and what they say when they fail."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from rollproof.components.commands import fill_in, last_words, start_command
from rollproof.components.compatibility.releases import Shipped, digest_of, start_of
from rollproof.components.postgres.templates import Templates
from rollproof.components.service import HOST, probe
from rollproof.drill.drill import Drill
from rollproof.environments.keeper import Keeper, KeeperSpec, inherited_environment
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.model.system import Service
from rollproof.waiting import eventually

ASK_SECONDS = 10.0
PATIENCE, AT_LEAST = 4.0, 3.0
"""How many times as long as on its own schema, and at least how many seconds, a release is waited for on
another one: where it does not start there, it would be its whole `start_limit`."""
_MISSING = re.compile(
    r"(?:column|relation|table|function|type|schema) [\w.]+(?:\([^)]{0,80}\))?"
    r"(?: of relation \w+)? does not exist"
    r"|null value in column \w+(?: of relation \w+)? violates not-null constraint"
    r"|violates (?:foreign key|unique|check|exclusion) constraint \w+"
    r"|permission denied for \w+ \w+"
)


@dataclass(frozen=True)
class Running:
    """One service of a release at work.

    Attributes:
        digest: of the folder that it was started from.
        seconds: until it was healthy.
        unhealthy: why it is not healthy; empty when it is.
    """

    service: str
    release: str
    digest: str
    url: str
    keeper: Keeper
    log: Path
    seconds: float = 0.0
    unhealthy: str = ""

    def client(self) -> httpx.Client:
        """Asks it alone: no proxy, no redirect followed."""
        return httpx.Client(base_url=self.url, timeout=ASK_SECONDS, trust_env=False, verify=False)  # noqa: S501  plain HTTP on the loopback


@dataclass
class Processes:
    """All of them in a scenario; none outlives it."""

    drill: Drill
    running: list[Running] = field(default_factory=list)
    usual: dict[tuple[str, str], float] = field(default_factory=dict)
    _number: int = 0

    def __post_init__(self) -> None:
        self.drill.on_heal(self.stop)

    def stop(self, *which: Running) -> None:
        """Ends those, or all."""
        for one in which or tuple(reversed(self.running)):
            one.keeper.stop()
            self.running.remove(one)

    def launch(
        self, name: str, service: Service, shipped: Shipped, database: str, *, throwaway: bool = False
    ) -> Running:
        """Starts a release's code; `settle` waits for it.

        Args:
            throwaway: nobody but the drill asks it, so it is ended without waiting.

        Raises SystemFileError: it cannot be started.
        """
        system = self.drill.system
        environment = self.drill.session.open(system)
        server = self.drill.session.use(Templates, system).server
        role = system.database.app_role if system.database else None
        words, inside = start_of(service, shipped.folder)
        port, dsn = str(environment.free_port()), server.conninfo(database, user=role)
        values = {
            "port": port,
            "dsn": dsn,
            "env": environment.name,
            "path": str(shipped.folder),
            "release": shipped.name,
        }
        own = service.env | shipped.release.variables
        self._number += 1
        log = environment.scratch / f"release-{name}-{self._number}.log"
        keeper = start_command(
            KeeperSpec(
                name=f"service {name} of {shipped.name}",
                scratch=environment.scratch,
                argv=tuple(fill_in(words, **values)),
                env=inherited_environment("LANG", "VIRTUAL_ENV")
                | {"DATABASE_URL": dsn, "PORT": port, "PYTHONDONTWRITEBYTECODE": "1"}
                | dict(zip(own, fill_in(tuple(own.values()), **values), strict=True)),
                cwd=shipped.folder if inside else system.root,
                log=log,
                ladder=() if throwaway else ((signal.SIGTERM, 10.0),),
            ),
            environment,
            where=f"{system.source}: service.{name}.{'start' if inside else 'command'}",
        )
        url, digest = f"http://{HOST}:{port}", digest_of(shipped.folder)
        started = Running(name, shipped.name, digest, url, keeper, log)
        self.running.append(started)
        return started

    def settle(self, started: Running, *, home: bool) -> Running:
        """The same once it is healthy, or once it has been waited for long enough.

        Args:
            home: it is on its own schema, where it has its whole `start_limit`.
        """
        service = self.drill.system.service[started.service]
        known = [seconds for (name, _), seconds in self.usual.items() if name == started.service]
        usual = self.usual.get((started.service, started.release)) or max(known, default=None)
        limit = service.start_limit
        if not home and usual is not None:
            limit = min(limit, max(AT_LEAST, PATIENCE * usual))
        begun = time.monotonic()
        why = _wait(started, service, limit)
        seconds = time.monotonic() - begun
        if home and not why:
            self.usual[started.service, started.release] = seconds
        settled = Running(**{name: getattr(started, name) for name in _KEPT}, seconds=seconds, unhealthy=why)
        self.running[self.running.index(started)] = settled
        return settled


_KEPT = ("service", "release", "digest", "url", "keeper", "log")


def _wait(started: Running, service: Service, limit: float) -> str:
    said = [""]

    def healthy() -> bool:
        said[0] = probe(started.url + service.health) or ""
        return not said[0] or not started.keeper.alive

    try:
        eventually(healthy, within=limit, what=f"{started.service} answers {service.health}")
    except AttemptFailed:
        return f"never healthy: {said[0]}"
    if started.keeper.alive:
        return ""
    return f"it ended: {missing_in(started.log.read_text(errors='replace')) or 'see its log'}"


def expect_sound(running: Running, drill: Drill) -> Running:
    """Raises EnvironmentUnavailable for a release that is not healthy on its own schema: nothing that it
    does elsewhere says anything of that schema."""
    if running.unhealthy:
        said = last_words(running.keeper.log_tail())
        raise EnvironmentUnavailable(
            f"release {running.release} is not healthy on its own schema: {running.unhealthy};"
            f" last it said: {said}",
            doing=f"starting the code of {running.release}",
            where=f"{drill.system.source}: service.{running.service}",
            remedy="start it by hand with DATABASE_URL and PORT set, or mark the release as `broken`",
        )
    return running


def missing_in(said: str) -> str:
    """What a log says is missing or violated, by its name in the catalog; never a row's value."""
    found = _MISSING.search(re.sub(r"[\\\"'`]", "", said))
    return found[0] if found else ""


def log_since(running: Running, offset: int) -> str:
    """What it has written since; at most 200 KB."""
    try:
        with running.log.open("rb") as file:
            file.seek(offset)
            return file.read(200_000).decode(errors="replace")
    except OSError:
        return ""


def log_size(running: Running) -> int:
    return running.log.stat().st_size if running.log.exists() else 0
