"""The newest backup: in a folder or among files of this machine, or under a prefix in S3."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.environments.base import Backups
from rollproof.errors import EnvironmentUnavailable
from rollproof.model.durations import say_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from rollproof.components.aws.clients import Aws

S3 = "s3://"
TOC = "toc.dat"
"""What every backup in the directory format has, and nothing else."""
ASIDE = (".md5", ".sha1", ".sha256", ".sha512", ".sig", ".json", ".log", ".txt", ".md")
"""Endings of files that say something about a backup beside them; they are no backups."""
DOING = "looking for the newest backup"


@dataclass(frozen=True, slots=True)
class Part:
    """One object in S3.

    Attributes:
        etag: what it was when it was listed; another one is not taken for it.
    """

    key: str
    bytes: int
    etag: str


@dataclass(frozen=True, slots=True)
class Found:
    """A backup that is there, not read yet.

    Attributes:
        name: path, or `s3://bucket/key`; of a backup in the directory format the folder's.
        taken: when it was written, UTC: the file's time of change, the object's LastModified.
        bytes: of all its files.
        path: the file or folder; None for one in S3.
        bucket, parts: its objects there.
    """

    name: str
    taken: datetime
    bytes: int
    path: Path | None = None
    bucket: str = ""
    parts: tuple[Part, ...] = ()

    def age(self, now: datetime) -> float:
        """Seconds; 0 for one that claims to come from the future."""
        return max(0.0, (now - self.taken).total_seconds())


def unusable(found: str, where: str, remedy: str, *, doing: str = DOING) -> EnvironmentUnavailable:
    """Why a backup is of no use, as the one error that a person sees."""
    return EnvironmentUnavailable(found, doing=doing, where=where, remedy=remedy)


def newest_backup(where: Backups, aws: Callable[[], Aws], *, now: datetime | None = None) -> Found:
    """The one that was written last, whatever it holds: an older one never takes its place.

    Raises EnvironmentUnavailable when there is none, or the newest is too old.
    """
    every = list(_in_s3(where.where, aws()) if where.where.startswith(S3) else _on_disk(where))
    if not every:
        raise unusable(
            "there is no backup", where.where, "see whether backups are taken, or correct `backup`"
        )
    newest = max(every, key=lambda one: (one.taken, one.name))
    age = newest.age(now or datetime.now(UTC))
    if where.oldest is not None and age > where.oldest:
        raise unusable(
            f"the newest backup is {say_duration(age)} old, and {say_duration(where.oldest)} are allowed",
            newest.name,
            "see why none has been taken since, or allow more in `backup_age`",
        )
    return newest


def _on_disk(where: Backups) -> Iterator[Found]:
    pattern = str(where.root / Path(where.where).expanduser())
    try:
        if Path(pattern).is_dir():
            yield from _of_folder(Path(pattern))
        elif Path(pattern).is_file():
            yield _of_file(Path(pattern))
        else:
            yield from _of_paths([Path(path) for path in sorted(glob.glob(pattern))])  # noqa: PTH207  any folder's
    except OSError as error:
        raise unusable(
            f"it cannot be read ({error.strerror})", error.filename or pattern, "let whoever drills read it"
        ) from error


def _of_folder(folder: Path) -> Iterator[Found]:
    """A backup in the directory format is the backup; any other folder holds some."""
    if (folder / TOC).is_file():
        yield _of_directory(folder)
    else:
        yield from _of_paths(sorted(path for path in folder.iterdir() if not path.name.startswith(".")))


def _of_paths(paths: list[Path]) -> Iterator[Found]:
    for path in paths:
        if (path / TOC).is_file():
            yield _of_directory(path)
        elif path.is_file() and not path.name.lower().endswith(ASIDE):
            yield _of_file(path)


def _of_file(path: Path) -> Found:
    said = path.stat()
    return Found(str(path), datetime.fromtimestamp(said.st_mtime, UTC), said.st_size, path)


def _of_directory(folder: Path) -> Found:
    """As old as its `toc.dat`, which pg_dump writes last."""
    some = [path.stat() for path in folder.iterdir() if path.is_file()]
    taken = (folder / TOC).stat().st_mtime
    return Found(str(folder), datetime.fromtimestamp(taken, UTC), sum(said.st_size for said in some), folder)


def _in_s3(where: str, aws: Aws) -> Iterator[Found]:
    """Objects one by one; those beside a `toc.dat` are one backup in the directory format."""
    from rollproof.components.aws.clients import calling

    bucket, _, prefix = where.removeprefix(S3).partition("/")
    with calling(DOING, where=where):
        pages = list(aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    items = [item for page in pages for item in page.get("Contents", ()) if not item["Key"].endswith("/")]
    folders = {_folder(item["Key"]) for item in items if item["Key"].rpartition("/")[2] == TOC}
    for folder in sorted(folders):
        parts = [item for item in items if _folder(item["Key"]) == folder]
        toc = next(item for item in parts if item["Key"].rpartition("/")[2] == TOC)
        yield _of_objects(f"{S3}{bucket}/{folder}", bucket, toc["LastModified"], parts)
    for item in items:
        if _folder(item["Key"]) not in folders and not item["Key"].lower().endswith(ASIDE):
            yield _of_objects(f"{S3}{bucket}/{item['Key']}", bucket, item["LastModified"], [item])


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def _of_objects(name: str, bucket: str, taken: datetime, items: list[dict[str, object]]) -> Found:
    parts = tuple(Part(str(one["Key"]), int(str(one["Size"])), str(one["ETag"])) for one in items)
    return Found(name, taken.astimezone(UTC), sum(part.bytes for part in parts), bucket=bucket, parts=parts)
