"""What is particular to containers: what can be in the way, what is joined, who gets in, what stays.

The first part needs no engine. The second runs where `make containers` asks for it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from places import ASKED, a_system

from rollproof.components.postgres.admin import create_database
from rollproof.environments.containers import ContainersEnvironment, OpenContainers
from rollproof.environments.containers import clients as client_programs
from rollproof.environments.containers.compose import FILE
from rollproof.environments.containers.container import LABEL
from rollproof.environments.containers.engine import Engine, find_engine, obstacle_at
from rollproof.environments.containers.images import LOCALSTACK, localstack_image, needs_token, postgres_image
from rollproof.environments.containers.leftovers import left_of, remove_leftovers
from rollproof.environments.containers.postgres import major_of, rules, settings
from rollproof.errors import BadInput, EnvironmentUnavailable, NotProvenHere
from rollproof.journal import Journal, Recorder
from rollproof.model.containers import Containers
from rollproof.waiting import eventually

ROOT = Path(__file__).parents[2]
with_engine = pytest.mark.skipif(
    not os.environ.get(ASKED), reason=f"containers are not asked for: `make containers`, or set {ASKED}"
)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="rp-") as folder:
        yield Path(folder)


# what needs no engine


def test_no_engine_is_named_with_how_to_get_one(short: Path) -> None:
    obstacle = obstacle_at(f"unix://{short}/none.sock")
    assert obstacle is not None
    assert "there is no container engine" in obstacle.found
    assert "apt-get install docker.io" in obstacle.remedy


def test_an_engine_that_does_not_run_is_named(short: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short}/engine.sock")
    obstacle = obstacle_at(f"unix://{short}/engine.sock")
    assert obstacle is not None
    assert "does not run" in obstacle.found
    assert "systemctl start docker" in obstacle.remedy


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without permission")
def test_a_socket_that_one_may_not_use_is_named_with_its_group(short: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short}/engine.sock")
        listener.listen()
        (short / "engine.sock").chmod(0o600)
        short.chmod(0o755)
        os.seteuid(65534)
        try:
            obstacle = obstacle_at(f"unix://{short}/engine.sock")
        finally:
            os.seteuid(0)
    assert obstacle is not None
    assert "no permission" in obstacle.found
    assert "of group root" in obstacle.found
    assert "usermod -aG docker" in obstacle.remedy


@pytest.mark.parametrize("host", ["tcp://10.0.0.5:2375", "ssh://root@db.example.com", "tcp://127.0.0.1:2375"])
def test_an_engine_that_may_be_on_another_machine_is_refused(host: str) -> None:
    obstacle = obstacle_at(host)
    assert obstacle is not None
    assert "not on this machine" in obstacle.found
    assert "DOCKER_HOST" in obstacle.remedy


def test_what_is_no_engine_is_told_from_one(short: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{short}/engine.sock")
        listener.listen()
        stop = threading.Event()

        def babble() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError), listener.accept()[0] as client:
                    client.sendall(b"220 mail.example.com ESMTP\r\n")

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        with pytest.raises(EnvironmentUnavailable, match="no container engine"):
            find_engine(f"unix://{short}/engine.sock")
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_every_obstacle_is_in_the_way_of_opening(short: Path, tmp_path: Path) -> None:
    environment = ContainersEnvironment(host=f"unix://{short}/none.sock")
    assert [item.found for item in environment.preflight(a_system())] == [
        f"there is no container engine: nothing is at {short}/none.sock"
    ]
    with (
        Journal(tmp_path / "journal.ndjson", run="test") as journal,
        pytest.raises(EnvironmentUnavailable, match="there is no container engine"),
        environment.open(a_system(), Recorder(journal, "run")),
    ):
        pass


@pytest.mark.parametrize(
    ("image", "needed"),
    [
        (LOCALSTACK, False),
        ("localstack/localstack:4.14", False),
        ("localstack/localstack:3.8.1", False),
        ("docker.io/localstack/localstack:4.14.0", False),
        ("localstack/localstack:4.14.1", True),
        ("localstack/localstack:2026.3.0", True),
        ("localstack/localstack:latest", True),
        ("localstack/localstack", True),
        ("localstack/localstack-pro:4.14.0", True),
        ("localstack/localstack:latest@sha256:0123", True),
        ("registry.example.com:5000/localstack/localstack:latest", False),
        ("rollproof-test/ministack:1", False),
    ],
)
def test_an_image_that_wants_a_token_is_told_by_its_name(image: str, needed: bool) -> None:
    assert needs_token(image) is needed


@pytest.mark.parametrize(
    ("spec", "major", "image"),
    [({}, None, "postgres:17"), ({}, 15, "postgres:15"), ({"postgres_image": "own/pg:1"}, 15, "own/pg:1")],
)
def test_the_server_s_image_is_of_production_s_major_version(
    spec: Mapping[str, Any], major: int | None, image: str
) -> None:
    assert postgres_image(Containers(**spec), major) == image


def test_a_mirror_that_testcontainers_is_told_of_counts_for_what_nobody_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = "rollproof.environments.containers.images.testcontainers_config.hub_image_name_prefix"
    monkeypatch.setattr(where, "mirror.example.com/")
    assert postgres_image(Containers(), 16) == "mirror.example.com/postgres:16"
    assert localstack_image(Containers(localstack_image="own/aws:1")) == "own/aws:1"


@pytest.mark.parametrize(("version", "major"), [("17.10", 17), ("18beta2", 18), ("13", 13), ("19devel", 19)])
def test_the_major_version_is_read_from_whatever_a_server_says(version: str, major: int) -> None:
    assert major_of(version) == major


def test_the_superuser_is_asked_for_a_password_before_anybody_is_let_in() -> None:
    lines = rules(17).splitlines()
    assert lines[1].split() == ["host", "all,replication", "postgres", "all", "scram-sha-256"]
    assert lines[2].endswith("trust")
    assert "md5" in rules(13)
    assert settings()["wal_level"] == "logical"


@pytest.mark.parametrize("name", ["", "rollproof-x", "rollproof-0123456789ab-postgres", "production", "../x"])
def test_a_journal_that_names_no_environment_removes_nothing(name: str) -> None:
    with pytest.raises(BadInput, match="nothing of it is removed"):
        remove_leftovers({"kind": "containers", "name": name, "host": "unix:///nowhere.sock"})


def test_without_its_engine_nobody_says_that_nothing_is_left(short: Path) -> None:
    undo = {"kind": "containers", "name": "rollproof-0123456789ab", "host": f"unix://{short}/none.sock"}
    with pytest.raises(EnvironmentUnavailable, match="there is no container engine"):
        remove_leftovers(undo)


def test_what_an_edition_lacks_is_not_proven_here() -> None:
    from botocore.exceptions import ClientError

    from rollproof.components.aws.clients import explained

    said = (
        "The API for service appconfig is either not included in your current license plan or has not yet "
        "been emulated by LocalStack."
    )
    error = ClientError({"Error": {"Code": "InternalFailure", "Message": said}}, "CreateApplication")
    assert isinstance(explained(error, doing="looking"), NotProvenHere)
    other = ClientError({"Error": {"Code": "InternalFailure", "Message": "oh"}}, "CreateApplication")
    assert not isinstance(explained(other, doing="looking"), NotProvenHere)


# what needs one


@pytest.fixture(scope="module")
def engine() -> Engine:
    return find_engine()


@contextmanager
def opened(folder: Path, **containers: Any) -> Iterator[OpenContainers]:
    system = a_system(containers={"join": "never", **containers})
    with (
        Journal(folder / "journal.ndjson", run="test") as journal,
        ContainersEnvironment().open(system, Recorder(journal, "run")) as environment,
    ):
        yield environment


@with_engine
def test_ports_are_published_on_the_loopback_address_alone_and_are_the_same_inside(
    engine: Engine, tmp_path: Path
) -> None:
    with opened(tmp_path) as environment:
        server = environment.postgres()
        container = engine.client.containers.get(server.container)
        bindings = [item for items in container.ports.values() for item in items or ()]
        assert bindings == [{"HostIp": "127.0.0.1", "HostPort": str(server.port)}]
        assert f"{server.port}/tcp" in container.ports
        assert container.labels[LABEL] == environment.id
        assert "sha256:" in environment.facts["postgres image"]


@with_engine
def test_the_superuser_needs_its_password_and_the_engine_sees_that_it_is_well(
    engine: Engine, tmp_path: Path
) -> None:
    with opened(tmp_path) as environment:
        server = environment.postgres()
        with pytest.raises(psycopg.OperationalError, match=r"no password supplied|password authentication"):
            psycopg.connect(server.conninfo("postgres", with_password=False))
        container = engine.client.containers.get(server.container)

        def well() -> bool:
            container.reload()
            return bool(container.attrs["State"]["Health"]["Status"] == "healthy")

        eventually(well, within=60, what="the engine says that it is healthy")


@with_engine
def test_a_fixed_port_that_is_taken_is_named_with_who_has_it(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        system = a_system(containers={"join": "never", "postgres_port": port})
        found = [item.found for item in ContainersEnvironment().preflight(system)]
        assert found == [f"port {port} on 127.0.0.1 is taken by process {os.getpid()} ({_own_name()})"]


def _own_name() -> str:
    import psutil

    return psutil.Process().name()


@with_engine
def test_an_image_that_cannot_be_pulled_is_named_with_what_helps(tmp_path: Path) -> None:
    with (
        opened(tmp_path, postgres_image="rollproof-test/no-such-image:1") as environment,
        pytest.raises(EnvironmentUnavailable, match="cannot be pulled") as caught,
    ):
        environment.postgres()
    assert "rollproof-test/no-such-image:1" in caught.value.where
    assert "docker load" in caught.value.remedy or "docker login" in caught.value.remedy


@with_engine
def test_an_image_that_needs_a_token_is_not_even_pulled_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCALSTACK_AUTH_TOKEN", raising=False)
    system = a_system(containers={"join": "never", "localstack_image": "localstack/localstack:4.15.0"})
    [obstacle] = ContainersEnvironment().preflight(system)
    assert "needs a token, and LOCALSTACK_AUTH_TOKEN is not set" in obstacle.found
    assert LOCALSTACK in obstacle.remedy
    monkeypatch.setenv("LOCALSTACK_AUTH_TOKEN", "ls-not-real")
    assert ContainersEnvironment().preflight(system) == []


@with_engine
def test_an_image_for_another_processor_is_named(engine: Engine) -> None:
    other = "arm64" if engine.architecture == "amd64" else "amd64"
    name = f"rollproof-test/other-{uuid.uuid4().hex[:8]}:1"
    engine.client.images.load(_empty_image(name, other))
    try:
        [obstacle] = ContainersEnvironment().preflight(
            a_system(containers={"join": "never", "postgres_image": name})
        )
    finally:
        engine.client.images.remove(name)
    assert f"is for {other}" in obstacle.found
    assert f"--platform linux/{engine.architecture}" in obstacle.remedy


def _empty_image(name: str, architecture: str) -> bytes:
    """An archive as `docker save` writes it, of an image with one empty layer."""
    import hashlib
    import io
    import json
    import tarfile

    layer = io.BytesIO()
    tarfile.open(fileobj=layer, mode="w").close()
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest}"]}
    config = json.dumps(
        {"architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs}
    ).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in (
            ("config.json", config),
            ("layer.tar", layer.getvalue()),
            ("manifest.json", manifest),
        ):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


@with_engine
def test_a_container_that_ends_at_once_is_shown_with_what_it_said_last(tmp_path: Path) -> None:
    with (
        opened(tmp_path, localstack_image=postgres_image(Containers(), None)) as environment,
        pytest.raises(EnvironmentUnavailable, match=r"last it said: .*superuser password is not") as caught,
    ):
        environment.aws()
    assert caught.value.where.endswith("-aws")


@with_engine
def test_a_container_that_never_answers_is_given_up_within_its_limit(tmp_path: Path) -> None:
    with (
        opened(tmp_path, postgres_image=LOCALSTACK, start_limit="3s") as environment,
        pytest.raises(EnvironmentUnavailable, match=r"waited 3.0 s in vain|it has ended"),
    ):
        environment.postgres()


@with_engine
def test_a_server_that_has_died_is_said_to_be_dead(engine: Engine, tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        engine.client.containers.get(environment.postgres().container).kill()
        with pytest.raises(EnvironmentUnavailable, match="the Postgres container is not there"):
            environment.postgres()


@with_engine
def test_what_others_run_stays(engine: Engine, tmp_path: Path) -> None:
    bystander = engine.client.containers.create(
        postgres_image(Containers(), None), labels={LABEL: "rollproof-ffffffffffff"}
    )
    try:
        with opened(tmp_path) as environment:
            environment.postgres()
            assert len(left_of(engine, environment.id)) == 4
        assert left_of(engine, environment.id) == []
        bystander.reload()
    finally:
        bystander.remove(v=True)


@with_engine
def test_client_programs_inside_the_container_do_what_those_outside_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollproof.environments.containers.opened.on_this_machine", lambda major: None)
    with opened(tmp_path) as environment:
        server = environment.postgres()
        assert environment.facts["postgres programs"] == client_programs.INSIDE
        create_database(server, "inside")
        environ = {"PATH": os.defpath, **server.program_environment("inside")}

        def run(name: str, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
            command = [server.program(name), *arguments]
            return subprocess.run(
                command, env=environ, input=given, capture_output=True, text=True, check=False, timeout=60
            )

        made = run(
            "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-", given="CREATE TABLE t AS SELECT 'ç' x;"
        )
        assert (made.returncode, made.stderr) == (0, "")
        wrong = run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", "SELECT nonsense")
        assert wrong.returncode == 1
        assert "nonsense" in wrong.stderr
        archive = environment.scratch / "inside.dump"
        assert run("pg_dump", "-Fc", f"--file={archive}").returncode == 0
        assert archive.stat().st_uid == os.geteuid()
        assert "TABLE DATA public t" in run("pg_restore", "--list", str(archive)).stdout


@pytest.fixture
def compose(engine: Engine) -> Iterator[Mapping[str, int]]:
    """What docker compose runs from the file at the top of this repository, on free ports."""
    program = os.environ.get("ROLLPROOF_TEST_COMPOSE")
    if not program:
        pytest.skip("there is no docker compose: name its program in ROLLPROOF_TEST_COMPOSE")
    ports = {name: _free_port() for name in ("LOCALSTACK_PORT", "POSTGRES_PORT")}
    environ = {
        **os.environ,
        **{name: str(port) for name, port in ports.items()},
        "DOCKER_SOCKET": engine.host.removeprefix("unix://"),
        "COMPOSE_PROJECT_NAME": f"contract-{uuid.uuid4().hex[:6]}",
    }
    file = ["-f", str(ROOT / FILE)]
    try:
        up = [*program.split(), *file, "up", "-d", "--wait"]
        done = subprocess.run(up, env=environ, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr
        yield ports
    finally:
        down = [*program.split(), *file, "down", "-v", "--timeout", "1"]
        subprocess.run(down, env=environ, capture_output=True, check=True, timeout=300)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@with_engine
def test_what_compose_runs_is_joined_and_stays(
    compose: Mapping[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALSTACK_HOST", f"localhost:{compose['LOCALSTACK_PORT']}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sts.amazonaws.com")  # counts for nothing
    with opened(tmp_path, join="always") as environment:
        server, aws = environment.postgres(), environment.aws(account="123456789012")
        assert (server.port, aws.url) == (
            compose["POSTGRES_PORT"],
            f"http://127.0.0.1:{compose['LOCALSTACK_PORT']}",
        )
        assert not server.private
        assert not aws.private
        assert "of compose project contract-" in environment.facts["aws image"]
        at = environment.database_for_functions
        assert at is not None
        assert ipaddress.ip_address(at[0]).is_private
        assert at[1] == compose["POSTGRES_PORT"]
    with psycopg.connect(server.conninfo("postgres")) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)


@with_engine
def test_nothing_to_join_is_an_obstacle_when_joining_is_asked_for() -> None:
    [obstacle] = ContainersEnvironment().preflight(a_system(containers={"join": "always"}))
    assert "no containers of a running compose project" in obstacle.found
    assert f"docker compose -f {FILE} up" in obstacle.remedy


@with_engine
def test_something_else_on_compose_s_port_is_not_taken_for_localstack(engine: Engine) -> None:
    """The labels are those that compose writes; what answers is a web server of Python's."""
    port = _free_port()
    labels = {
        "com.docker.compose.project": "other",
        "com.docker.compose.service": "localstack",
        "com.docker.compose.project.config_files": f"/somewhere/{FILE}",
    }
    network = engine.client.networks.create(f"contract-{uuid.uuid4().hex[:8]}")
    web = engine.client.containers.run(
        LOCALSTACK,
        network=network.name,
        entrypoint=["python3", "-m", "http.server", str(port), "--directory", "/var/empty-for-a-test"],
        command=[],
        ports={f"{port}/tcp": ("127.0.0.1", port)},
        labels=labels,
        detach=True,
    )
    try:

        def answers() -> bool:
            with socket.socket() as knock:
                knock.settimeout(1)
                return knock.connect_ex(("127.0.0.1", port)) == 0 and _http(port)

        eventually(answers, within=30, what="the web server answers")
        found = [item.found for item in ContainersEnvironment().preflight(a_system())]
    finally:
        web.remove(force=True, v=True)
        network.remove()
    assert len(found) == 1
    assert f"runs something on port {port} that is not LocalStack" in found[0]


def _http(port: int) -> bool:
    import httpx

    try:
        httpx.get(f"http://127.0.0.1:{port}", timeout=2, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


@with_engine
def test_another_user_of_this_machine_cannot_become_the_superuser(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        server = environment.postgres()
        for password in (None, "postgres", "rollproof"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(
                    host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", password=password
                )


def test_where_no_engine_can_be_had_it_says_so_and_skips(
    short: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.containers.__main__ import SKIPPED, main

    monkeypatch.setenv("DOCKER_HOST", f"unix://{short}/none.sock")
    monkeypatch.setenv("ROLLPROOF_CONTAINERS_CACHE", str(short / "cache"))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main([]) == SKIPPED == 77
    assert (
        "SKIPPED: nothing was tried on containers: starting an engine needs root" in capsys.readouterr().out
    )


def test_the_names_that_are_used_are_those_that_the_docs_give() -> None:
    page = (ROOT / "docs" / "how-to" / "containers.md").read_text()
    for name in (LOCALSTACK, "postgres:17", FILE, "make containers", LABEL, "LOCALSTACK_AUTH_TOKEN"):
        assert name in page
