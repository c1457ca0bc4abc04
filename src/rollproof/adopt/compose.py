"""Compose files: services with their build, ports and the names of their variables, and Postgres' version."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollproof.adopt.documents import Document, read_yaml, table
from rollproof.adopt.folder import Repository

_FILE = re.compile(r"^(?:docker-)?compose(?:[.\-_][\w.\-]+)?\.ya?ml$")
_POSTGRES = re.compile(
    r"(?i)(?:^|/)(postgres|postgresql|postgis|pgvector|timescaledb(?:-ha)?|supabase/postgres)$"
)
_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")
_NAME = re.compile(r"[A-Za-z_]\w*(?==|$)")
_MAJOR = re.compile(r"(?:^|[^0-9.])(?:pg|v)?(1[3-9]|2[0-9]|30)(?![0-9])")


@dataclass(frozen=True, slots=True)
class ComposeService:
    """A service that is built here.

    Attributes:
        context, dockerfile: of its build.
        port: that it listens on in its container.
        where: the line that it starts in.
    """

    name: str
    context: Path
    dockerfile: Path
    command: object
    port: int | None
    health: object
    names: tuple[str, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Server:
    """A Postgres; `major` None: its image does not say which."""

    major: int | None
    where: str


def compose_files(repository: Repository) -> list[Document]:
    """Every compose file that can be read, the nearest to the top first."""
    found = (read_yaml(repository, path) for path in repository.files(_FILE.match))
    return [document for document in found if document and isinstance(document.data.get("services"), dict)]


def servers(repository: Repository, document: Document) -> Iterator[Server]:
    """Services whose image is a Postgres."""
    for name, spec in table(document.data["services"]).items():
        image = _DEFAULT.sub(r"\1", str(table(spec).get("image") or ""))
        path, _, tag = image.partition("@")[0].partition(":")
        if not _POSTGRES.search(path):
            continue
        line = document.line("services", name, "image")
        yield Server(major_in(tag), repository.shown(document.path, line))


def major_in(tag: str) -> int | None:
    """The major version in an image's tag: 16-alpine, 15-3.4, 2.14.2-pg16, pg17."""
    by_word = re.search(r"(?i)pg(1[3-9]|2[0-9]|30)(?![0-9])", tag)
    found = by_word or _MAJOR.match(tag) or re.match(r"(1[3-9]|2[0-9]|30)(?![0-9])", tag)
    return int(found[1]) if found else None


def built_services(repository: Repository, document: Document) -> Iterator[ComposeService]:
    """Services that are built from this repository."""
    for name, raw in table(document.data["services"]).items():
        spec = table(raw)
        build = spec.get("build")
        if not build:
            continue
        context, dockerfile = _build(document.path.parent, build)
        if not context.is_relative_to(repository.root):
            continue
        line = document.line("services", name)
        yield ComposeService(
            name,
            context,
            dockerfile,
            spec.get("command"),
            _port(spec),
            table(spec.get("healthcheck")).get("test"),
            tuple(_names(spec.get("environment"))),
            repository.shown(document.path, line),
        )


def _build(folder: Path, build: object) -> tuple[Path, Path]:
    spec = table(build) if isinstance(build, dict) else {"context": build}
    context = _normal(folder / str(spec.get("context") or "."))
    return context, _normal(context / str(spec.get("dockerfile") or "Dockerfile"))


def _normal(path: Path) -> Path:
    """Without `..`, links not followed."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return Path(*parts)


def _port(spec: Mapping[str, Any]) -> int | None:
    ports = spec.get("ports") or spec.get("expose")
    for port in ports if isinstance(ports, list) else []:
        said = table(port).get("target") if isinstance(port, dict) else port
        text = _DEFAULT.sub(r"\1", str(said)).partition("/")[0].rpartition(":")[2]
        if text.isdecimal():
            return int(text)
    return None


def _names(environment: object) -> Iterator[str]:
    if isinstance(environment, dict):
        environment = list(environment)
    for item in environment if isinstance(environment, list) else []:
        if found := _NAME.match(str(item)):
            yield found[0]
