"""The connection that looks at the database between two scripts, and is idle while one runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg import Connection, sql
from psycopg.rows import tuple_row

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, EnvironmentUnavailable
from rollproof.fingerprint.snapshot import explained
from rollproof.fingerprint.watch import CatalogWatch, Memory
from rollproof.model.fingerprint import Fingerprint
from rollproof.rowgen import Filler, FillReport
from rollproof.rowgen.rowstate import RowState
from rollproof.rowgen.rowwatch import RowWatch
from rollproof.waiting import eventually
from rollproof.walk.ledgerrows import LedgerRows, remember
from rollproof.walk.ledgerrows import put_back as put_back_ledger
from rollproof.walk.queries import query
from rollproof.walk.serverwide import ServerState, look_at_server, put_back
from rollproof.walk.settings import WalkSettings

T = TypeVar("T")

_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "default_transaction_read_only=off",
        "statement_timeout=0",
        "idle_in_transaction_session_timeout=0",
        "idle_session_timeout=0",
        "session_replication_role=origin",
        "log_statement=none",
    )
)
"""What a migration may set for the database must not bind who looks at it."""
_BEFORE_14 = _OPTIONS.replace("-c idle_session_timeout=0 ", "")


@dataclass(frozen=True)
class State:
    """Everything that is compared, at one moment. `rows` is None where rows are left out."""

    facts: Fingerprint
    rows: RowState | None
    server: ServerState
    ledger: str


class Observer:
    """Looks, fills and tidies. It holds no lock and no transaction between two calls.

    Attributes:
        notes: what it came upon since they were last taken, one sentence each.
        made: which rows were made up, as the filler remembers them; for the next connection.
        memory: what the looks have come to know of the database, or of the one that it is a copy of.
        meanwhile: called now and then during a look, for what else is to go on.
    """

    def __init__(
        self,
        server: PostgresServer,
        settings: WalkSettings,
        *,
        ledger: str,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        self.server, self.settings, self.ledger = server, settings, ledger
        self.meanwhile = meanwhile
        self.database = ""
        self.made: bytes | None = None
        self.memory: Memory | None = None
        self.notes: list[str] = []
        self._left = 0
        self._token = ""
        self._missed: AttemptFailed | None = None
        self._conn: Connection[Any] | None = None
        self._filling: Connection[Any] | None = None
        self._server: ServerState | None = None
        self._changed: set[str] = set()
        self._watch: CatalogWatch | None = None
        self._rows: RowWatch | None = None
        self._filler: Filler | None = None

    def close(self) -> None:
        """Lets go of the database; the next look connects anew."""
        if self._filler is not None:
            self.made = self._filler.remembered()
        if self._watch is not None:
            self.memory = self._watch.memory()
        connections = (self._conn, self._filling)
        self._conn, self._filling = None, None
        self._watch, self._rows, self._filler = None, None, None
        for conn in filter(None, connections):
            with suppress(psycopg.Error):
                conn.close()

    def remembered(self) -> Memory | None:
        """What the looks have come to know of the database by now."""
        return self._watch.memory() if self._watch is not None else self.memory

    @property
    def connection(self) -> Connection[Any] | None:
        """The one that it has, idle between two calls; None until the first look and once it is broken."""
        return self._conn if self._conn is not None and not self._conn.closed else None

    def leave(self) -> None:
        """As `close`, for a database that others go on without; now and then holds its looks first.

        After 1, 2, 4, 8… databases, so that it costs a long walk little; `check` raises what was found.
        """
        self._left += 1
        due = self._left & (self._left - 1) == 0
        if due and self._watch is not None and self.connection is not None:
            with suppress(AttemptFailed):
                self.check()
        self.close()

    def look(self) -> State:
        """What is there now, once what a script left open is out of the way.

        Raises:
            EnvironmentUnavailable: nobody can connect to the database.
            AttemptFailed: something cannot be read.
        """
        return self._insist(self._look)

    def check(self) -> None:
        """Holds the looks against a full fingerprint.

        Raises AttemptFailed when a look has missed something, now or at an earlier database: then nothing
        that rests on looks is proven.
        """
        if self._missed is not None:
            raise self._missed
        with suppress(EnvironmentUnavailable):  # nobody can connect any more; the walk has said so
            self._insist(self._check)

    def rewritten(self) -> tuple[str, ...]:
        """Tables whose storage was written anew between the last two looks."""
        return self._watch.rewritten() if self._watch else ()

    def fill(self, state: State | None) -> FillReport:
        """Gives every empty table rows. Raises as `look`. state: as of the last look; None after changes."""
        if not self.settings.rows:
            return FillReport()
        return self._insist(lambda: self._fill(state))

    def filled(self) -> frozenset[str]:
        """Tables that hold made-up rows, by their names at the last `fill`: a rename takes rows along."""
        return self._filler.filled() if self._filler else frozenset()

    def empty(self, tables: Collection[str]) -> None:
        """Takes the made-up rows out of these tables. Raises as `look`.

        Where nobody remembers which those are, for the connection is a new one, all rows go, and those
        that refer to them.
        """
        known = self._insist(lambda: self._empty_known(tables))
        names = [sql.SQL(name) for name in tables if name not in known]  # quoted by the catalog itself
        if names:
            self._insist(lambda: self._empty(names))

    def ledger_rows(self) -> LedgerRows | None:
        """The rows of the tool's own table; None when they cannot be had. Never raises."""
        conn = self.connection
        return remember(conn, self.ledger) if conn is not None else None

    def put_back_ledger(self, rows: LedgerRows) -> bool:
        """Whether it holds these rows again. Raises as `look`."""
        return self._insist(lambda: put_back_ledger(self._connected(), rows))

    def put_back(self, wanted: ServerState) -> None:
        """Makes the server what it was then; see `serverwide.put_back`. Raises as `look`."""

        def back() -> None:
            conn = self._connected()
            now = self._look_at_server(conn, self._tidy(conn))
            if server_differs(wanted, now):
                self.notes += [f"could not be put back: {failed}" for failed in put_back(conn, wanted, now)]
            self._server = None

        self._insist(back)

    def put_sequences_back(self, wanted: Fingerprint, now: Fingerprint) -> bool:
        """Makes sequences continue where they did: a script that failed has moved them all the same.

        True when one had to be. Raises as `look`.
        """
        moved = [
            (name, fact.attributes.get("next value"))
            for (kind, name), fact in wanted.facts.items()
            if kind == "sequence state" and (kind, name) in now.facts and now.facts[kind, name] != fact
        ]

        def back() -> None:
            conn = self._connected()
            for name, value in moved:
                conn.execute(
                    "SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s::bigint, false)", [name, value]
                )

        if moved:
            self._insist(back)
        return bool(moved)

    def take_notes(self) -> tuple[str, ...]:
        """The notes, each once; from then on there are none."""
        taken, self.notes = tuple(dict.fromkeys(self.notes)), []
        return taken

    def _insist(self, action: Callable[[], T]) -> T:
        """A second time on a new connection, when a migration has ended the old one."""
        had = self._conn is not None
        try:
            return _explaining(action)
        except EnvironmentUnavailable:
            self.close()
            if not had:
                raise
        self.notes.append("it ended the connections of others to the database")
        return _explaining(action)

    def _connected(self) -> Connection[Any]:
        if self._conn is None:
            self._conn = self._connect()
            ignored = (self.ledger,)
            self._watch = CatalogWatch(
                self._conn, ignore_schemas=self.settings.ignore_schemas, memory=self.memory
            )
            if self.settings.rows:
                self._rows = RowWatch(self._conn, ignore=ignored)
                # Of its own: what the filler rolls back would cost the looks their prepared statements.
                self._filling = self._connect()
                self._filler = Filler(
                    self._filling, ignore=ignored, rows=self.settings.rows_per_table, seed=self.settings.seed
                )
                if self.made is not None:
                    self._filler.recall(self.made)
        return self._conn

    def _connect(self) -> Connection[Any]:
        return psycopg.connect(
            self.server.conninfo(self.database),
            autocommit=True,
            connect_timeout=10,
            application_name="rollproof observer",
            options=_OPTIONS if self.server.major >= 14 else _BEFORE_14,
        )

    def _look(self) -> State:
        conn = self._connected()
        assert self._watch is not None
        found = self._watch.look_after(query("tidy").decode(), self._is_tidy)
        if found is None:
            self._tidy(conn)
            found = self._watch.look_after(query("tidy").decode(), self._remember)
            assert found is not None
        server = self._look_at_server(conn, self._token)
        self.meanwhile()
        # Without its name: a database made anew has another one and is the same to those who compare.
        facts = Fingerprint(found.facts)
        self._changed |= self._watch.changed_tables()
        rows = self._rows.look(self._changed) if self._rows else None
        self._changed = set()
        return State(facts, rows, server, self.ledger)

    def _is_tidy(self, rows: list[tuple[Any, ...]]) -> bool:
        """Whether nothing was left open, so that what is read at the same time holds."""
        self.meanwhile()
        self._remember(rows)
        return not any(rows[0][1:])

    def _remember(self, rows: list[tuple[Any, ...]]) -> bool:
        self._token = str(rows[0][0])
        return True

    def _check(self) -> None:
        self._look()
        assert self._watch is not None
        try:
            self._watch.check()
        except AttemptFailed as error:
            self._missed = error if "differing" in error.facts else None  # any other has its own reason
            raise

    def _fill(self, state: State | None) -> FillReport:
        self._connected()
        assert self._filler is not None
        assert self._watch is not None
        if state is not None and state.rows is not None:
            return self._filler.top_up(state.facts, counts=state.rows.tables)
        facts = Fingerprint(self._watch.look().facts)
        self._changed |= self._watch.changed_tables()
        return self._filler.top_up(facts)

    def _empty_known(self, tables: Collection[str]) -> set[str]:
        """The tables whose made-up rows are known; of those they are gone, unless they are referred to."""
        self._connected()
        assert self._filler is not None
        report = self._filler.empty(tables)
        return set(report.made) | {item.table for item in report.not_made}

    def _empty(self, names: list[sql.SQL]) -> None:
        conn = self._connected()
        with conn.transaction():
            conn.execute("SET LOCAL session_replication_role = replica")
            conn.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(names)))

    def _look_at_server(self, conn: Connection[Any], token: str) -> ServerState:
        if self._server is None or self._server.token != token:
            self._server = look_at_server(conn, token)
        return self._server

    def _tidy(self, conn: Connection[Any]) -> str:
        """Ends what would keep later scripts waiting; the token of what is server-wide."""
        row = conn.cursor(row_factory=tuple_row).execute(query("tidy")).fetchone()
        assert row is not None
        token, prepared, idle = row
        for gid in prepared:
            conn.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
            self.notes.append("it left a prepared transaction, which holds its locks: it was rolled back")
        if idle:
            self._end(conn, idle)
        return str(token)

    def _end(self, conn: Connection[Any], pids: list[int]) -> None:
        """A session in a transaction that nobody will end; mostly one that is going away by itself."""
        conn.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [pids])

        def gone() -> bool:
            query_gone = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s) LIMIT 1"
            return conn.execute(query_gone, [pids]).fetchone() is None

        eventually(gone, within=10, what="the sessions that were left open are gone", every=0.002)


def _explaining(action: Callable[[], T]) -> T:
    """Runs it; what the server refuses becomes one of Rollproof's errors."""
    try:
        return action()
    except psycopg.InterfaceError as error:  # the connection was found closed
        raise EnvironmentUnavailable(f"the connection was lost: {error}") from error
    except psycopg.Error as error:
        raise explained(error, doing="looking at the database between two scripts") from error


def server_differs(one: ServerState, other: ServerState) -> bool:
    return one.token != other.token
