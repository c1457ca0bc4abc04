"""Phrases about a database and its migrations."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import backup as backup_checks
from rollproof.checks import database as checks
from rollproof.checks import diagnosis, kinds, procedure, rows, sequences
from rollproof.components.postgres import acts, observers  # noqa: F401  the observers register themselves
from rollproof.drill.drill import Drill
from rollproof.faults import database as faults


@given(parsers.re(r"the release before the newest (?P<kind>[\w-]+) migration(?: that has (?P<having>.+))?"))
def release_before(drill: Drill, kind: str, having: str | None) -> None:
    drill.require(acts.StageBefore(kind=kind, having=having or ""))


@given(parsers.re(r"the release before migration (?P<migration>\S+)"))
def release_before_named(drill: Drill, migration: str) -> None:
    drill.require(acts.StageBeforeNamed(migration=migration))


@given("the system runs its current release")
def current_release(drill: Drill) -> None:
    drill.require(acts.StageCurrent())


@given(parsers.re(r"a release whose newest (?P<kind>[\w-]+) migration was never applied"))
def release_without(drill: Drill, kind: str) -> None:
    drill.require(acts.StageWithout(kind=kind))


@given("that migration is deployed")
def deployed(drill: Drill) -> None:
    drill.require(acts.Deploy())


@given("a full backup that restores to an identical copy")
def proven_backup(drill: Drill) -> None:
    drill.require(acts.TakeBackup())
    drill.require(acts.ProveBackup())


@given(parsers.re(r"a full backup that is (?P<flaw>.+)"))
def flawed_backup(drill: Drill, flaw: str) -> None:
    faults.take_flawed_backup(drill, flaw)


@given("another session holds a lock that the rollback needs")
def lock_held(drill: Drill) -> None:
    drill.require(faults.LockHeld())


@given("rows of a critical table have been deleted by mistake")
def rows_deleted(drill: Drill) -> None:
    drill.require(faults.RowsDeleted())


@given("a database with rows before each migration")
def empty_history(drill: Drill) -> None:
    drill.require(acts.StageEmpty())


@when("its rollback script is applied")
def rolled_back(drill: Drill) -> None:
    acts.guarded(drill, acts.RollBack())


@when("its rollback script is applied, where it has one")
def rolled_back_where_possible(drill: Drill) -> None:
    acts.guarded(drill, acts.RollBack(optional=True))


@when("its reversing script is applied")
def reversed_by_script(drill: Drill) -> None:
    acts.guarded(drill, acts.RollBack(by="reverse"))


@when("the database is restored from that backup")
def restored(drill: Drill) -> None:
    acts.guarded(drill, acts.Restore())


@when("the database is restored from that backup, giving up what was written since")
def restored_with_loss(drill: Drill) -> None:
    acts.guarded(drill, acts.Restore(), accept_loss=True)


@when("the database is restored from that backup, writes staying revoked")
def restored_revoked(drill: Drill) -> None:
    acts.guarded(drill, acts.Restore(keep_revoked=True))


@when("the safe rollback procedure is carried out")
def safe_procedure(drill: Drill) -> None:
    acts.safe_procedure(drill)


@when("the loss is detected")
def loss_detected(drill: Drill) -> None:
    drill.attempt(acts.DetectLoss())


@when("writes are revoked from the application role")
def revoked(drill: Drill) -> None:
    drill.attempt(acts.RevokeWrites())


@when("writes are granted to the application role again")
def granted(drill: Drill) -> None:
    drill.attempt(acts.GrantWrites())


@when("the cause is diagnosed")
def diagnosed(drill: Drill) -> None:
    drill.attempt(acts.Diagnose())


@when("the missing migration is applied")
def missing_applied(drill: Drill) -> None:
    drill.attempt(acts.ApplyMissing())


@when("every migration is applied, one after another")
def every_migration(drill: Drill) -> None:
    drill.attempt(acts.WalkForward())


@then("the schema is what it was before that migration")
@then("the schema is what it was before the loss")
def schema_restored(drill: Drill) -> None:
    drill.verify(checks.schema_restored)


@then("grants, owners and default privileges are what they were")
def grants_restored(drill: Drill) -> None:
    drill.verify(checks.grants_restored)


@then("sequences continue where they stood")
def sequences_safe(drill: Drill) -> None:
    drill.verify(sequences.sequences_safe)


@then("every row from before that migration is unchanged")
@then("every row from before the loss is unchanged")
@then("every row from before the remedy is unchanged")
def rows_unchanged(drill: Drill) -> None:
    drill.verify(rows.rows_unchanged, ledger=acts.ledger_table(drill))


@then("every row from before that backup is unchanged")
def backup_rows_unchanged(drill: Drill) -> None:
    drill.verify(rows.rows_unchanged, against="backup", ledger=acts.ledger_table(drill))


@then("no row appeared that no client wrote")
def no_unexplained_rows(drill: Drill) -> None:
    drill.verify(rows.no_unexplained_rows, ledger=acts.ledger_table(drill))


@then("the ledger no longer lists that migration")
def ledger_clean(drill: Drill) -> None:
    drill.verify(checks.ledger_clean, migration=acts.target_id(drill))


@then("the migration can be applied again and ends in the same state")
def reapplicable(drill: Drill) -> None:
    drill.verify(checks.reapplicable, ledger=acts.ledger_table(drill))


@then("what the rollback leaves lost is counted and named")
@then("what the rollback leaves lost is counted and named by table and column")
def loss_named(drill: Drill) -> None:
    drill.verify(rows.loss_named, ledger=acts.ledger_table(drill))


@then(
    "its steps were carried out in order: backup, proof of the backup, rehearsal, guard, rollback, validation"
)
def procedure_in_order(drill: Drill) -> None:
    drill.verify(procedure.procedure_in_order)


@then("the backup restores to an identical copy")
def backup_restores(drill: Drill) -> None:
    drill.verify(backup_checks.backup_restores)


@then(parsers.re(r"the rollback is refused because (?P<reason>.+)"))
def refused(drill: Drill, reason: str) -> None:
    drill.verify(backup_checks.rollback_refused, because=reason)


@then("the rollback gave up and named the session that it waited for")
def gave_up(drill: Drill) -> None:
    drill.verify(procedure.gave_up_waiting)


@then("nothing was touched since that migration was deployed")
def nothing_touched(drill: Drill) -> None:
    drill.verify(checks.nothing_touched, against="deployed")


@then("the diagnosis names the missing migration")
def diagnosis_names(drill: Drill) -> None:
    drill.verify(diagnosis.missing_migration_named, migration=acts.target_id(drill))


@then("no migration is missing any more")
def nothing_missing(drill: Drill) -> None:
    drill.verify(diagnosis.nothing_missing)


@then("the kind read from each script is the kind of what happened")
def kinds_agree(drill: Drill) -> None:
    drill.verify(kinds.kinds_agree)
