"""Are the rows what they were, and is every difference explained?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping

from rollproof.checks.evidence import (
    as_list,
    as_object,
    comparison,
    kept_rows,
    lines,
    need,
    observation,
    operations,
    same_table,
    say_changes,
)
from rollproof.checks.registry import check
from rollproof.journal import History, Kind
from rollproof.model.json import Json
from rollproof.model.rows import RowChanges
from rollproof.model.verdict import Outcome, Verdict, proven, refuted, unknown
from rollproof.workload.operations import Operation

_OVERWRITTEN = " (rows overwritten)"


@check("rows-unchanged", "every row from before is unchanged", sees=("database",))
def rows_unchanged(history: History, *, against: str = "before", ledger: str = "") -> Verdict:
    """Every row that was there is there, byte for byte; the ledger is judged apart."""
    tables = [table for table in kept_rows(history, against) if not same_table(table.table, ledger)]
    rows = sum(table.digest.rows for table in tables)
    changes = without(comparison(history, "after", against).changes, ledger)
    losing = [change for change in changes if change.loses]
    if losing:
        return refuted(
            f"rows of {len(losing)} table{'s' if len(losing) > 1 else ''} are not what they were",
            *lines(map(say_changes, losing)),
            **_count(losing),
            rows=rows,
        )
    if unsure := unsure_of(changes):
        return Verdict(unsure.outcome, unsure.reason, {"rows": rows}, unsure.findings)
    if not rows:
        return unknown("there were no rows before, so nothing shows that rows survive")
    return proven(f"{rows:,} rows of {len(tables)} tables are what they were", rows=rows, tables=len(tables))


def without(changes: Iterable[RowChanges], ledger: str) -> list[RowChanges]:
    """All but the ledger's."""
    return [change for change in changes if not same_table(change.table, ledger)]


def unsure_of(changes: Iterable[RowChanges]) -> Verdict | None:
    """Unknown, when the rows of some tables could not be compared in full."""
    unsure = [change for change in changes if change.incomplete]
    if not unsure:
        return None
    many = f"{len(unsure)} table{'s' if len(unsure) > 1 else ''}"
    findings = (f"{change.table}: {change.incomplete}" for change in unsure)
    return unknown(f"rows of {many} could not be compared in full", *lines(findings))


def _count(changes: list[RowChanges]) -> dict[str, int]:
    return {
        "rows_lost": sum(change.lost for change in changes),
        "rows_changed": sum(change.changed for change in changes),
        "values_lost": sum(sum(change.lost_columns.values()) for change in changes),
    }


@check("no-unexplained-rows", "no row appeared that no client wrote", sees=("database", "writes"))
def no_unexplained_rows(history: History, *, against: str = "before", ledger: str = "") -> Verdict:
    """No table has more new rows than clients wrote into it since, and have there now."""
    changes = without(comparison(history, "after", against).changes, ledger)
    written = _written_since(history, _moment(history, against))
    strange = []
    for change in changes:
        explained = sum(count for table, count in written.items() if same_table(table, change.table))
        if change.added > explained:
            strange.append(f"{change.table}: {change.added - explained:,} rows that no client wrote")
    if strange:
        many = f"{len(strange)} table{'s' if len(strange) > 1 else ''}"
        return refuted(f"rows appeared in {many}", *lines(strange), tables=len(strange))
    if unsure := unsure_of(changes):
        return unsure
    return proven("every new row is a client's", rows_written=sum(written.values()))


def _moment(history: History, against: str) -> int:
    """Monotonic nanoseconds no later than the snapshot that an observation was made in.

    Writes stand still while the database is observed, but go on while it is backed up.
    """
    seen = observation(history, against)
    taken = [event for event in history.all("backup.take", Kind.OK) if event.seq > seen.seq]
    return int(str(taken[0].data["started_ns"])) if against == "backup" and taken else seen.mono_ns


