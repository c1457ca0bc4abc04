"""Images that stand in for the named ones where no registry can be reached, made of the real software.

One system is put together with debootstrap (Debian trixie: Python 3.13, PostgreSQL 17) and two virtual
environments are added: LocalStack's own packages from PyPI, and ministack. What comes of it is kept in
the cache as archives, and imported into a private engine under the names that the environment uses.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import venv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import docker

from rollproof.environments.containers.images import LOCALSTACK, POSTGRES, POSTGRES_MAJOR

SUITE, MIRROR = "trixie", "http://deb.debian.org/debian"
DEBIAN = ("python3", "python3-venv", "ca-certificates", "postgresql-17", "nodejs")
LOCALSTACK_PACKAGES = ("localstack-core[runtime]==2026.3.0",)
LOCALSTACK_NO_LATER_THAN = "2026-04-01"
"""Later releases of what it depends on break its import."""
MINISTACK_PACKAGES = ("ministack==1.5.33", "boto3==1.43.106", "psycopg[binary]>=3.2")
PYTHON = "python:3.13-slim"
_PYTHON_RECIPE = """
FROM rollproof-test/ministack:1.5.33
ENTRYPOINT []
ENV PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PIP_ROOT_USER_ACTION=ignore
COPY uv certificates.crt requirements.txt /root/
RUN rm -f /usr/lib/python3*/EXTERNALLY-MANAGED \\
 && export SSL_CERT_FILE=/root/certificates.crt \\
 && /root/uv pip install -q --system --no-cache -r /root/requirements.txt pip \\
 && ln -sf /usr/bin/python3 /usr/local/bin/python && rm -r /root/uv
