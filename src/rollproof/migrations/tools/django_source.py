"""A history of Django's as a MigrationSource: read and run by the project's own Django."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import tuple_row

from rollproof.errors import AttemptFailed, MigrationError
from rollproof.migrations.execute import ScriptRun
from rollproof.migrations.kinds import Background
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.model import Migration, MigrationHistory
from rollproof.migrations.script import Script
from rollproof.migrations.source import Runner
from rollproof.migrations.tools.django_kinds import classify_operations, without_reverse
from rollproof.migrations.tools.django_places import TOOL, Place, in_project, remedy_for
from rollproof.migrations.tools.django_target import NOWHERE, Target
from rollproof.migrations.tools.native import IDENTITY, ends_backends, identity, locks_of, project_python
from rollproof.migrations.tools.settings import ToolSettings
from rollproof.migrations.tools.worker import Answer, NativeWorker
from rollproof.model.names import split_name

_PROGRAM = Path(__file__).with_name("django_program.py")
_LOADING = "loading the migrations with the project's own Django"
_TRUE = frozenset({"1", "true", "yes", "on"})
_HELD_OUTSIDE = "it runs outside of a transaction: what its statements held by themselves was not seen"


class DjangoSource:
    """One project's history; its worker is started when first needed and ended by `close`.

    Attributes:
        facts: versions of Python, Django and the driver, once loaded.
    """

    tool = TOOL

    def __init__(self, place: Place, settings: ToolSettings) -> None:
        self.place = place
        self.settings = settings
        self.python = project_python(settings.python, place.root)
        self.facts: dict[str, str] = {"python": str(self.python)}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= NOWHERE.environment(settings.environment, self.python)
        self._worker = NativeWorker(self.python, _PROGRAM, environment, place.root)
        self._project = _project(place, settings)
        self._signals = settings.options.get("signals", "").lower() in _TRUE
        self._proven: dict[str, Any] | None = None

    def close(self) -> None:
        """Ends the worker."""
        self._worker.close()

    def load(self) -> MigrationHistory:
        """The history, in the order of `migrate`. Raises MigrationError: nothing was connected to."""
        return self._history

    def applied(self, conn: Connection[Any]) -> list[str]:
        """Ids of the applied migrations; a squashed one where the last one that it replaces is."""
        table = sql.Identifier(*split_name(self._history.ledger))
        query = sql.SQL("SELECT app || '.' || name FROM {} ORDER BY id").format(table)
        with conn.cursor(row_factory=tuple_row) as cursor:
            if cursor.execute("SELECT to_regclass(%s)::text", [table.as_string(conn)]).fetchone() == (None,):
                return []
            rows = cursor.execute(query).fetchall()
        places = {name: place for place, (name,) in enumerate(rows)}
        names = {migration.id: self._names[migration.id] for migration in self._history}
        found = [
            (max(places[name] for name in recorded), place, own)
            for place, (own, recorded) in enumerate(names.items())
            if all(name in places for name in recorded)
        ]
        return [own for _, _, own in sorted(found)]

    def prepare(self, runner: Runner) -> None:
        """What `migrate` does before the first migration: the ledger, and extensions of the engine.

        The first migration does it too where it is left out; then it counts as done by that one.

        Raises:
            AttemptFailed: they cannot be made.
        """
        self._ask({"do": "prepare"}, runner, "making the ledger", limit=self.settings.limit)

    before_first = prepare

    def apply(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Applies one migration. Raises AttemptFailed; MigrationError when others have to come first."""
        return self._step("up", migration, runner)

    def roll_back(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Rolls one migration back. Raises AttemptFailed; MigrationError when it refuses to be."""
        if migration.down is None:
            raise MigrationError(
                migration.irreversible or "it cannot be reversed",
                doing=f"rolling back {migration.id}",
                where=str(migration.where),
                remedy="give the operation a way back (reverse_code, reverse_sql), or plan for a restore",
            )
        return self._step("down", migration, runner)

    def revert(self, migration: Migration, runner: Runner) -> ScriptRun:
        """Rolls a migration back whose own code or SQL puts back what it changed.

        Raises AttemptFailed; MigrationError when it has none: there are no reversing scripts beside it.
        """
        if migration.reverse is not None:
            return self.roll_back(migration, runner)
        raise MigrationError(
            "it has neither reverse_code nor reverse_sql, or one that does nothing",
            doing=f"reverting {migration.id}",
            where=str(migration.where),
            remedy="give the operation a way back, or plan for a restore",
        )

    def way_back_by_hand(self, migration: Migration) -> str:
        """What a person types: `migrate` to the one before it in its app."""
        app = self._entries[migration.id]["app"]
        older = [entry["name"] for entry in self._answer["migrations"] if entry["app"] == app]
        place = older.index(self._entries[migration.id]["name"])
        return f"manage.py migrate {app} {older[place - 1] if place else 'zero'}"

    def roll_back_to(self, app: str, name: str | None, runner: Runner) -> tuple[list[str], ScriptRun]:
        """`migrate APP NAME`, with all that depends on what goes; NAME None or "zero" is before all of them.

        Returns the ids of the migrations that were rolled back, newest first, and the run.

        Raises:
            AttemptFailed: one of them failed; those before it stay rolled back.
            MigrationError: there is no such app or migration, or it is not applied.
        """
        wanted = None if name in (None, "zero") else name
        known = {entry["name"] for entry in self._answer["migrations"] if entry["app"] == app}
        if not known or wanted not in {None, *known}:
            missing = f"app {app!r} with migrations" if not known else f"migration {app}.{name}"
            raise MigrationError(
                f"there is no {missing}", doing="rolling back", where=str(self.place.where), remedy="name one"
            )
        doing = f"rolling {app} back to {wanted or 'zero'} in database {runner.database}"
        limit = runner.limit * len(known)
        answer = self._ask({"do": "back_to", "app": app, "name": wanted}, runner, doing, limit=limit)
        return list(answer["rolled_back"]), ScriptRun(float(answer["seconds"]))

    # Steps

    def _step(self, do: str, migration: Migration, runner: Runner) -> ScriptRun:
        entry = self._entries[migration.id]
        self._refuse_changed(migration)
        held_query = getattr(runner, "held_query", "")
        order = {
            "do": do,
            "app": entry["app"],
            "name": entry["name"],
            "file": str(migration.where),
            "signals": self._signals,
            "may_skip": runner.server.private,
            "held_query": held_query,
        }
        words = "applying" if do == "up" else "rolling back"
        doing = f"{words} {migration.id} in database {runner.database}"
        try:
            answer = self._ask(order, runner, doing, limit=runner.limit, where=str(migration.where))
        except AttemptFailed as error:
            raise self._placed(error, migration) from error
        said = "".join(f"taken as if it were applied: {name}\n" for name in answer["skipped"])
        locks = _locks(answer, atomic=entry["atomic"])
        return ScriptRun(float(answer["seconds"]), stderr=said, locks=locks)

    def _placed(self, error: AttemptFailed, migration: Migration) -> AttemptFailed:
        """The same, with the operation that was at work, and its line unless the code's own is known."""
        notes, facts = self._worker.notes, dict(error.facts)
        own = str(facts.get("file") or "") == str(migration.where)
        line = facts.get("line") if own else notes.get("line")
        where = f"{migration.where}:{line}" if line else str(migration.where)
        facts |= {"operation": notes.get("operation"), "line": line, "file": str(migration.where)}
        doing = f"{error.doing}, operation {notes['operation']!r}" if notes.get("operation") else error.doing
        return AttemptFailed(error.found, doing=doing, where=where, remedy=error.remedy, facts=facts)

    def _refuse_changed(self, migration: Migration) -> None:
        if migration.up.digest and Script.read(migration.up.path).digest != migration.up.digest:
            raise MigrationError(
                "the file has changed since it was read, so what was said of it need not hold",
                doing="running a migration",
                where=str(migration.where),
                remedy="start again",
            )

    def _ask(
        self, order: Mapping[str, Any], runner: Runner, doing: str, *, limit: float, where: str = ""
    ) -> Answer:
        """Has an order carried out in the runner's database, which the worker has to have proven to reach."""
        target = self._target(runner)
        if not self._worker.running or self._proven != target:
            self._prove(target, runner)
        hanging = ends_backends(runner, doing=doing, where=where or str(self.place.where), limit=limit)
        whole = {**order, "project": self._project, "target": target, "doing": doing}
        return self._worker.ask(whole, limit=limit, hanging=hanging)

    def _target(self, runner: Runner) -> dict[str, Any]:
        target = Target.of(runner)
        key = (*_where(runner), target.user)
        if key not in self._identities:
            with runner.connect() as conn:
                self._identities[key] = identity(conn)
        return {
            **target.connection,
            "environment": target.environment(self.settings.environment, self.python),
            "application": "rollproof",
            "identity": self._identities[key],
            "identity_query": IDENTITY,
        }

    @cached_property
    def _identities(self) -> dict[tuple[Any, ...], list[str]]:
        return {}

    def _prove(self, target: dict[str, Any], runner: Runner) -> None:
        """Takes a lock under a random key in our database, and has the worker find it through Django."""
        key = [secrets.randbits(31), secrets.randbits(31)]
        doing = f"making sure that Django's connection leads to database {runner.database}"
        order = {"do": "prove", "project": self._project, "target": target, "doing": doing, "key": key}
        with runner.connect() as conn:
            conn.execute("SELECT pg_advisory_lock(%s, %s)", key)
            self._worker.ask(order, limit=self.settings.limit)
        self._proven = target

    # History

    @cached_property
    def _answer(self) -> Answer:
        order = {"do": "history", "project": self._project, "doing": _LOADING}
        try:
            answer = self._worker.ask(order, limit=self.settings.limit)
        except (AttemptFailed, MigrationError) as error:
            raise MigrationError(
                error.found,
                doing=_LOADING,
                where=in_project(error.where, self.place),
                remedy=remedy_for(error, self.place),
                facts=error.facts,
            ) from error
        self.facts |= {name: str(value) for name, value in answer["versions"].items() if value}
        return answer

    @cached_property
    def _history(self) -> MigrationHistory:
        if not self._answer["migrations"]:
            raise MigrationError(
                "no app of this project has a migration",
                doing=_LOADING,
                where=str(self.place.where),
                remedy="see that its apps are in INSTALLED_APPS and have a folder `migrations`",
            )
        background = Background()
        migrations = tuple(
            _migration(number, entry, background)
            for number, entry in enumerate(self._answer["migrations"], start=1)
        )
        return MigrationHistory(
            migrations,
            ledger=self.settings.ledger or f"public.{self._answer['ledger']}",
            warnings=tuple(self._warnings()),
            where=str(self.place.where),
        )

    def _warnings(self) -> list[str]:
        said = []
        if engine := self._answer["replaced"]:
            said.append(
                f"the settings' own engine is {engine}: the migrations are run on PostgreSQL in its place"
            )
        if unmigrated := self._answer["with_tables"]:
            said.append(
                f"{', '.join(unmigrated)}: apps with models and no migrations; their tables are made by "
                "`migrate --run-syncdb` alone, and are not here"
            )
        if broken := self._answer["broken"]:
            said.append(f"what the migrations do cannot be followed to their end: {broken}")
        return said

    @cached_property
    def _entries(self) -> dict[str, dict[str, Any]]:
        return {_id(entry): entry for entry in self._answer["migrations"]}

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """What the ledger lists for each migration."""
        return {own: entry["replaces"] or [own] for own, entry in self._entries.items()}


def _id(entry: Mapping[str, Any]) -> str:
    return f"{entry['app']}.{entry['name']}"


def _migration(number: int, entry: Mapping[str, Any], background: Background) -> Migration:
    script = _script(entry["path"])
    stated = classify_operations(
        entry["operations"], path=script.path, background=background, atomic=entry["atomic"]
    )
    first, _, rest = entry["name"].partition("_")
    return Migration(
        id=_id(entry),
        number=number,
        name=rest if rest and first.isdecimal() else entry["name"],
        up=script,
        down=None if entry["irreversible"] else script,
        reverse=script if _puts_back(entry) else None,
        path=script.path,
        parents=tuple(entry["parents"]),
        stated=stated,
        irreversible=entry["irreversible"],
        note="; ".join([*_notes(entry), *stated.notes]),
    )


def _puts_back(entry: Mapping[str, Any]) -> bool:
    """Whether it has code or SQL of its own, and each of these a way back that does something."""
    own = [fact for fact in _flat(entry["operations"]) if fact["what"] in ("code", "sql")]
    return bool(own) and not entry["irreversible"] and not any(fact["noop"] for fact in own)


def _flat(facts: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for fact in facts:
        if (inner := fact.get("inner")) is None:
            yield fact
        else:
            yield from _flat(inner)


def _script(path: str) -> Script:
    """The file as text, where it is text."""
    try:
        return Script.read(Path(path)) if path.endswith(".py") else Script(Path(path or "."), "")
    except MigrationError:
        return Script(Path(path), "")


def _notes(entry: Mapping[str, Any]) -> list[str]:
    notes = []
    if not entry["atomic"]:
        notes.append("not in one transaction (atomic = False): what fails half way stays half way")
    if entry["replaces"]:
        notes.append(f"squashes {len(entry['replaces'])} migrations")
    if any(fact.get("elidable") for fact in entry["operations"]):
        notes.append("elidable: a squash leaves its code out")
    if entry["irreversible"]:
        named = ", ".join(dict.fromkeys(fact["operation"] for fact in without_reverse(entry["operations"])))
        notes.append(f"no way back: {named}")
    return notes


def _locks(answer: Mapping[str, Any], *, atomic: bool) -> LockReport | None:
    report = locks_of(answer)
    return replace(report, incomplete=_HELD_OUTSIDE) if report and not atomic else report


def _where(runner: Runner) -> tuple[str, int, str]:
    return runner.server.host, runner.server.port, runner.database


def _project(place: Place, settings: ToolSettings) -> dict[str, Any]:
    """What the worker has to know to bring the project up. Raises MigrationError."""
    options = settings.options
    return {
        "manage": str(place.manage) if place.manage else "",
        "settings": place.settings,
        "installed_apps": list(place.installed_apps),
        "more_settings": _more_settings(options.get("settings", ""), place),
        "alias": options.get("alias") or "default",
        "engine": options.get("engine") or "",
        "mirrors": [name.strip() for name in options.get("mirrors", "").split(",") if name.strip()],
        "paths": [str(path) for path in place.paths],
        "apps": list(settings.apps),
    }


def _more_settings(text: str, place: Place) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise MigrationError(
            "the option `settings` is no JSON object",
            doing=_LOADING,
            where=str(place.where),
            remedy='write it like {"WAGTAIL_SITE_NAME": "x"}',
        )
    return found
