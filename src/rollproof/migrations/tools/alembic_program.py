"""In the project's interpreter: loads a history with the project's own Alembic and runs single revisions.

Run by `worker_program.py`; Python 3.8 and Alembic 1.5 and later. The project's env.py runs at each step,
as it does under `alembic upgrade`; what is kept between steps is the ScriptDirectory with its modules,
the Config, and env.py's compiled code.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from rollproof.migrations.tools.worker_program import Refused, beside, running
else:
    from rollproof_worker import Refused, beside, running


try:
    import alembic
    import sqlalchemy
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationStep
    from alembic.script import ScriptDirectory
    from sqlalchemy import event
    from sqlalchemy.engine import Engine, make_url
except ImportError as missing:
    raise Refused(
        f"{missing.name or missing} cannot be imported there",
        remedy="name the interpreter that the project and its Alembic are installed in with --python",
        where=sys.executable,
    ) from missing

_NOWHERE: dict[str, Any] = {"host": "/nowhere", "port": 5432, "user": "nobody", "database": "nothing"}
_DRIVERS = ("psycopg2", "psycopg", "pg8000")
_ASYNC_DRIVERS = ("asyncpg", "psycopg")
_VARIABLE = re.compile(r"""(?:environ(?:\.get)?\s*[\[(]|getenv\(|\benv(?:\.str)?\()\s*["'](\w+)["']""")
_URL_NAME = re.compile(
    r"(?i)(?:DATABASE|DB|POSTGRES(?:QL)?|PG|SQLALCHEMY|ALEMBIC|MIGRATION).*(?:URL|URI|DSN)$"
)
_ASYNC = re.compile(r"async_engine_from_config|create_async_engine|AsyncEngine|asyncpg")
_DUPLICATE = re.compile(r"Revision (\S+) is present more than once")
_ABSENT = re.compile(r"Revision (\S+) referenced from .*? -> (\S+?)[, ].* is not present")


class _Session:
    """What stays between orders."""

    def __init__(self) -> None:
        self.config: Any = None
        self.script: Any = None
        self.revisions: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.env_code: Any = None
        self.drivername = ""
        self.env = ""
        self.heads: set[str] = set()
        self.applied: set[str] = set()
        self.inside = ""
        self.connections = beside("alembic_connections.py").Connections()


_session = _Session()


def load(order: dict[str, Any]) -> dict[str, Any]:
    """`{ini, toml, section, script_location, version_locations, x, driver, environment, redirect}`."""
    session = _session
    session.config = _config(order)
    if str(Path.cwd()) not in sys.path:
        # `python -m alembic` can import what lies where it is run, and so do many projects.
        sys.path.append(str(Path.cwd()))
    session.environment = order["environment"]
    session.connections.redirect = order["redirect"]
    session.connections.listen()
    event.listen(Engine, "before_cursor_execute", _remember)
    directory = ScriptDirectory.from_config(session.config)
    session.env = _env_text(directory)
    session.inside = order["inside"] or _told_inside(session.env)
    session.drivername = order.get("driver") or _drivername(session.config, session.env)
    # What is imported with the revisions may insist on having a URL, though nothing is to connect yet.
    named = _tell(_NOWHERE)
    session.script = _loaded(directory)
    return {
        "revisions": [_plain(revision) for revision in session.revisions.values()],
        "heads": list(session.script.get_heads()),
        "dir": str(Path(session.script.dir).resolve()),
        "driver": session.drivername,
        "variables": named,
        "env": session.env,
        "versions": {"alembic": alembic.__version__, "sqlalchemy": sqlalchemy.__version__},
    }


def point(order: dict[str, Any]) -> dict[str, Any]:
    """`{server}`: says which database the next steps are for."""
    _session.connections.server = order["server"]
    _tell(order["server"])
    return {}


def _tell(server: dict[str, Any]) -> list[str]:
    """Gives the URL to whatever env.py may take it from; names of the variables that nobody asked for."""
    shown = dict(server)
    if _session.connections.redirect and server["host"].startswith("/"):
        # Many projects take a URL apart that is led elsewhere later; a socket's folder is no host to them.
        shown["host"] = "localhost"
    _session.connections.issued.add((shown["host"], str(shown["port"]), shown["database"]))
    url = _url(_session.drivername, shown)
    _session.config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return _set_environment(shown, url)


def _config(order: dict[str, Any]) -> Any:
    arguments = argparse.Namespace(
        x=order["x"] or None,
        name=order["section"],
        config=[order["ini"]] if order["ini"] else None,
        raiseerr=True,
        quiet=False,
        verbose=False,
        sql=False,
        tag=None,
        autogenerate=False,
        revision="head",
        cmd=(command.upgrade, ["revision"], ["sql", "tag"]),
    )
    named = {"toml_file": order["toml"]} if order["toml"] else {}
    config = Config(order["ini"] or None, ini_section=order["section"], cmd_opts=arguments, **named)
    if not config.file_config.has_section(order["section"]):
        config.file_config.add_section(order["section"])
    for name in ("script_location", "version_locations"):
        if order[name]:
            config.set_main_option(name, order[name].replace("%", "%%"))
    if order["version_locations"]:
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_path_separator", "newline")
    return config


def _env_text(directory: Any) -> str:
    path = Path(directory.dir, "env.py")
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _drivername(config: Any, env: str) -> str:
    """The one of the project's own URL where it is there and installed, else the first that is."""
    own = _own_drivername(config)
    wanted = _ASYNC_DRIVERS if _ASYNC.search(env) else _DRIVERS
    names = [own, *(f"postgresql+{driver}" for driver in (*wanted, *_DRIVERS, *_ASYNC_DRIVERS))]
    found = next((name for name in names if name and _usable(name)), None)
    if found is None:
        raise Refused(
            "no driver for PostgreSQL is installed there",
            remedy="install one of psycopg, psycopg2, asyncpg, pg8000 into that environment",
            where=sys.executable,
        )
    return found


def _own_drivername(config: Any) -> str:
    for value in (_option(config, "sqlalchemy.url"), os.environ.get("DATABASE_URL")):
        try:
            name = str(make_url(value).drivername) if value else ""
        except sqlalchemy.exc.ArgumentError:
            continue
        if name.startswith("postgresql"):
            return name
    return ""


def _option(config: Any, name: str) -> str | None:
    try:
        found = config.get_main_option(name)
    except Exception:  # noqa: BLE001  interpolation of what is not set, in any of its ways
        return None
    return found if isinstance(found, str) else None


def _usable(drivername: str) -> bool:
    try:
        dialect: Any = make_url(f"{drivername}://").get_dialect()
        (getattr(dialect, "import_dbapi", None) or dialect.dbapi)()
    except (ImportError, sqlalchemy.exc.SQLAlchemyError, TypeError):
        return False
    return True


def _url(drivername: str, server: dict[str, Any]) -> str:
    user, database = quote(server["user"], safe=""), quote(server["database"], safe="")
    password = f":{quote(server['password'], safe='')}" if server.get("password") else ""
    host, port = server["host"], server["port"]
    if host.startswith("/"):
        return f"{drivername}://{user}{password}@/{database}?host={quote(host)}&port={port}"
    return f"{drivername}://{user}{password}@{host}:{port}/{database}"


def _set_environment(server: dict[str, Any], url: str) -> list[str]:
    wanted = _session.environment
    own = {name for name in _VARIABLE.findall(_session.env) if _URL_NAME.search(name)}
    named = sorted(own - set(wanted))
    values = {**dict.fromkeys((*named, "DATABASE_URL"), "{url}"), **wanted}
    plain = url.split("://", 1)[1]
    fields = {"url": url, "dsn": f"postgresql://{plain}", "python": sys.executable}
    fields.update({name: str(server[name]) for name in ("host", "port", "user", "database")})
    os.environ.update({name: _filled(value, fields) for name, value in values.items()})
    return named


def _filled(template: str, fields: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: fields.get(found[1], found[0]), template)


def _remember(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
    running(statement)


def _loaded(directory: Any) -> Any:
    """All revisions, with what Alembic warns of said as an error: it would go on with one of two."""
    files: dict[str, list[str]] = {}
    generator = directory.revision_map._generator

    def each() -> Iterator[Any]:
        for revision in generator():
            files.setdefault(revision.revision, []).append(revision.path)
            yield revision

    directory.revision_map._generator = each
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            directory.get_heads()
        except Exception as error:
            raise _unreadable(error, said, files) from error
    twice = [paths for paths in files.values() if len(paths) > 1]
    if twice:
        raise Refused(
            f"revision {next(rev for rev, paths in files.items() if len(paths) > 1)} is there more than once",
            where=", ".join(twice[0]),
            remedy="give each revision an id of its own, and see to the down_revision of those after it",
        )
    _session.revisions = {revision.revision: revision for revision in _in_order(directory)}
    directory.run_env = types.MethodType(_run_env, directory)
    everywhere: Any = ScriptDirectory
    everywhere.from_config = classmethod(lambda cls, config: directory)
    return directory


def _unreadable(error: Any, said: Iterable[Any], files: dict[str, list[str]]) -> Any:
    """Alembic's own errors say it well but for a parent that is not there: that is a KeyError."""
    for warning in said:
        absent = _ABSENT.search(str(warning.message))
        if absent:
            missing, child = absent[1], absent[2]
            return Refused(
                f"revision {child} follows {missing}, which is not there",
                where=", ".join(files.get(child, [])),
                remedy="bring the missing revision back, or let it follow one that is there",
            )
    if isinstance(error, (KeyError, sqlalchemy.exc.SQLAlchemyError)):
        return error
    module = type(error).__module__
    if module.startswith("alembic."):
        return Refused(str(error), remedy="mend the graph of revisions")
    return error


def _in_order(directory: Any) -> list[Any]:
    """Each after all that it follows or depends on; otherwise as `alembic upgrade heads` has them."""
    revisions = list(directory.walk_revisions())[::-1]
    by_id = {revision.revision: revision for revision in revisions}
    done: dict[str, Any] = {}
    for start in revisions:
        waiting = [start.revision]
        while waiting:
            ahead = [p for p in _parents(by_id[waiting[-1]]) if p not in done]
            if ahead:
                waiting.extend(reversed(ahead))
            else:
                last = waiting.pop()
                done.setdefault(last, by_id[last])
    return list(done.values())


def _parents(revision: Any) -> list[str]:
    return list(dict.fromkeys(revision._all_down_revisions))


def _plain(revision: Any) -> dict[str, Any]:
    return {
        "revision": revision.revision,
        "down_revisions": list(revision._versioned_down_revisions),
        "parents": _parents(revision),
        "labels": sorted(revision.branch_labels),
        "message": revision.doc,
        "path": str(revision.path),
        "has_upgrade": callable(getattr(revision.module, "upgrade", None)),
        "has_downgrade": callable(getattr(revision.module, "downgrade", None)),
    }


def _run_env(directory: Any) -> None:
    """What `ScriptDirectory.run_env` does, without reading and compiling the file anew each time."""
    spec = importlib.util.spec_from_file_location("env_py", str(Path(directory.dir, "env.py")))
    if spec is None or spec.loader is None or not Path(directory.dir, "env.py").is_file():
        raise Refused("there is no env.py", where=str(directory.dir))
    if _session.env_code is None:
        _session.env_code = spec.loader.get_code("env_py")  # type: ignore[attr-defined]
    module = importlib.util.module_from_spec(spec)
    exec(_session.env_code, module.__dict__)  # noqa: S102  it is the project's own env.py


def step(order: dict[str, Any]) -> dict[str, Any]:
    """`{revision, up, held_query}`: runs one revision's upgrade or downgrade through env.py."""
    session = _session
    revision = session.revisions[order["revision"]]
    connections = session.connections
    connections.reset(order.get("held_query") or "")
    seen: dict[str, Any] = {"runs": 0, "ledger": "", "committed": 0}

    def steps(heads: Any, context: Any) -> Iterator[Any]:
        connections.must_be_ours(context.connection)
        _must_fit(revision, heads, order["up"])
        make = MigrationStep.upgrade_from_script if order["up"] else MigrationStep.downgrade_from_script
        one: Any = make(session.script.revision_map, revision)
        run = one.migration_fn

        def counted(**named: Any) -> None:
            run(**named)
            # The ledger is written after this, so a commit has to follow.
            seen["committed"] = connections.commits

        one.migration_fn = counted
        if len(heads) == 1 and len(one.from_revisions) == len(one.to_revisions) == 1:
            # It asks for all ancestors at each step, in vain where there is but one line.
            one.should_delete_branch = lambda heads: False
        context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, _remember_applied)
        yield one
        seen["runs"] += 1
        seen["ledger"] = [context.version_table_schema, context.version_table]

    target = revision.revision if order["up"] else (_parents(revision) or ["base"])[0]
    try:
        with EnvironmentContext(
            session.config, session.script, fn=steps, as_sql=False, destination_rev=target, tag=None
        ):
            _within(session.inside, session.script.run_env)
    finally:
        connections.close()
    if not seen["runs"]:
        raise Refused("env.py has run no migrations", where=str(session.script.dir), remedy=_NO_RUN)
    return {
        **{key: seen[key] for key in ("runs", "ledger")},
        "committed": connections.commits > seen["committed"],
        "held": connections.held if connections.held_query else None,
        "names": connections.names,
        "autocommit": connections.autocommit,
        "led_from": list(connections.led_from),
    }


def _told_inside(env: str) -> str:
    """What some env.py take for granted that they are run inside of."""
    if re.search(r"\bcurrent_app\b", env):
        return "flask"
    return "anyio" if re.search(r"from_worker_thread|\bfrom_thread\b", env) else ""


def _within(surroundings: str, run: Callable[[], None]) -> None:
    if surroundings == "flask":
        with importlib.import_module("flask.cli").ScriptInfo().load_app().app_context():
            run()
    elif surroundings == "anyio":
        thread = importlib.import_module("anyio.to_thread")
        importlib.import_module("anyio").run(thread.run_sync, run)
    elif surroundings:
        raise Refused(
            f"the option `inside` may be flask or anyio, not {surroundings!r}", remedy="mend the option"
        )
    else:
        run()


def prepare(order: dict[str, Any]) -> dict[str, Any]:
    """`{call}`, `package.module:name.name`: calls it with a connection, in a transaction of its own."""
    module, _, name = order["call"].partition(":")
    found: Any = importlib.import_module(module)
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    _session.connections.reset("")
    engine = sqlalchemy.create_engine(_option(_session.config, "sqlalchemy.url") or "")
    try:
        with engine.begin() as connection:
            found(connection)
    finally:
        engine.dispose()
        _session.connections.close()
    return {}


_NO_RUN = "see to it that it calls context.configure and context.run_migrations, also online"


def _must_fit(revision: Any, heads: Iterable[str], up: bool) -> None:
    """Only the one revision is to change: all that it follows is applied, and nothing that follows it."""
    applied = _applied(heads)
    missing = [parent for parent in _parents(revision) if parent not in applied]
    wrong = (
        (up and revision.revision in applied and "it is applied already")
        or (up and missing and "what it follows is not applied: " + ", ".join(missing))
        or (not up and revision.revision not in applied and "it is not applied")
        or (not up and revision.revision not in heads and "others that follow it are applied")
    )
    if wrong:
        raise Refused(
            f"revision {revision.revision} cannot be {'applied' if up else 'rolled back'}: {wrong}",
            where=str(revision.path),
        )


def _remember_applied(*, step: Any, heads: set[str], **_: Any) -> None:
    """Alembic calls it when the ledger is written: so nobody has to go through the whole graph again."""
    for revision in step.up_revision_ids:
        (_session.applied.add if step.is_upgrade else _session.applied.discard)(revision)
    _session.heads = set(heads)


def _applied(heads: Iterable[str]) -> set[str]:
    if _session.heads != set(heads):
        _session.applied = _ancestors(heads)
        _session.heads = set(heads)
    return _session.applied


def _ancestors(heads: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(heads)
    while waiting:
        head = waiting.pop()
        if head not in _session.revisions:
            raise Refused(f"the ledger lists {head}, which no revision of this history is")
        if head not in found:
            found.add(head)
            waiting.extend(_parents(_session.revisions[head]))
    return found


ORDERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "load": load,
    "point": point,
    "prepare": prepare,
    "step": step,
}
