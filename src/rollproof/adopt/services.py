"""[service.*] and what goes with it: the commands of images, made to run as processes of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollproof.adopt import compose
from rollproof.adopt.blocks import Block, Entry, Survey
from rollproof.adopt.compose import ComposeService
from rollproof.adopt.dockerfile import Image, command, health_in, port_in, read_image
from rollproof.adopt.documents import Document
from rollproof.adopt.folder import Repository, slug
from rollproof.model.secrets import secret_in

_MODULES = frozenset("gunicorn uvicorn hypercorn daphne flask waitress-serve".split())
_FOLDERS = {"gunicorn": "--chdir", "uvicorn": "--app-dir"}
"""servers that can be told where their modules are"""
_PYTHONS = re.compile(r"^python(3(\.\d+)?)?$")
_DOCKERFILE = re.compile(r"^(?:Dockerfile|Containerfile)$")
_ADDRESS = re.compile(
    r"(?i)^(?:[a-z0-9]+_)*(?:database|db|postgres|postgresql|pg|sqlalchemy)(?:_[a-z0-9]+)*_(?:url|uri|dsn)$"
)
_EXAMPLE = re.compile(r"^\.?env[.\-_](?:example|sample|template|dist)$|^(?:example|sample)\.env$")
_ASSIGNED = re.compile(r"(?m)^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=")
_SECRET = re.compile(
    r"(?i)(?:^|[-_.])(?:password|passwd|pwd|token|secret|credentials?|api-?key|apikey)(?:$|[-_.=])"
)
_NAMES_SHOWN = 30
_NO_HEALTH = "no health check says which path answers 200; give it as `health`"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A process that may be a service.

    Attributes:
        folder: that its image is built from, or it is run in.
        where: of its command.
    """

    name: str
    folder: Path
    argv: tuple[str, ...]
    where: str
    port: int | None = None
    health: str = ""
    health_where: str = ""
    names: tuple[str, ...] = ()


def find_services(repository: Repository, survey: Survey, manage: Path | None) -> None:
    """Adds a block for each service, and Postgres' version to [database].

    Args:
        manage: the Django project's manage.py, whose own server is taken when there is no image.
    """
    documents = compose.compose_files(repository)
    built = [(doc, one) for doc in documents for one in compose.built_services(repository, doc)]
    for document in documents:
        said = f"{repository.shown(document.path)}: {', '.join(map(str, document.data['services']))}"
        survey.found.append(("compose", said))
    found = [_of_compose(repository, one) for _, one in built]
    found += _of_images(repository, survey, {one.dockerfile for _, one in built})
    if not found and manage is not None:
        where = repository.shown(manage)
        found = [Candidate("web", repository.root, _runserver(where), where, port=8000)]
    _add(repository, survey, found)
    _postgres(repository, survey, documents)


def _runserver(manage: str) -> tuple[str, ...]:
    return ("python", manage, "runserver", "--noreload", "127.0.0.1:8000")


def _of_compose(repository: Repository, one: ComposeService) -> Candidate:
    image = read_image(repository.text(one.dockerfile)) if one.dockerfile.exists() else Image()
    argv, where = image.argv, repository.shown(one.dockerfile, image.line)
    if one.command is not None:
        argv, where = command(one.command), one.where
    asked = _flat(one.health)
    health, port = health_in(asked), one.port or image.port or port_in(asked)
    names = tuple(dict.fromkeys([*one.names, *image.names]))
    told = one.where if health else where
    return Candidate(one.name, one.context, argv, where, port, health or image.health, told, names)


