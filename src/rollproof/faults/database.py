"""Faults of a database and of its backups."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import Connection, sql

from rollproof.components.postgres.acts.backups import ProveBackup, TakeBackup
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.backup import listing, major_of
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.observers import observe
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, BadInput, NotApplicable
from rollproof.faults.base import Fault
from rollproof.model.json import JsonObject
from rollproof.model.names import split_name


class BackupMissing(Fault):
    """Somebody cleaned up: the backup's file is gone."""

    def inject(self, drill: Drill) -> JsonObject:
        drill.use(Bench).proven_backup.path.unlink()
        return {}

    def took_hold(self, drill: Drill) -> bool:
        return not drill.use(Bench).proven_backup.path.exists()


class BackupEmpty(Fault):
    """The dump failed without a word and left an empty file (GitLab, 2017)."""

    def inject(self, drill: Drill) -> JsonObject:
        drill.use(Bench).proven_backup.path.write_bytes(b"")
        return {}

    def took_hold(self, drill: Drill) -> bool:
        return drill.use(Bench).proven_backup.bytes == 0


class BackupTruncated(Fault):
    """The disk was full: the archive ends in the middle of its data, its head is good."""

    def inject(self, drill: Drill) -> JsonObject:
        path = drill.use(Bench).proven_backup.path
        whole = path.stat().st_size
        with path.open("r+b") as file:
            file.truncate(whole - whole // 10)
        return {"bytes": whole}

    def took_hold(self, drill: Drill) -> bool:
        try:
            listing(drill.use(Bench).server, drill.use(Bench).proven_backup)
        except AttemptFailed:
            return True
        return False


class BackupOfOtherMajor(Fault):
    """The archive says that it was dumped from another major version (its head is rewritten)."""

    def inject(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        path = bench.proven_backup.path
        ours, other = f"{bench.server.major}.".encode(), f"{bench.server.major - 2}.".encode()
        head, rest = path.read_bytes()[:4096], path.read_bytes()[4096:]
        path.write_bytes(head.replace(ours, other, 1) + rest)
        return {"major": bench.server.major - 2}

    def took_hold(self, drill: Drill) -> bool:
        bench = drill.use(Bench)
        return major_of(listing(bench.server, bench.proven_backup)) == bench.server.major - 2


class BackupNeverRestored(Fault):
    """Nobody has ever restored it."""

    def inject(self, drill: Drill) -> JsonObject:
        return {}

    def took_hold(self, drill: Drill) -> bool:
        return not drill.use(Bench).proven_backup.compared


class BackupAltered(Fault):
    """It was proven, then another file took its place under the same name."""

    def inject(self, drill: Drill) -> JsonObject:
        with drill.use(Bench).proven_backup.path.open("ab") as file:
            file.write(b"\0")
        return {}

    def took_hold(self, drill: Drill) -> bool:
        backup = drill.use(Bench).proven_backup
        return backup.compared and backup.content() != backup.sha256


_FLAWS: dict[str, type[Fault]] = {
    "missing": BackupMissing,
    "empty": BackupEmpty,
    "truncated": BackupTruncated,
    "of another major version": BackupOfOtherMajor,
    "never restored": BackupNeverRestored,
    "altered after it was compared": BackupAltered,
}


def take_flawed_backup(drill: Drill, flaw: str) -> None:
    """Takes a backup and gives it the flaw that a feature names. Raises BadInput for an unknown one."""
    if flaw not in _FLAWS:
        raise BadInput(f"no fault makes a backup {flaw!r}", remedy=f"say one of: {'; '.join(_FLAWS)}")
    fault = _FLAWS[flaw]
    drill.require(TakeBackup())
    if fault is BackupAltered:
        drill.require(ProveBackup())
    drill.require(fault())


@dataclass
class LockHeld(Fault):
    """Another session, idle in its transaction, holds a lock on every table of the migration's making."""

    held: list[Connection] = field(default_factory=list)

    def inject(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        bench.limit = min(bench.limit, 1.0)
        conn = psycopg.connect(
            bench.server.conninfo(bench.name), application_name="nightly-report", connect_timeout=10
        )
        self.held.append(conn)
        tables = _tables(conn)
        for schema, table in tables:
            conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(sql.Identifier(schema, table)))
        return {"tables": len(tables)}

    def took_hold(self, drill: Drill) -> bool:
        return (
            bool(self.held) and self.held[0].info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        )

    def heal(self) -> None:
        for conn in self.held:
            conn.close()


def _tables(conn: Connection) -> list[tuple[str, str]]:
    rows = conn.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
    ).fetchall()
    return [(str(schema), str(table)) for schema, table in rows]


class RowsDeleted(Fault):
    """A tenth of a critical table's rows are deleted by mistake, as an unbounded DELETE does."""

    def inject(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        observe(drill, "before")
        if not bench.spec.critical_tables:
            raise NotApplicable(f"system {drill.system.name} declares no database.critical_tables")
        deleted = 0
        with connected(bench.server, bench.name) as conn:
            for name in bench.spec.critical_tables:
                deleted = deleted or _delete_tenth(conn, name)
        drill.incident("fault", cause=f"{deleted} rows deleted by mistake")
        self.deleted = deleted
        return {"rows": deleted}

    def took_hold(self, drill: Drill) -> bool:
        return self.deleted > 0


def _delete_tenth(conn: Connection, name: str) -> int:
    """Rows deleted; 0 when the table is empty or other rows refer to all of them."""
    table = sql.Identifier(*split_name(name))
    statement = sql.SQL(
        "DELETE FROM {0} WHERE ctid IN "
        "(SELECT ctid FROM {0} LIMIT (SELECT greatest(count(*) / 10, 1) FROM {0}))"
    ).format(table)
    try:
        return conn.execute(statement).rowcount
    except psycopg.errors.ForeignKeyViolation:
        return 0
