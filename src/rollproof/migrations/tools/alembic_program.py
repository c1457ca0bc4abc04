"""In the project's interpreter: loads a history with the project's own Alembic and runs single revisions.

Run by `worker_program.py`; Python 3.8 and Alembic 1.5 and later. The project's env.py runs at each step,
as it does under `alembic upgrade`; what is kept between steps is the ScriptDirectory with its modules,
the Config, and env.py's compiled code.

    load     the graph of revisions; connects to nothing      point    which database is meant
    probe    where env.py keeps its ledger
    prepare  calls what makes the tables to begin with        step     one revision, up or down
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rollproof.migrations.tools.worker_program import Refused, beside, running
else:
    from rollproof_worker import Refused, beside, running

try:
    import alembic
    import sqlalchemy
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationStep
    from alembic.script import ScriptDirectory
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
except ImportError as missing:
    raise Refused(
        f"{missing.name or missing} cannot be imported there",
        remedy="name the interpreter that the project and its Alembic are installed in with --python",
        where=sys.executable,
    ) from missing

if TYPE_CHECKING:
    from rollproof.migrations.tools import alembic_address as address
    from rollproof.migrations.tools import alembic_connections, alembic_environment
    from rollproof.migrations.tools import alembic_graph as graph
else:
    address, graph = beside("alembic_address.py"), beside("alembic_graph.py")
    alembic_connections = beside("alembic_connections.py")
    alembic_environment = beside("alembic_environment.py")

_NO_RUN = "see to it that it calls context.configure and context.run_migrations, also online"
_PLAIN_ONE = (
    "the revisions run in a plain environment of Alembic's, in one transaction each; "
    "what env.py sets, such as schemas, is not there"
)
_GIVEN = 'env.py is given a connection in config.attributes["connection"], as it does not make one of its own'
_PLAIN = "or run a plain environment in its place: option env = plain"


class _Session:
    """What stays between orders."""

    config: Any
    script: Any
    environment: Any
    applied: Any
    wanted: dict[str, str]
    x: list[str]
    server: dict[str, Any]
    driver = drivername = ""
    may_choose = False
    remark = ""
    connections = alembic_connections.Connections()


_session = _Session()


def load(order: dict[str, Any]) -> dict[str, Any]:
    """Reads the graph.

    The order: `{ini, toml, section, script_location, version_locations, x, driver, environment, redirect,
    inside, env}`, of which `env` is plain, own, or empty: plain where its own cannot be imported.
    """
    session = _session
    session.wanted, session.x = order["environment"], order["x"]
    session.config = _config(order)
    if str(Path.cwd()) not in sys.path:
        # `python -m alembic` can import what lies where it is run, and so do many projects.
        sys.path.append(str(Path.cwd()))
    session.connections.redirect = order["redirect"]
    session.connections.listen()
    event.listen(Engine, "before_cursor_execute", _note_statement)
    session.script = ScriptDirectory.from_config(session.config)
    session.environment = alembic_environment.Environment(
        session.config, session.script, inside=order["inside"]
    )
    own = (_own_url(session.config), os.environ.get("DATABASE_URL"))
    session.driver, session.may_choose, session.remark = (
        order["driver"],
        not order["env"] and order["redirect"],
        "",
    )
    session.drivername = order["driver"] or address.drivername(own, session.environment.text)
    # What is imported with the revisions may insist on having a URL, though nothing is to connect yet.
    _tell(address.NOWHERE)
    session.applied = graph.Applied(graph.read_revisions(session.script))
    everywhere: Any = ScriptDirectory
    everywhere.from_config = classmethod(lambda cls, config: session.script)
    return {**_facts(), "plain": _choose_environment(order)}


def _facts() -> dict[str, Any]:
    session = _session
    env = session.environment.text
    return {
        "revisions": [graph.plain(revision) for revision in session.applied.revisions.values()],
        "heads": list(session.script.get_heads()),
        "dir": str(Path(session.script.dir).resolve()),
        "driver": session.drivername,
        "variables": sorted(set(address.variables_of(env)) - set(session.wanted)),
        "env": env,
        "versions": {"alembic": alembic.__version__, "sqlalchemy": sqlalchemy.__version__},
    }


def _choose_environment(order: dict[str, Any]) -> str:
    """Why a plain environment takes env.py's place; empty when it does not."""
    session = _session
    why = "it was asked for" if order["env"] == "plain" else ""
    if not order["env"]:
        why = session.environment.missing_import()
    if why:
        session.environment.plain = True
        session.drivername = order["driver"] or address.drivername((), "", plain=True)
        _tell(address.NOWHERE)
    return str(why)


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


