"""One Django project in one process: its connection, its history and the states in it.

Part of django_program.py, which see.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.migrations.tools import django_program_states
    from rollproof.migrations.tools import worker_program as rollproof_worker
    from rollproof.migrations.tools.django_program import beside
    from rollproof.migrations.tools.worker_program import Refused, note
else:
    import rollproof_worker
    from rollproof_program import beside
    from rollproof_worker import Refused, note


class Session:
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
        states: Callable[..., django_program_states.States] = beside("django_program_states").States
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

    def prepare(self) -> None:
        """What `migrate` does first. The recorder is a new one: it remembers that there was a table."""
        self.connection.prepare_database()
        self.executor.recorder = type(self.executor.recorder)(self.connection)
        self.executor.recorder.ensure_schema()

    def _rows(self) -> set[tuple[str, str]]:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('django_migrations') IS NOT NULL")
            if not cursor.fetchone()[0]:
                self.prepare()
                return set()
            cursor.execute("SELECT app, name FROM django_migrations")
            return {(app, name) for app, name in cursor.fetchall()}

    def place(self, order: Mapping[str, Any]) -> int:
        return self.places[order["app"], order["name"]]

    def parents(self, key: Any) -> list[int]:
        """Positions of those that it depends on itself."""
        found = (self.other(node.key) for node in self.executor.loader.graph.node_map[key].parents)
        return sorted(place for place in found if place is not None)

    def with_ancestors(self, applied: list[int], place: int) -> list[int]:
        """Those that the models at hand come from: what is applied, and what that and `place` depend on.

        The two differ only where a migration could not be applied and those after it are tried all the same.
        """
        if applied == list(range(len(applied))) and all(p in applied for p in self._parents_at(place)):
            return applied
        found, waiting = set(applied), [*applied, place]
        while waiting:
            new = [p for p in self._parents_at(waiting.pop()) if p not in found]
            found.update(new)
            waiting.extend(new)
        return sorted(found)

    def _parents_at(self, place: int) -> list[int]:
        migration = self.plan[place]
        return self.parents((migration.app_label, migration.name))

    def other(self, key: Any) -> int | None:
        """The position of a migration that a graph names; None for one without a place in the plan."""
        return self.places.get((key[0], key[1]))


def _project() -> Any:
    return beside("django_program_project")


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


_CORRECT = "correct it, or give the project the variables that it needs as `environment`"
_MADE_UP = (
    "no project was found, so the settings are made up: name the project's own in DJANGO_SETTINGS_MODULE, "
    "or say what else the apps need with the options `installed_apps` and `settings`"
)

_current: list[Session] = []
_refused: list[Refused] = []


def session_for(order: Mapping[str, Any]) -> Session:
    """The session; the project is brought up at the first order."""
    if _refused:
        raise _refused[0]
    if not _current:
        try:
            _current.append(_bring_up(order["project"]))
        except BaseException as error:
            made_up = bool(order["project"]["installed_apps"])
            refusal = error if isinstance(error, Refused) else _cannot(error, made_up=made_up)
            _refused.append(refusal)
            raise refusal from error
    if order.get("target"):
        _current[0].lead_to(order["target"])
    return _current[0]


def _bring_up(project: Mapping[str, Any]) -> Session:
    alias = _project().bring_up(project)
    return Session(alias, list(project["apps"]))


def _cannot(error: BaseException, *, made_up: bool) -> Refused:
    """Any error on the way there, as one refusal that names its place.

    Args:
        made_up: the settings are Rollproof's own, for no project was found.
    """
    said = rollproof_worker.describe(error)
    kind, message = said["type"], said["message"].split("\n")[0]
    where = ":".join(str(part) for part in (said["file"], said["line"]) if part)
    remedy = _MADE_UP if made_up else _CORRECT
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
