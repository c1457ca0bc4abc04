"""The system's database at every release, made once a run and cloned for each scenario."""

from __future__ import annotations

import itertools
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import psycopg

from rollproof.components.commands import Ran, fill_in, run_command
from rollproof.components.postgres.admin import (
    connected,
    create_database,
    databases,
    drop_database,
    ensure_roles,
    missing_roles,
    undo_database,
    undo_roles,
)
from rollproof.components.postgres.backups.copying import find, once, restore_copy
from rollproof.components.postgres.backups.found import Found, unusable
from rollproof.components.postgres.bounded import BoundedRunner, expect_readable
from rollproof.components.postgres.cloning import clone_database
from rollproof.components.postgres.queries import query
from rollproof.drill.session import DrillSession
from rollproof.environments.base import PostgresServer
from rollproof.environments.staging import said
from rollproof.errors import (
    AttemptFailed,
    EnvironmentUnavailable,
    MigrationError,
    NotApplicable,
    SystemFileError,
)
from rollproof.fingerprint import KeptRows, keep_rows
from rollproof.migrations.classification import Kind
from rollproof.migrations.execute import PsqlRunner
from rollproof.migrations.ledger import compare_ledger
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.source import open_source
from rollproof.model.durations import say_duration
from rollproof.model.json import Json
from rollproof.model.system import Database, Seed, System
from rollproof.model.workingcopy import WorkingCopy

