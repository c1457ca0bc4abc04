"""A history of Alembic's as a MigrationSource: read and run by the project's own Alembic."""

from __future__ import annotations

import ast
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import tuple_row

from rollproof.errors import AttemptFailed, EnvironmentUnavailable, MigrationError
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.kinds import Background
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.source import Runner
from rollproof.migrations.tools.alembic_kinds import read_code
from rollproof.migrations.tools.alembic_places import Place
from rollproof.migrations.tools.native import (
    IDENTITY,
    NAMES,
    ends_backends,
    held_query_for,
    identity,
    locks_of,
    project_python,
)
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.worker import NativeWorker

_PROGRAM = Path(__file__).with_name("alembic_program.py")
_ID = 100
"""letters of an id at most"""
_HELD_OUTSIDE = "part of it ran outside of a transaction: what that held was not seen"
_DOING = "loading the revisions with the project's own Alembic"


class AlembicSource:
    """One history; its worker is started when first needed and ended by `close`."""

    tool = "alembic"

    def __init__(self, place: Place, settings: ToolSettings) -> None:
        self.place = place
        self.settings = settings
        self.redirect = settings.options.get("redirect", "true").lower() not in ("false", "no", "0", "off")
        self.python = project_python(settings.python, place.cwd, place.where.parent)
        self.facts: dict[str, str] = {"python": str(self.python)}
        """versions of Alembic and SQLAlchemy and the driver, once loaded"""
        self.remarks: list[str] = []
        """what has come out since the history was loaded, one sentence each"""
        self._worker = NativeWorker(self.python, _PROGRAM, _environment(settings), place.cwd)
        self._skipped: set[str] = set()
        self._pointed: tuple[str, ...] | None = None
        self._identities: dict[tuple[str, ...], list[str]] = {}

    def close(self) -> None:
        self._worker.close()

    def load(self) -> MigrationHistory:
        return self._history

    def applied(self, conn: Connection[Any]) -> list[str]:
        heads = self._heads(conn)
        parents = {rev: self._plain[rev]["parents"] for rev in self._plain}
        if unknown := [head for head in heads if head not in parents]:
            raise MigrationError(
                f"the ledger lists {', '.join(unknown)}, which no revision of this history is",
                doing="reading the ledger",
                where=self._history.ledger,
                remedy="bring the revision's file back, or take the database of another branch",
            )
        found: set[str] = set()
        while heads:
            head = heads.pop()
            if head not in found:
                found.add(head)
                heads.extend(parents[head])
        return [_id(plain) for rev, plain in self._plain.items() if rev in found - self._skipped]

    def prepare(self, runner: Runner) -> None:
        """Makes what the first revision finds, where the option `prepare` names a callable that does.

        Some histories begin on tables that the project's `metadata.create_all` makes. To be called on
        an empty database before the first revision. Raises AttemptFailed.
        """
        if call := self.settings.options.get("prepare", ""):
            self._point(runner)
            doing = f"preparing database {runner.database} with {call}"
            self._worker.ask({"do": "prepare", "doing": doing, "call": call}, limit=runner.limit)

    def before_first(self, runner: Runner) -> None:
        """As `prepare`; a schema of the ledger's own is made first, as Alembic takes it for granted."""
        schema = self._history.ledger.rpartition(".")[0]
        if schema != "public":
            with runner.connect() as conn:
                conn.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        self.prepare(runner)

    def probe(self, runner: Runner) -> str:
        """Finds out where env.py keeps its ledger, on a database that is thrown away; its qualified name.

        Many an env.py takes `version_table_schema` from settings, which its text does not tell. To be
        called before the history is used. A ledger that was named, or is not found, stays what it was.
        """
        if not self.settings.ledger:
            with suppress(AttemptFailed, EnvironmentUnavailable, MigrationError):
                self._point(runner)
                order = {"do": "probe", "doing": _DOING}
                if found := self._worker.ask(order, limit=runner.limit)["ledger"]:
                    self.keep_ledger(f"{found[0] or 'public'}.{found[1]}")
        return self._history.ledger

    def keep_ledger(self, ledger: str) -> None:
        """The ledger is that one, which somebody has found out."""
        if ledger != self._history.ledger:
            self.__dict__["_history"] = replace(self._history, ledger=ledger)
            self.__dict__.pop("_unqualified", None)

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        return self._step(migration, runner, up=True)

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        if migration.down is None:
            raise MigrationError(
                migration.irreversible or "it has no downgrade()",
                doing=f"rolling back {migration.id}",
                where=str(migration.where),
                remedy="write a downgrade(), or plan for a restore from a backup",
            )
        return self._step(migration, runner, up=False)

    def revert(self, migration: Migration, runner: Runner) -> ScriptRun:
        raise MigrationError(
            "Alembic has no reversing scripts",
            doing=f"reverting {migration.id}",
            where=str(migration.where),
            remedy="roll it back",
        )

    def _step(self, migration: Migration, runner: Runner, *, up: bool) -> ScriptRun:
        revision = self._revisions[self._history.named(migration.id).id]
        self._refuse_changed(migration)
        self._point(runner)
        doing = (
            f"running {'upgrade' if up else 'downgrade'}() of {migration.id} in database {runner.database}"
        )
        order = {
            "do": "step",
            "doing": doing,
            "revision": revision,
            "up": up,
            "file": str(migration.path),
            "held_query": held_query_for(runner),
            "may_skip": runner.server.private,
        }
        limit = runner.limit
        hanging = ends_backends(runner, doing=doing, where=str(migration.path), limit=limit)
        started = time.monotonic()
        answer = self._worker.ask(order, limit=limit, hanging=hanging)
        seconds = time.monotonic() - started
        self._skipped |= set(answer["skipped"])
        self._skipped.discard(revision)
        if (remark := answer["remark"]) and remark not in self.remarks:
            self.remarks.append(remark)
        self._check(answer, migration, runner, up=up)
        incomplete = _HELD_OUTSIDE if answer["autocommit"] else ""
        return ScriptRun(seconds, locks=locks_of(answer, incomplete=incomplete))

    def _check(self, answer: Mapping[str, Any], migration: Migration, runner: Runner, *, up: bool) -> None:
        """The ledger is where it was thought to be, and says what was done."""
        schema, table = answer["ledger"]
        ledger = f"{schema or 'public'}.{table}"
        if ledger != self._history.ledger and not (schema is None and self._unqualified == table):
            raise EnvironmentUnavailable(
                f"env.py keeps its ledger in {ledger}, not in {self._history.ledger}",
                doing=f"running {migration.id}",
                where=str(self.place.where),
                remedy=f'say so: ledger = "{ledger}"',
            )
        if not answer["committed"]:
            self._must_be_in_ledger(migration, runner, up=up)

    def _must_be_in_ledger(self, migration: Migration, runner: Runner, *, up: bool) -> None:
        with runner.connect() as conn:
            there = migration.id in self.applied(conn)
        if there != up:
            raise EnvironmentUnavailable(
                "env.py ran the revision and did not commit it: nothing of it stays",
                doing=f"running {migration.id}",
                where=str(self.place.where),
                remedy="use `with context.begin_transaction()` in env.py, and commit what it begins itself",
            )

    def _refuse_changed(self, migration: Migration) -> None:
        if (
            migration.path
            and migration.up.digest
            and Script.read(migration.path).digest != migration.up.digest
        ):
            raise MigrationError(
                "the file has changed since it was read, so what was said of it need not hold",
                doing="running a revision",
                where=str(migration.path),
                remedy="start again",
            )

    def _point(self, runner: Runner) -> None:
        """Tells the worker which database is meant; a new worker has to load everything first."""
        if not self._worker.running:
            self._ask_load()
        server = runner.server
        user = runner.user or server.user
        wanted = (server.host, str(server.port), user, runner.database)
        if self._pointed == wanted:
            return
        if wanted not in self._identities:
            with runner.connect() as conn:
                self._identities[wanted] = identity(conn)
        if not self.redirect and self._pointed is not None:
            # What the project has imported may remember the database that it was first told of.
            self._worker.close()
            self._ask_load()
        told = {
            "host": server.host,
            "port": server.port,
            "user": user,
            "password": server.password,
            "database": runner.database,
            "identity": self._identities[wanted],
            "identity_query": IDENTITY,
            "names_query": NAMES,
        }
        self._worker.ask({"do": "point", "doing": _DOING, "server": told}, limit=self.settings.limit)
        self._pointed = wanted

    def _ask_load(self) -> dict[str, Any]:
        place, options = self.place, self.settings.options
        self._pointed = None
        order = {
            "do": "load",
            "doing": _DOING,
            "ini": str(place.ini) if place.ini else "",
            "toml": str(place.toml) if place.toml else "",
            "section": place.section,
            "script_location": place.script_location,
            "version_locations": "\n".join(place.version_locations),
            "x": [line.strip() for line in options.get("x", "").splitlines() if line.strip()],
            "driver": options.get("driver", ""),
            "environment": dict(self.settings.environment),
            "redirect": self.redirect,
            "inside": options.get("inside", ""),
            "env": options.get("env", ""),
        }
        try:
            return self._worker.ask(order, limit=self.settings.limit)
        except AttemptFailed as error:
            raise MigrationError(
                error.found,
                doing=_DOING,
                where=error.where or str(place.where),
                remedy=error.remedy or _remedy(error, self.python),
                facts=error.facts,
            ) from error

    @cached_property
    def _answer(self) -> dict[str, Any]:
        answer = self._ask_load()
        self.facts |= {**answer["versions"], "driver": answer["driver"]}
        return answer

    @cached_property
    def _plain(self) -> dict[str, dict[str, Any]]:
        return {plain["revision"]: plain for plain in self._answer["revisions"]}

    @cached_property
    def _revisions(self) -> dict[str, str]:
        return {_id(plain): revision for revision, plain in self._plain.items()}

    @cached_property
    def _unqualified(self) -> str:
        return self._history.ledger.rpartition(".")[2]

    @cached_property
    def _history(self) -> MigrationHistory:
        background = Background()
        migrations = tuple(
            self._migration(number, plain, background)
            for number, plain in enumerate(self._plain.values(), start=1)
        )
        return MigrationHistory(
            migrations,
            ledger=self.settings.ledger or _ledger(self._answer["env"]),
            warnings=(*self.place.notes, *self._warnings()),
            where=self._answer["dir"],
        )

    def _warnings(self) -> list[str]:
        said = []
        if not self._plain:
            said.append("there is no revision")
        if len(heads := self._answer["heads"]) > 1:
            said.append(f"there are {len(heads)} heads: {', '.join(heads)}")
        if why := self._answer["plain"]:
            said.append(
                f"env.py is not run ({why}): the revisions run in a plain environment of Alembic's, in one "
                "transaction each; what env.py sets, such as schemas, is not there"
            )
        if not self._answer["plain"] and (names := self._answer["variables"]):
            said.append(f"env.py takes its URL from {', '.join(names)}: set to the database under drill")
        return said

    def _migration(self, number: int, plain: Mapping[str, Any], background: Background) -> Migration:
        path = Path(plain["path"])
        script = Script.read(path) if path.suffix == ".py" else Script(path, "")
        code = read_code(script, has_downgrade=plain["has_downgrade"], background=background)
        return Migration(
            id=_id(plain),
            number=number,
            name=_message(plain),
            up=script,
            down=None if code.irreversible else script,
            path=path,
            parents=tuple(_id(self._plain[parent]) for parent in plain["parents"]),
            stated=code.stated,
            irreversible=code.irreversible,
            note=code.note,
        )

    def _heads(self, conn: Connection[Any]) -> list[str]:
        schema, _, table = self._history.ledger.rpartition(".")
        name = sql.Identifier(*filter(None, (schema, table)))
        with conn.cursor(row_factory=tuple_row) as cursor:
            # Asked for first: an error would abort the transaction that somebody else looks around in.
            cursor.execute("SELECT to_regclass(%s)::text", [name.as_string(conn)])
            if cursor.fetchone() == (None,):
                return []
            rows = cursor.execute(sql.SQL("SELECT version_num FROM {}").format(name)).fetchall()
        return [str(row[0]) for row in rows]


