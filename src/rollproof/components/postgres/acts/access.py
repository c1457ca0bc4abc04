"""Stopping the loss: writes taken from the application's role, and given back as they were."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import errors

from rollproof.components.clients import Clients
from rollproof.components.postgres.admin import (
    MAINTENANCE,
    connected,
    gone_with_server,
    healing_connection,
    undo_database,
)
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.privileges import (
    grant_statements,
    grant_writes,
    revoke_writes,
    write_grants,
)
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.drill.healing import healer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint import compare_rows
from rollproof.model.json import JsonObject


@dataclass(frozen=True)
class DetectLoss(Act):
    """Compares the tables with what the backup is known to hold: that is how the loss is found."""

    name = "loss.detect"

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        with connected(bench.server, bench.name, autocommit=False) as conn:
            changes = compare_rows(conn, bench.seen["backup"].rows, digester=bench.digester)
        lost = [change for change in changes if change.loses]
        if not lost:
            raise AttemptFailed("nothing is lost that the backup holds", doing="looking for lost rows")
        findings = [f"{change.table}: {change.lost:,} rows lost" for change in lost]
        drill.incident("detected", cause="rows of the backup are missing", findings=findings)
        drill.incident("decided", decision="revoke writes, restore, grant again")
        return {"findings": findings, "count": sum(change.lost for change in lost)}


@dataclass(frozen=True)
class RevokeWrites(Act):
    """Takes every privilege to write from the application's role, its column grants included."""

    name = "writes.revoke"

    def prepare(self, drill: Drill) -> None:
        bench = drill.use(Bench)
        with connected(bench.server, bench.name) as conn:
            bench.revoked = write_grants(conn, bench.app_role)
        if not bench.revoked:
            raise PreconditionNotMet(
                f"{bench.app_role} holds no privilege to write that could be revoked",
                where=f"system {drill.system.name}",
                remedy="see whether database.app_role names the role that the application logs in as",
            )

    def describe(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        return {"role": bench.app_role, "count": len(bench.revoked or [])}

    def undo(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        with connected(bench.server, bench.name) as conn:
            steps = grant_statements(conn, bench.revoked or [], bench.app_role)
        where = undo_database(bench.server)
        return {**where, "kind": "postgres.grants", "database": bench.name, "steps": list(steps)}

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        with connected(bench.server, bench.name) as conn:
            revoke_writes(conn, bench.app_role, bench.revoked or [])
        drill.use(Clients).settle()
        return {}


@healer("postgres.grants")
def _heal_grants(undo: JsonObject) -> str:
    """What the grants were on may have gone since, with a rollback or a restore: then nothing is owed."""
    database, steps = str(undo["database"]), undo["steps"]
    try:
        if not _is_there(undo, database):
            return f"grants in {database}: gone with the database"
        with healing_connection(undo, database, autocommit=False) as conn, conn.transaction():
            gone = [step for step in steps if not _give(conn, str(step))] if isinstance(steps, list) else []
    except psycopg.Error as error:
        return gone_with_server(undo, error, f"grants in {database}")
    return "grants given back" + (f", but for {len(gone)} on objects that are gone" if gone else "")


def _is_there(undo: JsonObject, database: str) -> bool:
    with healing_connection(undo, MAINTENANCE) as conn:
        return bool(conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone())


def _give(conn: psycopg.Connection, step: str) -> bool:
    """False when what the statement is about is not there."""
    try:
        with conn.transaction():
            conn.execute(step.encode())
    except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedObject, errors.InvalidSchemaName):
        return False
    return True


@dataclass(frozen=True)
class GrantWrites(Act):
    """Gives the application's role back exactly what was taken."""

    name = "writes.grant"

    def prepare(self, drill: Drill) -> None:
        drill.use(Clients).settle()

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        if bench.revoked is None:
            raise PreconditionNotMet("nothing was revoked", remedy="revoke writes before granting them again")
        with connected(bench.server, bench.name) as conn:
            grant_writes(conn, bench.app_role, bench.revoked)
        bench.revoked = None
        drill.use(Clients).settle()
        return {"role": bench.app_role}
