"""Runs Django's migrations in a project's own interpreter, one at a time, by Django's own executor.

A program for `worker_program.py`: standard library and Django alone, Python 3.8 and later, Django 3.2 and
later. Its parts lie beside it: django_program_project.py brings the project up and leads its connections to
the scratch database, django_program_states.py keeps what is dear to compute, django_program_facts.py tells
what operations do.

Orders (each with `project`, see `bring_up`, because a worker may have been started anew):

    history   the migrations in the order of `migrate`, and what each does; nothing is connected to
    prove     that the connection leads to the database in which a lock of that key is held
    prepare   the ledger, and what the database engine needs, as `migrate` does first
    up, down  exactly one migration, on a fresh connection; recorded in django_migrations as Django does
    back_to   `migrate APP NAME`, or `zero`
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.migrations.tools import django_program_states
    from rollproof.migrations.tools import worker_program as rollproof_worker
    from rollproof.migrations.tools.worker_program import Refused, note
else:
    import rollproof_worker
    from rollproof_worker import Refused, note


def _beside(name: str) -> Any:
    """A module beside this file. The folder is not on sys.path: modules there are named like tools."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


class _Session:
    """The project, once it is up, and the history that it has."""

    def __init__(self, alias: str, apps: list[str]) -> None:
        from django.db import connections
        from django.db.migrations.executor import MigrationExecutor

        self.alias = alias
        self.connection = connections[alias]
        self.mirrors = _project().mirrors_of(alias)
        self.executor = _executor(MigrationExecutor, self.connection)
        self.plan = _plan(self.executor, apps)
        self.places = {(m.app_label, m.name): place for place, m in enumerate(self.plan)}
        states: Callable[..., django_program_states.States] = _beside("django_program_states").States
        self.states = states(self.plan, self.executor._create_project_state)
        self.target: Mapping[str, Any] = {}
        self.held: list[list[list[Any]]] | None = None
        self.held_query = ""
        self._listen_to_commits()

    # Connections

    def lead_to(self, target: Mapping[str, Any]) -> None:
        if target != self.target:
            _project().lead_to(target, self.alias, self.mirrors)
            self.target = target

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """A connection made anew, and closed afterwards."""
        self.connection.close()
        try:
            self.connection.ensure_connection()
            note(backend_pids=[_backend_pid(self.connection.connection)])
            self.connection.queries_log.clear()
            self._expect_ours()
            with self.connection.execute_wrapper(_telling):
                yield
        finally:
            self._close()

    def _close(self) -> None:
        for name in [self.alias, *self.mirrors]:
            from django.db import connections

            connections[name].close()

    def _expect_ours(self) -> None:
        """The server, its run and the database are those that Rollproof is connected to itself."""
        found = [str(value) for value in self.row(self.target["identity_query"])[:3]]
        if found != self.target["identity"]:
            raise self.not_ours(f"it leads to database {found[2]!r} of another server or name")

    def not_ours(self, why: str) -> Refused:
        return Refused(
            f"the connection {self.alias!r} of the project does not lead to the scratch database: {why}",
            "see what in the project changes connections: its database engine, or handlers of signals",
        )

    def row(self, query: str, *values: Any) -> tuple[Any, ...]:
        with self.connection.connection.cursor() as cursor:
            cursor.execute(query, values or None)
            return tuple(cursor.fetchone())

    def _listen_to_commits(self) -> None:
        """What is held is seen just before it is let go."""
        commit = self.connection.commit

        def look_and_commit() -> None:
            if self.held is not None and self.connection.connection is not None:
                with self.connection.connection.cursor() as cursor:
                    cursor.execute(self.held_query)
                    self.held.append([list(row) for row in cursor.fetchall()])
            commit()

        self.connection.commit = look_and_commit

    # History

    def applied(self) -> list[int]:
        """Positions of the applied migrations, in order. A squashed one is when all that it replaces are."""
        rows = self._rows()
        found = []
        for place, migration in enumerate(self.plan):
            names = migration.replaces or [(migration.app_label, migration.name)]
            if all(tuple(name) in rows for name in names):
                found.append(place)
        return found

    def _rows(self) -> set[tuple[str, str]]:
        recorder = self.executor.recorder
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [recorder.Migration._meta.db_table])
            if not cursor.fetchone()[0]:
                recorder.ensure_schema()
                return set()
            cursor.execute("SELECT app, name FROM django_migrations")
            return {(app, name) for app, name in cursor.fetchall()}

    def place(self, order: Mapping[str, Any]) -> int:
        return self.places[order["app"], order["name"]]

    def other(self, key: Any) -> int | None:
        """The position of a migration that a graph names; None for one without a place in the plan."""
        return self.places.get((key[0], key[1]))