"""
MINISTACK = "rollproof-test/ministack:1.5.33"
ROOT = Path(__file__).parents[2]
ENTRY = Path(__file__).parent / "postgres-entrypoint.sh"

_NEVER = (
    *("./proc/*", "./sys/*", "./dev/*", "./tmp/*", "./var/tmp/*", "./var/lib/apt/lists/*", "./var/cache/*"),
    *("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./var/lib/postgresql/*"),
    *("./usr/lib/*/libLLVM*", "./usr/lib/llvm*", "./usr/local/bin/uv"),
)


class NotBuilt(Exception):
    """An image could not be put together, and why."""


@dataclass(frozen=True)
class StandIn:
    """One image.

    Attributes:
        needs: folder without which it was not put together.
        leaves_out: what of the system it does not need.
        changes: as `docker import --change` takes them.
        is_what: one sentence for the report.
    """

    name: str
    needs: str
    leaves_out: Sequence[str]
    changes: Sequence[str]
    is_what: str

    def archive(self, cache: Path) -> Path:
        return cache / f"{self.name.replace('/', '_').replace(':', '_')}-{recipe()}.tar.gz"


_PATH = "/usr/local/bin:/usr/bin:/bin"
IMAGES = (
    StandIn(
        f"{POSTGRES}:{POSTGRES_MAJOR}",
        "usr/lib/postgresql",
        ("./opt/*", "./usr/lib/python3*", "./usr/share/nodejs*", "./usr/bin/node*"),
        (
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            'CMD ["postgres"]',
            f"ENV PATH={_PATH}:/usr/lib/postgresql/{POSTGRES_MAJOR}/bin",
            "VOLUME /var/lib/postgresql/data",
        ),
        "PostgreSQL 17 as Debian builds it, with an entry point that reads the official image's variables",
    ),
    StandIn(
        LOCALSTACK,
        "opt/localstack",
        ("./opt/ministack", "./usr/lib/postgresql", "./usr/share/nodejs*", "./usr/bin/node*"),
        (
            'ENTRYPOINT ["/opt/localstack/bin/python", "-m", "localstack.runtime.main"]',
            f"ENV PATH=/opt/localstack/bin:{_PATH} GATEWAY_SERVER=hypercorn",
            "VOLUME /var/lib/localstack",
        ),
        "localstack-core 2026.3.0 from PyPI, without what the image brings along: no jar of DynamoDB, no "
        "images of functions' runtimes",
    ),
    StandIn(
        MINISTACK,
        "opt/ministack",
        ("./opt/localstack", "./usr/lib/postgresql"),
        (
            'ENTRYPOINT ["/bin/sh", "-c", "BIND_HOST=0.0.0.0 GATEWAY_PORT=${GATEWAY_LISTEN##*:} '
            'exec /opt/ministack/bin/python -m ministack"]',
            f"ENV PATH=/opt/ministack/bin:{_PATH} HOME=/tmp PYTHONDONTWRITEBYTECODE=1",
        ),
        "ministack 1.5.33, which runs functions; not LocalStack, so it has a name of its own",
    ),
)


def recipe() -> str:
    """Changes when what the images are made of does."""
    text = repr((SUITE, DEBIAN, LOCALSTACK_PACKAGES, LOCALSTACK_NO_LATER_THAN, MINISTACK_PACKAGES, IMAGES))
    return hashlib.sha256(text.encode() + ENTRY.read_bytes()).hexdigest()[:12]


def load(host: str, cache: Path, packages: Path) -> Iterator[str]:
    """Imports every image into the engine, building what the cache does not have; a line for each.

    Raises NotBuilt when Postgres cannot be put together; without an emulator, that is said.
    """
    client = docker.DockerClient(base_url=host, version="auto", timeout=600)
    if missing := [image for image in IMAGES if not image.archive(cache).exists()]:
        yield from _build(cache, packages, missing)
    for image in IMAGES:
        if (archive := image.archive(cache)).exists():
            repository, _, tag = image.name.rpartition(":")
            client.api.import_image_from_file(
                str(archive), repository=repository, tag=tag, changes=list(image.changes)
            )
            yield f"image {image.name}: a stand-in, {image.is_what}"
        else:
            yield f"image {image.name}: NOT THERE, it could not be put together"
    yield _python_image(client, cache)


def _python_image(client: docker.DockerClient, cache: Path) -> str:
    """What releases of the second reference system are built on, with what they install already in it.

    Built in the engine, and not kept: it is quickly made of what the cache holds.
    """
    said = f"image {PYTHON}: a stand-in, Debian's Python 3.13 with the second reference system's packages"
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copy(ROOT / "systems/lacrei/app/requirements.txt", context)
        shutil.copy("/etc/ssl/certs/ca-certificates.crt", context / "certificates.crt")
        (context / "Dockerfile").write_text(_PYTHON_RECIPE)
        try:
            shutil.copy(_uv(cache), context / "uv")
            client.images.build(path=folder, tag=PYTHON, network_mode="host", rm=True)
        except (docker.errors.DockerException, NotBuilt, OSError) as error:
            return f"image {PYTHON}: NOT THERE, it could not be built: {error}"
    return said


def _build(cache: Path, packages: Path, wanted: Sequence[StandIn]) -> Iterator[str]:
    """One system for all; the archive of an image is only there when it is whole."""
    root = cache / "system"
    shutil.rmtree(root, ignore_errors=True)
    for old in (*cache.glob("*.tar.gz"), *cache.glob("*.part")):
        old.unlink()
    yield f"putting together Debian {SUITE} (takes minutes, once; kept in {cache})"
    try:
        _debootstrap(root, packages)
        uv = _uv(cache)
        yield from _with_packages(
            root, uv, "localstack", LOCALSTACK_PACKAGES, before=LOCALSTACK_NO_LATER_THAN
        )
        yield from _with_packages(root, uv, "ministack", MINISTACK_PACKAGES)
        yield from filter(None, [_fetch_compose(root, cache)])
        shutil.copy(ENTRY, root / "usr/local/bin/docker-entrypoint.sh")
        for image in wanted:
            if (root / image.needs).exists():
                _pack(root, image, image.archive(cache))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _debootstrap(root: Path, packages: Path) -> None:
    program, included = str(packages / "usr/sbin/debootstrap"), f"--include={','.join(DEBIAN)}"
    done = _run(
        [program, "--variant=minbase", included, SUITE, str(root), MIRROR],
        env={**os.environ, "DEBOOTSTRAP_DIR": str(packages / "usr/share/debootstrap")},
    )
    if done.returncode:
        raise NotBuilt(f"debootstrap failed: {_last(done)}")


def _uv(cache: Path) -> Path:
    """pip's own resolver takes a quarter of an hour for LocalStack; uv takes seconds."""
    folder = cache / "uv"
    if not (folder / "bin/uv").exists():
        venv.create(folder, with_pip=True, clear=True)
        done = _run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "uv"])
        if done.returncode:
            raise NotBuilt(f"uv cannot be installed: {_last(done)}")
    return folder / "bin/uv"


