"""Full backups, and the proof that they restore."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rollproof.components.postgres.admin import connected, create_database, undo_database
from rollproof.components.postgres.backup import restore_into, take_backup
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.observers import observe_in
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed
from rollproof.fingerprint import compare, compare_rows, take_fingerprint
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.json import JsonObject

RESTORE_SECONDS = 3600.0


@dataclass(frozen=True)
class TakeBackup(Act):
    """A full backup with pg_dump, of the very snapshot whose fingerprint is taken."""

    name = "backup.take"

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        path = bench.scratch / "backups" / f"{bench.name}.dump"
        at_ns = time.monotonic_ns()
        with connected(bench.server, bench.name, autocommit=False) as conn:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            exported = conn.execute(
                "SELECT pg_export_snapshot(), pg_database_size(current_database())"
            ).fetchone()
            snapshot, size = exported or ("", 0)
            bench.backup = take_backup(
                bench.server, bench.name, path, snapshot=str(snapshot), room_needed=int(size), at_ns=at_ns
            )
            observe_in(drill, conn, "backup")
        return {
            "file": path.name,
            "bytes": bench.backup.bytes,
            "seconds": bench.backup.seconds,
            "started_ns": str(bench.backup.snapshot_ns),
            "server_version": bench.server.major,
        }


@dataclass(frozen=True)
class ProveBackup(Act):
    """Restores the backup into an empty database and compares every fact and every row."""

    name = "backup.verify"

    def prepare(self, drill: Drill) -> None:
        bench = drill.use(Bench)
        bench.proven_backup  # noqa: B018  raises when there is none
        bench.copy = bench.templates.fresh_name("copy")

    def describe(self, drill: Drill) -> JsonObject:
        return {"database": drill.use(Bench).copy}

    def undo(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        return undo_database(bench.server, bench.copy)

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        backup = bench.proven_backup
        content = backup.content()
        started = time.monotonic_ns()
        create_database(bench.server, bench.copy)
        restore_into(bench.server, bench.copy, backup, limit=RESTORE_SECONDS)
        restored = (time.monotonic_ns() - started) / 1e9
        rows, facts = _compare_copy(bench)
        backup.sha256 = content
        return {"count": facts, "rows": rows, "seconds": restored, "digest": content}


def _compare_copy(bench: Bench) -> tuple[int, int]:
    """Rows and facts compared. Raises AttemptFailed naming the first differences."""
    seen = bench.seen["backup"]
    with connected(bench.server, bench.copy, autocommit=False) as conn:
        fingerprint = take_fingerprint(conn)
        changes = compare_rows(conn, seen.rows, digester=bench.digester)
    differences = [
        difference
        for difference in compare(seen.fingerprint, fingerprint)
        if difference.klass is not DifferenceClass.SEQUENCE_STATE
    ]
    found = [str(d) for d in differences] + [f"{c.table}: rows differ" for c in changes]
    if found:
        raise AttemptFailed(
            f"the restored copy differs in {len(found)} things, such as {'; '.join(found[:3])}",
            doing="proving that the backup restores",
            remedy="do not rely on this backup; see which role took it and what it could not read",
        )
    return sum(table.digest.rows for table in seen.rows.tables), len(fingerprint.facts)
