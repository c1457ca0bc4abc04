"""Rolling back: guarded by a proven backup, by script or by restore, or by the whole safe procedure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from rollproof.checks.backup import BackupFacts, objections
from rollproof.components.clients import Clients
from rollproof.components.postgres.acts.backups import RESTORE_SECONDS, ProveBackup, TakeBackup
from rollproof.components.postgres.admin import connected, undo_database
from rollproof.components.postgres.backup import Backup, listing, major_of, restore_beside, restore_over
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.privileges import revoke_statements
from rollproof.components.service import VerifyService
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import AttemptFailed, NotApplicable
from rollproof.fingerprint import compare, take_fingerprint
from rollproof.migrations.kinds import validate
from rollproof.migrations.script import Script
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.json import JsonObject

DEADLOCK = "40P01"
TRIES = 3


def guarded(drill: Drill, act: Act, *, accept_loss: bool = False) -> None:
    """Attempts `act` only when the guard lets it."""
    if drill.history.last("incident.detected") is None:
        drill.incident("detected", cause="the release is declared faulty by the drill")
        drill.incident("decided", decision=f"{act.name}, as the runbook says for this kind of migration")
    if drill.attempt(Guard(accept_loss=accept_loss, restores=isinstance(act, Restore))):
        drill.attempt(act)


def safe_procedure(drill: Drill) -> None:
    """Full backup, proof that it restores, rehearsal on the copy, guard, rollback, validation."""
    drill.incident("detected", cause="the release is declared faulty by the drill")
    drill.incident("decided", decision="the safe procedure")
    for step in SAFE_STEPS:
        if not drill.attempt(step()):
            return


@dataclass(frozen=True)
class Guard(Act):
    """No rollback without a backup that can be relied on.

    Attributes:
        restores: the rollback itself restores the backup, which must then cover every write
            acknowledged so far; a rollback by script asks it to cover those before the fault.
        accept_loss: somebody has decided to give up what was written since the backup.
    """

    name = "rollback.guard"
    restores: bool = False
    accept_loss: bool = False

    def run(self, drill: Drill) -> JsonObject:
        facts = backup_facts(drill, restores=self.restores)
        if self.accept_loss:
            facts = replace(facts, newest_write_ns=None)
        if against := objections(facts):
            raise AttemptFailed(
                "; ".join(against),
                doing="looking for a backup before the rollback",
                remedy="take a full backup, restore it into an empty database and compare; then roll back",
            )
        return {"bytes": facts.bytes, "decision": "loss accepted" if self.accept_loss else "covered"}


def backup_facts(drill: Drill, *, restores: bool) -> BackupFacts:
    """What is known of the scenario's backup now."""
    bench = drill.use(Bench)
    backup = bench.backup or Backup(bench.scratch / "none", None)
    fault = drill.history.last("incident.fault")
    until = time.monotonic_ns() if restores or fault is None else fault.mono_ns
    listed = _try_listing(bench, backup)
    return BackupFacts(
        exists=backup.path.exists(),
        readable=bool(listed),
        bytes=backup.bytes,
        unchanged=backup.content() == backup.sha256,
        major=major_of(listed),
        server_major=bench.server.major,
        snapshot_ns=backup.snapshot_ns,
        newest_write_ns=drill.use(Clients).newest_write(before_ns=until),
        compared=backup.compared,
    )


def _try_listing(bench: Bench, backup: Backup) -> str:
    if not backup.bytes:
        return ""
    try:
        return listing(bench.server, backup)
    except AttemptFailed:
        return ""


@dataclass(frozen=True)
class RollBack(Act):
    """Applies the rollback script of the migration under drill, or its reversing one, with its tool."""

    name = "migration.roll_back"
    by: Literal["down", "reverse"] = "down"
    optional: bool = False

    def prepare(self, drill: Drill) -> None:
        script = self._script(drill)
        if script is None and not self.optional:
            raise NotApplicable(f"{drill.use(Bench).migration.id} has no {self.by} script")
        if script is not None and drill.use(Bench).migration.stated is None:
            validate(script)

    def _script(self, drill: Drill) -> Script | None:
        migration = drill.use(Bench).migration
        return migration.down if self.by == "down" else migration.reverse

    def describe(self, drill: Drill) -> JsonObject:
        script = self._script(drill)
        name = script.path.name if script else ""
        return {
            "migration": drill.use(Bench).migration.id,
            "path": name,
            "command": _way_back_by_hand(drill.use(Bench)) or f"psql -f {name}" if name else "",
        }

    def run(self, drill: Drill) -> JsonObject:
        bench, script = drill.use(Bench), self._script(drill)
        if script is None:
            return {"found": "the migration has no such script: nothing was run"}
        back = bench.templates.source.roll_back if self.by == "down" else bench.templates.source.revert
        runner = bench.templates.runner(bench.name, limit=bench.limit)
        started = time.monotonic_ns()
        tries = again_after_deadlock(lambda: back(bench.migration, runner))
        bench.expected = tuple(name for name in bench.expected if name != bench.migration.id)
        drill.incident("executed")
        return {"seconds": (time.monotonic_ns() - started) / 1e9, "attempts": tries}