def _own_url(config: Any) -> str | None:
    try:
        found = config.get_main_option("sqlalchemy.url")
    except Exception:  # noqa: BLE001  interpolation of what is not set, in any of its ways
        return None
    return found if isinstance(found, str) else None


def point(order: dict[str, Any]) -> dict[str, Any]:
    """`{server}`: says which database the next steps are for."""
    _session.connections.server = _session.server = order["server"]
    _tell(order["server"])
    return {}


def _tell(server: dict[str, Any]) -> None:
    """Gives the URL to whatever env.py may take it from."""
    session = _session
    shown = dict(server)
    if session.connections.redirect and server["host"].startswith("/"):
        # Many projects take a URL apart that is led elsewhere later; a socket's folder is no host to them.
        shown["host"] = "localhost"
    session.connections.issued.add((shown["host"], str(shown["port"]), shown["database"]))
    url = address.url_of(session.drivername, shown)
    fields = address.fields_of(shown, url)
    session.config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    session.config.cmd_opts.x = [address.filled(value, fields) for value in session.x] or None
    address.set_variables(session.wanted, address.variables_of(session.environment.text), fields)


def prepare(order: dict[str, Any]) -> dict[str, Any]:
    """`{call}`, `package.module:name.name`: calls it with a connection, in a transaction of its own."""
    module, _, name = order["call"].partition(":")
    found: Any = importlib.import_module(module)
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    _session.connections.reset("")
    engine = sqlalchemy.create_engine(alembic_environment.url_of_config(_session.config))
    try:
        with engine.begin() as connection:
            found(connection)
    finally:
        engine.dispose()
        _session.connections.close()
    return {}


def probe(order: dict[str, Any]) -> dict[str, Any]:
    """`{}`: runs env.py with nothing to do; where it keeps its ledger, as `[schema, table]`, or nothing."""
    found: list[Any] = []

    def nothing(heads: Any, context: Any) -> list[Any]:
        _session.connections.must_be_ours(context.connection)
        found[:] = [context.version_table_schema, context.version_table]
        return []

    _session.connections.reset("")
    try:
        _session.environment.run(nothing, "heads", dont_mutate=True)
    except Exception:  # noqa: BLE001  what is wrong with it is said of the first step
        return {"ledger": []}
    finally:
        _session.connections.close()
    return {"ledger": found}


def step(order: dict[str, Any]) -> dict[str, Any]:
    """`{revision, up, held_query, may_skip}`: runs one revision's upgrade or downgrade through env.py.

    With `may_skip` what it follows and is not applied is written into the ledger as if it were.
    """
    one = _Step(order)
    try:
        answer = _run(one, order)
    except Refused as refused:
        # A server that is no scratch server gets what env.py does, or nothing.
        if not (refused.environment and one.may_skip and not one.reached and _try_another(refused)):
            raise
        return step(order)
    _session.may_choose = False
    return answer


def _try_another(refused: Refused) -> bool:
    """The next environment to try where env.py ran nothing: with a connection given to it, then a plain one.

    Only before the first revision that ran: env.py has shown that it works from then on.
    """
    session, environment = _session, _session.environment
    if not session.may_choose or environment.plain or alembic_connections.SEVERAL in str(refused):
        return False
    if environment.gives_connection:
        environment.gives_connection, environment.plain = False, True
        session.remark = f"env.py is not run ({session.remark}): {_PLAIN_ONE}"
    else:
        environment.gives_connection, session.remark = True, str(refused)
    session.drivername = session.driver or address.drivername((), "", plain=True)
    _tell(session.server)
    return True


