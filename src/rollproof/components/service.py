"""The `service` component: the system's own processes, started for a drill and verified from outside."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import httpx
import psycopg
from psycopg import sql

from rollproof.components.commands import fill_in, last_words, run_command, start_command
from rollproof.components.postgres.admin import connected, first_line
from rollproof.components.postgres.bench import Bench
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.environments.keeper import Keeper, KeeperSpec, inherited_environment
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.model.aws import Release
from rollproof.model.durations import say_duration
from rollproof.model.json import JsonObject
from rollproof.model.names import split_name
from rollproof.model.system import Service, Smoke
from rollproof.waiting import eventually

VERIFY_SECONDS = 20.0
HOST = "127.0.0.1"

Verifier = Callable[[Drill, list[str]], list[str]]
"""Looks at one more kind of component when the service is verified: adds the name of each thing that
it looked at to the list it is given, and returns what is wrong, one line each."""
_VERIFIERS: list[Verifier] = []
_TOLD: list[Callable[[Drill], Mapping[str, str]]] = []


def verifier(function: Verifier) -> Verifier:
    """Registers what `VerifyService` looks at besides services, critical tables and smoke tests."""
    _VERIFIERS.append(function)
    return function


def told_to_smoke(function: Callable[[Drill], Mapping[str, str]]) -> Callable[[Drill], Mapping[str, str]]:
    """Registers variables that the smoke tests get, such as where an API is."""
    _TOLD.append(function)
    return function


class Services:
    """The services that run for a scenario, each at a base URL on the loopback address.

    Attributes:
        releases: which release each service runs; its current one unless a drill says otherwise.
        variables: what each is configured by in place of its `env`, once a drill has changed that.
    """

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.urls: dict[str, str] = {}
        self.running: dict[str, Keeper] = {}
        self.releases: dict[str, Release] = {}
        self.variables: dict[str, dict[str, str]] = {}

    def stop(self) -> None:
        for keeper in reversed(self.running.values()):
            keeper.stop()
        self.running.clear()

    def start(self, name: str, service: Service) -> None:
        """Starts one service and waits until it is healthy.

        Raises:
            SystemFileError: its command could not be started.
            EnvironmentUnavailable: it is not healthy within its start limit; with the end of its log.
        """
        self.urls[name] = f"http://{HOST}:{self.drill.session.open(self.drill.system).free_port()}"
        self._wait_for(name, service, self._launch(name, service, self.urls[name]), self.urls[name])

    def restart(self, name: str) -> str:
        """Ends a service and starts it again where it was; why it is not healthy, or an empty text."""
        return self.restart_all([name])[name]

    def restart_all(self, names: Iterable[str]) -> dict[str, str]:
        """Like `restart`, of several, which come up side by side."""
        wanted, declared = list(names), self.drill.system.service
        for name in wanted:
            self.running.pop(name).stop()
        kept = {name: self._launch(name, declared[name], self.urls[name]) for name in wanted}
        return {name: self.settle(declared[name], kept[name], self.urls[name]) for name in wanted}

    def settle(self, service: Service, keeper: Keeper, url: str) -> str:
        """Waits until a service answers in any way, or has ended; why it is not healthy, or an empty text."""

        def answered() -> bool:
            said[:] = [probe(url + service.health) or ""]
            return not keeper.alive or not said[0] or " answers " in said[0]

        said: list[str] = []
        try:
            eventually(answered, within=service.start_limit, what="it answers")
        except AttemptFailed as error:
            return error.found
        ended = "" if keeper.alive else f"it ended; last it said: {last_words(keeper.log_tail())}"
        return ended or said[0]

    def release_of(self, name: str) -> Release | None:
        """The release that a service runs: the newest healthy one, unless a drill chose another."""
        healthy = [release for release in self.drill.system.release if not release.broken]
        return self.releases.get(name) or (healthy[-1] if healthy else None)

    def configured(self, name: str) -> dict[str, str]:
        """What a service is configured by: its `env` and its release's variables, or what a drill set."""
        release = self.release_of(name)
        own = self.drill.system.service[name].env | (release.variables if release else {})
        return dict(self.variables.get(name, own))

    def launch_beside(
        self, name: str, *, release: Release, variables: Mapping[str, str]
    ) -> tuple[Keeper, str]:
        """A second process of a service, on a port of its own, and its URL; whoever asked ends it."""
        url = f"http://{HOST}:{self.drill.session.open(self.drill.system).free_port()}"
        service = self.drill.system.service[name]
        return self._started(f"{name} beside", service, url, release, variables), url

    def _launch(self, name: str, service: Service, url: str) -> Keeper:
        keeper = self._started(name, service, url, self.release_of(name), self.configured(name))
        self.running[name] = keeper
        return keeper

    def _started(
        self, name: str, service: Service, url: str, release: Release | None, variables: Mapping[str, str]
    ) -> Keeper:
        bench, root = self.drill.use(Bench), self.drill.system.root
        environment = self.drill.session.open(self.drill.system)
        port = url.rpartition(":")[2]
        dsn = bench.server.conninfo(bench.name, user=bench.app_role)
        folder = root / release.path if release is not None and release.path else root
        values = {"port": port, "dsn": dsn, "env": environment.name, "path": str(folder)}
        own = dict(zip(variables, fill_in(tuple(variables.values()), **values), strict=True))
        return start_command(
            KeeperSpec(
                name=f"service {name}",
                scratch=environment.scratch,
                argv=tuple(fill_in(service.command, **values)),
                env=inherited_environment("LANG", "VIRTUAL_ENV")
                | {"DATABASE_URL": dsn, "PORT": port, "PYTHONDONTWRITEBYTECODE": "1", **own},
                cwd=root,
                log=bench.scratch / f"{name}.log",
            ),
            environment,
            where=f"{self.drill.system.source}: service.{name.partition(' ')[0]}.command",
        )

    def _wait_for(self, name: str, service: Service, keeper: Keeper, url: str) -> None:
        def healthy() -> bool:
            if not keeper.alive:
                raise AttemptFailed("it ended")
            return probe(url + service.health) is None

        try:
            eventually(healthy, within=service.start_limit, what=f"{name} answers {service.health}")
        except AttemptFailed as error:
            said = last_words(keeper.log_tail())
            raise EnvironmentUnavailable(
                f"service {name} is not healthy: {error.found}; last it said: {said}",
                doing="starting the system's services",
                where=f"{self.drill.system.source}: service.{name}",
                remedy="start its command by hand with DATABASE_URL and PORT set, and see what it says",
            ) from error


