"""Full backups: taken, restored into an empty database, compared, and only then relied on."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from rollproof.components.postgres.admin import connected, create_database, failed, swap_databases
from rollproof.components.postgres.programs import run_program
from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed

DUMP_SECONDS = 3600.0
_CONNECTION_LOST = 2
"""psql's exit code (manual, psql, "Exit Status")"""
_DOING = "taking a full backup"


@dataclass
class Backup:
    """A `pg_dump -Fc` archive and what is known of it.

    Attributes:
        snapshot_ns: monotonic nanoseconds just before its snapshot was taken: every write
            acknowledged before that is in it.
        sha256: of the file when it was restored and compared; '' before.
    """

    path: Path
    snapshot_ns: int | None
    seconds: float = 0.0
    sha256: str = ""

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def compared(self) -> bool:
        return bool(self.sha256)

    def content(self) -> str:
        """SHA-256 of the file as it is now; '' when it is not there."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def take_backup(
    server: PostgresServer, database: str, path: Path, *, snapshot: str, at_ns: int, room_needed: int = 0
) -> Backup:
    """Dumps a database with everything in it.

    Args:
        snapshot: an exported snapshot to dump, so that it can be compared with what else was read in it.
        at_ns: monotonic nanoseconds of a moment no later than the snapshot's.
        room_needed: bytes that must be free in the folder.

    Raises AttemptFailed when the folder has no room or pg_dump fails; no half file is left then, and
    an earlier backup of that name stays as it was.
    """
    _need_room(path.parent, room_needed)
    started = time.monotonic_ns()
    partial = path.with_name(f"{path.name}.part")
    arguments = ["--format=custom", "--compress=1", f"--snapshot={snapshot}", f"--file={partial}"]
    try:
        run_program(server, database, "pg_dump", arguments, limit=DUMP_SECONDS, doing=_DOING)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return Backup(path, at_ns, (time.monotonic_ns() - started) / 1e9)


def _need_room(folder: Path, room: int) -> None:
    """Raises AttemptFailed unless so many bytes are free in a folder, which is made."""
    remedy = "make room there, or name another folder with TMPDIR"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        found = f"the backup folder cannot be used ({error.strerror})"
        raise AttemptFailed(found, doing=_DOING, where=str(folder), remedy=remedy) from error
    if free < room:
        found = f"the backup folder has {free >> 20} MB free, the database may need {room >> 20} MB"
        raise AttemptFailed(found, doing=_DOING, where=str(folder), remedy=remedy)


def listing(server: PostgresServer, backup: Backup) -> str:
    """What pg_restore finds in the archive, header and all. Raises AttemptFailed when it cannot read it.

    Listing reads only the table of contents, so the data is read through as well: an archive that
    was cut short has a good head.
    """
    text = run_program(
        server, "postgres", "pg_restore", ["--list", str(backup.path)], limit=60.0, doing="reading the backup"
    )
    run_program(
        server,
        "postgres",
        "pg_restore",
        ["--data-only", "--file=/dev/null", str(backup.path)],
        limit=DUMP_SECONDS,
        doing="reading the backup",
    )
    return text


def major_of(listed: str) -> int | None:
    """Major version of the server that a listed archive was dumped from."""
    found = re.search(r"Dumped from database version:\s*(\d+)", listed)
    return int(found[1]) if found else None


def restore_into(server: PostgresServer, database: str, backup: Backup, *, limit: float) -> None:
    """Restores into an empty database, stopping at the first error."""
    run_program(
        server,
        database,
        "pg_restore",
        ["--exit-on-error", "--single-transaction", f"--dbname={_named(database)}", str(backup.path)],
        limit=limit,
        doing="restoring the backup into an empty database",
    )


def _named(database: str) -> str:
    """A bare name with `=` in it would be taken for a connection string."""
    return make_conninfo("", dbname=database)


def restore_over(
    server: PostgresServer, database: str, backup: Backup, *, limit: float, last: str = "", scratch: Path
) -> None:
    """Restores over a database that is in use, as `pg_restore --clean` does, all or nothing.

    Objects that are not in the archive stay, and pg_dump 13 to 18 cannot clean every schema: it drops
    the primary keys of partitions one by one, which PostgreSQL refuses.

    Args:
        last: SQL that is committed together with the restore.

    Raises AttemptFailed; the database is then what it was, unless the fact `indeterminate` is set:
    the connection broke or the time was up, maybe while it was committed.
    """
    script, after = scratch / f"{backup.path.stem}-restore.sql", scratch / f"{backup.path.stem}-after.sql"
    arguments = ["--clean", "--if-exists", f"--file={script}", str(backup.path)]
    run_program(server, database, "pg_restore", arguments, limit=limit, doing="reading the backup")
    after.write_text(last, encoding="utf-8")
    once = ["-X", "-q", "--single-transaction", "-v", "ON_ERROR_STOP=1", "-f", str(script), "-f", str(after)]
    try:
        run_program(
            server, database, "psql", once, limit=limit, doing="restoring the backup over the database"
        )
    except AttemptFailed as error:
        if error.facts.get("exit_code") == _CONNECTION_LOST or error.facts.get("timed_out"):
            error.facts["indeterminate"] = 1
        raise
    finally:
        script.unlink(missing_ok=True)
        after.unlink(missing_ok=True)


def restore_beside(
    server: PostgresServer,
    database: str,
    backup: Backup,
    *,
    side: str,
    old: str,
    limit: float,
    last: str = "",
) -> None:
    """Restores into an empty database beside the one in use, then swaps the two by name.

    Args:
        side: name of the new database until the swap; it must not exist.
        old: name that the replaced database bears afterwards.
        last: SQL run in the new database before anybody can connect to it by the old name.

    Raises AttemptFailed; unless it says that the swap was begun, the database is what it was.
    """
    create_database(server, side)
    restore_into(server, side, backup, limit=limit)
    if last:
        try:
            with connected(server, side) as conn:
                conn.execute(last.encode())
        except psycopg.Error as error:
            raise failed(error, doing="preparing the restored database", where=side) from error
    swap_databases(server, database, side=side, old=old)