_current: list[_Session] = []
_refused: list[Refused] = []


def _project() -> Any:
    return _beside("django_program_project")


def _executor(kind: Any, connection: Any) -> Any:
    """Django's executor without a connection: its graph is that of an empty database."""
    executor = kind(None)
    executor.connection = connection
    executor.recorder = type(executor.recorder)(connection)
    return executor


def _plan(executor: Any, apps: list[str]) -> list[Any]:
    """All migrations in the order of `migrate`; only those apps' and what they depend on, when given."""
    graph = executor.loader.graph
    leaves = [leaf for leaf in graph.leaf_nodes() if not apps or leaf[0] in apps]
    return [migration for migration, _ in executor.migration_plan(leaves, clean_start=True)]


def _session(order: Mapping[str, Any]) -> _Session:
    """The session; the project is brought up at the first order."""
    if _refused:
        raise _refused[0]
    if not _current:
        try:
            _current.append(_bring_up(order["project"]))
        except BaseException as error:
            refusal = error if isinstance(error, Refused) else _cannot(error)
            _refused.append(refusal)
            raise refusal from error
    if order.get("target"):
        _current[0].lead_to(order["target"])
    return _current[0]


def _bring_up(project: Mapping[str, Any]) -> _Session:
    alias = _project().bring_up(project)
    return _Session(alias, list(project["apps"]))


def _cannot(error: BaseException) -> Refused:
    """Any error on the way there, as one refusal that names its place."""
    said = rollproof_worker.describe(error)
    kind, message = said["type"], said["message"].split("\n")[0]
    where = ":".join(str(part) for part in (said["file"], said["line"]) if part)
    remedy = "correct it, or give the project the variables that it needs as `environment`"
    if kind in ("NodeNotFoundError", "CircularDependencyError", "BadMigrationError"):
        return Refused(message, "correct the migrations' dependencies: Django cannot order them", "")
    if kind == "OperationalError" or said["sqlstate"]:
        message += "; the project asks its database while it is imported, and there is none yet"
        remedy = "let it ask when it runs, not while it is imported"
    elif kind in ("ModuleNotFoundError", "ImportError"):
        remedy = "name the interpreter that the project is installed in with --python, or correct the import"
    return Refused(f"Django cannot bring the project up: {kind}: {message}", remedy, where)


def _backend_pid(connection: Any) -> int:
    info = getattr(connection, "info", None)
    return int(info.backend_pid if info is not None else connection.get_backend_pid())