def _flat(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _of_images(repository: Repository, survey: Survey, known: set[Path]) -> list[Candidate]:
    found = []
    for path in repository.files(_DOCKERFILE.match):
        image = read_image(repository.text(path))
        survey.found.append(("image", repository.shown(path)))
        if path not in known and image.said:
            name = survey.name if path.parent == repository.root else path.parent.name
            where = repository.shown(path, image.line)
            found.append(
                Candidate(
                    name, path.parent, image.argv, where, image.port, image.health, where, tuple(image.names)
                )
            )
    return found


def _add(repository: Repository, survey: Survey, found: Sequence[Candidate]) -> None:
    """A block for each server; of several of one name the first, nearest to the top."""
    examples = list(_examples(repository))
    taken: dict[str, Candidate] = {}
    for one in found:
        key = slug(one.name, fallback="web")
        if one.port is None:
            survey.notes.append(f"{one.where}: {one.name} publishes no port, so it is taken for no server")
        elif (first := taken.setdefault(key, one)) is not one:
            if first.folder != one.folder:
                survey.notes.append(f"{one.where}: another service {key}; the first was taken: {first.where}")
        else:
            survey.blocks.append(_block(repository, one, key, examples))


def _block(repository: Repository, one: Candidate, key: str, examples: Sequence[str]) -> Block:
    argv, problem = runnable(one, repository)
    names = [name for name in dict.fromkeys([*one.names, *examples]) if not secret_in(name)]
    entries = [
        Entry("command", list(argv) or ["{python}", "-m", "your.server", "--port", "{port}"], one.where)
    ]
    entries.append(Entry("health", one.health or "/health", one.health_where if one.health else ""))
    if addresses := {name: "{dsn}" for name in names if _ADDRESS.match(name) and name != "DATABASE_URL"}:
        entries.append(Entry("env", addresses))
    remarks = (
        [f"Variables that it may read; values are not copied: {', '.join(names[:_NAMES_SHOWN])}"]
        if names
        else []
    )
    if len(names) > _NAMES_SHOWN:
        remarks[0] += f" and {len(names) - _NAMES_SHOWN} more"
    remarks.append("It is given DATABASE_URL and PORT, and must listen on that port.")
    return Block(
        ("service", key), tuple(entries), tuple(remarks), problem or ("" if one.health else _NO_HEALTH)
    )


def runnable(one: Candidate, repository: Repository) -> tuple[tuple[str, ...], str]:
    """The command as a process of this machine runs it, and what is in its way."""
    argv = tuple(_word(word, one.port) for word in one.argv)
    if not argv:
        return (), "its image names no command, or one that only a shell can run"
    if any(secret_in(word) or _SECRET.search(word) for word in argv):
        return (), "its command seems to hold a secret"
    inside = one.folder != repository.root
    if argv[0] in _MODULES:
        there = (_FOLDERS[argv[0]], repository.shown(one.folder)) if inside and argv[0] in _FOLDERS else ()
        argv, inside = ("{python}", "-m", argv[0], *there, *argv[1:]), inside and not there
    elif _PYTHONS.match(argv[0]):
        argv = ("{python}", *argv[1:])
    if "/" in argv[0]:
        return argv, "its program is a file of the image"
    if inside:
        return argv, f"it is run in {repository.shown(one.folder)}, and commands are run beside this file"
    return argv, ""


def _word(word: str, port: int | None) -> str:
    word = re.sub(r"\$\{?PORT(?::-\d+)?\}?", "{port}", word)
    word = re.sub(rf"(?<!\d){port}(?!\d)", "{port}", word) if port else word
    return re.sub(r"(?<![\d.])0\.0\.0\.0(?![\d.])", "127.0.0.1", word)


def _examples(repository: Repository) -> Iterator[str]:
    """Names in examples of .env files; .env files themselves are never opened."""
    for path in repository.files(_EXAMPLE.match):
        yield from _ASSIGNED.findall(repository.text(path))


def _postgres(repository: Repository, survey: Survey, documents: Sequence[Document]) -> None:
    found = [one for document in documents for one in compose.servers(repository, document)]
    for one in found:
        survey.found.append(("Postgres", f"{one.where}: {one.major or 'no version from 13 on is named'}"))
    majors = [one for one in found if one.major]
    if len({one.major for one in majors}) > 1:
        survey.notes.append(f"several versions of Postgres; the first was taken: {majors[0].where}")
    for index, block in enumerate(survey.blocks):
        if block.header == ("database",) and majors:
            major = Entry("major", majors[0].major or 0, majors[0].where)
            survey.blocks[index] = Block(block.header, (major, *block.entries), block.remarks, block.off)
            return
    if found:
        survey.notes.append(
            "there is a Postgres, but no migrations that a known tool keeps, so no [database]"
        )