def _with_packages(
    root: Path, uv: Path, name: str, wanted: Sequence[str], *, before: str = ""
) -> Iterator[str]:
    """A virtual environment in /opt of that system; a line when it could not be made."""
    shutil.copy(uv, root / "usr/local/bin/uv")
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "tmp/certificates.crt")
    python = f"/opt/{name}/bin/python"
    steps = (
        ["python3", "-m", "venv", "--without-pip", f"/opt/{name}"],
        ["uv", "pip", "install", "--quiet", "--no-cache", f"--python={python}"]
        + ([f"--exclude-newer={before}"] if before else [])
        + list(wanted),
    )
    index = {key: value for key, value in os.environ.items() if key.startswith("UV_")}
    clean = {"PATH": _PATH, "HOME": "/root", "SSL_CERT_FILE": "/tmp/certificates.crt", **index}  # noqa: S108
    for step in steps:
        done = _within(root, step, env=clean)
        if done.returncode:
            shutil.rmtree(root / "opt" / name, ignore_errors=True)
            yield f"{name}: its packages cannot be installed: {_last(done)}"
            return


def _within(root: Path, command: Sequence[str], *, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = shutil.which("chroot", path="/usr/sbin:/sbin:/usr/bin") or "chroot"
    return _run([program, str(root), *command], env=env)


def _fetch_compose(root: Path, cache: Path) -> str:
    """Debian's docker-compose of that system, which runs here too; what went wrong, or nothing."""
    own = "apt-get -qq update && cd /root && apt-get -qq -o APT::Sandbox::User=root download docker-compose"
    done = _within(root, ["sh", "-c", own], env={"PATH": f"{_PATH}:/usr/sbin:/sbin"})
    if done.returncode == 0:
        [package] = (root / "root").glob("docker-compose*.deb")
        done = _run(["dpkg-deb", "-x", str(package), str(cache / "compose")])
    return f"docker-compose cannot be fetched: {_last(done)}" if done.returncode else ""


def compose_program(cache: Path) -> Path | None:
    """The docker compose that was fetched with the images."""
    program = cache / "compose/usr/libexec/docker/cli-plugins/docker-compose"
    return program if program.exists() else None


def _pack(root: Path, image: StandIn, archive: Path) -> None:
    partial = archive.with_suffix(".part")
    left_out = [f"--exclude={pattern}" for pattern in (*_NEVER, *image.leaves_out)]
    done = _run(
        ["tar", "-C", str(root), *left_out, "--use-compress-program=gzip -1", "-cf", str(partial), "."]
    )
    if done.returncode:
        raise NotBuilt(f"{image.name} cannot be packed: {_last(done)}")
    partial.rename(archive)


def _run(command: list[str], *, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Out of the way of others who use this machine: nice, and without a terminal."""
    return subprocess.run(
        ["nice", "-n", "10", *command],
        env=env,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=1800,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def _last(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return " | ".join(lines[-2:]) or f"exit code {done.returncode}"


__all__ = ["IMAGES", "MINISTACK", "NotBuilt", "load", "recipe"]
