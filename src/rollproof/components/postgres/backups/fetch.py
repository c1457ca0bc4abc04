"""A backup as a file or folder of this machine, with what it is known by again: size and SHA-256."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollproof.components.postgres.backups.content import TAKE_AGAIN
from rollproof.components.postgres.backups.found import Found, Part, unusable

if TYPE_CHECKING:
    from rollproof.components.aws.clients import Aws

BLOCK = 2**20
DOING = "reading the newest backup"


Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A backup on this machine.

    Attributes:
        sha256: of the file; of a folder, of its files' names and sums, one line each, by name.
        stamp: of each file of this machine, what changes when it is written to.
    """

    found: Found
    path: Path
    sha256: str
    stamp: Stamp = ()


def fetch(found: Found, *, folder: Path, aws: Callable[[], Aws]) -> Fetched:
    """What is on this machine is read where it is; objects are copied into `folder`, which must be empty.

    Raises EnvironmentUnavailable: no room, it cannot be read, or it is not any more what was found.
    """
    if found.path is not None:
        stamp = _stamp(found.path, found.name)
        return Fetched(found, found.path, _digest(found.path, found.name), stamp)
    _expect_room(found, folder)
    if len(found.parts) == 1 and not found.parts[0].key.endswith("toc.dat"):
        file = folder / "backup"
        return Fetched(found, file, _download(aws(), found, found.parts[0], file))
    lines = []
    for part in sorted(found.parts, key=lambda one: one.key):
        file = folder / part.key.rpartition("/")[2]
        lines.append(f"{file.name} {_download(aws(), found, part, file)}\n")
    return Fetched(found, folder, hashlib.sha256("".join(lines).encode()).hexdigest())


def expect_unchanged(fetched: Fetched) -> None:
    """Raises EnvironmentUnavailable when a file of this machine was written to while it was restored."""
    found = fetched.found
    if found.path is not None and _stamp(found.path, found.name) != fetched.stamp:
        raise unusable("it was written to while it was read", found.name, TAKE_AGAIN, doing=DOING)


def _expect_room(found: Found, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < found.bytes:
        raise unusable(
            f"it has {found.bytes >> 20} MB, and {free >> 20} MB are free for it in {folder.parent}",
            found.name,
            f"set TMPDIR to a folder with {found.bytes >> 20} MB",
            doing=DOING,
        )


@contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unusable(
            f"it cannot be read ({error.strerror})", name, "let whoever drills read it", doing=DOING
        ) from error


def _stamp(path: Path, name: str) -> Stamp:
    with _readable(name):
        files = [path] if path.is_file() else list(_files(path))
        seen = [(file.name, file.stat()) for file in files]
    return tuple((name, said.st_ino, said.st_size, said.st_mtime_ns) for name, said in seen)


def _digest(path: Path, name: str) -> str:
    with _readable(name):
        if path.is_file():
            return _sum(path)
        lines = [f"{file.name} {_sum(file)}\n" for file in _files(path)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.name)


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(aws: Aws, found: Found, part: Part, to: Path) -> str:
    """Of the very object that was listed; its SHA-256."""
    from rollproof.components.aws.clients import calling

    sums, read = hashlib.sha256(), 0
    with calling(DOING, where=f"s3://{found.bucket}/{part.key}"), to.open("wb") as file:
        body: Any = aws.client("s3").get_object(Bucket=found.bucket, Key=part.key, IfMatch=part.etag)["Body"]
        for block in body.iter_chunks(BLOCK):
            sums.update(block)
            read += file.write(block)
    if read != part.bytes:
        raise unusable(
            f"{part.bytes} bytes were promised and {read} came",
            found.name,
            "run the drill again",
            doing=DOING,
        )
    return sums.hexdigest()
