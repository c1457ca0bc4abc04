"""Runs Django's migrations in a project's own interpreter, one at a time, by Django's own executor.

A program for `worker_program.py`: standard library and Django alone, Python 3.8 and later, Django 3.2 and
later. Its parts lie beside it: django_program_project.py brings the project up and leads its connections to
the scratch database, django_program_session.py has its connection and history, django_program_states.py
keeps what is dear to compute, django_program_facts.py tells what operations do.

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
    from rollproof.migrations.tools import worker_program as rollproof_worker
    from rollproof.migrations.tools.django_program_session import Session
    from rollproof.migrations.tools.worker_program import Refused, note
else:
    import rollproof_worker
    from rollproof_worker import Refused, note


def beside(name: str) -> Any:
    """A module beside this file. The folder is not on sys.path: modules there are named like tools."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


class AnotherDatabase(Exception):
    """Code of a migration asks an alias that is cut off."""

    def __init__(self, alias: str) -> None:
        super().__init__(
            f"it uses another database alias than {alias!r}, and only that one is there; an alias that is a "
            "replica of it can be named with the option `mirrors`"
        )


def _session(order: Mapping[str, Any]) -> Session:
    """The session that an order is for; the project is brought up at the first one."""
    session: Session = beside("django_program_session").session_for(order)
    return session


# History


def history(order: Mapping[str, Any]) -> dict[str, Any]:
    """The migrations in order, each with what it does. Raises Refused."""
    session = _session(order)
    import django

    loader = session.executor.loader
    _refuse_conflicts(loader)
    facts: Any = beside("django_program_facts")
    reader = facts.Reader(session.executor._create_project_state(), session.connection)
    listed = [_listed(session, migration, reader, facts) for migration in session.plan]
    return {
        "migrations": listed,
        "with_tables": _with_tables(loader.unmigrated_apps),
        "broken": reader.broken,
        "versions": {"Django": django.get_version(), "driver": _driver(), "python": sys.version.split()[0]},
        "ledger": session.executor.recorder.Migration._meta.db_table,
        "replaced": beside("django_program_project").replaced(),
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


def _listed(session: Session, migration: Any, reader: Any, facts: Any) -> dict[str, Any]:
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
        session.prepare()
    return {}


def up(order: Mapping[str, Any]) -> dict[str, Any]:
    """Applies one migration."""
    return _step(order, _apply)


def down(order: Mapping[str, Any]) -> dict[str, Any]:
    """Rolls one migration back."""
    return _step(order, _unapply)


def _step(order: Mapping[str, Any], run: Callable[..., None]) -> dict[str, Any]:
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
    skipped = sorted(set(session.with_ancestors(applied, place)) - {*applied, place})
    return {
        "seconds": seconds,
        "skipped": [str(session.plan[other]) for other in skipped],
        "held": None if held is None else json.loads(json.dumps(held, default=str)),
    }


def _run(
    session: Session,
    order: Mapping[str, Any],
    place: int,
    applied: list[int],
    run: Callable[..., None],
) -> None:
    migration = session.plan[place]
    try:
        with _signals(session, migration, applied, order):
            run(session, place, applied, may_skip=bool(order.get("may_skip")))
    except BaseException as error:
        session.states.forget()
        _note_operation(migration, error)
        if any("settings.DATABASES is improperly" in str(each) for each in rollproof_worker.chain(error)):
            raise AnotherDatabase(session.alias) from error
        raise


def _apply(session: Session, place: int, applied: list[int], *, may_skip: bool) -> None:
    migration = session.plan[place]
    _expect_parents(session, migration, applied, may_skip=may_skip)
    known = session.with_ancestors(applied, place)
    state = session.states.hand_out(known, migration)
    state = session.executor.apply_migration(state, migration)
    if migration.replaces:
        session.executor.check_replacements()
    session.states.arrive(sorted({*known, place}), state)


def _unapply(session: Session, place: int, applied: list[int], *, may_skip: bool) -> None:
    del may_skip
    migration = session.plan[place]
    _expect_no_children(session, migration, place, applied)
    before = [other for other in session.with_ancestors(applied, place) if other < place]
    session.executor.unapply_migration(session.states.hand_out(before, migration), migration)


def _expect_parents(session: Session, migration: Any, applied: list[int], *, may_skip: bool) -> None:
    key = (migration.app_label, migration.name)
    if session.other(key) in applied:
        raise Refused(f"{migration} is already applied")
    missing = [p for p in session.parents(key) if p not in applied]
    if missing and not may_skip:
        raise Refused(f"{migration} depends on {session.plan[missing[0]]}, which is not applied")


def _expect_no_children(session: Session, migration: Any, place: int, applied: list[int]) -> None:
    if place not in applied:
        raise Refused(f"{migration} is not applied")
    node = session.executor.loader.graph.node_map[migration.app_label, migration.name]
    there = [c.key for c in node.children if session.other(c.key) in applied]
    if there:
        raise Refused(f"{'.'.join(there[0])} depends on {migration}, and is applied")


@contextlib.contextmanager
def _signals(
    session: Session, migration: Any, applied: list[int], order: Mapping[str, Any]
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
    facts: Any = beside("django_program_facts")
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