COPIES = 6
"""Copies of the database that one scenario may have at the same time, backups and listings included."""
COPIES_HERE = 2
"""Those that are on this machine when the server is elsewhere: a backup, and lists of rows."""


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
        self.history: MigrationHistory = self._load()
        self.server: PostgresServer = session.open(system).postgres()
        self._prefix = _prefix(session.run, self.server)
        self._numbers = itertools.count(1)
        self._templates: dict[int, str] = {}
        self._kept: dict[str, KeptRows] = {}
        self._copied = WorkingCopy("")
        self.seen_kinds: dict[str, Kind] = {}
        self._roles = self._make_roles()
        self.seed_at = self._position_of_seed()
        self._real = self._restore_backup() if self.server.backups else self._position_of_source()

    def _load(self) -> MigrationHistory:
        """The history; what the source has started for it ends with the run, or now if it cannot be read."""
        try:
            history = self.source.load()
        except BaseException:
            self.source.close()
            raise
        self.session.on_finish(self.source.close)
        return history

    def _make_roles(self) -> list[tuple[str, str]]:
        said: dict[str, Json] = {"items": list(self.spec.all_roles)}
        if not self.server.private and (missing := missing_roles(self.server, self.spec.all_roles)):
            said["undo"] = undo_roles(self.server, missing)
        with self.session.recorder.acting("roles.create", said):
            ensure_roles(self.server, self.spec.all_roles)
        return self._role_facts()

    def _role_facts(self) -> list[tuple[str, str]]:
        with connected(self.server, "postgres") as conn:
            return [(str(name), str(facts)) for name, facts in conn.execute(query("roles"))]

    def _position_of_seed(self) -> int:
        """How many migrations come before the rows; 0 when there is no seed."""
        if self.spec.seed is None:
            return 0
        try:
            return self.history.position(self.history.named(self.spec.seed.after)) + 1
        except MigrationError as error:
            where = f"{self.system.source}: database.seed.after"
            raise SystemFileError(error.found, where=where, remedy=error.remedy) from error

    def _position_of_source(self) -> int | None:
        """How many migrations the database that drills clone has; None where they make their own.

        Raises MigrationError when its ledger does not list the first so many of the history.
        """
        if not self.server.source:
            return None
        return self._count_listed(
            self.server.source,
            doing="finding out which release the environment's database has",
            where=f"{self.server.source}: {self.history.ledger}",
            remedy="bring the environment to a release of this history before it is drilled",
        )

    def _count_listed(self, database: str, *, doing: str, where: str, remedy: str) -> int:
        """How many migrations a database has. Raises MigrationError for others than the first so many."""
        with connected(self.server, database, autocommit=False) as conn:
            conn.read_only = True
            listed = self.source.applied(conn)
        first = [migration.id for migration in self.history.migrations][: len(listed)]
        if sorted(listed) != sorted(first):
            stray = sorted(set(listed) - set(first)) or sorted(set(first) - set(listed))
            found = f"its ledger does not list the first {len(listed)} migrations: see {', '.join(stray[:3])}"
            raise MigrationError(found, doing=doing, where=where, remedy=remedy)
        return len(listed)

    def _restore_backup(self) -> int:
        """The newest backup as the template of its release; how many migrations that has.

        Raises EnvironmentUnavailable with the one reason why the backup is of no use.
        """
        with once(self.session, self.system):
            found, name = find(self.session, self.system, self.server), self.fresh_name("copy")
            data: dict[str, Json] = {
                "database": name,
                "path": found.name,
                "bytes": found.bytes,
                "undo": undo_database(self.server, name),
            }
            with self.session.recorder.acting("template.load", data) as result, self._gone_if_it_fails(name):
                restored = restore_copy(self.session, self.system, self.server, found, name)
                count = self._release_of(name, found)
                self._keep(name)
                rows = sum(table.digest.rows for table in self._kept[name].tables)
                told = restored.said(rows=rows, now=datetime.now(UTC))
                result.update({**told, "migrations": count})
                self._copied = WorkingCopy(str(told["found"]), str(told["reason"]))
            self._expect_room(name)
        self._templates[count] = name
        return count

    def _release_of(self, database: str, found: Found) -> int:
        """Raises EnvironmentUnavailable: it is a backup of another database, or of no release of this one."""
        doing, remedy = "finding out which release the backup is of", "see whether it is of this database"
        try:
            count = self._count_listed(database, doing=doing, where=found.name, remedy=remedy)
        except MigrationError as error:
            said = error.found if error.where == found.name else f"{error.where}: {error.found}"
            raise unusable(said, found.name, remedy, doing=doing) from error
        if not count:
            nothing = (
                f"nothing in it says that it is of this system: {self.history.ledger} lists no migration"
            )
            raise unusable(nothing, found.name, remedy, doing=doing)
        return count

    def runner(self, database: str, *, limit: float | None = None) -> PsqlRunner:
        """Runs scripts in one database, each for at most `limit` seconds."""
        limit, bounds = limit or self.spec.statement_limit, self.session.guarding.bounds
        limited = any(one.limits.schemas is not None for one in bounds.declared)
        if not limited and not self.server.system_identifier:
            return PsqlRunner(self.server, database, limit=limit)
        if limited:
            expect_readable(self.history, bounds)
        return BoundedRunner(self.server, database, limit=limit, bounds=bounds)

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
        if self._real is not None and count >= self._real:
            self._clone_source(self._real)
        if count not in self._templates:
            if self._nearest(count) < self.seed_at < count and not self._has_real_rows(count):
                self.at(self.seed_at)  # so that the rows are loaded once, whatever is asked for later
            self._templates[count] = self._build(self._nearest(count), count)
        return self._templates[count]

    def _has_real_rows(self, count: int) -> bool:
        """A release that the environment's database is past is made from nothing, with the seed's rows."""
        return self._real is not None and count >= self._real

    def _clone_source(self, count: int) -> None:
        """The environment's own database as the template of its release; made once."""
        if count in self._templates:
            return
        source, name = self.server.source, self.fresh_name(f"at{count:03d}")
        data: dict[str, Json] = {"database": name, "count": count, "undo": undo_database(self.server, name)}
        scratch = self.session.open(self.system).scratch
        with self.session.recorder.acting("template.clone", data) as result, self._gone_if_it_fails(name):
            how = clone_database(self.server, source, name, scratch=scratch)
            self._copied = said.cloned(source, how, datetime.now(UTC), cluster=self.server.cluster)
            result.update({"kind": how, "found": self._copied.what})
            self.expect_listed(name, self.history.migrations[:count])
            self._keep(name)
        self._expect_room(name)
        self._templates[count] = name

    def origin(self, count: int) -> WorkingCopy | None:
        """What the rows of a template are those of; None where drills make all databases themselves."""
        if self._real is None:
            return None
        return self._copied if self._has_real_rows(count) else said.MADE

    def _nearest(self, count: int) -> int:
        """The newest template that is older; 0 when there is none."""
        return max((known for known in self._templates if known < count), default=0)

    def _build(self, older: int, count: int) -> str:
        name = self.fresh_name(f"at{count:03d}")
        data: dict[str, Json] = {"database": name, "count": count, "undo": undo_database(self.server, name)}
        with self.session.recorder.acting("template.build", data), self._gone_if_it_fails(name):
            create_database(self.server, name, template=self._templates.get(older))
            if not older and (before_first := getattr(self.source, "before_first", None)):
                before_first(self.runner(name))
            for position in range(older, count):
                self.apply(name, self.history.migrations[position])
                if not self._has_real_rows(position + 1):
                    self.load_rows(name, applied=position + 1)
            self.expect_listed(name, self.history.migrations[:count])
            self._keep(name)
        self._expect_room(name)
        return name

    @contextmanager
    def _gone_if_it_fails(self, name: str) -> Iterator[None]:
        """Half a template is of no use, and would be taken for something that a scenario left."""
        try:
            yield
        except BaseException:
            with suppress(EnvironmentUnavailable, psycopg.Error):
                drop_database(self.server, name)
            raise

    def _expect_room(self, name: str) -> None:
        """A scenario clones, backs up, restores and swaps: that has to fit beside what is there."""
        scratch = self.session.open(self.system).scratch
        with connected(self.server, name) as conn:
            row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
        size, free = int(row[0]) if row else 0, shutil.disk_usage(scratch).free
        copies = COPIES if self.server.private else COPIES_HERE
        if free < copies * size:
            raise EnvironmentUnavailable(
                f"the database takes {size >> 20} MB, and {free >> 20} MB are free for its copies",
                doing="building a template of the database",
                where=str(scratch.parent),
                remedy=f"set TMPDIR to a folder with {copies * size >> 20} MB, or load fewer rows",
            )

    def _keep(self, name: str) -> None:
        """Lists the template's rows once, for all the clones that will have the same."""
        folder = self.session.open(self.system).scratch / f"rows-{name}"
        with connected(self.server, name, autocommit=False) as conn:
            self._kept[name] = keep_rows(conn, folder, like=self.kept)

    @property
    def kept(self) -> list[KeptRows]:
        """The rows of every template that there is."""
        return list(self._kept.values())

    def kept_of(self, template: str) -> KeptRows:
        """The rows of a template, by its name; none for the empty database that all begin with."""
        return self._kept[template]

    def apply(self, database: str, migration: Migration) -> float:
        """Runs a migration's script; seconds. Raises AttemptFailed, or MigrationError for bad SQL."""
        try:
            return self.source.apply(migration, self.runner(database)).seconds
        except AttemptFailed as error:
            if error.facts.get("sqlstate") == "42704" and "role " in error.found:
                error.remedy = f"name it in {self.system.source.name}, as app_role or in roles of [database]"
            raise

    def expect_listed(self, database: str, applied: Sequence[Migration]) -> None:
        """Holds the ledger against what was applied.

        Raises MigrationError when it lists what has no file, or lacks what was applied: everything
        that a drill says of such a history would rest on sand.
        """
        with connected(self.server, database) as conn:
            listed = compare_ledger(self.history, self.source.applied(conn))
        forgotten = [migration.id for migration in applied if migration not in listed.applied]
        problems = [f"the ledger lists {name} for which there is no file" for name in listed.missing_files]
        problems += [f"{name} was applied, and the ledger does not list it" for name in forgotten]
        if problems:
            raise MigrationError(
                "; ".join(problems),
                doing="comparing the ledger with the migration files",
                where=f"{self.history.ledger} after {applied[-1].id}",
                remedy="let each script enter its own file's name, and no other, in the ledger",
            )

    def load_rows(self, database: str, *, applied: int) -> bool:
        """Loads the seed's rows when it is their turn, right after the migration that it names.

        False when it is not.
        """
        seed = self.spec.seed
        if seed is None or applied != self.seed_at:
            return False
        if seed.sql is not None:
            self.runner(database, limit=seed.limit).run(Script.read(self.system.root / seed.sql))
        else:
            self._run_seed(seed, database)
        return True

    def _run_seed(self, seed: Seed, database: str) -> None:
        opened, dsn = self.session.open(self.system), self.server.conninfo(database)
        where = f"{self.system.source}: database.seed.command"
        ran = run_command(
            opened,
            fill_in(seed.command or (), dsn=dsn, env=opened.name),
            name="the seed's command",
            where=where,
            cwd=self.system.root,
            environment={"DATABASE_URL": dsn},
            limit=seed.limit,
        )
        if ran.exit_code != 0:
            raise EnvironmentUnavailable(
                f"the seed's command {_how_it_ended(ran, seed.limit)}",
                doing="loading rows into the database",
                where=where,
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


def _prefix(run: str, server: PostgresServer) -> str:
    """On a server of others the names say whose they are, and when they were made; workers share a run."""
    if server.private:
        return f"rp_{run[-6:]}"
    return f"rollproof_{run.lower().replace('-', '_')}_{secrets.token_hex(2)}"


def _how_it_ended(ran: Ran, limit: float) -> str:
    if ran.exit_code is None:
        return f"was still running after {say_duration(limit)}, its `limit`: {ran.last_words}"
    return f"ended with {ran.exit_code}: {ran.last_words}"
