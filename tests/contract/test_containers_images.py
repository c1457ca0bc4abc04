"""Releases that are images, run as the images they are: deployed, broken, rolled back to the one before."""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from places import ASKED, a_system
from psycopg.conninfo import conninfo_to_dict

from rollproof.components.postgres.admin import create_database, ensure_roles
from rollproof.environments.base import PostgresServer
from rollproof.environments.containers import ContainersEnvironment, OpenContainers
from rollproof.environments.containers.container import LABEL
from rollproof.environments.containers.engine import Engine, find_engine
from rollproof.environments.containers.instances import Containers
from rollproof.environments.containers.leftovers import left_of, name_of
from rollproof.environments.embedded.apprunner_images import Pulled, RefusedError
from rollproof.journal import Journal, Recorder
from rollproof.waiting import eventually

RELEASES = Path(__file__).parents[2] / "systems" / "lacrei" / "releases"
BASE = "python:3.13-slim"
DIGEST_OF_IT = f"sha256:{'0' * 64}"
pytestmark = pytest.mark.skipif(
    not os.environ.get(ASKED), reason=f"containers are not asked for: `make containers`, or set {ASKED}"
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return find_engine()


@pytest.fixture(scope="module")
def images(engine: Engine) -> Iterator[dict[str, str]]:
    """The ids of two releases' images, built from their own Dockerfiles."""
    try:
        engine.client.images.get(BASE)
    except docker.errors.ImageNotFound:
        try:
            engine.client.images.pull(*BASE.split(":"))
        except docker.errors.APIError:
            pytest.skip(f"image {BASE}, which the releases are built on, is not here and cannot be pulled")
    built = {}
    for name in ("v1.1.0", "v1.2.0-unhealthy"):
        tag = f"rollproof-test/lacrei:{name}-{uuid.uuid4().hex[:6]}"
        image, _ = engine.client.images.build(
            path=str(RELEASES / name), tag=tag, network_mode="host", rm=True, forcerm=True
        )
        built[name] = str(image.id)
    yield built
    for image_id in built.values():
        engine.client.images.remove(image_id, force=True)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[OpenContainers]:
    with (
        Journal(tmp_path / "journal.ndjson", run="test") as journal,
        ContainersEnvironment().open(
            a_system(containers={"join": "never"}), Recorder(journal, "run")
        ) as environment,
    ):
        yield environment


def url_of(environment: OpenContainers, server: PostgresServer, user: str) -> str:
    """The database as a container in the environment's network reaches it."""
    assert environment.database_for_functions is not None
    host, port = environment.database_for_functions
    password = conninfo_to_dict(server.conninfo("lacrei", user=user)).get("password")
    who = f"{user}:{password}" if password else user
    return f"postgres://{who}@{host}:{port}/lacrei"


@contextmanager
def running(engine: Engine, environment: OpenContainers, image: str, port: int, url: str) -> Iterator[Any]:
    """A release's image, with what an environment gives it and nothing else."""
    container = engine.client.containers.run(
        image,
        detach=True,
        network=environment.id,
        labels={LABEL: environment.id},
        ports={"8000/tcp": ("127.0.0.1", port)},
        environment={"DATABASE_URL": url, "DJANGO_SECRET_KEY": "for tests only"},
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def status(port: int, path: str) -> int:
    """0 when nobody answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def health(container: Any) -> str:
    """What the image's own HEALTHCHECK came to."""
    container.reload()
    return str(container.attrs["State"]["Health"]["Status"])


def test_a_broken_image_is_rolled_back_to_the_image_before(
    engine: Engine, images: dict[str, str], environment: OpenContainers
) -> None:
    server = environment.postgres()
    ensure_roles(server, ["lacrei_app"])
    create_database(server, "lacrei")
    owner, application = (url_of(environment, server, user) for user in (server.user, "lacrei_app"))
    migrated = engine.client.containers.run(
        images["v1.1.0"],
        ["python", "manage.py", "migrate"],
        remove=True,
        network=environment.id,
        labels={LABEL: environment.id},
        environment={"DATABASE_URL": owner, "DJANGO_SECRET_KEY": "for tests only"},
    )
    assert b"OK" in migrated
    port, asked = environment.free_port(), "/api/professionals/"

    def answers() -> bool:
        return status(port, "/health") == 200

    with running(engine, environment, images["v1.1.0"], port, application):
        eventually(answers, within=60, what="the release answers")
        assert status(port, asked) == 200
    with running(engine, environment, images["v1.2.0-unhealthy"], port, application) as broken:
        eventually(
            lambda: health(broken) == "unhealthy", within=90, what="the engine says that it is not well"
        )
        assert status(port, "/health") == 503
    with running(engine, environment, images["v1.1.0"], port, application) as back:
        eventually(lambda: health(back) == "healthy", within=60, what="the engine says that it is well again")
        assert (status(port, "/health"), status(port, asked)) == (200, 200)
        assert back.image.id == images["v1.1.0"]


def pulled(folder: Path, digest: str, argv: tuple[str, ...]) -> Pulled:
    return Pulled(digest, folder, argv, "", {})


@pytest.mark.usefixtures("images")
def test_a_release_that_the_registry_holds_runs_in_a_container_of_its_own_image(
    engine: Engine, environment: OpenContainers, tmp_path: Path
) -> None:
    server = environment.postgres()
    ensure_roles(server, ["lacrei_app"])
    create_database(server, "lacrei")
    runner = Containers(**environment.engine_for_images())
    release = tmp_path / "release"
    shutil.copytree(RELEASES / "v1.1.0", release)
    argv, variables = ("{python}", "-m", "gunicorn", "lacrei.wsgi"), {"DJANGO_SECRET_KEY": "for tests only"}
    variables["DATABASE_URL"] = url_of(environment, server, "lacrei_app")
    started = runner.start(pulled(release, DIGEST_OF_IT, argv), argv, variables, 8000, tmp_path / "one")
    [container] = engine.client.containers.list(filters={"ancestor": str(started.seen["image"])})
    assert container.labels[LABEL] == environment.id
    assert container.ports == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(started.port)}]}
    assert started.seen["digest"] == DIGEST_OF_IT
    assert Path(f"/proc/{started.seen['pid']}/root/srv/lacrei/manage.py").is_file()
    eventually(lambda: status(started.port, "/health") in (200, 503), within=60, what="it answers")
    asyncio.run(started.end())
    assert not started.alive
    with pytest.raises(RefusedError, match="its container cannot be started"):
        runner.start(pulled(release, DIGEST_OF_IT, argv), ("no-such-program",), {}, 8000, tmp_path / "two")
    (release / "Dockerfile").write_text(f"FROM {BASE}\nRUN exit 3\n")
    with pytest.raises(RefusedError, match=r"its image cannot be built: .*returned a non-zero code: 3"):
        runner.start(pulled(release, "sha256:another", argv), argv, {}, 8000, tmp_path / "three")
    assert [name_of(item) for item in left_of(engine, environment.id) if item.attrs.get("State")] == [
        server.container
    ]


def test_what_the_images_leave_goes_with_the_environment(
    engine: Engine, images: dict[str, str], tmp_path: Path
) -> None:
    with (
        Journal(tmp_path / "journal.ndjson", run="test") as journal,
        ContainersEnvironment().open(
            a_system(containers={"join": "never"}), Recorder(journal, "run")
        ) as environment,
    ):
        environment.postgres()
        engine.client.containers.create(images["v1.1.0"], labels={LABEL: environment.id})
        label = environment.id
        assert len(left_of(engine, label)) == 5
    assert left_of(engine, label) == []
