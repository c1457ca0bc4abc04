"""A containers environment in use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from docker.errors import DockerException
from requests.exceptions import RequestException

from rollproof.environments.base import AwsEndpoint, PostgresServer
from rollproof.environments.containers import postgres as servers
from rollproof.environments.containers.aws import (
    Emulator,
    accounts_are_apart,
    emulator_spec,
    url_at,
    wait_until_healthy,
)
from rollproof.environments.containers.clients import Programs, inside_container, on_this_machine
from rollproof.environments.containers.compose import Found, Joined
from rollproof.environments.containers.container import (
    LABEL,
    RUN_LABEL,
    ContainerSpec,
    Running,
    on_a_free_port,
    start_container,
)
from rollproof.environments.containers.engine import Engine
from rollproof.environments.containers.images import (
    POSTGRES_MAJOR,
    Image,
    have_image,
    localstack_image,
    postgres_image,
    wrong_architecture,
)
from rollproof.environments.containers.leftovers import remove_all, undo_data
from rollproof.environments.embedded.cluster import SUPERUSER
from rollproof.environments.embedded.ports import Ports
from rollproof.environments.keeper import Keeper
from rollproof.errors import EnvironmentUnavailable
from rollproof.journal import Recorder
from rollproof.model.json import Json
from rollproof.model.system import System

T = TypeVar("T")


class OpenContainers:
    """A containers environment in use. Safe to use from several threads.

    Attributes:
        id: what everything in the engine is labelled and named with; the scratch folder's name.
        facts: images with their digests, versions, where client programs came from.
        joined: what a compose project runs; it is neither stopped nor removed at the end.
    """

    name = "containers"

    def __init__(
        self,
        *,
        engine: Engine,
        system: System,
        scratch: Path,
        guardian: Keeper,
        ports: Ports,
        recorder: Recorder,
        joined: Found,
    ) -> None:
        self.id = scratch.name
        self.scratch = scratch
        self.guardian = guardian
        self.facts: Mapping[str, str] = {"container engine": engine.said}
        self.joined = joined
        self._engine = engine
        self._system = system
        self._spec = system.containers
        self._ports = ports
        self._recorder = recorder
        self._server: servers.Server | None = None
        self._emulator: Emulator | None = None
        self._refusal: dict[str, EnvironmentUnavailable] = {}
        self._made = False
        self._lock = threading.Lock()

    @property
    def database_for_functions(self) -> tuple[str, int] | None:
        """Host and port at which functions find the database: this machine's loopback address is not theirs.

        Its address in the network that both are in; names are not resolved by every engine. None as long
        as there is no server, or when there is no such network.
        """
        if self._server is None:
            return None
        postgres, aws = self.joined.postgres, self.joined.aws
        together = (postgres.project if postgres else "") == (aws.project if aws else "")
        address = self._server.running.address if together else ""
        return (address, self._server.running.port) if address else None

    def engine_for_images(self) -> dict[str, str]:
        """Where images of releases are run; empty where their database is in somebody else's network."""
        if self.joined:
            return {}
        with self._lock:
            self._have_network()
        self._say(**{"service releases": "run in the engine, as their Dockerfiles build them"})
        return {"host": self._engine.host, "environment": self.id, "run": self._run}

    def free_port(self) -> int:
        """A port on 127.0.0.1 that nothing listens on. Raises EnvironmentUnavailable when there is none."""
        return self._ports.take()

    def postgres(self) -> PostgresServer:
        """The server, started when first asked for.

        Raises EnvironmentUnavailable: it does not start, or has died since; with what it said last.
        """
        with self._lock:
            if self._server is None:
                self._server = self._once("postgres", self._open_postgres)
            return self._server.check()

    def aws(self, *, account: str | None = None) -> AwsEndpoint:
        """An account of the emulator, which is started when first asked for.

        Whether its accounts are apart is found out then. Where they are not, there is one account, which
        is not private, so that everything done in it is undone.

        Raises EnvironmentUnavailable: it does not start, or has died since; with what it said last.
        """
        with self._lock:
            if self._emulator is None:
                self._emulator = self._once("aws", self._open_aws)
            return self._emulator.account(account)

    def _once(self, role: str, start: Callable[[], T]) -> T:
        """A second try would meet what the first one left, and hide what was wrong with it."""
        if role in self._refusal:
            raise self._refusal[role]
        try:
            return start()
        except EnvironmentUnavailable as error:
            self._refusal[role] = error
            raise

    def _open_postgres(self) -> servers.Server:
        if self._system.database is None:
            raise EnvironmentUnavailable(
                "this system declares no database, so there is no server for it",
                remedy="add a [database] table to its system file",
            )
        found = self.joined.postgres
        server = self._join_postgres(found) if found else self._start_postgres(self._system.database.major)
        asked = self._system.database.major
        if asked not in (None, server.server.major):
            self._say(production=f"drilled on {server.version}, production is {asked}")
        return server

    def _start_postgres(self, major: int | None) -> servers.Server:
        name = postgres_image(self._spec, major)
        expected = major or POSTGRES_MAJOR
        programs = on_this_machine(expected)
        password = servers.new_password()

        def start(port: int) -> Running:
            spec = servers.server_spec(
                image=name,
                port=port,
                environment=self.id,
                run=self._run,
                major=expected,
                password=password,
                shared=() if programs else (self.scratch, self._system.root.absolute()),
            )
            return start_container(self._engine, spec)

        with self._recorder.acting("postgres.start", self._announced("postgres", name)) as result:
            image = self._prepare(name)
            running = on_a_free_port(start, self._spec.postgres_port, self._ports)
            version = servers.wait_until_ready(
                running, user=SUPERUSER, password=password, within=self._spec.start_limit
            )
            programs = self._programs(running, programs, major=servers.major_of(version))
            server = servers.as_server(
                running,
                version=version,
                user=SUPERUSER,
                password=password,
                programs=programs,
                private=True,
            )
            result.update({"version": version, "port": running.port, "name": running.name})
        self._say(**{"postgres": version, "postgres image": image.said, "postgres programs": programs.origin})
        return server

    def _programs(self, running: Running, found: Programs | None, *, major: int) -> Programs:
        """Those of the version that the image turned out to have."""
        if found is None or major != self._expected_major:
            found = on_this_machine(major)
        folder = self.scratch / "programs"
        return found or inside_container(folder, host=self._engine.host, container=running.name)

    @property
    def _expected_major(self) -> int:
        database = self._system.database
        return (database.major if database else None) or POSTGRES_MAJOR

    def _join_postgres(self, found: Joined) -> servers.Server:
        with self._recorder.acting("postgres.join", {"name": found.running.name}) as result:
            version = servers.wait_until_ready(
                found.running, user=found.user, password=found.password, within=self._spec.start_limit
            )
            programs = self._programs(found.running, None, major=servers.major_of(version))
            result.update({"version": version, "port": found.running.port})
        self._say(
            **{
                "postgres": version,
                "postgres image": f"{found.image}, of compose project {found.project}",
                "postgres programs": programs.origin,
            }
        )
        return servers.as_server(
            found.running,
            version=version,
            user=found.user,
            password=found.password,
            programs=programs,
            private=False,
        )

    def _open_aws(self) -> Emulator:
        found = self.joined.aws
        if found:
            with self._recorder.acting("emulator.join", {"name": found.running.name}) as result:
                emulator = self._emulator_in(found.running, private=False)
                result.update({"version": emulator.version, "port": found.running.port})
            self._say(**{"aws image": f"{found.image}, of compose project {found.project}"})
        else:
            emulator = self._start_aws()
        accounts = "apart" if emulator.apart else "not apart: one for all scenarios"
        self._say(aws=f"{emulator.version}, an emulator", **{"aws accounts": accounts})
        return emulator

    def _start_aws(self) -> Emulator:
        name = localstack_image(self._spec)

        def start(port: int) -> Running:
            return start_container(self._engine, self._aws_spec(name, port))

        with self._recorder.acting("emulator.start", self._announced("aws", name)) as result:
            image = self._prepare(name)
            running = on_a_free_port(start, self._spec.aws_port, self._ports)
            emulator = self._emulator_in(running, private=True)
            result.update({"version": emulator.version, "port": running.port, "name": running.name})
        self._say(**{"aws image": image.said})
        return emulator

    def _aws_spec(self, image: str, port: int) -> ContainerSpec:
        return emulator_spec(
            engine=self._engine,
            image=image,
            port=port,
            environment=self.id,
            run=self._run,
            spec=self._spec,
        )

    def _emulator_in(self, running: Running, *, private: bool) -> Emulator:
        version = wait_until_healthy(running, within=self._spec.start_limit)
        apart = accounts_are_apart(url_at(running.port), emulator=version)
        return Emulator(running, version, apart, private)

    def _prepare(self, name: str) -> Image:
        """The image, and the network that is made with the first container."""
        image = have_image(self._engine, name)
        if obstacle := wrong_architecture(self._engine, image):
            raise EnvironmentUnavailable(obstacle.found, where=name, remedy=obstacle.remedy)
        self._have_network()
        return image

    def _have_network(self) -> None:
        if not self._made:
            self._made = True  # half of it has to be removed, too
            self._make_network()

    def _make_network(self) -> None:
        labels = {LABEL: self.id, RUN_LABEL: self._run}
        try:
            self._engine.client.networks.create(self.id, driver="bridge", labels=labels)
            for role in ("postgres", "aws"):
                self._engine.client.volumes.create(f"{self.id}-{role}", labels=labels)
        except (DockerException, RequestException) as error:
            raise EnvironmentUnavailable(
                f"the containers' network cannot be made: {getattr(error, 'explanation', '') or error}",
                doing="opening the containers environment",
                where=self._engine.host,
                remedy="see `docker network ls`; `docker network prune` removes those that nobody uses",
            ) from error

    @property
    def _run(self) -> str:
        return self._recorder.journal.run

    def _announced(self, role: str, image: str) -> dict[str, Json]:
        return {"name": f"{self.id}-{role}", "title": image, "undo": undo_data(self.id, self._engine)}

    def _say(self, **more: str) -> None:
        self.facts = {**self.facts, **more}

    def stop(self) -> None:
        """Removes everything that was started here; it does not start again. What was joined stays."""
        with self._lock:
            closed = EnvironmentUnavailable("the containers environment is closed", remedy="open another")
            self._refusal = {"postgres": closed, "aws": closed}
            self._server, self._emulator = None, None
            made, self._made = self._made, False
        if made:
            with self._recorder.acting("containers.remove", {"name": self.id}) as result:
                result.update({"items": list(remove_all(self._engine, self.id))})
