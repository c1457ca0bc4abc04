"""What saboteurs do that SQL alone cannot."""

from __future__ import annotations

import pytest

from rollproof.components import service
from rollproof.components.postgres.acts import backups, rollback
from rollproof.components.postgres.admin import connected
from rollproof.components.postgres.backup import DUMP_SECONDS
from rollproof.components.postgres.bench import Bench
from rollproof.components.postgres.programs import run_program
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill


def _patched(drill: Drill, target: object, name: str, value: object) -> None:
    """Puts another value in place for the rest of the scenario."""
    patch = pytest.MonkeyPatch()
    patch.setattr(target, name, value)
    drill.on_heal(patch.undo)


def nothing(drill: Drill, act: Act) -> None:
    """The act reports success and does nothing."""


def stop_services(drill: Drill, act: Act) -> None:
    """The service dies and nobody starts it again."""
    _patched(drill, service, "VERIFY_SECONDS", 0.3)
    drill.use(service.Services).stop()


def impatient(drill: Drill, act: Act) -> None:
    """Only spares the test a long wait for a service that will not come back."""
    _patched(drill, service, "VERIFY_SECONDS", 0.3)


def slow_objective(drill: Drill, act: Act) -> None:
    """The business asks for more than the rollback can do."""
    objectives = drill.system.objectives.model_copy(update={"rto": 0.001})
    drill.system = drill.system.model_copy(update={"objectives": objectives})


def backup_after_the_fact(drill: Drill, act: Act) -> None:
    """The backup is taken, and proven, only after the migration."""
    backups.TakeBackup().run(drill)
    proving = backups.ProveBackup()
    proving.prepare(drill)
    drill.on_heal(lambda: _drop_copy(drill))
    proving.run(drill)


def _drop_copy(drill: Drill) -> None:
    from rollproof.components.postgres.admin import drop_database

    bench = drill.use(Bench)
    drop_database(bench.server, bench.copy)


def backup_without_rows(drill: Drill, act: Act) -> None:
    """The role that took the backup could not read one table."""
    bench = drill.use(Bench)
    path = bench.proven_backup.path
    table = bench.spec.critical_tables[0]
    arguments = ["--format=custom", f"--exclude-table-data={table}", f"--file={path}"]
    run_program(bench.server, bench.name, "pg_dump", arguments, limit=DUMP_SECONDS, doing="sabotage")


def restore_gives_writes_back(drill: Drill, act: Act) -> None:
    """The restore brings the grants back, and nobody takes them away again."""
    _patched(drill, rollback.Restore, "_last", lambda self, bench: "")


def guard_asleep(drill: Drill, act: Act) -> None:
    """The guard finds nothing to object to, whatever it sees."""
    _patched(drill, rollback, "objections", lambda facts: [])


def guard_ignored(drill: Drill, act: Act) -> None:
    """The guard objects and the rollback is done all the same."""
    rollback.RollBack().run(drill)


def rehearsal_left_out(drill: Drill, act: Act) -> None:
    """Somebody is in a hurry."""
    steps = tuple(step for step in rollback.SAFE_STEPS if step is not rollback.Rehearse)
    _patched(drill, rollback, "SAFE_STEPS", steps)


def backup_last(drill: Drill, act: Act) -> None:
    """The backup is taken when everything is over."""
    steps = (
        rollback.RollBack,
        rollback.VerifyService,
        rollback.TakeBackup,
        rollback.ProveBackup,
    )
    _patched(drill, rollback, "SAFE_STEPS", steps)


def lock_let_go(drill: Drill, act: Act) -> None:
    """The other session ends before the rollback: there was nothing to wait for."""
    bench = drill.use(Bench)
    with connected(bench.server, "postgres") as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND application_name = 'nightly-report'",
            [bench.name],
        )


def applied_after_all(drill: Drill, act: Act) -> None:
    """The migration is not missing at all."""
    bench = drill.use(Bench)
    bench.templates.apply(bench.name, bench.migration)