def _remedy(error: AttemptFailed, python: Path) -> str:
    if error.facts.get("type") in ("ModuleNotFoundError", "ImportError"):
        return f"install it for {python}, or name the project's own interpreter with --python"
    return f"see that `alembic history` works with {python}"


def _environment(settings: ToolSettings) -> dict[str, str]:
    """What the caller has, without its own PostgreSQL servers; values with placeholders come later."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    plain = {name: value for name, value in settings.environment.items() if "{" not in value}
    return {**own, **plain}


def _id(plain: Mapping[str, Any]) -> str:
    """`4bc4d934e2bc Add a table`: what `alembic history` shows, on one line."""
    return f"{plain['revision']} {_message(plain)}".strip()[:_ID].strip()


def _message(plain: Mapping[str, Any]) -> str:
    lines = str(plain["message"] or "").strip().splitlines()
    return " ".join(lines[0].split()) if lines else ""


def _ledger(env: str) -> str:
    """The ledger as env.py names it, as far as it is written out there."""
    try:
        tree = ast.parse(env)
    except SyntaxError:
        tree = ast.Module([], [])
    named = {"version_table": "alembic_version", "version_table_schema": "public"}
    known = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in named:
            value = known.get(node.value.id, node.value) if isinstance(node.value, ast.Name) else node.value
            if isinstance(value, ast.Constant) and value.value:
                named[node.arg] = str(value.value)
    return f"{named['version_table_schema']}.{named['version_table']}"
