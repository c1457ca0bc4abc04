"""The working copy that is restored from the newest backup: one for each run, or worker of a run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.backups.content import Content, recognise
from rollproof.components.postgres.backups.fetch import Fetched, expect_unchanged, fetch
from rollproof.components.postgres.backups.found import Found, newest_backup, unusable
from rollproof.components.postgres.backups.restoring import Table, left_out, look_through, restore
from rollproof.drill.session import DrillSession
from rollproof.environments.base import PostgresServer
from rollproof.environments.staging import said
from rollproof.environments.staging.database import outward_of
from rollproof.environments.staging.markers import TABLE as MARK
from rollproof.errors import EnvironmentUnavailable, RollproofError
from rollproof.model.json import Json
from rollproof.model.names import split_name
from rollproof.model.system import System

if TYPE_CHECKING:
    from rollproof.components.aws.clients import Aws

MOST = 50
"""tables without rows that a journal names"""


class Refusal:
    """A backup that was refused once is not read again for every scenario."""

    def __init__(self, session: DrillSession, system: System) -> None:
        self.error: RollproofError | None = None

    def unsteady(self) -> list[str]:
        """Nothing of it is anywhere."""
        return []


@contextmanager
def once(session: DrillSession, system: System) -> Iterator[None]:
    """Raises again what the block has raised before in this run."""
    refusal = session.use(Refusal, system)
    if refusal.error is not None:
        raise refusal.error
    try:
        yield
    except EnvironmentUnavailable as error:
        refusal.error = error
        raise


@dataclass(frozen=True, slots=True)
class Restored:
    """What a working copy was restored from.

    Attributes:
        left_out: tables whose rows the backup does not have.
        marked: that it bears production's mark, which travels with dumps.
    """

    fetched: Fetched
    content: Content
    left_out: tuple[Table, ...]
    marked: bool

    def said(self, *, rows: int, now: datetime) -> dict[str, Json]:
        """What a journal holds of it; `rows` came out of it."""
        found, content, lacking = self.fetched.found, self.content, [str(table) for table in self.left_out]
        form, digest = (
            f"{content.form.value}{', gzip' if content.packed else ''}",
            f"sha256:{self.fetched.sha256}",
        )
        taken, age = found.taken, found.age(now)
        return {
            "found": said.restored(found.name, form=form, size=found.bytes, digest=digest, taken=taken),
            "reason": said.rows_of(taken, age, rows, lacking, marked=self.marked),
            "name": found.name,
            "bytes": found.bytes,
            "rows": rows,
            "digest": digest,
            "facts": {
                "format": form,
                "taken": taken.isoformat(timespec="seconds"),
                "age_seconds": round(age, 3),
                "marked production": self.marked,
            },
            "left_out": list(lacking[:MOST]),
            "count": len(lacking),
        }


def find(session: DrillSession, system: System, server: PostgresServer) -> Found:
    """The newest backup. Raises EnvironmentUnavailable when there is none that is young enough."""
    assert server.backups is not None
    return newest_backup(server.backups, lambda: _aws(session, system))


def restore_copy(
    session: DrillSession, system: System, server: PostgresServer, found: Found, database: str
) -> Restored:
    """Restores it into `database`, and sees whether it can be a copy of this system's.

    Raises EnvironmentUnavailable with the one reason why it is of no use.
    """
    with _folder(session.open(system).scratch) as folder:
        fetched = fetch(found, folder=_inside(folder, "fetched"), aws=lambda: _aws(session, system))
        content = recognise(fetched.path, name=found.name, unpack_to=folder / "unpacked")
        holds = look_through(server, content, name=found.name)
        restore(server, database, content, name=found.name)
        expect_unchanged(fetched)
        lacking = left_out(server, database, holds)
    _expect_critical(system, found, lacking)
    _expect_enclosed(server, database, found)
    return Restored(fetched, content, tuple(lacking), _is_marked(server, database))


@contextmanager
def _folder(scratch: Path) -> Iterator[Path]:
    found = Path(tempfile.mkdtemp(prefix="backup-", dir=scratch))
    try:
        yield found
    finally:
        shutil.rmtree(found, ignore_errors=True)


def _inside(folder: Path, name: str) -> Path:
    found = folder / name
    found.mkdir()
    return found


def _aws(session: DrillSession, system: System) -> Aws:
    from rollproof.components.aws.clients import Aws

    return Aws(session.open(system).aws())


def _expect_critical(system: System, found: Found, lacking: list[Table]) -> None:
    """Raises EnvironmentUnavailable when the rows that matter most were left out of the backup.

    A critical table that is not there at all may come with a later release; the ledger tells.
    """
    assert system.database is not None
    critical = {Table(*split_name(name)) for name in system.database.critical_tables}
    if without := [str(one) for one in lacking if one in critical]:
        raise unusable(
            f"it was taken without the rows of {', '.join(without)}, which critical_tables names",
            found.name,
            "take a full one: without --schema-only and --exclude-table-data",
            doing="looking at what was restored",
        )


def _expect_enclosed(server: PostgresServer, database: str, found: Found) -> None:
    """What a copy's triggers, migrations or traffic send to other places would arrive there for real."""
    assert server.backups is not None
    with connected(server, database) as conn:
        outward = [one for one in outward_of(conn) if one.name not in server.backups.reaches]
    if outward:
        raise unusable(
            f"it has the {' and the '.join(f'{one.kind} {one.name}' for one in outward)}:"
            " a copy of it would reach the same place as the database itself",
            found.name,
            "name what drills may use in `database.reaches`, or take backups without it",
            doing="looking at what was restored",
        )


def _is_marked(server: PostgresServer, database: str) -> bool:
    with connected(server, database) as conn:
        found = conn.execute("SELECT 1 FROM pg_class WHERE relname = %s AND relkind IN ('r', 'p')", [MARK])
        return found.fetchone() is not None
