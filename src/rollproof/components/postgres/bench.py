"""The database under drill: one scenario's own copy, and everything known of it."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection

from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.backup import Backup
from rollproof.components.postgres.privileges import WriteGrant
from rollproof.components.postgres.templates import Templates
from rollproof.drill.drill import Drill
from rollproof.environments.base import PostgresServer
from rollproof.errors import NotApplicable, PreconditionNotMet, SystemFileError
from rollproof.fingerprint import KeptRows
from rollproof.migrations.back import BackTo
from rollproof.migrations.model import Migration
from rollproof.model.fingerprint import Fingerprint
from rollproof.model.names import split_name
from rollproof.model.system import Database


@dataclass(frozen=True)
class Seen:
    """One observation of the database, to compare later ones with."""

    label: str
    fingerprint: Fingerprint
    rows: KeptRows


class Bench:
    """Where one scenario works on the database. Steps reach it through acts only."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.templates = drill.session.use(Templates, drill.system)
        self.server: PostgresServer = self.templates.server
        self.spec: Database = self.templates.spec
        self.scratch = _folder(drill.session.open(drill.system).scratch / _slug(drill.scenario))
        self.database = ""
        self.target: Migration | None = None
        self.back: BackTo | None = None
        self.applied: tuple[Migration, ...] = ()
        self.expected: tuple[str, ...] = ()
        self.critical: tuple[str, ...] = ()
        self.backup: Backup | None = None
        self.kept = ""
        self.copy = ""
        self.side = ""
        self.old = ""
        self.limit = self.spec.statement_limit
        self.seen: dict[str, Seen] = {}
        self.revoked: list[WriteGrant] | None = None
        self._key = secrets.token_bytes(32)

    @property
    def migration(self) -> Migration:
        """The migration under drill. Raises PreconditionNotMet when no Given chose one."""
        if self.target is None:
            raise PreconditionNotMet(
                "no migration was chosen",
                remedy="begin the scenario with `Given the release before the newest … migration`",
            )
        return self.target

    @property
    def to_nothing(self) -> bool:
        """Whether every migration is taken back, to a database that had none and no ledger."""
        return self.back is not None and self.back.target is None

    @property
    def going_back(self) -> BackTo:
        """Which migrations are taken back. Raises PreconditionNotMet when nothing chose them."""
        if self.back is None:
            raise PreconditionNotMet(
                "nothing says which migrations are taken back",
                remedy="add `When the newest migrations are taken back to a named one`",
            )
        return self.back

    @property
    def to_reapply(self) -> tuple[Migration, ...]:
        """What was rolled back, oldest first."""
        return tuple(reversed(self.back.plan)) if self.back else (self.migration,)

    @property
    def name(self) -> str:
        """Name of the scenario's database. Raises PreconditionNotMet when nothing was staged."""
        if not self.database:
            raise PreconditionNotMet(
                "no database was staged", remedy="begin the scenario with a Given that names a release"
            )
        return self.database

    @property
    def proven_backup(self) -> Backup:
        """The scenario's backup. Raises PreconditionNotMet when there is none."""
        if self.backup is None:
            raise PreconditionNotMet("no backup was taken", remedy="add `Given a full backup …`")
        return self.backup

    @property
    def app_role(self) -> str:
        """The role that the application logs in as. Raises NotApplicable when none is declared."""
        if self.spec.app_role is None:
            raise NotApplicable(f"system {self.drill.system.name} declares no database.app_role")
        return self.spec.app_role

    def known_rows(self) -> list[KeptRows]:
        """Rows kept of the templates and of earlier looks: what is the same need not be listed again."""
        return [*self.templates.kept, *(seen.rows for seen in self.seen.values())]

    def critical_tables_there(self) -> tuple[str, ...]:
        """The declared critical tables that the database has now; a later migration may make the others.

        Raises SystemFileError for one that no migration mentions either.
        """
        with connected(self.server, self.name) as conn:
            there = [name for name in self.spec.critical_tables if _has_table(conn, name)]
        texts = [migration.up.text.lower() for migration in self.templates.history.migrations]
        for name in self.spec.critical_tables:
            last = split_name(name)[-1].lower()
            if name not in there and not any(last in text for text in texts):
                raise SystemFileError(
                    f"there is no table {name}, and no migration mentions one",
                    where=f"{self.drill.system.source}: database.critical_tables",
                    remedy="name each table with its schema, exactly as the catalog has it",
                )
        return tuple(there)

    def digester(self, text: str) -> str:
        """A keyed digest of a row's identity; the key lives as long as the scenario, and nowhere else."""
        return "#" + hmac.digest(self._key, text.encode(), "sha256").hex()[:12]

    def ledger(self) -> list[str]:
        """What the ledger lists now."""
        with connected(self.server, self.name) as conn:
            return self.templates.source.applied(conn)


def _has_table(conn: Connection, name: str) -> bool:
    found = conn.execute(
        "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s",
        split_name(name),
    )
    return found.rowcount > 0


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text)[-60:]


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
