"""What became of the writes: there, lost, or never known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import ClientCursor, pq

from rollproof.errors import AttemptFailed
from rollproof.model.names import split_name
from rollproof.model.sqltemplate import SqlTemplate
from rollproof.model.system import Traffic as TrafficSpec
from rollproof.workload.operations import Operation, Outcome

BATCH = 500
"""questions under way at a time"""


@dataclass(frozen=True, slots=True)
class Survival:
    """The clients' writes after the drill.

    Attributes:
        acknowledged: how many writes were acknowledged.
        lost: acknowledged writes that are not there, in order of start.
        indeterminate: how many writes nobody could tell of,
        indeterminate_present: and how many of them turned out to be there.
        revived: those, in order of start.
        failed_present: writes that failed for sure, yet are there: the server said one thing and did another.
        rpo_seconds: see `rpo_seconds`.
    """

    acknowledged: int
    lost: tuple[Operation, ...]
    indeterminate: int
    indeterminate_present: int
    failed_present: tuple[Operation, ...]
    rpo_seconds: float
    revived: tuple[Operation, ...] = ()

    @property
    def indeterminate_absent(self) -> int:
        return self.indeterminate - self.indeterminate_present


def find_lost_writes(
    conn: psycopg.Connection, specs: Sequence[TrafficSpec], operations: Iterable[Operation]
) -> Survival:
    """Asks the database for every write, by its entry's `verify`, in one read-only snapshot.

    Args:
        conn: as a role that sees all rows; row-level security would hide some as if they were lost.

    Raises:
        AttemptFailed: a `verify` cannot be run although the table of its writes is there, or the
            connection broke: then nothing is known. When the table is gone, its writes are lost.
    """
    writes = [operation for operation in operations if operation.kind == "write"]
    by_name = {spec.name: spec for spec in specs}
    with _snapshot(conn):
        present = {
            operation.token
            for name, group in _grouped(writes).items()
            for operation in _present(conn, by_name.get(name), name, group)
        }
    lost = [o for o in writes if o.outcome == "ok" and o.token not in present]
    unknown = [o for o in writes if o.outcome == "indeterminate"]
    return Survival(
        acknowledged=_count(writes, "ok"),
        lost=tuple(sorted(lost, key=lambda operation: operation.started_ns)),
        indeterminate=len(unknown),
        indeterminate_present=sum(operation.token in present for operation in unknown),
        failed_present=tuple(o for o in writes if o.outcome == "failed" and o.token in present),
        rpo_seconds=rpo_seconds(lost),
        revived=tuple(operation for operation in unknown if operation.token in present),
    )


def rpo_seconds(lost: Iterable[Operation], *, failed_ns: int | None = None) -> float:
    """How far back the loss of acknowledged writes reaches, seconds; 0.0 when none is lost.

    The recovery point objective is a distance in time from a disruption back to the point to which
    data can be recovered (NIST SP 800-34 Rev. 1, appendix G). Clients see that point no later than
    the moment at which the oldest lost write was *sent*: it may have taken effect at any time from
    then on, so its acknowledgement would say too little. The disruption is `failed_ns`, on the same
    monotonic clock, when the caller knows it; else the newest lost acknowledgement, until which, at
    the least, the system took writes that it did not keep.
    """
    gone = list(lost)
    if not gone:
        return 0.0
    oldest = min(operation.started_ns for operation in gone)
    newest = max(operation.ended_ns for operation in gone)
    return (max(newest, failed_ns or newest) - oldest) / 1e9


def _count(operations: Iterable[Operation], outcome: Outcome) -> int:
    return sum(operation.outcome == outcome for operation in operations)


def _grouped(operations: Iterable[Operation]) -> Mapping[str, list[Operation]]:
    groups: dict[str, list[Operation]] = {}
    for operation in operations:
        groups.setdefault(operation.name, []).append(operation)
    return groups


@contextmanager
def _snapshot(conn: psycopg.Connection) -> Iterator[None]:
    """One moment for all questions, and nothing that they do can change anything."""
    fresh = conn.info.transaction_status == pq.TransactionStatus.IDLE
    with conn.transaction(force_rollback=fresh):
        if fresh:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _present(
    conn: psycopg.Connection, spec: TrafficSpec | None, name: str, writes: Sequence[Operation]
) -> list[Operation]:
    """Those of the writes that are there."""
    if spec is None or spec.verify is None or spec.table is None:
        raise AttemptFailed(f"nothing tells how the writes of {name!r} can be found")
    if not _exists(conn, spec.table):
        return []
    template = SqlTemplate.of(spec.verify)
    try:
        found = _found_at_once(conn, template, writes)
        left = [operation for operation in writes if operation.token not in found]
        batches = [left[start : start + BATCH] for start in range(0, len(left), BATCH)]
        found |= {operation.token for batch in batches for operation in _found(conn, template, batch)}
        return [operation for operation in writes if operation.token in found]
    except psycopg.Error as error:
        raise AttemptFailed(
            f"the writes of {name!r} cannot be looked for: {_say(error)}",
            doing="running its `verify`",
            remedy="run it by hand as the database's owner",
            facts={"sqlstate": error.sqlstate},
        ) from error


def _say(error: psycopg.Error) -> str:
    """Messages of class 42 speak of the statement alone; others may quote values."""
    state = error.sqlstate or type(error).__name__
    return f"{state} {error.diag.message_primary}" if state.startswith("42") else state


def _exists(conn: psycopg.Connection, table: str) -> bool:
    """Whether a relation of that name is there, as written or as an unquoted name is folded."""
    schema, name = split_name(table)
    query = (
        "SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE (n.nspname, c.relname) IN ((%s, %s), (lower(%s), lower(%s)))"
    )
    return conn.execute(query, (schema, name, schema, name)).rowcount > 0


def _found_at_once(conn: psycopg.Connection, template: SqlTemplate, writes: Sequence[Operation]) -> set[str]:
    """Tokens that one statement over all of them finds; the server may then join instead of scanning.

    Only a short cut to what is there: the parameters have become columns of type text, which not
    every `verify` can do with. What it does not find is asked for one by one.
    """
    asked = [template.parameters(operation.token) for operation in writes]
    columns = list(template.texts)
    if not columns:
        return set()
    verify = template.query.strip().rstrip(";")
    for name in columns:
        verify = verify.replace(f"%({name})s", f"rollproof_asked.{name}")
    query = (
        f"SELECT rollproof_asked.number FROM unnest({', '.join(f'%({name})s::text[]' for name in columns)})"  # noqa: S608  # names made in sqltemplate; the rest is the system file's
        f" WITH ORDINALITY AS rollproof_asked ({', '.join(columns)}, number) WHERE EXISTS ({verify}\n)"
    )
    arrays = {name: [parameters[name] for parameters in asked] for name in columns}
    try:
        with conn.transaction():
            rows = ClientCursor(conn).execute(query, arrays).fetchall()
    except psycopg.errors.Error:
        return set()
    return {writes[int(number) - 1].token for (number,) in rows}


def _found(conn: psycopg.Connection, template: SqlTemplate, writes: Sequence[Operation]) -> list[Operation]:
    """All questions of a batch are sent before the first answer is read."""
    with conn.pipeline():
        asked = [ClientCursor(conn) for _ in writes]
        for cursor, operation in zip(asked, writes, strict=True):
            cursor.execute(template.query, template.parameters(operation.token))
        return [o for cursor, o in zip(asked, writes, strict=True) if cursor.fetchone() is not None]
