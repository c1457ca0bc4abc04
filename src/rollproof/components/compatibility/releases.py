"""The two newest releases: where their code is, how it is started, which migrations each was shipped with."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollproof.compatibility.model import CURRENT, PREVIOUS
from rollproof.components.postgres.templates import Templates
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput, MigrationError, NotApplicable
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.model.aws import Release
from rollproof.model.system import Service, System

_PASSED_OVER = frozenset({"__pycache__", ".git", ".venv", "node_modules"})


@dataclass(frozen=True, slots=True)
class Shipped:
    """A release as it is here: its folder, and the migrations it was shipped with, in order."""

    release: Release
    folder: Path
    migrations: tuple[Migration, ...]

    @property
    def name(self) -> str:
        return self.release.name

    @property
    def listed(self) -> tuple[str, ...]:
        """Ids of its migrations."""
        return tuple(migration.id for migration in self.migrations)


class Pair:
    """The previous and the current release of a drill.

    Raises:
        NotApplicable: there are no two healthy releases, no service whose code a release has, or no
            write through such a service by which its rows could be known.
        BadInput: a release's folder is not there, or says nothing of its migrations.
    """

    def __init__(self, drill: Drill) -> None:
        system = drill.system
        healthy = [release for release in system.release if not release.broken]
        if len(healthy) < 2:
            raise NotApplicable(f"system {system.name} declares no two releases that are not broken")
        self.services = runnable(system)
        history = drill.session.use(Templates, system).history
        self.shipped = {
            which: _shipped(system, release, history)
            for which, release in zip((PREVIOUS, CURRENT), healthy[-2:], strict=True)
        }
        self.names = {which: shipped.name for which, shipped in self.shipped.items()}

    @property
    def going(self) -> tuple[Migration, ...]:
        """Migrations that the current release has and the previous one lacks, newest first."""
        kept = set(self.shipped[PREVIOUS].listed)
        return tuple(m for m in reversed(self.shipped[CURRENT].migrations) if m.id not in kept)


def runnable(system: System) -> dict[str, Service]:
    """Services whose code is a release's and can be started by itself. Raises NotApplicable: none is."""
    found = {
        name: service
        for name, service in system.service.items()
        if service.start or any("{path}" in word for word in service.command)
    }
    if not found:
        raise NotApplicable(
            f"no service of {system.name} says how a release's code is started: its `start`, or `{{path}}` in"
            " its `command`"
        )
    if not any(entry.kind == "write" and entry.service in found for entry in system.traffic):
        raise NotApplicable(
            f"no [[traffic]] of {system.name} writes through {', '.join(found)}: nobody could tell whose rows"
            " are there"
        )
    return found


def folder_of(system: System, release: Release) -> Path:
    """Where a release's code is. Raises BadInput when that is not there, NotApplicable when none is named."""
    if release.path is None:
        raise NotApplicable(f"release {release.name} names no folder with its code, a `path`")
    folder = system.root / release.path
    if not folder.is_dir():
        raise BadInput(
            f"release {release.name} has no folder: there is no {release.path}",
            doing="looking for the code of a release",
            where=f"{system.source}: release {release.name!r}",
            remedy="give the folder that its code is in as `path`, or build it",
        )
    return folder


def digest_of(folder: Path) -> str:
    """SHA-256 over every file's name and bytes, in hex; what running it leaves behind is passed over."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not _PASSED_OVER.intersection(name.parts) and path.suffix != ".pyc":
            digest.update(f"{name.as_posix()}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def start_of(service: Service, folder: Path) -> tuple[Sequence[str], bool]:
    """The words that start a release's code, and whether they are run in its folder."""
    if service.start:
        return service.start, True
    return service.command, False


def _shipped(system: System, release: Release, history: MigrationHistory) -> Shipped:
    folder = folder_of(system, release)
    return Shipped(release, folder, _migrations(system, release, folder, history))


def _migrations(
    system: System, release: Release, folder: Path, history: MigrationHistory
) -> tuple[Migration, ...]:
    where = f"{system.source}: release {release.name!r}"
    if release.migrations is not None:
        try:
            newest = history.named(release.migrations)
        except MigrationError as error:
            raise BadInput(
                error.found,
                doing="looking for a release's migrations",
                where=where,
                remedy=error.remedy,
            ) from error
        return (*history.before(newest), newest)
    assert system.database is not None
    roots = [(system.root / system.database.migrations.path).resolve(), system.root.resolve()]
    told = {migration.id: _has(folder, migration.where.resolve(), roots) for migration in history}
    if not any(told.values()):
        raise BadInput(
            f"the folder of release {release.name} has none of the migrations",
            doing="looking for a release's migrations",
            where=where,
            remedy="name the newest one that it was shipped with as its `migrations`",
        )
    return tuple(migration for migration in history if told[migration.id] is not False)


def _has(folder: Path, file: Path, roots: Sequence[Path]) -> bool | None:
    """Whether a release has a migration's file; None when it is nobody's of this system, such as a
    library's own."""
    inside = [file.relative_to(root) for root in roots if file.is_relative_to(root)]
    return any((folder / name).exists() for name in inside) if inside else None
