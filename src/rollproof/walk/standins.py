"""Extensions that a server lacks, made up empty, so that the history can be walked on without them.

What a migration leaves with an empty extension is not what it would leave with the real one: it is never
called sound. The migrations after it that need nothing of the extension are judged as any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import psycopg

from rollproof.components.postgres.admin import MAINTENANCE, connected
from rollproof.environments.base import PostgresServer
from rollproof.environments.embedded.standins import MARKER, UUID_OSSP, stand_in
from rollproof.errors import RollproofError
from rollproof.model.fingerprint import Difference

_LACKING = re.compile(
    r'extension "(?P<name>[^"]+)" is not available|control file "[^"]*/(?P<file>[^"/]+)\.control"'
)
_VERSIONS = re.compile(r"""(?ix)\bVERSION \s+ ['"]? ([A-Za-z0-9_][A-Za-z0-9_.+]*) """)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_SHARE = "SELECT setting FROM pg_catalog.pg_config() WHERE name = 'SHAREDIR'"

STOOD_IN = "an empty extension {} stands in for the one that is not here, so that the walk can go on"
INSTALL = (
    "install that extension for the server that the history is walked on; "
    "ROLLPROOF_PG_BIN names the bin folder of a server that has it"
)
OWN_UUIDS = "extension uuid-ossp is not part of this server's build: Rollproof provides its functions, in SQL"


def provide(server: PostgresServer, error: RollproofError, text: str) -> bool:
    """Gives a private server the extension that the error says is missing, empty; True when that was done.

    Nothing but Rollproof's own folder of extensions is written to.

    Args:
        text: of the script, which may name a version of the extension.
    """
    found = _LACKING.search(error.found) if server.private else None
    name = (found["name"] or found["file"]) if found else ""
    folder = _own_folder(server) if _NAME.fullmatch(name) else None
    if folder is None or (folder / f"{name}.control").exists():
        return False
    try:
        _make(folder, name, _VERSIONS.findall(text))
    except OSError:
        return False
    return True


def _make(folder: Path, name: str, versions: Iterable[str]) -> None:
    for version in dict.fromkeys([*versions, "1.0"]):
        stand_in(folder, name, script="", version=version)
    with (folder / MARKER).open("a", encoding="utf-8") as listed:
        listed.write(f"{name}\n")


def provided(server: PostgresServer) -> frozenset[str]:
    """Names of the extensions that are empty on this server."""
    folder = _own_folder(server) if server.private else None
    return provided_in(folder) if folder else frozenset()


def provided_in(folder: Path) -> frozenset[str]:
    """Names of the empty extensions in a folder of Rollproof's own."""
    return frozenset((folder / MARKER).read_text(encoding="utf-8").split())


def made_empty(server: PostgresServer, differences: Iterable[Difference]) -> tuple[str, ...]:
    """Extensions among what came that are empty ones."""
    came = [_bare(item.name) for item in differences if _came(item)]
    return tuple(name for name in came if name in provided(server)) if came else ()


def own_uuids(server: PostgresServer, differences: Iterable[Difference]) -> bool:
    """True when uuid-ossp came, and is the one that Rollproof provides."""
    if not any(_came(item) and _bare(item.name) == UUID_OSSP for item in differences):
        return False
    folder = _own_folder(server) if server.private else None
    # What the installation itself has is a link there.
    return folder is not None and not (folder / f"{UUID_OSSP}.control").is_symlink()


def _came(item: Difference) -> bool:
    return item.kind == "extension" and item.attribute is None and item.before is None


def _bare(name: str) -> str:
    return name.strip('"')


def _own_folder(server: PostgresServer) -> Path | None:
    try:
        with connected(server, MAINTENANCE) as conn:
            row = conn.execute(_SHARE).fetchone()
    except (RollproofError, psycopg.Error):
        return None
    folder = Path(str(row[0])) / "extension" if row else None
    return folder if folder is not None and (folder / MARKER).is_file() else None
