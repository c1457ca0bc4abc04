"""Running scripts without psql: over one fresh connection in this process, the way their tool sends them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import psycopg
from psycopg import Connection, pq
from psycopg.conninfo import make_conninfo
from psycopg.pq.abc import PGconn, PGresult

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.migrations.ahead import Ahead
from rollproof.migrations.blocking import backend, blockers, end_backend
from rollproof.migrations.direct_failure import Failed, said
from rollproof.migrations.execute import PsqlRunner, ScriptRun
from rollproof.migrations.hang import Hang
from rollproof.migrations.locks.following import Following
from rollproof.migrations.locks.model import LockReport
from rollproof.migrations.locks.probe import Probes, probing
from rollproof.migrations.locks.taken import Taken
from rollproof.migrations.locks.watch import LockWatch
from rollproof.migrations.psqloutput import ServerMessage
from rollproof.migrations.script import Script
from rollproof.migrations.sending import Piece, Sending, cut, needs_psql
from rollproof.migrations.wire import Answer, TimeUpError, Wire

_GRACE = 10.0
"""seconds that a backend gets to disappear once it has been told to"""
_LINGERS = re.compile(r"(?i)\b(?:temp|temporary|pg_temp|\w*advisory\w*|listen|pg_create\w*slot)\b")
"""what a session may leave behind that goes away only with its backend"""


@dataclass(frozen=True)
class DirectRunner:
    """Runs scripts in one database, each over a connection of its own, and psql only where one needs it.

    Attributes:
        limit: seconds after which a script counts as hanging.
        user: role to run as; the server's own when None.
        locks: also tell which locks were held; see `rollproof.migrations.locks`.
        blocked: also measure, with further connections, how long readers and writers wait meanwhile.
        observer: an idle connection to the same database to look at the locks with; where there is none
            each run opens one, which takes as long as the script's own.
        ahead: opens the next run's connection as soon as a script is through; without it each run waits
            for its own.
    """

    server: PostgresServer
    database: str
    limit: float = field(default=60.0, kw_only=True)
    user: str | None = field(default=None, kw_only=True)
    locks: bool = field(default=True, kw_only=True)
    blocked: bool = field(default=False, kw_only=True)
    observer: Connection[Any] | None = field(default=None, kw_only=True, compare=False, repr=False)
    ahead: Ahead | None = field(default=None, kw_only=True, compare=False, repr=False)

    def run(self, script: Script) -> ScriptRun:
        """Runs the script's text as its `mode` says.

        What psql alone understands goes to psql. Everything else is sent as it stands in the file, so
        that what the server refuses there it refuses here. A transaction that the script leaves open
        is rolled back, as the end of a connection does it. An interrupt, or any other exception here,
        ends the backend before it goes on.

        Raises:
            AttemptFailed: the script failed, hung, or lost its connection. Facts: as those of
                `PsqlRunner.run`, without `exit_code`.
            MigrationError: see `PsqlRunner.run`; only of scripts that need psql.
        """
        if needs_psql(script):
            return self._by_psql(script)
        run = _Run(self, script, cut(script))
        with self._looking() as looking, self._probing(script) as probes:
            started = time.monotonic()
            run.go(looking)
            seconds = time.monotonic() - started
            locks = run.following.report() if run.following else None
            if locks is not None and probes is not None:
                locks = probes.add_to(locks)
        return ScriptRun(seconds, "", "\n".join(run.notices), locks)

    @contextmanager
    def _looking(self) -> Iterator[PGconn | None]:
        """The other connection, which looks at locks; None when nobody asked for them."""
        if not self.locks and not self.blocked:
            yield None
        elif self.observer is not None:
            try:
                yield self.observer.pgconn
            finally:
                LockWatch(self.observer.pgconn).settle()
        else:
            wire = Wire.open(self._conninfo(None), limit=self.limit)
            try:
                yield wire.conn
            finally:
                wire.close(wait=_GRACE)

    @contextmanager
    def _probing(self, script: Script) -> Iterator[Probes | None]:
        if not self.blocked:
            yield None
            return
        with probing(self._conninfo(None), script.text, limit=self.limit) as probes:
            yield probes

    def _by_psql(self, script: Script) -> ScriptRun:
        run = PsqlRunner(self.server, self.database, limit=self.limit, user=self.user).run(script)
        unseen = LockReport(incomplete="psql ran the script, for it holds what psql alone understands")
        return replace(run, locks=unseen if self.locks else None)

    @contextmanager
    def connect(self) -> Iterator[Connection[Any]]:
        """A second connection to the same database, in autocommit mode."""
        conninfo = self.server.conninfo(self.database, user=self.user)
        with psycopg.connect(
            conninfo, autocommit=True, connect_timeout=10, application_name="rollproof watch"
        ) as conn:
            yield conn

    @cached_property
    def conninfo(self) -> bytes:
        """As psql is called: the caller's own PGOPTIONS and the like do not reach the script."""
        return self._conninfo(self.user)

    def _conninfo(self, user: str | None) -> bytes:
        return make_conninfo(
            self.server.conninfo(self.database, user=user),
            application_name="rollproof",
            client_encoding="UTF8",
            connect_timeout="10",
            options="",
        ).encode()


