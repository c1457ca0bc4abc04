"""How long others have to wait: a reader and a writer of each table, at work while a script runs.

Each takes the lock that its statement would take, and lets it go at once: ACCESS SHARE for SELECT, ROW
EXCLUSIVE for INSERT, UPDATE and DELETE. No row is read or written, no trigger fires, and `lock_timeout`
sees to it that nobody waits for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from psycopg import OperationalError, pq, sql
from psycopg.pq.abc import PGconn

from rollproof.migrations.locks.model import Blocked, LockReport
from rollproof.migrations.locks.modes import BLOCKS_READERS, BLOCKS_WRITERS
from rollproof.waiting import pause

_TABLES = 4
"""how many are probed at most; each takes two connections and a share of the processor"""
_EVERY = 0.001
"""seconds between two attempts, and so how precise the waits are"""
_LONGEST = 10.0
"""seconds after which a probe gives up and begins anew"""
_GAVE_UP = b"55P03"


@dataclass
class _Probe:
    """One client of one table."""

    conn: PGconn
    relation: str
    mode: str
    longest: float = 0.0
    gave_up: bool = False
    broken: bool = False
    ready: threading.Event = field(default_factory=threading.Event)

    def work(self, stop: threading.Event) -> None:
        # The server has quoted the name; neither it nor the mode can be a parameter.
        lock = sql.SQL("BEGIN; LOCK TABLE ONLY {} IN {} MODE; ROLLBACK")
        statement = lock.format(sql.SQL(self.relation), sql.SQL(self.mode)).as_bytes(None)
        while not stop.is_set() and not self.broken:
            self._once(statement)
            self.ready.set()
            pause(_EVERY, stop=stop)
        self.ready.set()

    def _once(self, statement: bytes) -> None:
        started = time.monotonic()
        try:
            result = self.conn.exec_(statement)
            waited = time.monotonic() - started
            state = result.error_field(pq.DiagnosticField.SQLSTATE)
            if self.conn.transaction_status != pq.TransactionStatus.IDLE:
                self.conn.exec_(b"ROLLBACK")
        except OperationalError:
            self.broken = True
            return
        # The first one has to read its catalogs first.
        self.longest = max(self.longest, waited) if self.ready.is_set() else 0.0
        self.gave_up |= state == _GAVE_UP
        self.broken = state not in (None, _GAVE_UP)


@dataclass(frozen=True)
class Probes:
    """The clients of all tables that a script may touch."""

    readers: Sequence[_Probe]
    writers: Sequence[_Probe]
    left_out: int
    stop: threading.Event
    threads: Sequence[threading.Thread]

    def end(self) -> None:
        """Lets the last attempts come to their ends."""
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def add_to(self, report: LockReport) -> LockReport:
        """The report with the longest waits for those tables that the script did hold."""
        self.end()
        modes = {lock.relation: lock.mode for lock in report.held}
        waits = [
            Blocked(
                reader.relation,
                reader.longest if modes[reader.relation] in BLOCKS_READERS else 0.0,
                writer.longest if modes[reader.relation] in BLOCKS_WRITERS else 0.0,
                gave_up=reader.gave_up or writer.gave_up,
            )
            for reader, writer in zip(self.readers, self.writers, strict=True)
            if reader.relation in modes
        ]
        return replace(report, blocked=tuple(waits), measured=True, incomplete=self._also(report.incomplete))

    def _also(self, incomplete: str) -> str:
        more = f"waits of readers and writers were not measured on {self.left_out} more tables"
        return "; ".join(filter(None, (incomplete, more if self.left_out else "")))


@contextmanager
def probing(conninfo: bytes, text: str, *, limit: float) -> Iterator[Probes]:
    """Clients of the tables that a script with that text may touch, at work when the block begins.

    Args:
        conninfo: of a role that may lock every table.
        limit: seconds that the script may take; no client waits longer for a lock.
    """
    with _connection(conninfo) as conn:
        found = _candidates(conn, text)
    stop = threading.Event()
    with _probes(conninfo, found[:_TABLES], limit=min(limit, _LONGEST)) as probes:
        threads = [threading.Thread(target=probe.work, args=(stop,), daemon=True) for probe in probes]
        clients = Probes(probes[::2], probes[1::2], max(0, len(found) - _TABLES), stop, threads)
        for thread in threads:
            thread.start()
        try:
            for probe in probes:
                probe.ready.wait(limit)
            yield clients
        finally:
            clients.end()


@contextmanager
def _probes(conninfo: bytes, relations: Sequence[str], *, limit: float) -> Iterator[list[_Probe]]:
    probes: list[_Probe] = []
    try:
        for relation in relations:
            for mode in ("ACCESS SHARE", "ROW EXCLUSIVE"):
                conn = pq.PGconn.connect(conninfo)
                conn.exec_(f"SET lock_timeout = {max(1, round(limit * 1000))}".encode())
                probes.append(_Probe(conn, relation, mode, broken=conn.status != pq.ConnStatus.OK))
        yield probes
    finally:
        for probe in probes:
            probe.conn.finish()


@contextmanager
def _connection(conninfo: bytes) -> Iterator[PGconn]:
    conn = pq.PGconn.connect(conninfo)
    try:
        yield conn
    finally:
        with suppress(OperationalError):
            conn.finish()


def _candidates(conn: PGconn, text: str) -> list[str]:
    query = (Path(__file__).parent / "candidates.sql").read_bytes()
    result = conn.exec_params(query, [text.encode()])
    return [(result.get_value(row, 0) or b"").decode() for row in range(max(0, result.ntuples))]
