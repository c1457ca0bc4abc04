"""The system's database at every release, made once a run and cloned for each scenario."""

from __future__ import annotations

import itertools
import subprocess

from rollproof.components.commands import fill_in, run_command
from rollproof.components.postgres.admin import (
    connected,
    create_database,
    databases,
    ensure_roles,
    undo_database,
)
from rollproof.components.postgres.queries import query
from rollproof.drill.session import DrillSession
from rollproof.environments.base import PostgresServer
from rollproof.errors import EnvironmentUnavailable, NotApplicable, SystemFileError
from rollproof.fingerprint import KeptRows, keep_rows
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.source import open_source
from rollproof.model.json import Json
from rollproof.model.system import Database, Seed, System


class Templates:
    """Template databases of one system, one for each release that a scenario asks for.

    A template is the nearest older one, cloned, with the migrations between applied and the seed's
    rows loaded at their place: later migrations have rows to work on, as in life.
    """

    def __init__(self, session: DrillSession, system: System) -> None:
        if system.database is None:
            raise NotApplicable(f"system {system.name} declares no database")
        self.session = session
        self.system = system
        self.spec: Database = system.database
        self.source = open_source(self.spec.migrations, system.root)
        self.history: MigrationHistory = self.source.load()
        self.server: PostgresServer = session.open(system).postgres()
        self._prefix = f"rp_{session.run[-6:]}"
        self._numbers = itertools.count(1)
        self._templates: dict[int, str] = {}
        self.kept: list[KeptRows] = []
        self._roles = self._make_roles()
        self._seed_at = self._position_of_seed()

    def _make_roles(self) -> list[tuple[str, str]]:
        with self.session.recorder.acting("roles.create", {"items": list(self.spec.all_roles)}):
            ensure_roles(self.server, self.spec.all_roles)
        return self._role_facts()

    def _role_facts(self) -> list[tuple[str, str]]:
        with connected(self.server, "postgres") as conn:
            return [(str(name), str(facts)) for name, facts in conn.execute(query("roles"))]

    def _position_of_seed(self) -> int:
        """How many migrations come before the rows; 0 when there is no seed."""
        if self.spec.seed is None:
            return 0
        return self.history.position(self.history.named(self.spec.seed.after)) + 1

    def runner(self, database: str, *, limit: float | None = None) -> PsqlRunner:
        """Runs scripts in one database, each for at most `limit` seconds."""
        return PsqlRunner(self.server, database, limit=limit or self.spec.statement_limit)

    def fresh_name(self, what: str) -> str:
        """A database name of this run that nothing else bears."""
        return f"{self._prefix}_{what}_{next(self._numbers):03d}"

    def before(self, migration: Migration) -> str:
        """The template of the release before a migration."""
        return self.at(self.history.position(migration))

    def head(self) -> str:
        """The template of the current release."""
        return self.at(len(self.history.migrations))

    def at(self, count: int) -> str:
        """The template with the first `count` migrations applied; made when first asked for."""
        if count not in self._templates:
            older = max((known for known in self._templates if known < count), default=0)
            self._templates[count] = self._build(older, count)
        return self._templates[count]

    def _build(self, older: int, count: int) -> str:
        name = self.fresh_name(f"at{count:03d}")
        data: dict[str, Json] = {"database": name, "count": count, "undo": undo_database(self.server, name)}
        with self.session.recorder.acting("template.build", data):
            create_database(self.server, name, template=self._templates.get(older))
            for position in range(older, count):
                self.apply(name, self.history.migrations[position])
                self.load_rows(name, applied=position + 1)
            self._keep(name)
        return name

    def _keep(self, name: str) -> None:
        """Lists the template's rows once, for all the clones that will have the same."""
        folder = self.session.open(self.system).scratch / f"rows-{name}"
        with connected(self.server, name, autocommit=False) as conn:
            self.kept.append(keep_rows(conn, folder, like=self.kept))

    def apply(self, database: str, migration: Migration) -> float:
        """Runs a migration's script; seconds. Raises AttemptFailed, or MigrationError for bad SQL."""
        return self.source.apply(migration, self.runner(database)).seconds

    def load_rows(self, database: str, *, applied: int) -> bool:
        """Loads the seed's rows when it is their turn, right after the migration that it names.

        False when it is not.
        """
        seed = self.spec.seed
        if seed is None or applied != self._seed_at:
            return False
        if seed.sql is not None:
            self.runner(database, limit=seed.limit).run(Script.read(self.system.root / seed.sql))
        else:
            self._run_seed(seed, database)
        return True

    def _run_seed(self, seed: Seed, database: str) -> None:
        dsn = self.server.conninfo(database)
        command = fill_in(seed.command or (), dsn=dsn, env=self.session.open(self.system).name)
        try:
            done = run_command(
                command, cwd=self.system.root, environment={"DATABASE_URL": dsn}, limit=seed.limit
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SystemFileError(
                f"the seed's command cannot be run: {error}",
                where=f"{self.system.source}: database.seed.command",
                remedy="run it by hand in the system file's folder",
            ) from error
        if done.returncode:
            raise EnvironmentUnavailable(
                f"the seed's command ended with {done.returncode}: {done.stderr.strip()[-300:]}",
                doing="loading rows into the database",
                where=f"{self.system.source}: database.seed.command",
                remedy="run the command by hand with DATABASE_URL set to a database of that release",
            )

    def unsteady(self) -> list[str]:
        """Databases that are no templates, sessions still connected, roles that changed."""
        known = {*self._templates.values(), "postgres", "template0", "template1"}
        mine = [name for name in databases(self.server) if name.startswith(self._prefix)]
        findings = [f"database {name} was left behind" for name in mine if name not in known]
        if self._role_facts() != self._roles:
            findings.append("roles of the server are not what they were")
        return findings