def _way_back_by_hand(bench: Bench) -> str:
    """The command line of a tool that runs its own migrations; empty when a script is run as it is."""
    say = getattr(bench.templates.source, "way_back_by_hand", None)
    return str(say(bench.migration)) if say else ""


@dataclass(frozen=True)
class Rehearse(Act):
    """Applies the rollback script to the restored copy first, and compares the copy's schema."""

    name = "rollback.rehearse"

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        if bench.migration.down is None:
            raise NotApplicable(f"{bench.migration.id} has no rollback script")
        runner = bench.templates.runner(bench.copy, limit=bench.limit)
        done = bench.templates.source.roll_back(bench.migration, runner)
        with connected(bench.server, bench.copy, autocommit=False) as conn:
            differences = compare(bench.seen["before"].fingerprint, take_fingerprint(conn))
        real = [d for d in differences if d.klass is DifferenceClass.OBJECT]
        if real:
            raise AttemptFailed(
                f"on the copy, the rollback leaves {len(real)} differences, such as {real[0]}",
                doing="rehearsing the rollback on a copy",
                remedy="mend the rollback script before it is applied",
            )
        return {"seconds": done.seconds, "database": bench.copy}


@dataclass(frozen=True)
class Restore(Act):
    """Restores the backup in place of the database, by the method that the system file names.

    Attributes:
        keep_revoked: grants come back with a restore; this takes writes away again before the
            application can use them.
    """

    name = "backup.restore"
    keep_revoked: bool = False

    def prepare(self, drill: Drill) -> None:
        bench = drill.use(Bench)
        bench.side, bench.old = bench.templates.fresh_name("side"), bench.templates.fresh_name("old")

    def describe(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        backup, clean = bench.proven_backup, bench.spec.restore == "clean"
        command = f"pg_restore {'--clean ' if clean else ''}{backup.path.name}"
        return {
            "file": backup.path.name,
            "bytes": backup.bytes,
            "command": command,
            "kind": bench.spec.restore,
        }

    def undo(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        return undo_database(bench.server, bench.side, bench.old)

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        started = time.monotonic_ns()
        tries = again_after_deadlock(lambda: self._restore(bench))
        if bench.target is not None:
            bench.expected = tuple(name for name in bench.expected if name != bench.target.id)
        drill.incident("executed")
        return {"seconds": (time.monotonic_ns() - started) / 1e9, "attempts": tries}

    def _restore(self, bench: Bench) -> None:
        backup, last = bench.proven_backup, self._last(bench)
        clients = bench.drill.use(Clients)
        if bench.spec.restore == "clean":
            with connected(bench.server, bench.name) as conn:
                clients.look_for_unacknowledged(conn)
            restore_over(
                bench.server, bench.name, backup, limit=RESTORE_SECONDS, last=last, scratch=bench.scratch
            )
        else:
            restore_beside(
                bench.server,
                bench.name,
                backup,
                side=bench.side,
                old=bench.old,
                limit=RESTORE_SECONDS,
                last=last,
            )
            with connected(bench.server, bench.old) as conn:
                clients.look_for_unacknowledged(conn)

    def _last(self, bench: Bench) -> str:
        if not (self.keep_revoked and bench.revoked):
            return ""
        with connected(bench.server, bench.name) as conn:
            statements = revoke_statements(conn, bench.revoked, bench.app_role)
        return "".join(f"{statement};\n" for statement in statements)


def again_after_deadlock(attempt: Callable[[], object]) -> int:
    """Tries up to `TRIES` times while clients at work make it a deadlock's victim; how many it took.

    A deadlock's victim has been rolled back whole; a script that had committed a part is not tried again.
    """
    for number in range(1, TRIES):
        try:
            attempt()
        except AttemptFailed as error:
            if DEADLOCK not in error.found and "deadlock detected" not in error.found:
                raise
            if error.facts.get("committed_statements"):
                raise
        else:
            return number
    attempt()
    return TRIES


SAFE_STEPS: tuple[type[Act], ...] = (TakeBackup, ProveBackup, Rehearse, Guard, RollBack, VerifyService)
"""The safe procedure in its order; a step that fails ends it."""
