"""Kept rows compared later: what is lost, changed and added, by key and by column."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, BadInput, PreconditionNotMet
from rollproof.fingerprint import KeptRows, compare_rows, keep_rows
from rollproof.fingerprint.kept import CELLS_LISTED
from rollproof.model.rows import RowChanges


@pytest.fixture
def conn(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


@pytest.fixture
def after(conn: psycopg.Connection, tmp_path: Path) -> Callable[..., list[RowChanges]]:
    """Keeps the rows after `setup`, makes `change`, and compares."""

    def run(setup: str, change: str, *, cells_listed: int = CELLS_LISTED) -> list[RowChanges]:
        conn.execute(setup)
        conn.commit()
        keep_rows(conn, tmp_path / "kept", cells_listed=cells_listed)
        conn.commit()
        conn.execute(change)
        conn.commit()
        return compare_rows(conn, KeptRows.load(tmp_path / "kept"), digester=lambda text: f"#{len(text)}")

    return run


T = (
    "CREATE TABLE t (id integer PRIMARY KEY, a text, b numeric, c json);"
    "INSERT INTO t SELECT g, 'a' || g, nullif(g % 4, 0), '{}' FROM generate_series(1, 12) g;"
)
EMPTY_COLUMN = "CREATE TABLE t (id integer PRIMARY KEY, b text); INSERT INTO t VALUES (1), (2);"
NO_KEY = (
    "CREATE TABLE t (a integer, b text, c point);"
    "INSERT INTO t VALUES (1, 'x', '(1,2)'), (1, 'x', '(1,2)'), (2, NULL, NULL), (3, 'y', NULL);"
)


class Case(NamedTuple):
    name: str
    setup: str
    change: str
    expected: tuple[RowChanges, ...]
    cells_listed: int = CELLS_LISTED


def changed(**what: object) -> tuple[RowChanges, ...]:
    return (RowChanges("public.t", **what),)  # type: ignore[arg-type]


CASES = [
    Case("nothing", T, "SELECT 1", ()),
    Case("the same values written again", T, "UPDATE t SET a = a; UPDATE t SET b = b", ()),
    Case(
        "rows in another order",
        T,
        "CREATE TABLE u AS TABLE t; TRUNCATE t; INSERT INTO t SELECT * FROM u ORDER BY id DESC; DROP TABLE u",
        (),
    ),
    Case("lost", T, "DELETE FROM t WHERE id IN (9, 10)", changed(lost=2, lost_keys=("id=9", "id=10"))),
    Case(
        "added", T, "INSERT INTO t (id) VALUES (-5), (100)", changed(added=2, added_keys=("id=-5", "id=100"))
    ),
    Case(
        "changed",
        T,
        "UPDATE t SET a = 'z', b = NULL WHERE id IN (3, 4)",
        changed(changed=2, changed_keys=("id=3", "id=4"), lost_columns={"a": 2, "b": 1}),
    ),
    Case("null filled in", T, "UPDATE t SET b = 7 WHERE id = 4", changed(changed=1, changed_keys=("id=4",))),
    Case(
        "one white space in json",
        T,
        "UPDATE t SET c = '{ }' WHERE id = 1",
        changed(changed=1, changed_keys=("id=1",), lost_columns={"c": 1}),
    ),
    Case(
        "keys renumbered",
        T,
        "UPDATE t SET id = 13 WHERE id = 1",
        changed(lost=1, added=1, lost_keys=("id=1",), added_keys=("id=13",)),
    ),
    Case("column added", T, "ALTER TABLE t ADD d integer DEFAULT 3", ()),
    Case(
        "column moved to the end",
        T,
        "ALTER TABLE t ADD x text; UPDATE t SET x = a; ALTER TABLE t DROP a; ALTER TABLE t RENAME x TO a",
        (),
    ),
    Case("column dropped", T, "ALTER TABLE t DROP b", changed(lost_columns={"b": 9})),
    Case(
        "column dropped and made again, empty",
        T,
        "ALTER TABLE t DROP b; ALTER TABLE t ADD b numeric",
        changed(
            changed=9, changed_keys=tuple(f"id={n}" for n in range(1, 12) if n % 4), lost_columns={"b": 9}
        ),
    ),
    Case(
        "column dropped and made again with a default",
        T,
        "ALTER TABLE t DROP b; ALTER TABLE t ADD b numeric NOT NULL DEFAULT 1",
        changed(
            changed=9,
            changed_keys=tuple(f"id={n}" for n in range(1, 13) if n % 4 != 1),
            lost_columns={"b": 6},
        ),
    ),
    Case("column that was empty dropped", EMPTY_COLUMN, "ALTER TABLE t DROP b", ()),
    Case(
        "column dropped, another changed, a row lost",
        T,
        "ALTER TABLE t DROP b; UPDATE t SET a = 'z' WHERE id = 2; DELETE FROM t WHERE id = 1",
        changed(
            lost=1, changed=1, lost_keys=("id=1",), changed_keys=("id=2",), lost_columns={"a": 1, "b": 8}
        ),
    ),
    Case(
        "type changed, values read the same",
        T,
        "ALTER TABLE t ALTER id TYPE bigint, ALTER a TYPE varchar(9)",
        (),
    ),
    Case(
        "type changed, values rounded",
        "CREATE TABLE t (id integer PRIMARY KEY, n numeric); INSERT INTO t VALUES (1, 1.5), (2, 2);",
        "ALTER TABLE t ALTER n TYPE integer",
        changed(changed=1, changed_keys=("id=1",), lost_columns={"n": 1}),
    ),
    Case(
        "table dropped",
        T,
        "DROP TABLE t",
        changed(lost=12, lost_keys=tuple(f"id={n}" for n in range(1, 13)), missing_table=True),
    ),
    Case("empty table dropped", T + "TRUNCATE t;", "DROP TABLE t", ()),
    Case(
        "table emptied", T, "TRUNCATE t", changed(lost=12, lost_keys=tuple(f"id={n}" for n in range(1, 13)))
    ),
    Case(
        "table filled",
        T + "TRUNCATE t;",
        "INSERT INTO t (id) VALUES (1)",
        changed(added=1, added_keys=("id=1",)),
    ),
    Case("table added", T, "CREATE TABLE u AS TABLE t", ()),
    # keys
    Case(
        "keys that may be personal data are hidden",
        "CREATE TABLE t (mail text PRIMARY KEY, n integer); "
        "INSERT INTO t VALUES ('a@b', 1), (E'c\\t\\n\\\\', 2);",
        "UPDATE t SET n = 3; DELETE FROM t WHERE mail = 'a@b'",
        changed(
            lost=1, changed=1, lost_keys=("mail=#32",), changed_keys=("mail=#32",), lost_columns={"n": 1}
        ),
    ),
    Case(
        "key of several columns, in key order",
        "CREATE TABLE t (a integer, mail text, u uuid, PRIMARY KEY (u, mail, a));"
        "INSERT INTO t SELECT n, 'x', '00000000-0000-0000-0000-0000000000ff' FROM unnest('{2,10}'::int[]) n;",
        "DELETE FROM t WHERE a = 10",
        changed(lost=1, lost_keys=("u=00000000-0000-0000-0000-0000000000ff, mail=#32, a=10",)),
    ),
    Case(
        "key sorted as numbers, not as text",
        "CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t SELECT g FROM generate_series(-20, 200) g;",
        "DELETE FROM t WHERE id IN (-3, 9, 10, 100)",
        changed(lost=4, lost_keys=("id=-3", "id=9", "id=10", "id=100")),
    ),
    Case(
        "primary key dropped, still unique",
        T,
        "ALTER TABLE t DROP CONSTRAINT t_pkey; DELETE FROM t WHERE id = 3",
        changed(lost=1, lost_keys=("id=3",)),
    ),
    Case(
        "primary key dropped, no longer unique",
        T,
        "ALTER TABLE t DROP CONSTRAINT t_pkey; UPDATE t SET id = 1 WHERE id = 2",
        changed(lost=1, added=1),
    ),
    Case(
        "primary key over other columns",
        T,
        "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (a, id); UPDATE t SET a = 'n' WHERE id = 1",
        changed(changed=1, changed_keys=("id=1",), lost_columns={"a": 1}),
    ),
    Case("key column renamed", T, "ALTER TABLE t RENAME id TO t_id", changed(lost_columns={"id": 12})),
    Case(
        "key column renamed and a row lost",
        T,
        "ALTER TABLE t RENAME id TO t_id; DELETE FROM t WHERE t_id = 1",
        changed(lost=1, lost_columns={"id": 12}),
    ),
    Case("key of another type, read the same", T, "ALTER TABLE t ALTER id TYPE text", ()),
    Case(
        "key of another type and a row changed",
        T,
        "ALTER TABLE t ALTER id TYPE text; UPDATE t SET a = 'z' WHERE id = '3'",
        changed(lost=1, added=1),
    ),
    # no key
    Case(
        "no key, one of two equal rows lost",
        NO_KEY,
        "DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)",
        changed(lost=1),
    ),
    Case("no key, a row changed", NO_KEY, "UPDATE t SET c = '(1,3)' WHERE a = 3", changed(lost=1, added=1)),
    Case("no key, a row doubled", NO_KEY, "INSERT INTO t SELECT * FROM t WHERE a = 2", changed(added=1)),
    Case("no key, column dropped", NO_KEY, "ALTER TABLE t DROP c", changed(lost_columns={"c": 2})),
    Case(
        "no key, column dropped, values swapped",
        NO_KEY,
        "ALTER TABLE t DROP c; UPDATE t SET b = CASE a WHEN 2 THEN 'y' ELSE NULL END WHERE a > 1",
        changed(lost=2, added=2, lost_columns={"c": 2}),
    ),
    Case("key given to a table without", NO_KEY, "ALTER TABLE t ADD id serial PRIMARY KEY", ()),
    # above the limit
    Case(
        "large: changed",
        T,
        "UPDATE t SET a = 'z' WHERE id = 3",
        changed(changed=1, changed_keys=("id=3",)),
        0,
    ),
    Case(
        "large: column dropped, the others as they were",
        T,
        "ALTER TABLE t DROP b",
        changed(lost_columns={"b": 9}),
        0,
    ),
    Case(
        "large: column dropped and a row lost",
        T,
        "ALTER TABLE t DROP b; DELETE FROM t WHERE id = 5",
        changed(
            lost=1,
            lost_keys=("id=5",),
            lost_columns={"b": 9},
            incomplete="values of a, c, id are other, in how many rows is not known:"
            " the table is too large for its columns to be listed, and one of them is gone",
        ),
        0,
    ),
    Case(
        "large: column dropped and values swapped between rows",
        T,
        "ALTER TABLE t DROP b; UPDATE t SET a = 'a' || (3 - id) WHERE id < 3",
        changed(
            changed=1,
            lost_columns={"b": 9},
            incomplete="values of a are other, in how many rows is not known:"
            " the table is too large for its columns to be listed, and one of them is gone",
        ),
        0,
    ),
    Case(
        "large, no key: column dropped",
        NO_KEY,
        "ALTER TABLE t DROP c; DELETE FROM t WHERE a = 3",
        changed(
            lost=1,
            lost_columns={"c": 2},
            incomplete="rows were only counted: the table has no key, is too large for its columns"
            " to be listed, and one of them is gone",
        ),
        0,
    ),
    # partitions
    Case(
        "row moved to another partition",
        "CREATE TABLE t (id integer, k integer, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
        "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2, 3);"
        "INSERT INTO t SELECT g, 1 + g % 3 FROM generate_series(1, 9) g;",
        "ALTER TABLE t DETACH PARTITION t2; ALTER TABLE t ATTACH PARTITION t2 FOR VALUES IN (2, 3, 4);"
        "UPDATE t SET k = 1 WHERE id = 1",
        changed(lost=1, added=1, lost_keys=("id=1, k=2",), added_keys=("id=1, k=1",)),
    ),
    Case(
        "partition detached",
        "CREATE TABLE t (id integer PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (3); CREATE TABLE t2 PARTITION OF t DEFAULT;"
        "INSERT INTO t VALUES (1), (2), (3);",
        "ALTER TABLE t DETACH PARTITION t1",
        changed(lost=2, lost_keys=("id=1", "id=2")),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_became_of_the_rows_is_named(case: Case, after: Callable[..., list[RowChanges]]) -> None:
    found = after(case.setup, case.change, cells_listed=case.cells_listed)
    assert found == list(case.expected)
    assert [RowChanges.from_json(json.loads(json.dumps(change.to_json()))) for change in found] == found


VALUE = st.one_of(st.none(), st.sampled_from(["", "a", "b", "\t", "\\N", "é", "()"]))
TABLE = st.dictionaries(st.integers(-3, 15), st.tuples(VALUE, VALUE), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TABLE, later=TABLE, hidden=st.booleans(), listed=st.booleans())
def test_the_counts_are_what_a_comparison_in_memory_finds(  # noqa: PLR0917  hypothesis passes by name
    conn: psycopg.Connection,
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[int, tuple[str | None, str | None]],
    later: dict[int, tuple[str | None, str | None]],
    hidden: bool,
    listed: bool,
) -> None:
    with conn.transaction(force_rollback=True):
        conn.execute(
            sql.SQL("CREATE TABLE t (id {} PRIMARY KEY, a text, b text)").format(
                sql.SQL("text" if hidden else "integer")
            )
        )
        _fill(conn, before)
        kept = keep_rows(conn, tmp_path_factory.mktemp("kept"), cells_listed=CELLS_LISTED if listed else 0)
        conn.execute("TRUNCATE t")
        _fill(conn, later)
        found = compare_rows(conn, kept, digester=str)
    change = found[0] if found else RowChanges("public.t")
    other = [key for key in before if key in later and before[key] != later[key]]
    assert (change.lost, change.added) == (
        len(before.keys() - later.keys()),
        len(later.keys() - before.keys()),
    )
    assert change.changed == len(other)
    if listed:
        for place, column in enumerate("ab"):
            gone = [k for k in other if before[k][place] is not None and before[k][place] != later[k][place]]
            assert change.lost_columns.get(column, 0) == len(gone)
    assert bool(found) == (before != later)


def _fill(conn: psycopg.Connection, rows: dict[int, tuple[str | None, str | None]]) -> None:
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO t VALUES (%s, %s, %s)", [(key, *values) for key, values in rows.items()]
        )


def test_no_value_is_kept_in_the_folder_and_only_its_owner_may_read_it(
    conn: psycopg.Connection, tmp_path: Path
) -> None:
    conn.execute("CREATE TABLE t (mail text PRIMARY KEY, phone text, n integer)")
    conn.execute("INSERT INTO t VALUES ('anna@example.org', '0171-555', 424242)")
    conn.commit()
    keep_rows(conn, tmp_path / "kept")
    files = list((tmp_path / "kept").iterdir())
    assert sorted(file.name for file in files) == ["00000.rows", "manifest.json"]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    assert not [value for value in ("anna", "0171", "424242") if value in text]
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_kept_rows_outlive_the_process_that_kept_them(conn: psycopg.Connection, tmp_path: Path) -> None:
    conn.execute(T)
    conn.commit()
    kept = keep_rows(conn, tmp_path / "kept")
    assert KeptRows.load(tmp_path / "kept") == kept
    assert [(rows.table, rows.key, rows.digest.rows) for rows in kept.tables] == [("public.t", ("id",), 12)]


def test_a_listing_cut_short_is_an_error_not_lost_rows(conn: psycopg.Connection, tmp_path: Path) -> None:
    conn.execute(T)
    conn.commit()
    kept = keep_rows(conn, tmp_path / "kept")
    listing = tmp_path / "kept" / "00000.rows"
    listing.write_bytes(listing.read_bytes()[:300])
    conn.execute("DELETE FROM t WHERE id = 1")
    conn.commit()
    with pytest.raises(BadInput, match="not the 12 that were kept"):
        compare_rows(conn, kept, digester=str)
    listing.unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        compare_rows(conn, kept, digester=str)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"format": 99, "probe": "", "tables": []}', '{"format": 1']
)
def test_a_folder_that_is_not_whole_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        KeptRows.load(tmp_path)
    (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be read"):
        KeptRows.load(tmp_path)


def test_rows_are_not_kept_twice_in_one_folder(conn: psycopg.Connection, tmp_path: Path) -> None:
    keep_rows(conn, tmp_path / "kept")
    with pytest.raises(PreconditionNotMet, match="holds kept rows already"):
        keep_rows(conn, tmp_path / "kept")


def test_a_server_that_hashes_otherwise_is_refused(conn: psycopg.Connection, tmp_path: Path) -> None:
    kept = keep_rows(conn, tmp_path / "kept")
    other = KeptRows(kept.folder, kept.listings, "1")
    with pytest.raises(PreconditionNotMet, match="hashes rows otherwise"):
        compare_rows(conn, other, digester=str)


def test_rows_hidden_from_the_role_are_an_error_when_kept_and_when_compared(
    pg: PostgresServer, database: str, conn: psycopg.Connection, tmp_path: Path
) -> None:
    conn.execute(
        "CREATE ROLE fp_rows LOGIN; CREATE TABLE t (a integer); ALTER TABLE t OWNER TO fp_rows;"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY"
    )
    conn.commit()
    try:
        with psycopg.connect(pg.conninfo(database, user="fp_rows")) as theirs:
            kept = keep_rows(theirs, tmp_path / "kept")
            conn.execute("ALTER TABLE t FORCE ROW LEVEL SECURITY")
            conn.commit()
            with pytest.raises(AttemptFailed, match="row-level security"):
                keep_rows(theirs, tmp_path / "again")
            with pytest.raises(AttemptFailed, match="row-level security"):
                compare_rows(theirs, kept, digester=str)
    finally:
        conn.execute("DROP OWNED BY fp_rows; DROP ROLE fp_rows")
        conn.commit()