class _Run:
    """One script on its way through one connection."""

    def __init__(self, runner: DirectRunner, script: Script, sending: Sending) -> None:
        self.runner = runner
        self.script = script
        self.sending = sending
        self.notices: list[str] = []
        self.piece: Piece | None = None
        self.told: list[ServerMessage] = []
        self.following: Following | None = None
        self.wrapped = False

    def go(self, looking: PGconn | None) -> None:
        self.wire = self._open()
        try:
            if not self.wire.alive:
                raise self._failed().not_connected(self.wire.conn.error_message)
            self.wire.conn.notice_handler = self._notice
            self._follow(looking)
            self._all()
        except TimeUpError:
            self._end_hanging()
        except BaseException:
            self._abandon()
            raise
        finally:
            # After a failure a transaction may be open; its locks go with the backend.
            self.wire.close(wait=_GRACE)
        if self.runner.ahead:
            self.runner.ahead.start(self.runner.conninfo)

    def _open(self) -> Wire:
        runner = self.runner
        waiting = runner.ahead.take(runner.conninfo) if runner.ahead else None
        return Wire.over(waiting, runner.limit) if waiting else Wire.open(runner.conninfo, limit=runner.limit)

    def _follow(self, looking: PGconn | None) -> None:
        if looking is not None:
            taken = Taken.begin(LockWatch(looking), self.wire.conn.backend_pid)
            self.following = Following(self.script, self.sending, self.wire, taken)

    def _all(self) -> None:
        if self.sending.transaction:
            self._control(b"BEGIN")
        for piece in self.sending.pieces:
            if self.following:
                self._followed(piece, self.following)
            else:
                self._send(piece)
        self.piece = None
        if self.sending.transaction:
            if self.following:
                self.following.before_commit()
            self._control(b"COMMIT")
        if self.wire.in_transaction:
            self._control(b"ROLLBACK")
        self.wire.close(wait=_GRACE if _LINGERS.search(self.script.text) else 0)

    def _followed(self, piece: Piece, following: Following) -> None:
        self.piece = piece
        self.wrapped = following.wraps(piece)
        if self.wrapped:
            self._control(b"BEGIN")
        with following.message(piece, wrapped=self.wrapped):
            self._send(piece)
        if self.wrapped:
            self._control(b"COMMIT")
            following.ended()

    def _send(self, piece: Piece) -> None:
        self.piece = piece
        rows = None if piece.rows is None else piece.rows.encode()
        self._judge(self.wire.send(piece.sql.encode(), rows))

    def _control(self, message: bytes) -> None:
        """A message of the tool's own."""
        self._judge(self.wire.send(message))

    def _judge(self, answer: Answer) -> None:
        if answer.error is None:
            return
        error = said(answer.error)
        if not self.wire.alive:
            raise self._failed().lost(self.piece, [*self.told, error])
        raise self._failed().refused(self.piece, answer.error, error, done=answer.done)

    def _failed(self) -> Failed:
        return Failed(self.script, self.runner.database)

    def _notice(self, result: PGresult) -> None:
        message = said(result)
        self.told.append(message)
        step = self.piece.step if self.piece else None
        where = f"line {step.last_line}: " if step else ""
        self.notices.append(f"{where}{message.severity} {message.say(self.script.text)}".replace("  ", " "))

    def _end_hanging(self) -> None:
        """Asks who is to blame, and ends the backend. Returns when the script was done after all."""
        hang = self._look()
        if not self._end():
            self._cancel()
        finished = self._rest()
        if finished and not self.wrapped and self._is_last:
            return
        if finished and not self.wrapped and hang.step and not hang.step.inside:
            hang = replace(hang, step=replace(hang.step, committed=hang.step.committed + 1))
        limit, database = self.runner.limit, self.runner.database
        raise hang.error(self.script, database=database, limit=limit, ended=finished is not None)

    @property
    def _is_last(self) -> bool:
        pieces = self.sending.pieces
        return not self.sending.transaction and bool(pieces) and self.piece is pieces[-1]

    def _look(self) -> Hang:
        pid, step = self.wire.conn.backend_pid, self.piece.step if self.piece else None
        try:
            with self.runner.connect() as conn:
                return Hang(pid, tuple(blockers(conn, pid)), backend(conn, pid), step)
        except psycopg.Error as error:
            silence = f"{type(error).__name__} {error.sqlstate or ''}".rstrip()
            return Hang(pid=pid, step=step, silence=silence)

    def _end(self) -> bool:
        """True when the backend is known to be gone."""
        try:
            with self.runner.connect() as conn:
                end_backend(conn, self.wire.conn.backend_pid, within=_GRACE)
        except (psycopg.Error, AttemptFailed):
            return False
        return True

    def _cancel(self) -> None:
        """Where no second connection is to be had, the first one can still be asked to stop."""
        with suppress(psycopg.Error):
            self.wire.conn.get_cancel().cancel()

    def _rest(self) -> bool | None:
        """Whether the statement came to a good end after all; None when nobody knows."""
        self.wire.deadline = time.monotonic() + _GRACE
        try:
            answer = self.wire.rest()
        except TimeUpError:
            return None
        return answer.error is None and answer.done > 0

    def _abandon(self) -> None:
        """An interrupt, say: the backend must not go on without us."""
        busy = self.wire.alive and self.wire.conn.transaction_status == pq.TransactionStatus.ACTIVE
        if busy and not self._end():
            self._cancel()
