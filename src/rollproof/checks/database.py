"""Is the database what it was? Schema, grants, sequences, rows, ledger."""

from __future__ import annotations

from rollproof.checks.evidence import (
    comparison,
    kept_rows,
    lines,
    need,
    observation,
    operations,
    say_changes,
)
from rollproof.checks.registry import check
from rollproof.journal import History, Kind
from rollproof.model.fingerprint import Difference, DifferenceClass
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Verdict, proven, refuted, unknown

ACCESS = frozenset({"grant", "default privilege", "owner"})
"""Kinds of fact that say who may do what; judged apart from the schema."""
_HARMLESS = (DifferenceClass.COLUMN_ORDER, DifferenceClass.GENERATED_NAME)


@check("schema-restored", "the schema is what it was", sees=("database",))
def schema_restored(history: History, *, against: str = "before") -> Verdict:
    """Every fact of the fingerprint but grants, owners and where sequences stand.

    Another order of the same columns and another server-made name are reported, not refuted:
    PostgreSQL cannot put a re-created column back in its old place.
    """
    differences = [d for d in comparison(history, "after", against).lasting() if not _is_access(d)]
    return _judge_differences(
        differences, f"as it was {against} the migration", _facts(history, against), "the schema"
    )


@check("grants-restored", "grants, owners and default privileges are what they were", sees=("database",))
def grants_restored(history: History, *, against: str = "before") -> Verdict:
    """Grants on tables, columns, sequences, functions, types and schemas; owners; default privileges."""
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


@check("sequences-safe", "sequences continue where they stood", sees=("database",))
def sequences_safe(history: History, *, against: str = "before") -> Verdict:
    """No sequence stands before the highest value that its column holds, and none went back."""
    event = need(history.last("observe.sequences"), "where the sequences stand")
    behind = event.data.get("findings")
    findings = [str(item) for item in behind] if isinstance(behind, list) else []
    moved = [d for d in comparison(history, "after", against).differences if _went_back(d)]
    findings += [str(difference) for difference in moved]
    count = event.data.get("count")
    if findings:
        return refuted(
            f"{len(findings)} sequences would hand out values again", *lines(findings), sequences=count
        )
    if not count:
        return unknown("the database has no sequences to judge")
    return proven("no sequence went back or stands behind its column", sequences=count)


def _went_back(difference: Difference) -> bool:
    if difference.klass is not DifferenceClass.SEQUENCE_STATE:
        return False
    before, after = difference.before, difference.after
    if isinstance(before, bool) or isinstance(after, bool):
        return before is True and after is False
    return isinstance(before, int) and isinstance(after, int) and after < before


@check("rows-unchanged", "every row from before is unchanged", sees=("database",))
def rows_unchanged(history: History, *, against: str = "before", ledger: str = "") -> Verdict:
    """Every row that was there is there, byte for byte; the ledger is judged apart."""
    tables = [table for table in kept_rows(history, against) if table.table != ledger]
    rows = sum(table.digest.rows for table in tables)
    changes = comparison(history, "after", against).changes
    losing = [change for change in changes if change.loses and change.table != ledger]
    if losing:
        return refuted(
            f"rows of {len(losing)} table{'s' if len(losing) > 1 else ''} are not what they were",
            *lines(map(say_changes, losing)),
            **_count(losing),
            rows=rows,
        )
    if unsure := [c for c in changes if c.incomplete and c.table != ledger]:
        findings = lines(f"{change.table}: {change.incomplete}" for change in unsure)
        return unknown(f"rows of {len(unsure)} tables could not be compared", *findings, rows=rows)
    if not rows:
        return unknown("there were no rows before, so nothing shows that rows survive")
    return proven(f"{rows:,} rows of {len(tables)} tables are what they were", rows=rows, tables=len(tables))


def _count(changes: list[RowChanges]) -> dict[str, int]:
    return {
        "rows_lost": sum(change.lost for change in changes),
        "rows_changed": sum(change.changed for change in changes),
        "values_lost": sum(sum(change.lost_columns.values()) for change in changes),
    }


@check("no-unexplained-rows", "no row appeared that no client wrote", sees=("database", "writes"))
def no_unexplained_rows(history: History, *, against: str = "before", ledger: str = "") -> Verdict:
    """Rows that appeared since are exactly the clients' writes of that time."""
    since = observation(history, against).mono_ns
    written = _written_since(history, since)
    strange = []
    for change in comparison(history, "after", against).changes:
        explained = written.get(change.table, 0)
        if change.table != ledger and change.added > explained:
            strange.append(f"{change.table}: {change.added - explained:,} rows that no client wrote")
    if strange:
        return refuted(f"rows appeared in {len(strange)} tables", *lines(strange), tables=len(strange))
    return proven("every new row is a client's", rows_written=sum(written.values()))


def _written_since(history: History, moment_ns: int) -> dict[str, int]:
    """Writes by table that were made after a moment and may be there."""
    written: dict[str, int] = {}
    if history.last("traffic.finished") is None:
        return written
    for operation in operations(history):
        if operation.kind == "write" and operation.ended_ns >= moment_ns and operation.outcome != "failed":
            table = operation.table or ""
            written[table] = written.get(table, 0) + 1
    return written


