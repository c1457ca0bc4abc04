"""The `service` component: the system's own processes, started for a drill and verified from outside."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
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
    """The services that run for a scenario, each at a base URL on the loopback address."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.urls: dict[str, str] = {}
        self.kept: list[Keeper] = []

    def stop(self) -> None:
        for keeper in reversed(self.kept):
            keeper.stop()
        self.kept.clear()

    def start(self, name: str, service: Service) -> None:
        """Starts one service and waits until it is healthy.

        Raises:
            SystemFileError: its command could not be started.
            EnvironmentUnavailable: it is not healthy within its start limit; with the end of its log.
        """
        bench = self.drill.use(Bench)
        environment = self.drill.session.open(self.drill.system)
        port = environment.free_port()
        url = f"http://{HOST}:{port}"
        dsn = bench.server.conninfo(bench.name, user=bench.app_role)
        values = {"port": str(port), "dsn": dsn, "env": environment.name}
        own = dict(zip(service.env, fill_in(tuple(service.env.values()), **values), strict=True))
        keeper = start_command(
            KeeperSpec(
                name=f"service {name}",
                scratch=environment.scratch,
                argv=tuple(fill_in(service.command, **values)),
                env=inherited_environment("LANG", "VIRTUAL_ENV")
                | {"DATABASE_URL": dsn, "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1", **own},
                cwd=self.drill.system.root,
                log=bench.scratch / f"{name}.log",
            ),
            environment,
            where=f"{self.drill.system.source}: service.{name}.command",
        )
        self.kept.append(keeper)
        self.urls[name] = url
        self._wait_for(name, service, keeper, url)

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
