"""Which psql, pg_dump and pg_restore are used: this machine's, or those inside the server's container.

The order: programs of the server's major version on this machine (ROLLPROOF_PG_BIN, installed ones, the
wheel); client programs alone of that version on PATH and in the usual places; the container's own, through
small programs of the same names. Never those of another major version: what they write differs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rollproof.environments.containers import inside_program
from rollproof.environments.embedded.binaries import USUAL_PLACES, program_version, resolve_binaries
from rollproof.errors import EnvironmentUnavailable

NAMES = ("psql", "pg_dump", "pg_restore")
INSIDE = "those inside the container"


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with all of `NAMES`, of one major version.

    Attributes:
        origin: where it was found, for the report.
        inside: True when they run inside the container, and see only folders that it was given.
    """

    bin_dir: Path
    origin: str
    inside: bool = False


def on_this_machine(major: int) -> Programs | None:
    """Client programs of that major version, or None."""
    try:
        found = resolve_binaries(major=major)
    except EnvironmentUnavailable:
        return _clients_alone(major)
    return Programs(found.bin_dir, found.origin) if found.matches_major else _clients_alone(major)


def _clients_alone(major: int) -> Programs | None:
    for folder in dict.fromkeys(_folders()):
        try:
            versions = {program_version(folder / name)[0] for name in NAMES}
        except EnvironmentUnavailable:
            continue
        if versions == {major}:
            return Programs(folder, str(folder))
    return None


def _folders() -> Iterator[Path]:
    for item in os.get_exec_path():
        if os.access(Path(item) / "pg_dump", os.X_OK):
            yield Path(item)
            yield (Path(item) / "pg_dump").resolve().parent
    for place in USUAL_PLACES:
        pattern = Path(place)
        yield from sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def inside_container(folder: Path, *, host: str, container: str) -> Programs:
    """Writes programs into `folder` that run those of the same names inside a container.

    They see this machine's files where the container was given the folder under the same path. When one
    of them is killed, what it ran inside goes on until its connection ends.
    """
    folder.mkdir(mode=0o700)
    program = Path(inside_program.__file__)
    for name in NAMES:
        script = folder / name
        script.write_text(
            f"#!{sys.executable}\nimport runpy, sys\n"
            f"program = runpy.run_path({str(program)!r})\n"
            f"raise SystemExit(program['main']([{name!r}, {host!r}, {container!r}, *sys.argv[1:]]))\n",
            encoding="utf-8",
        )
        script.chmod(0o700)
    return Programs(folder, INSIDE, inside=True)
