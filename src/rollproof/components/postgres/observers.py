"""Looking at the database: what is recorded, and how it compares with what was seen before."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from rollproof.components.clients import Clients
from rollproof.components.postgres.admin import connected, create_database, undo_database
from rollproof.components.postgres.bench import Bench, Seen
from rollproof.drill.drill import Drill, observer
from rollproof.errors import MigrationError, RollproofError
from rollproof.fingerprint import (
    KeptRows,
    compare,
    compare_rows,
    keep_rows,
    sequences_behind,
    snapshot,
    take_fingerprint,
)
from rollproof.journal import Kind
from rollproof.model.fingerprint import Fingerprint
from rollproof.model.json import Json
from rollproof.model.rows import TableRows
from rollproof.walk.changes import without_new_ledger

BASELINES = ("before", "backup", "deployed")


def observe(drill: Drill, label: str, *, against: Sequence[str] = ()) -> Seen:
    """Takes the database's fingerprint and keeps its rows under `label`.

    The clients' writes stand still meanwhile, so that each is known to lie before or after it.

    Args:
        against: earlier observations to compare with, in the same snapshot.
    """
    bench = drill.use(Bench)
    with (
        drill.use(Clients).quiet(),
        connected(bench.server, bench.name, autocommit=False) as conn,
        snapshot(conn, doing=f"observing the database {label}"),
    ):
        seen = observe_in(drill, conn, label)
        for earlier in against:
            compare_in(
                drill,
                conn,
                label=label,
                fingerprint=seen.fingerprint,
                rows=seen.rows,
                before=bench.seen[earlier],
            )
    return seen


def observe_in(drill: Drill, conn: Connection[Any], label: str) -> Seen:
    """The same in a transaction that is already open, such as the one whose snapshot is dumped."""
    bench = drill.use(Bench)
    started = time.monotonic()
    fingerprint = take_fingerprint(conn)
    taken = time.monotonic()
    folder = bench.scratch / f"rows-{label}-{len(drill.recorder.journal.events)}"
    kept = keep_rows(conn, folder, like=[*bench.known_rows(), *(seen.rows for seen in bench.seen.values())])
    numbers: dict[str, Json] = {
        "fingerprint_seconds": taken - started,
        "rows_seconds": time.monotonic() - taken,
    }
    ledger = _ledger(bench, conn, label)
    bench.seen[label] = seen = Seen(label, fingerprint, kept)
    attachments = drill.recorder.journal.attachments
    drill.recorder.note(
        "observe",
        {
            "component": "database",
            "label": label,
            "fingerprint": attachments.put(fingerprint.to_json()),
            "kept": attachments.put([_shown(table, bench) for table in kept.tables]),
            "count": len(fingerprint.facts),
            "rows": sum(table.digest.rows for table in kept.tables),
            "numbers": numbers,
        },
    )
    drill.recorder.note("observe.ledger", {"label": label, **ledger})
    _note_sequences(drill, conn, label, sum(kind == "sequence" for kind, _ in fingerprint.facts))
    return seen


def _shown(table: TableRows, bench: Bench) -> dict[str, Json]:
    """As it is written down: of a table with one row of one CPF, a digest without a key is that CPF."""
    return {**table.to_json(), "digest": bench.digester(table.digest.value)}


def _ledger(bench: Bench, conn: Connection[Any], label: str) -> dict[str, Json]:
    """What it lists. Once it was there, that it cannot be read any more is something to judge."""
    try:
        return {"items": list(bench.templates.source.applied(conn))}
    except MigrationError as error:
        if label in BASELINES and not bench.to_nothing:
            raise
        return {"found": error.found}


def _note_sequences(drill: Drill, conn: Connection[Any], label: str, count: int) -> None:
    """Which sequences stand behind their columns; before a migration as well, or it would get the blame."""
    behind = sequences_behind(conn)
    pairs: list[Json] = [[item.sequence, item.column] for item in behind]
    findings: list[Json] = [str(item) for item in behind]
    drill.recorder.note(
        "observe.sequences", {"label": label, "items": pairs, "findings": findings, "count": count}
    )


def compare_in(
    drill: Drill,
    conn: Connection[Any],
    *,
    label: str,
    fingerprint: Fingerprint,
    rows: KeptRows | None,
    before: Seen,
) -> None:
    """Records how the database of the connection's snapshot differs from an earlier observation."""
    bench = drill.use(Bench)
    started = time.monotonic()
    changes = compare_rows(conn, before.rows, digester=bench.digester, now=rows)
    seconds = time.monotonic() - started
    differences = compare(before.fingerprint, fingerprint)
    if bench.to_nothing and not getattr(bench.templates.source, "scripts_write_ledger", False):
        ledger = bench.templates.history.ledger
        differences = tuple(without_new_ledger(differences, before.fingerprint, fingerprint, ledger))
    attachments = drill.recorder.journal.attachments
    drill.recorder.note(
        "observe.compare",
        {
            "label": label,
            "against": before.label,
            "differences": attachments.put([difference.to_json() for difference in differences]),
            "changes": attachments.put([change.to_json() for change in changes]),
            "count": len(differences),
            "seconds": seconds,
        },
    )


@observer("database")
def look_at_database(drill: Drill) -> None:
    """What the database is after everything that was done, compared with each earlier observation."""
    drill.look("traffic")
    bench = drill.use(Bench)
    observe(drill, "after", against=[label for label in BASELINES if label in bench.seen])


@observer("reapplied")
def look_at_reapplying(drill: Drill) -> None:
    """Applies the migration once more, to a copy of what the rollback left, and compares the two ups."""
    drill.look("database")
    bench = drill.use(Bench)
    copy = bench.templates.fresh_name("again")
    begun = drill.recorder.begin(
        "migration.reapply", {"database": copy, "undo": undo_database(bench.server, copy)}
    )
    try:
        create_database(bench.server, copy, template=bench.name)
        seconds = sum(bench.templates.apply(copy, migration) for migration in bench.to_reapply)
    except RollproofError as error:
        drill.recorder.close(begun, Kind.FAIL, {"found": error.found})
        return
    with (
        connected(bench.server, copy, autocommit=False) as conn,
        snapshot(conn, doing="observing the copy that the migration was applied to again"),
    ):
        drill.recorder.close(begun, Kind.OK, {"seconds": seconds})
        compare_in(
            drill,
            conn,
            label="reapplied",
            fingerprint=take_fingerprint(conn),
            rows=None,
            before=bench.seen["deployed"],
        )