def _run(one: _Step, order: dict[str, Any]) -> dict[str, Any]:
    session = _session
    session.connections.reset(order["held_query"])
    target = one.revision.revision if one.up else (graph.parents_of(one.revision) or ["base"])[0]
    try:
        session.environment.run(one.steps, target)
    except Refused:
        raise
    except Exception as error:
        if one.reached:
            raise
        raise _failed_before(error) from error
    finally:
        session.connections.close()
    if not one.runs:
        raise Refused("env.py has run no migrations", where=_env(), remedy=_NO_RUN, environment=True)
    return one.answer()


def _remark() -> str:
    """How env.py was made to work, when it did not by itself."""
    environment = _session.environment
    if environment.gives_connection:
        return _GIVEN
    return str(_session.remark) if environment.plain else ""


def _env() -> str:
    return str(_session.environment.path)


def _failed_before(error: Exception) -> Refused:
    said = f"{type(error).__name__}: {error}".strip().split("\n")[0][:500]
    return Refused(f"env.py fails before it runs a revision: {said}", _PLAIN, _env(), environment=True)


class _Step:
    """One revision, one way."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.revision = _session.applied.revisions[order["revision"]]
        self.up = order["up"]
        self.may_skip = order["may_skip"]
        self.reached = False
        self.runs = 0
        self.skipped: list[str] = []
        self.ledger: list[Any] = []
        self._commits_before_ledger = 0

    def steps(self, heads: Any, context: Any) -> Iterator[Any]:
        """What Alembic calls when env.py runs migrations; the steps that it is to run."""
        _session.connections.must_be_ours(context.connection)
        self.reached = True
        missing = self._fitting(heads)
        context.on_version_apply_callbacks = (
            *context.on_version_apply_callbacks,
            _session.applied.follow,
        )
        for name in missing:
            yield self._made(_session.applied.revisions[name], lambda **_: None)
        self.skipped = missing
        yield self._one(heads if not missing else ())
        self.runs += 1
        self.ledger = [context.version_table_schema, context.version_table]

    def answer(self) -> dict[str, Any]:
        """What is told of it."""
        seen = _session.connections
        return {
            "runs": self.runs,
            "skipped": self.skipped,
            "ledger": self.ledger,
            "committed": seen.commits > self._commits_before_ledger,
            "held": seen.held if seen.held_query else None,
            "names": seen.names,
            "autocommit": seen.autocommit,
            "led_from": list(seen.led_from),
            "remark": _remark(),
        }

    def _one(self, heads: Any) -> Any:
        made = self._made(self.revision)
        run = made.migration_fn

        def counted(**named: Any) -> None:
            run(**named)
            # The ledger is written after this, so a commit has to follow.
            self._commits_before_ledger = _session.connections.commits

        made.migration_fn = counted
        if len(heads) == 1 and len(made.from_revisions) == len(made.to_revisions) == 1:
            # It asks for all ancestors at each step, in vain where there is but one line.
            made.should_delete_branch = lambda heads: False
        return made

    def _made(self, revision: Any, function: Callable[..., None] | None = None) -> Any:
        make = MigrationStep.upgrade_from_script if self.up else MigrationStep.downgrade_from_script
        made: Any = make(_session.script.revision_map, revision)
        if function:
            made.migration_fn = function
        return made

    def _fitting(self, heads: Any) -> list[str]:
        """What is to be skipped first; refuses to touch the ledger of any other revision."""
        own = self.revision.revision
        applied = _session.applied.of(heads)
        ahead = [parent for parent in graph.parents_of(self.revision) if parent not in applied]
        wrong = (
            (self.up and own in applied and "it is applied already")
            or (self.up and ahead and not self.may_skip and f"it follows {', '.join(ahead)}, not applied")
            or (not self.up and own not in applied and "it is not applied")
            or (not self.up and own not in heads and "others that follow it are applied")
        )
        if wrong:
            way = "applied" if self.up else "rolled back"
            raise Refused(f"revision {own} cannot be {way}: {wrong}", where=str(self.revision.path))
        return list(_session.applied.missing(self.revision, applied)) if self.up and ahead else []


def _note_statement(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
    running(statement)


ORDERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "load": load,
    "point": point,
    "prepare": prepare,
    "probe": probe,
    "step": step,
}