def _written_since(history: History, moment_ns: int) -> Counter[str]:
    """By table, the writes that ended after a moment and that are there: acknowledged and not lost,
    or found although nobody acknowledged them."""
    if history.last("traffic.finished") is None:
        return Counter()
    seen = need(history.last("observe.writes"), "what became of the clients' writes")
    found = set(as_list(history.attachment(seen.data["unexplained"])))
    written = Counter(o.table or "" for o in operations(history) if _may_be_there(o, moment_ns, found))
    for item in map(as_object, as_list(history.attachment(seen.data["lost"]))):
        if int(str(item["ended_ns"])) >= moment_ns:
            written[str(item["table"])] -= 1
    return +written


def _may_be_there(operation: Operation, moment_ns: int, found: Container[Json]) -> bool:
    if operation.kind != "write" or operation.ended_ns < moment_ns:
        return False
    return operation.outcome == "ok" or operation.token in found


@check("loss-named", "what the rollback leaves lost is counted and named", sees=("database",))
def loss_named(history: History, *, ledger: str = "", may_be_none: bool = False) -> Verdict:
    """What is lost after the rollback is what the migration itself destroyed, and no more.

    Two measurements are compared: what was gone right after the migration, and what is gone after
    its rollback. Unknown when the migration destroyed nothing that there was to see, unless it need not.
    """
    then = without(comparison(history, "deployed", "before").changes, ledger)
    now = without(comparison(history, "after", "before").changes, ledger)
    destroyed, left = _losses(then), _losses(now)
    numbers = {"destroyed": sum(destroyed.values()), "left_lost": sum(left.values())}
    worse = _worse(destroyed, left) or _others_lost(then, now)
    if worse and not unsure_of(then):
        return refuted("the rollback lost more than the migration had", *lines(worse), **numbers)
    if unsure := unsure_of([*then, *now]):
        return Verdict(unsure.outcome, unsure.reason, numbers, unsure.findings)
    if not destroyed and may_be_none:
        return proven("nothing was destroyed, and nothing is lost", **numbers)
    if not destroyed:
        return unknown("the migration destroyed no value that was there, so there is no loss to name")
    named = [f"{name}: {count:,} lost" for name, count in left.items()]
    back = max(numbers["destroyed"] - numbers["left_lost"], 0)
    reason = f"of {numbers['destroyed']:,} rows and values destroyed, the rollback brings back {back:,}"
    return Verdict(Outcome.PROVEN, reason, numbers, lines(named))


def _losses(changes: Iterable[RowChanges]) -> dict[str, int]:
    """Lost rows by table, lost or overwritten values by `table.column`; by row if not known better."""
    losses: dict[str, int] = {}
    for change in changes:
        if change.lost:
            losses[change.table] = change.lost
        for column, count in change.lost_columns.items():
            losses[f"{change.table}.{column}"] = count
        if change.changed and not change.lost_columns:
            losses[f"{change.table}{_OVERWRITTEN}"] = change.changed
    return losses


def _worse(destroyed: Mapping[str, int], left: Mapping[str, int]) -> list[str]:
    """What is lost now in greater number than right after the migration.

    A row of a very large table that lost a value counts as overwritten once its column is there again.
    """
    found = []
    for name, count in left.items():
        table, overwritten, _ = name.partition(_OVERWRITTEN)
        values = [lost for other, lost in destroyed.items() if overwritten and other.startswith(f"{table}.")]
        limit = destroyed.get(name, 0) + sum(values)
        if count > limit:
            found.append(f"{name}: {count:,} lost, {limit:,} by the migration")
    return found


def _others_lost(then: Iterable[RowChanges], now: Iterable[RowChanges]) -> list[str]:
    """Rows that the migration had left and the rollback did not, where all that are lost are listed."""
    listed = {change.table: set(change.lost_keys) for change in then if change.lost == len(change.lost_keys)}
    found = []
    for change in now:
        more = set(change.lost_keys) - listed.get(change.table, set(change.lost_keys))
        if more and change.lost == len(change.lost_keys):
            found.append(f"{change.table}: {len(more):,} rows that the migration had left")
    return found