@check("ledger-clean", "the ledger no longer lists the migration", sees=("database",))
def ledger_clean(history: History, *, migration: str) -> Verdict:
    """The ledger is what it was before the migration: it lists all that it listed, and nothing else."""
    before, after = _ledger(history, "before"), _ledger(history, "after")
    if migration in after:
        return refuted(f"the ledger still lists {migration}", migrations=len(after))
    findings = [f"no longer listed: {name}" for name in before if name not in after]
    findings += [f"listed now, not before: {name}" for name in after if name not in before]
    if findings:
        return refuted("the ledger is not what it was", *lines(findings), migrations=len(after))
    return proven(f"the ledger lists the {len(after)} migrations from before", migrations=len(after))


def _ledger(history: History, label: str) -> list[str]:
    found = [e for e in history.all("observe.ledger") if e.data.get("label") == label]
    items = need(found[-1] if found else None, f"the ledger {label!r}").data["items"]
    return [str(item) for item in items] if isinstance(items, list) else []


@check(
    "reapplicable",
    "the migration can be applied again and ends in the same state",
    sees=("database", "reapplied"),
)
def reapplicable(history: History, *, ledger: str = "") -> Verdict:
    """After the rollback the migration applies again, and schema and rows end as the first time.

    What the rollback itself left different is judged by the other checks and not held against this
    one; nor are the times in the ledger. Rows of tables that the migration creates are counted, not
    compared: their keys and times of creation are made anew.
    """
    again = need(history.last("migration.reapply", Kind.OK, Kind.FAIL, Kind.UNKNOWN), "applying it again")
    if again.kind is not Kind.OK:
        found = str(again.data.get("found", ""))
        return refuted(f"the migration cannot be applied again: {found}")
    compared, left = comparison(history, "reapplied", "deployed"), comparison(history, "after", "before")
    known = {(d.kind, d.name, d.attribute) for d in left.differences}
    real = [
        d
        for d in compared.lasting()
        if d.klass not in _HARMLESS and (d.kind, d.name, d.attribute) not in known
    ]
    older = {table.table for table in kept_rows(history, "before")}
    spoilt = {ledger, *(change.table for change in left.changes if change.loses)}
    rows = [c for c in compared.changes if c.loses and c.table not in spoilt and _differs_again(c, older)]
    if real or rows:
        findings = lines([*real, *map(say_changes, rows)])
        return refuted("applied again, it ends in another state", *findings, differences=len(real))
    return proven("applied again, it ends in the same state", facts=_facts(history, "deployed"))


def _differs_again(change: RowChanges, older: set[str]) -> bool:
    """Rows of older tables must be the same; of new tables, as many."""
    return change.table in older or change.lost > change.added


@check("loss-named", "what the rollback leaves lost is counted and named", sees=("database",))
def loss_named(history: History, *, ledger: str = "") -> Verdict:
    """What is lost after the rollback is what the migration itself destroyed, and no more.

    Two measurements are compared: what was gone right after the migration, and what is gone after
    its rollback. Unknown when the migration destroyed nothing that there was to see.
    """
    destroyed = _losses(comparison(history, "deployed", "before").changes, ledger)
    left = _losses(comparison(history, "after", "before").changes, ledger)
    if not destroyed:
        return unknown("the migration destroyed no value that was there, so there is no loss to name")
    worse = [name for name, count in left.items() if count > destroyed.get(name, 0)]
    named = [f"{name}: {count:,} lost" for name, count in left.items()]
    numbers = {"destroyed": sum(destroyed.values()), "left_lost": sum(left.values())}
    if worse:
        return refuted("the rollback lost more than the migration had", *lines(worse), **numbers)
    back = numbers["destroyed"] - numbers["left_lost"]
    reason = (
        f"of {numbers['destroyed']:,} rows and values destroyed, the rollback brings back {max(back, 0):,}"
    )
    return Verdict(proven(reason).outcome, reason, numbers, lines(named))


def _losses(changes: tuple[RowChanges, ...], ledger: str) -> dict[str, int]:
    """Lost rows by table, lost or overwritten values by `table.column`."""
    losses: dict[str, int] = {}
    for change in changes:
        if change.table == ledger:
            continue
        if change.lost:
            losses[change.table] = change.lost
        for column, count in change.lost_columns.items():
            losses[f"{change.table}.{column}"] = count
    return losses


@check("nothing-touched", "nothing was touched", sees=("database",))
def nothing_touched(history: History, *, against: str = "before") -> Verdict:
    """Not one fact and not one row differs, sequences included."""
    compared = comparison(history, "after", against)
    findings = [*map(str, compared.differences), *map(say_changes, compared.changes)]
    if findings:
        return refuted(f"{len(findings)} things are not what they were", *lines(findings))
    if not _facts(history, against):
        return unknown("the fingerprint it is compared with is empty")
    return proven("no fact and no row differs", facts=_facts(history, against))
