"""Listing what is applied and what is not, and ledgers that do not tell the truth of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.rows import dict_row

from rollproof.components.postgres.admin import connected, first_line
from rollproof.components.postgres.bench import Bench
from rollproof.drill.act import Act
from rollproof.drill.drill import Drill
from rollproof.errors import BadInput, NotApplicable
from rollproof.faults.base import Fault
from rollproof.fingerprint import compare, snapshot, take_fingerprint
from rollproof.migrations.model import Migration
from rollproof.model.fingerprint import DifferenceClass, Fingerprint
from rollproof.model.json import Json, JsonObject
from rollproof.model.names import split_name

Row = Mapping[str, Any]


@dataclass(frozen=True)
class ListMigrations(Act):
    """Lists what is applied and what is not, and holds the list against rows, files and schema."""

    name = "migration.list"

    def run(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        history = bench.templates.history
        with connected(bench.server, bench.name) as conn:
            listed, rows = bench.templates.source.applied(conn), ledger_rows(conn, bench)
        known = [migration for migration in history if migration.id in listed]
        missing: list[Json] = [migration.id for migration in history if migration.id not in listed]
        drill.recorder.note(
            "migration.listed",
            {
                "items": list(listed),
                "missing": missing,
                "left_out": [one for one in listed if history.find(one) is None],
                "unread": list(_unmatched(rows, known, bench)),
                "lost": list(_without_row(rows, known, bench)),
                "differences": _untrue(bench, known),
                "rows": len(rows),
            },
        )
        return {"count": len(listed)}


def ledger_rows(conn: Connection[Any], bench: Bench) -> list[Row]:
    """Every row of the ledger; none when there is no such table."""
    table = sql.Identifier(*split_name(bench.templates.history.ledger))
    there = conn.execute("SELECT to_regclass(%s)::text", [table.as_string(conn)]).fetchone()
    if there == (None,):
        return []
    with conn.cursor(row_factory=dict_row) as cursor:
        return list(cursor.execute(sql.SQL("SELECT * FROM {}").format(table)).fetchall())


def is_row_of(row: Row, migration: Migration, column: str | None) -> bool:
    """Whether a row of the ledger is a migration's: by its id or another of its names, in one column or in
    two of them, as `app` and `name`; by its number only where a column is called a version."""
    told = {column: row[column]} if column is not None and column in row else row
    texts = [str(value) for value in told.values() if isinstance(value, str)]
    versions = {str(value) for name, value in told.items() if "version" in name and value is not None}
    pairs = {f"{one}.{other}" for one in texts for other in texts}
    if migration.id in {*texts, *pairs}:
        return True
    by_app = "." in migration.id and not migration.id.endswith((".sql", ".py"))
    names = set() if by_app else {*migration.aliases}
    return bool(names.intersection(texts) or {*names, str(migration.number)} & versions)


def _column(bench: Bench) -> str | None:
    settings = bench.spec.migrations
    return settings.ledger_column if settings.tool == "sql-files" else None


def _unmatched(rows: Sequence[Row], known: Sequence[Migration], bench: Bench) -> Iterable[str]:
    """Rows of the ledger that the list does not show, by what names them."""
    for row in rows:
        if not any(is_row_of(row, migration, _column(bench)) for migration in known):
            yield ".".join(str(value) for value in row.values() if isinstance(value, str))[:200]


def _without_row(rows: Sequence[Row], known: Sequence[Migration], bench: Bench) -> Iterable[str]:
    """Migrations that are listed without a row; a ledger of one row names the newest alone."""
    shown = known[-1:] if len(rows) == 1 else known
    for migration in shown:
        if not any(is_row_of(row, migration, _column(bench)) for row in rows):
            yield migration.id


def _untrue(bench: Bench, known: Sequence[Migration]) -> list[Json]:
    """How the schema differs from that of the migrations that are listed."""
    history = bench.templates.history.migrations
    if tuple(known) != history[: len(known)]:
        gap = next(one.id for one, other in zip(history, known, strict=False) if one is not other)
        return [f"{gap} is not listed, and later ones are"]
    now, wanted = _fingerprint(bench, bench.name), _fingerprint(bench, bench.templates.at(len(known)))
    found = [d for d in compare(wanted, now) if d.klass is not DifferenceClass.SEQUENCE_STATE]
    return [str(difference) for difference in found]


def _fingerprint(bench: Bench, database: str) -> Fingerprint:
    with (
        connected(bench.server, database, autocommit=False) as conn,
        snapshot(conn, doing="observing the schema of the migrations that are listed"),
    ):
        return take_fingerprint(conn)


class LedgerLie(Fault):
    """Base: the ledger is made to say what is not so, with rows such as the tool itself writes."""

    def inject(self, drill: Drill) -> JsonObject:
        bench = drill.use(Bench)
        with connected(bench.server, bench.name) as conn:
            self.lie(conn, bench)
        return {}

    def lie(self, conn: Connection[Any], bench: Bench) -> None:
        raise NotImplementedError

    def took_hold(self, drill: Drill) -> bool:
        bench = drill.use(Bench)
        position = bench.templates.history.position(bench.migration)
        with connected(bench.server, bench.name) as conn:
            return _named(ledger_rows(conn, bench)) != _named(_rows_at(bench, position))


class ListsWhatNeverRan(LedgerLie):
    """Somebody entered the next migration by hand, or restored the ledger alone."""

    def lie(self, conn: Connection[Any], bench: Bench) -> None:
        position = bench.templates.history.position(bench.migration)
        for row in _more(bench, position + 1, position):
            _insert(conn, bench, row)


class LacksWhatRan(LedgerLie):
    """The entry of the last migration that ran was deleted."""

    def lie(self, conn: Connection[Any], bench: Bench) -> None:
        position = bench.templates.history.position(bench.migration)
        if not position:
            raise NotApplicable("no migration comes before it")
        gone = _more(bench, position, position - 1)
        if not gone or len(_rows_at(bench, position)) == 1:
            raise NotApplicable("the ledger has no row for each migration")
        for row in gone:
            _delete(conn, bench, row)


class ListsWhatHasNoFile(LedgerLie):
    """An entry of a migration that was deleted, or is on another branch."""

    def lie(self, conn: Connection[Any], bench: Bench) -> None:
        position = bench.templates.history.position(bench.migration)
        newest = (_more(bench, position, position - 1) if position else []) or _rows_at(bench, position)
        if not newest:
            raise NotApplicable("the ledger is empty")
        names = {name: _ghost(text) for name, text in newest[-1].items() if isinstance(text, str)}
        column = _column(bench)
        told = {column: names[column]} if column is not None and column in names else names
        if not told:
            raise NotApplicable("the ledger names migrations by numbers alone")
        _insert(conn, bench, {**newest[-1], **_last(told)})


def _ghost(name: str) -> str:
    """A name that nothing bears, of the same form: `009_leads.sql` becomes `009_leads_ghost.sql`."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}_ghost{dot}{suffix}" if stem else f"{name}_ghost"