def _telling(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
    rollproof_worker.running(str(sql))
    return execute(sql, params, many, context)


# History


def history(order: Mapping[str, Any]) -> dict[str, Any]:
    """The migrations in order, each with what it does. Raises Refused."""
    import django

    session = _session(order)
    loader = session.executor.loader
    _refuse_conflicts(loader)
    facts: Any = _beside("django_program_facts")
    reader = facts.Reader(session.executor._create_project_state(), session.connection)
    listed = [_listed(session, migration, reader, facts) for migration in session.plan]
    return {
        "migrations": listed,
        "with_tables": _with_tables(loader.unmigrated_apps),
        "broken": reader.broken,
        "versions": {"Django": django.get_version(), "driver": _driver(), "python": sys.version.split()[0]},
        "ledger": session.executor.recorder.Migration._meta.db_table,
    }


def _with_tables(labels: Any) -> list[str]:
    """Apps without migrations whose models have tables."""
    from django.apps import apps

    configs = [apps.get_app_config(label) for label in sorted(labels)]
    return [c.label for c in configs if any(m._meta.managed and not m._meta.proxy for m in c.get_models())]


def _driver() -> str:
    for name in ("psycopg", "psycopg2"):
        if name in sys.modules:
            return f"{name} {sys.modules[name].__version__.split(' ')[0]}"
    return ""


def _refuse_conflicts(loader: Any) -> None:
    conflicts = loader.detect_conflicts()
    if conflicts:
        named = "; ".join(f"{', '.join(sorted(names))} in {app}" for app, names in sorted(conflicts.items()))
        raise Refused(
            f"Conflicting migrations detected; multiple leaf nodes in the migration graph: ({named})",
            "merge them: manage.py makemigrations --merge",
        )


def _listed(session: _Session, migration: Any, reader: Any, facts: Any) -> dict[str, Any]:
    path = getattr(sys.modules.get(type(migration).__module__), "__file__", None) or ""
    graph = session.executor.loader.graph
    node = graph.node_map[migration.app_label, migration.name]
    parents = sorted((p.key for p in node.parents), key=lambda key: session.other(key) or 0)
    return {
        "app": migration.app_label,
        "name": migration.name,
        "path": path,
        "parents": [".".join(key) for key in parents],
        "replaces": [".".join(key) for key in migration.replaces],
        "atomic": bool(migration.atomic),
        "initial": bool(migration.initial),
        "irreversible": facts.irreversible(migration),
        "operations": reader.read(migration, facts.operation_lines(path)),
    }


# Steps


def prove(order: Mapping[str, Any]) -> dict[str, Any]:
    """Looks for the lock that Rollproof holds in its database under a random key. Raises Refused."""
    session = _session(order)
    with session.connected():
        held = session.row(
            "SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database "
            "WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 "
            "AND l.classid = %s AND l.objid = %s AND d.datname = current_database()",
            *order["key"],
        )
        if held[0] != 1:
            raise session.not_ours("the lock that was taken there is not to be seen")
    return {}


def prepare(order: Mapping[str, Any]) -> dict[str, Any]:
    """What `migrate` does before the first migration: extensions that the engine needs, and the ledger."""
    session = _session(order)
    with session.connected():
        session.connection.prepare_database()
        session.executor.recorder.ensure_schema()
    return {}


def up(order: Mapping[str, Any]) -> dict[str, Any]:
    """Applies one migration."""
    return _step(order, _apply)


def down(order: Mapping[str, Any]) -> dict[str, Any]:
    """Rolls one migration back."""
    return _step(order, _unapply)


def _step(order: Mapping[str, Any], run: Callable[[_Session, int, list[int]], None]) -> dict[str, Any]:
    session = _session(order)
    started = time.perf_counter()
    with session.connected():
        session.held_query = order.get("held_query") or ""
        place = session.place(order)
        applied = session.applied()
        session.held = [] if session.held_query else None
        try:
            _run(session, order, place, applied, run)
            held = session.held
        finally:
            session.held = None
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "held": None if held is None else json.loads(json.dumps(held, default=str))}


def _run(
    session: _Session,
    order: Mapping[str, Any],
    place: int,
    applied: list[int],
    run: Callable[[_Session, int, list[int]], None],
) -> None:
    migration = session.plan[place]
    try:
        with _signals(session, migration, applied, order):
            run(session, place, applied)
    except BaseException as error:
        session.states.forget()
        _note_operation(migration, error)
        raise


