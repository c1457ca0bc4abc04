"""In the project's interpreter: whose database env.py's connections go to, and what is locked at commits.

Loaded beside `alembic_program.py`; SQLAlchemy 1.4 and later. It listens to every engine and pool of the
process, because nobody can know which of them env.py, or what it imports, will make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import Pool

if TYPE_CHECKING:
    from rollproof.migrations.tools.worker_program import Refused, note
else:
    from rollproof_worker import Refused, note

_ADDRESS = frozenset(
    "host hostaddr port user username password passfile database dbname dsn service unix_sock ssl "
    "ssl_context sslmode sslrootcert sslcert sslkey sslcrl sslpassword requiressl channel_binding gssencmode "
    "krbsrvname require_auth sslnegotiation direct_tls target_session_attrs load_balance_hosts".split()
)
_REMEDY = (
    "give env.py the URL through `environment` (values may hold {url}), or through `-x` with the option `x`"
)

SEVERAL = "migrates several databases"


class Connections:
    """What one step's connections may be, and what was seen of them.

    Attributes:
        server: host, port, user, password, database, and `identity`: what `identity_query` must answer.
        redirect: whether connections to other PostgreSQL servers are led to this one.
        issued: host, port and database of the URLs that the project was given.
    """

    def __init__(self) -> None:
        self.server: dict[str, Any] = {}
        self.redirect = True
        self.held_query = ""
        self.issued: set[tuple[str, str, str]] = set()
        self.ours: list[Any] = []
        self.reset("")

    def listen(self) -> None:
        """Once a process."""
        event.listen(Engine, "do_connect", self._lead)
        event.listen(Pool, "connect", self._check)
        event.listen(Engine, "engine_connect", self._engine)
        event.listen(Engine, "commit", self._before_commit)

    def reset(self, held_query: str) -> None:
        """Before each step."""
        self.held_query = held_query
        self.held: list[list[Any]] = []
        self.names: list[list[Any]] | None = None
        self.pids: list[int] = []
        self.led_from: dict[str, None] = {}
        self.commits = 0
        self.autocommit = False
        self._engines: dict[int, Any] = {}

    def close(self) -> None:
        """After each step: nothing of its sessions may reach into the next one."""
        for engine in self._engines.values():
            # Connections of an async engine can be closed in its event loop alone, which is over.
            if getattr(engine.dialect, "is_async", False):
                engine.dispose(close=False)
            else:
                engine.dispose()
        self.ours.clear()
        self._engines.clear()

    def must_be_ours(self, connection: Any) -> None:
        """Refuses a connection that was not seen to be one to the database under drill."""
        if len(self.led_from) > 1:
            raise Refused(
                f"env.py {SEVERAL} (" + ", ".join(self.led_from) + "), and one is walked",
                remedy="point env.py at one of them, with the option `x` or `environment`",
                environment=True,
            )
        raw = _raw(connection)
        if not any(raw is one for one in self.ours):
            self._check(raw, None)

    def _lead(self, dialect: Any, record: Any, arguments: list[Any], named: dict[str, Any]) -> None:
        """Whatever address env.py has from its settings: the connection goes to the one under drill."""
        if not self.server:
            raise Refused("a revision, or env.py offline, connects while the history is being read")
        if not self.redirect or dialect.name != "postgresql":
            return
        where = [named.get("host"), named.get("port"), named.get("dbname") or named.get("database")]
        if tuple(str(part) for part in where) not in self.issued:
            self.led_from["/".join(str(part) for part in where if part)] = None
        for key in _ADDRESS & set(named):
            del named[key]
        del arguments[:]
        named.update(self._address(dialect.driver))

    def _address(self, driver: str) -> dict[str, Any]:
        server = self.server
        name = "database" if driver in ("asyncpg", "pg8000") else "dbname"
        address = {"user": server["user"], name: server["database"], "port": server["port"]}
        if server.get("password"):
            address["password"] = server["password"]
        if driver == "pg8000" and server["host"].startswith("/"):
            del address["port"]
            return {**address, "unix_sock": f"{server['host']}/.s.PGSQL.{server['port']}"}
        return {**address, "host": server["host"]}

    def _check(self, raw: Any, record: Any) -> None:
        """Asks a new connection where it has gone to, before anybody else may use it."""
        try:
            found = _rows(raw, self.server["identity_query"])[0]
            if self.held_query and self.names is None:
                self.names = [[int(oid), str(name)] for oid, name in _rows(raw, self.server["names_query"])]
            raw.rollback()
        except Exception as error:
            raise Refused(
                f"env.py connects to something that is not the database under drill ({type(raw).__module__})",
                remedy=_REMEDY,
                environment=True,
            ) from error
        expected = self.server["identity"]
        if [str(part) for part in found[:3]] != [str(part) for part in expected]:
            raise Refused(
                f"env.py connects to database {found[2]!r} of another place than the one under drill",
                remedy=_REMEDY,
                environment=True,
            )
        self.ours.append(raw)
        self.pids.append(int(found[3]))
        note(backend_pids=self.pids)

    def _engine(self, connection: Any, *_: Any) -> None:
        self._engines[id(connection.engine)] = connection.engine

    def _before_commit(self, connection: Any) -> None:
        self.commits += 1
        raw = _raw(connection)
        if not self.held_query or not any(raw is one for one in self.ours):
            return
        self.autocommit = self.autocommit or _autocommit(connection)
        self.held += [[list(row) for row in _rows(raw, self.held_query)]]


def _autocommit(connection: Any) -> bool:
    options = connection.get_execution_options()
    return str(options.get("isolation_level", "")).upper() == "AUTOCOMMIT"


def _raw(connection: Any) -> Any:
    fairy = connection.connection
    return getattr(fairy, "dbapi_connection", None) or fairy


def _rows(raw: Any, query: str) -> list[Any]:
    cursor = raw.cursor()
    try:
        # pg8000 alone looks for placeholders where no values are given.
        cursor.execute(query.replace("%", "%%") if type(raw).__module__.startswith("pg8000") else query)
        return list(cursor.fetchall())
    finally:
        cursor.close()