def _last(names: Mapping[str, str]) -> dict[str, str]:
    """The last text alone: of `app` and `name`, the name."""
    return dict(list(names.items())[-1:])


def _rows_at(bench: Bench, count: int) -> list[Row]:
    with connected(bench.server, bench.templates.at(count)) as conn:
        return ledger_rows(conn, bench)


def _more(bench: Bench, count: int, less: int) -> list[Row]:
    """The rows that the ledger has after so many migrations, and has not after fewer."""
    before = _named(_rows_at(bench, less))
    return [row for row in _rows_at(bench, count) if not {_texts(row)} & before]


def _named(rows: Iterable[Row]) -> set[tuple[str, ...]]:
    return {_texts(row) for row in rows}


def _texts(row: Row) -> tuple[str, ...]:
    """What names a row: its texts and versions, not when it was written."""
    return tuple(f"{name}={v}" for name, v in row.items() if isinstance(v, str) or "version" in name)


def _insert(conn: Connection[Any], bench: Bench, row: Row) -> None:
    """Without a counter of its own, which goes on by itself."""
    kept = {name: value for name, value in row.items() if name != "id" or isinstance(value, str)}
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(*split_name(bench.templates.history.ledger)),
        sql.SQL(", ").join(map(sql.Identifier, kept)),
        sql.SQL(", ").join(sql.Placeholder() for _ in kept),
    )
    try:
        conn.execute(statement, list(kept.values()))
    except psycopg.IntegrityError as error:
        raise NotApplicable(f"the ledger takes no such entry: {first_line(error)}") from error


def _delete(conn: Connection[Any], bench: Bench, row: Row) -> None:
    told = {name: value for name, value in row.items() if isinstance(value, str) or "version" in name}
    conn.execute(
        sql.SQL("DELETE FROM {} WHERE {}").format(
            sql.Identifier(*split_name(bench.templates.history.ledger)),
            sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in told),
        ),
        list(told.values()),
    )


LIES: dict[str, type[LedgerLie]] = {
    "lists a migration that never ran": ListsWhatNeverRan,
    "lacks a migration that ran": LacksWhatRan,
    "lists a migration that has no file": ListsWhatHasNoFile,
}


def ledger_with_lie(drill: Drill, lie: str) -> None:
    """Makes the ledger lie in the way that a feature names. Raises BadInput for an unknown one."""
    if lie not in LIES:
        raise BadInput(f"no fault makes a ledger that {lie!r}", remedy=f"say one of: {'; '.join(LIES)}")
    drill.require(LIES[lie]())