@cache
def _certificates() -> ssl.SSLContext:
    """Read once: httpx would read every certificate of the machine for each question."""
    return httpx.create_ssl_context()


def probe(url: str) -> str | None:
    """None when the URL answers 200, else what happened instead."""
    try:
        answer = httpx.get(url, timeout=5.0, verify=_certificates())
    except httpx.HTTPError as error:
        return f"{url.partition('://')[2].partition('/')[2]}: {type(error).__name__}"
    return None if answer.status_code == 200 else f"/{url.split('/', 3)[3]} answers {answer.status_code}"


@dataclass(frozen=True)
class StartServices(Act):
    """Starts every service that the system declares, against the scenario's database."""

    name = "service.start"

    def run(self, drill: Drill) -> JsonObject:
        services = drill.use(Services)
        drill.on_heal(services.stop)
        for name, service in drill.system.service.items():
            if name not in services.urls:
                services.start(name, service)
        return {"items": list(services.urls)}


@dataclass(frozen=True)
class VerifyService(Act):
    """Looks from outside whether the system does its work: health, smoke tests, critical tables.

    After a rollback it asks again until all of it is well, or the time is up: what counts is the
    first moment at which the service is *verified*.
    """

    name = "service.verify"

    def run(self, drill: Drill) -> JsonObject:
        rolled_back = drill.history.last("incident.executed") is not None
        ran: list[str] = []
        problems: list[str] = []

        def well() -> bool:
            ran.clear()
            problems[:] = _problems(drill, ran)
            return not problems

        try:
            eventually(well, within=VERIFY_SECONDS if rolled_back else 0.0, what="the service is well")
        except AttemptFailed:
            raise AttemptFailed("; ".join(problems)[:1000], doing="verifying the service") from None
        if rolled_back:
            drill.incident("verified")
        return {"checks": ran}


def _problems(drill: Drill, ran: list[str]) -> list[str]:
    """What is wrong now; `ran` gets the name of each thing looked at."""
    problems = []
    for name, service in drill.system.service.items():
        url = drill.use(Services).urls.get(name)
        if url is not None:
            ran.append(f"health of {name}")
            problems.append(probe(url + service.health))
    for table in drill.use(Bench).critical if _has_database(drill) else ():
        ran.append(f"read {table}")
        problems.append(_unreadable(drill.use(Bench), table))
    for look in _VERIFIERS:
        problems += look(drill, ran)
    if drill.system.smoke is not None:
        ran.append("smoke tests")
        problems.append(_smoke(drill, drill.system.smoke))
    return [problem for problem in problems if problem]


def _has_database(drill: Drill) -> bool:
    """Whether a database was staged for this scenario."""
    return drill.uses(Bench) and bool(drill.use(Bench).database)


def _unreadable(bench: Bench, table: str) -> str | None:
    try:
        with connected(bench.server, bench.name, user=bench.spec.app_role) as conn:
            conn.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier(*split_name(table))))
    except EnvironmentUnavailable as error:
        return f"{table} cannot be read: {error.found}"
    except psycopg.Error as error:
        return f"{table} cannot be read: {first_line(error)}"
    return None


def _smoke(drill: Drill, smoke: Smoke) -> str | None:
    """None when the system's smoke tests exit with 0, else the end of what they said."""
    services = drill.use(Services)
    environment = {f"SERVICE_URL_{name.upper()}": url for name, url in services.urls.items()}
    dsn = ""
    if _has_database(drill):
        bench = drill.use(Bench)
        dsn = bench.server.conninfo(bench.name, user=bench.spec.app_role)
        environment |= {"DATABASE_URL": dsn, "EXPECTED_MIGRATIONS": ",".join(bench.expected)}
    for tell in _TOLD:
        environment |= tell(drill)
    opened = drill.session.open(drill.system)
    ran = run_command(
        opened,
        fill_in(smoke.command, dsn=dsn, env=opened.name),
        name="the smoke tests",
        where=f"{drill.system.source}: smoke.command",
        cwd=drill.system.root,
        environment=environment,
        limit=smoke.limit,
    )
    if ran.exit_code == 0:
        return None
    if ran.exit_code is None:
        return f"the smoke tests were still running after {say_duration(smoke.limit)}"
    return f"the smoke tests ended with {ran.exit_code}: {ran.last_words}"
