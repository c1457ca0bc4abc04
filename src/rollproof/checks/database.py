"""Is the database what it was? Schema, grants, ledger; rows and sequences have modules of their own."""

from __future__ import annotations

from collections import Counter

from rollproof.checks.evidence import (
    Comparison,
    as_list,
    comparison,
    kept_rows,
    labelled,
    lines,
    need,
    observation,
    say_changes,
)
from rollproof.checks.registry import check
from rollproof.checks.rows import unsure_of, without
from rollproof.journal import History, Kind
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Verdict, proven, refuted, unknown

ACCESS = frozenset({"grant", "default privilege", "role"})
"""Kinds of fact that say who may do what; judged apart from the schema, as is the attribute `owner`."""
_HARMLESS = (DifferenceClass.COLUMN_ORDER, DifferenceClass.GENERATED_NAME, DifferenceClass.WHITE_SPACE)


@check("schema-restored", "the schema is what it was", sees=("database",))
def schema_restored(history: History, *, against: str = "before") -> Verdict:
    """Every fact of the fingerprint but grants, owners and where sequences stand.

    Another order of the same columns, another server-made name and another layout of a function's
    body are reported, not refuted: PostgreSQL cannot put a re-created column back in its old place.
    """
    differences = [d for d in comparison(history, "after", against).lasting() if not _is_access(d)]
    return _judge_differences(
        differences, f"as it was {against} the migration", _facts(history, against), "the schema"
    )


@check("grants-restored", "grants, owners and default privileges are what they were", sees=("database",))
def grants_restored(history: History, *, against: str = "before") -> Verdict:
    """Grants on tables, columns, sequences, functions, types and schemas; owners; default privileges;
    what the roles concerned may do and belong to."""
    differences = [d for d in comparison(history, "after", against).lasting() if _is_access(d)]
    return _judge_differences(
        differences, f"as they were {against} the migration", _facts(history, against), "grants"
    )


def _is_access(difference: Difference) -> bool:
    return difference.kind in ACCESS or difference.attribute == "owner"


def _facts(history: History, against: str) -> int:
    count = observation(history, against).data.get("count")
    return count if isinstance(count, int) else 0


def _judge_differences(differences: list[Difference], good: str, facts: int, what: str) -> Verdict:
    if not facts:
        return unknown(f"{what}: the fingerprint it is compared with is empty")
    real = [d for d in differences if d.klass not in _HARMLESS]
    named = [str(d) for d in differences if d.klass in _HARMLESS]
    if real:
        return refuted(
            f"{what}: {len(real)} difference{'s' if len(real) > 1 else ''}, such as {real[0]}",
            *lines(real),
            differences=len(real),
            facts=facts,
        )
    verdict = proven(f"{what}: {good}", facts=facts, differences=0, order_or_name_only=len(named))
    return Verdict(verdict.outcome, verdict.reason, verdict.numbers, tuple(named))


@check("ledger-clean", "the ledger no longer lists the migration", sees=("database",))
def ledger_clean(history: History, *, migration: str) -> Verdict:
    """The ledger is what it was before the migration: it lists all that it listed, and nothing else."""
    gone = need(labelled(history, "observe.ledger", "after"), "the ledger 'after'").data.get("found")
    if gone is not None:
        return refuted(f"the ledger cannot be read any more: {gone}")
    before, after = _ledger(history, "before"), _ledger(history, "after")
    if after[migration]:
        return refuted(f"the ledger still lists {migration}", migrations=after.total())
    findings = [f"no longer listed: {name}" for name in before - after]
    findings += [f"listed now, not before: {name}" for name in after - before]
    if findings:
        return refuted("the ledger is not what it was", *lines(findings), migrations=after.total())
    if labelled(history, "observe.ledger", "deployed") and not _ledger(history, "deployed")[migration]:
        return unknown(f"the ledger never listed {migration}, so nothing shows that it was taken off")
    return proven(f"the ledger lists the {after.total()} migrations from before", migrations=after.total())


def _ledger(history: History, label: str) -> Counter[str]:
    """How often the ledger lists what."""
    event = need(labelled(history, "observe.ledger", label), f"the ledger {label!r}")
    return Counter(map(str, as_list(event.data.get("items"))))


@check(
    "reapplicable",
    "the migration can be applied again and ends in the same state",
    sees=("database", "reapplied"),
)
def reapplicable(history: History, *, ledger: str = "", schema_only: bool = False) -> Verdict:
    """After the rollback the migration applies again, and schema and rows end as the first time; the
    schema alone where the rollback took tables along, with all the rows that clients had put there.

    What the rollback itself left different is judged by the other checks and not held against this
    one; nor are the times in the ledger. Rows that the migration itself makes are counted, not
    compared: their keys and times of creation are made anew.
    """
    again = need(history.last("migration.reapply", Kind.OK, Kind.FAIL, Kind.UNKNOWN), "applying it again")
    found = str(again.data.get("found", ""))
    if again.kind is Kind.UNKNOWN:
        return unknown(f"nobody can tell whether the migration was applied again: {found}")
    if again.kind is Kind.FAIL:
        return refuted(f"the migration cannot be applied again: {found}")
    compared, left = comparison(history, "reapplied", "deployed"), comparison(history, "after", "before")
    known = {(d.kind, d.name, d.attribute) for d in left.differences}
    real = [
        d
        for d in compared.lasting()
        if d.klass not in _HARMLESS and (d.kind, d.name, d.attribute) not in known
    ]
    rows = [] if schema_only else _differing_rows(history, compared, left, ledger)
    losing = [change for change in rows if change.loses]
    if real or losing:
        findings = lines([*real, *map(say_changes, losing)])
        return refuted("applied again, it ends in another state", *findings, differences=len(real))
    if unsure := unsure_of(rows):
        return unsure
    facts = _facts(history, "deployed")
    if not facts:
        return unknown("the fingerprint it is compared with is empty")
    return proven("applied again, it ends in the same state", facts=facts)


def _differing_rows(
    history: History, compared: Comparison, left: Comparison, ledger: str
) -> list[RowChanges]:
    """Rows that count: not of tables that the rollback spoilt, nor those that the migration makes."""
    older = {table.table for table in kept_rows(history, "before")}
    spoilt = {change.table for change in left.changes if change.loses}
    made = {change.table: change for change in comparison(history, "deployed", "before").changes}
    return [
        change
        for change in without(compared.changes, ledger)
        if change.table not in spoilt and not _made_anew(change, older, made.get(change.table))
    ]


def _made_anew(change: RowChanges, older: set[str], made: RowChanges | None) -> bool:
    """Whether only rows are other that the migration makes, and no fewer are there."""
    if change.incomplete or change.missing_table or change.lost > change.added:
        return False
    if change.table not in older:
        return True
    other = {*change.lost_keys, *change.changed_keys}
    if made is None or change.lost + change.changed > made.added:
        return False
    listed = made.added == len(made.added_keys)
    return other <= set(made.added_keys) if listed else True


@check("nothing-touched", "nothing was touched", sees=("database",))
def nothing_touched(history: History, *, against: str = "before") -> Verdict:
    """Not one fact and not one row differs, sequences included."""
    compared = comparison(history, "after", against)
    facts = _facts(history, against)
    changed = [change for change in compared.changes if change.loses or change.added]
    findings = [*map(str, compared.differences), *map(say_changes, changed)]
    if findings:
        return refuted(f"touched: {findings[0]}", *lines(findings), differences=len(findings))
    if unsure := unsure_of(compared.changes):
        return unsure
    if not facts:
        return unknown("the fingerprint it is compared with is empty")
    return proven("no fact and no row differs", facts=facts)