def _apply(session: _Session, place: int, applied: list[int]) -> None:
    migration = session.plan[place]
    _expect_parents(session, migration, place, applied)
    state = session.states.hand_out(applied, migration)
    state = session.executor.apply_migration(state, migration)
    if migration.replaces:
        session.executor.check_replacements()
    session.states.arrive(sorted([*applied, place]), state)


def _unapply(session: _Session, place: int, applied: list[int]) -> None:
    migration = session.plan[place]
    _expect_no_children(session, migration, place, applied)
    before = [other for other in applied if other < place]
    session.executor.unapply_migration(session.states.hand_out(before, migration), migration)


def _expect_parents(session: _Session, migration: Any, place: int, applied: list[int]) -> None:
    if place in applied:
        raise Refused(f"{migration} is already applied")
    node = session.executor.loader.graph.node_map[migration.app_label, migration.name]
    missing = [p.key for p in node.parents if session.other(p.key) not in applied]
    if missing:
        raise Refused(f"{migration} depends on {'.'.join(missing[0])}, which is not applied")


def _expect_no_children(session: _Session, migration: Any, place: int, applied: list[int]) -> None:
    if place not in applied:
        raise Refused(f"{migration} is not applied")
    node = session.executor.loader.graph.node_map[migration.app_label, migration.name]
    there = [c.key for c in node.children if session.other(c.key) in applied]
    if there:
        raise Refused(f"{'.'.join(there[0])} depends on {migration}, and is applied")


@contextlib.contextmanager
def _signals(
    session: _Session, migration: Any, applied: list[int], order: Mapping[str, Any]
) -> Iterator[None]:
    """pre_migrate and post_migrate, as the command `migrate` sends them; only when asked for."""
    if not order.get("signals"):
        yield
        return
    from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal

    plan, own = [(migration, order["do"] == "down")], list(migration.operations)
    apps = session.states.at(applied).state.apps
    try:
        emit_pre_migrate_signal(0, False, session.alias, apps=apps, plan=plan)
        yield
        after = session.states.at(session.applied()).state
        after.clear_delayed_apps_cache()
        emit_post_migrate_signal(0, False, session.alias, apps=after.apps, plan=plan)
    finally:
        # Django's own contenttypes app adds operations to the plan, each time that it is asked.
        migration.operations[:] = own


def _note_operation(migration: Any, error: BaseException) -> None:
    """Tells which operation was at work, found by the frames of Django's own apply and unapply."""
    for found in rollproof_worker.chain(error):
        step = found.__traceback__
        while step is not None:
            seen = step.tb_frame.f_locals
            if step.tb_frame.f_code.co_name in ("apply", "unapply") and seen.get("self") is migration:
                _note_one(migration, seen.get("operation"))
                return
            step = step.tb_next


def _note_one(migration: Any, operation: Any) -> None:
    facts: Any = _beside("django_program_facts")
    if operation not in migration.operations:
        return
    path = getattr(sys.modules.get(type(migration).__module__), "__file__", None) or ""
    lines, place = facts.operation_lines(path), migration.operations.index(operation)
    note(operation=facts.say(operation), line=lines[place] if place < len(lines) else None)


def back_to(order: Mapping[str, Any]) -> dict[str, Any]:
    """`migrate APP NAME`, by Django's own executor from end to end; NAME None stands for zero."""
    from django.db.migrations.executor import MigrationExecutor

    session = _session(order)
    started = time.perf_counter()
    with session.connected():
        executor = MigrationExecutor(session.connection)
        targets = [(order["app"], order["name"])]
        plan = executor.migration_plan(targets)
        if any(not backwards for _, backwards in plan):
            raise Refused(f"{order['app']} {order['name']} is ahead of what is applied")
        try:
            executor.migrate(targets, plan)
        finally:
            session.states.forget()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "rolled_back": [f"{m.app_label}.{m.name}" for m, _ in plan]}


ORDERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "history": history,
    "prove": prove,
    "prepare": prepare,
    "up": up,
    "down": down,
    "back_to": back_to,
}
