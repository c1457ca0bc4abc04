"""Phrases about dumps in plain SQL, and about taking several migrations back in one go."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from rollproof.checks import database as checks
from rollproof.checks import listing as listing_checks
from rollproof.checks import restores, rows
from rollproof.components.postgres import acts
from rollproof.components.postgres.acts import listing, plain, several
from rollproof.drill.drill import Drill


@given("a dump of the database in plain SQL")
def dumped(drill: Drill) -> None:
    drill.require(plain.DumpPlain())


@given(parsers.re(r"a dump of the database in plain SQL that is (?P<flaw>.+)"))
def dumped_badly(drill: Drill, flaw: str) -> None:
    plain.dump_with_flaw(drill, flaw)


@given("the newest release of which every migration has a way back")
def reversible(drill: Drill) -> None:
    drill.require(several.StageReversible())


@given("a release of which one migration has no way back")
def irreversible(drill: Drill) -> None:
    drill.require(several.StageIrreversible())


@given(parsers.re(r"a ledger that (?P<lie>.+)"))
def lying_ledger(drill: Drill, lie: str) -> None:
    listing.ledger_with_lie(drill, lie)


@when("the applied and the missing migrations are listed")
def listed(drill: Drill) -> None:
    drill.attempt(listing.ListMigrations())


@when("the dump is restored with psql into an empty database")
def restored(drill: Drill) -> None:
    drill.attempt(plain.RestorePlain())


@when("the dump is restored with psql into the database in use")
def restored_over(drill: Drill) -> None:
    drill.attempt(plain.RestorePlain(in_use=True))


@when("the newest migrations are taken back to a named one")
def taken_back(drill: Drill) -> None:
    acts.guarded(drill, several.TakeBack())


@when("all migrations are taken back")
def all_taken_back(drill: Drill) -> None:
    acts.guarded(drill, several.TakeBack(everything=True))


@then("the restored database is what was dumped")
def copy_identical(drill: Drill) -> None:
    drill.verify(restores.copy_identical)


@then(parsers.re(r"the restore stopped because (?P<reason>.+)"))
def stopped(drill: Drill, reason: str) -> None:
    drill.verify(restores.restore_stopped, because=reason)


@then("nothing of the dump is left in that database")
def nothing_left(drill: Drill) -> None:
    drill.verify(restores.nothing_left)


@then("nothing was touched since the dump")
def nothing_touched(drill: Drill) -> None:
    drill.verify(checks.nothing_touched, against="backup")


@then("the ledger lists exactly the migrations that were not taken back")
def ledger_exact(drill: Drill) -> None:
    drill.verify(restores.ledger_exact, stay=several.staying(drill))


@then("the schema is what it was at that migration")
def schema_restored(drill: Drill) -> None:
    drill.verify(checks.schema_restored)


@then("no more is lost than those migrations had destroyed")
def loss_named(drill: Drill) -> None:
    drill.verify(rows.loss_named, ledger=acts.ledger_table(drill), may_be_none=True)


@then("those migrations can be applied again and end in the same schema")
def reapplicable(drill: Drill) -> None:
    drill.verify(checks.reapplicable, ledger=acts.ledger_table(drill), schema_only=True)


@then("taking them back was refused, naming the migration that has no way back")
def refused(drill: Drill) -> None:
    drill.verify(restores.back_refused)


@then("the list agrees with the ledger's rows, the migration files and the schema")
def ledger_true(drill: Drill) -> None:
    drill.verify(listing_checks.ledger_true)


@then("it is found that the ledger lies")
def lie_found(drill: Drill) -> None:
    drill.verify(listing_checks.lie_found)
