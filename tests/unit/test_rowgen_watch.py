"""Looks at rows: nothing that was changed goes unseen, nothing that was not is called changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed, PreconditionNotMet
from rollproof.fingerprint import compare_rows, keep_rows, snapshot
from rollproof.model.rows import RowChanges
from rollproof.rowgen import RowState, RowWatch, compare_states, discards
from rollproof.rowgen.rowstate import split_row

SETUP = (
    "CREATE TABLE t (id integer PRIMARY KEY, a text, b numeric);"
    "INSERT INTO t SELECT g, 'a' || g, nullif(g % 4, 0) FROM generate_series(1, 12) g;"
    "CREATE TABLE other (x text); INSERT INTO other VALUES ('one'), ('one'), (NULL);"
)


@pytest.fixture
def db(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    """Where migrations run: not the connection that looks."""
    with psycopg.connect(pg.conninfo(database), autocommit=True) as connection:
        yield connection


@pytest.fixture(params=[True, False], ids=["autocommit", "transactions"])
def observer(
    pg: PostgresServer, database: str, request: pytest.FixtureRequest
) -> Iterator[psycopg.Connection]:
    with psycopg.connect(pg.conninfo(database), autocommit=request.param) as connection:
        yield connection


def lines(state: RowState) -> dict[str, tuple[str, ...]]:
    return {name: table.lines for name, table in state.states.items()}


SABOTEURS = {
    "one value": ("UPDATE t SET a = 'z' WHERE id = 3", {"changed": 1, "lost_columns": {"a": 1}}),
    "one value to null": ("UPDATE t SET b = NULL WHERE id = 3", {"changed": 1, "lost_columns": {"b": 1}}),
    "null to a value": ("UPDATE t SET b = 1 WHERE id = 4", {"changed": 1}),
    "a digit behind the point": (
        "UPDATE t SET b = 3.0 WHERE id = 3",
        {"changed": 1, "lost_columns": {"b": 1}},
    ),
    "two values swapped": (
        "UPDATE t SET a = CASE id WHEN 1 THEN 'a2' ELSE 'a1' END WHERE id IN (1, 2)",
        {"changed": 2, "lost_columns": {"a": 2}},
    ),
    "as many deleted as inserted": (
        "DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (99, 'a1', 1)",
        {"lost": 1, "added": 1},
    ),
    "truncated": ("TRUNCATE t", {"lost": 12}),
    "a row more": ("INSERT INTO t VALUES (99)", {"added": 1}),
    "a column dropped": ("ALTER TABLE t DROP a", {"lost_columns": {"a": 12}}),
    "a column dropped and made again": (
        "ALTER TABLE t DROP a; ALTER TABLE t ADD a text",
        {"changed": 12, "lost_columns": {"a": 12}},
    ),
    "a column renamed": ("ALTER TABLE t RENAME a TO c", {"lost_columns": {"a": 12}}),
    "an empty string for null": (
        "UPDATE t SET a = '' WHERE id = 1",
        {"changed": 1, "lost_columns": {"a": 1}},
    ),
    "dropped and made again, empty": (
        "DROP TABLE t; CREATE TABLE t (id integer PRIMARY KEY, a text, b numeric)",
        {"lost": 12},
    ),
    "dropped": ("DROP TABLE t", {"lost": 12, "missing_table": True}),
    "renamed": ("ALTER TABLE t RENAME TO u", {"lost": 12, "missing_table": True}),
}


@pytest.mark.parametrize(("change", "expected"), SABOTEURS.values(), ids=SABOTEURS.keys())
def test_every_change_is_seen_and_counted(
    db: psycopg.Connection, observer: psycopg.Connection, change: str, expected: dict[str, object]
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    before = watch.look()
    db.execute(change)
    (found,) = compare_states(before, watch.look(["public.t", "public.u"]))
    assert found.table == "public.t"
    said = {
        name: getattr(found, name) for name in ("lost", "changed", "added", "lost_columns", "missing_table")
    }
    assert {name: value for name, value in said.items() if value} == expected
    assert not found.incomplete
    assert observer.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


HARMLESS = {
    "nothing": "SELECT 1",
    "truncated and filled alike": (
        "CREATE TABLE k AS TABLE t; TRUNCATE t; INSERT INTO t TABLE k; DROP TABLE k"
    ),
    "rows in another order": (
        "CREATE TABLE k AS TABLE t; TRUNCATE t; INSERT INTO t SELECT * FROM k ORDER BY id DESC; DROP TABLE k"
    ),
    "dropped and made again with the same rows": (
        "CREATE TABLE k AS TABLE t; DROP TABLE t; ALTER TABLE k RENAME TO t;"
        "ALTER TABLE t ADD PRIMARY KEY (id)"
    ),
    "changed and changed back": "UPDATE t SET a = 'z' WHERE id = 1; UPDATE t SET a = 'a1' WHERE id = 1",
    "rolled back": "BEGIN; UPDATE t SET a = 'z'; DELETE FROM t WHERE id = 1; ROLLBACK",
    "rolled back to a savepoint": "BEGIN; SAVEPOINT s; UPDATE t SET a = 'z'; ROLLBACK TO s; COMMIT",
    "a truncate rolled back": "BEGIN; TRUNCATE t; INSERT INTO t VALUES (1); ROLLBACK",
    "written again": "UPDATE t SET a = a",
    "rewritten": "ALTER TABLE t ALTER id TYPE bigint",
    "clustered": "CLUSTER t USING t_pkey",
    "a column came": "ALTER TABLE t ADD c integer DEFAULT 3",
    "a column moved to the end": (
        "ALTER TABLE t ADD x text; UPDATE t SET x = a; ALTER TABLE t DROP a; ALTER TABLE t RENAME x TO a"
    ),
    "a table came": "CREATE TABLE u (id integer); INSERT INTO u VALUES (1)",
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_is_as_it_was_is_no_change(
    db: psycopg.Connection, observer: psycopg.Connection, change: str
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    before = watch.look()
    db.execute(change)
    assert compare_states(before, watch.look(["public.t", "public.u"])) == ()


def test_a_change_that_is_not_committed_is_not_seen_and_seen_once_it_is(
    pg: PostgresServer, database: str, db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    before = watch.look()
    with psycopg.connect(pg.conninfo(database)) as other:
        other.execute("UPDATE t SET a = 'z' WHERE id = 1")
        assert compare_states(before, watch.look(())) == ()
        other.commit()
    (found,) = compare_states(before, watch.look(()))
    assert found.changed_keys == ("id=1",)


def test_a_value_of_an_enum_that_is_called_otherwise_is_seen_though_no_row_was_touched(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (id int PRIMARY KEY, m mood)")
    db.execute("INSERT INTO t VALUES (1, 'sad'), (2, 'ok')")
    watch = RowWatch(observer)
    before = watch.look()
    db.execute("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")
    (found,) = compare_states(before, watch.look(()))
    assert found.changed_keys == ("id=1",)


def test_tables_and_columns_that_came_with_values_go_with_a_rollback(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    before = watch.look()
    db.execute(
        'ALTER TABLE t ADD "New One" integer DEFAULT 3; ALTER TABLE t ADD empty text;'
        "CREATE TABLE full_one AS SELECT 1 AS x; CREATE TABLE empty_one (x integer)"
    )
    after = watch.look(["public.t", "public.full_one", "public.empty_one"])
    assert discards(before, after) == ("public.full_one", 'public.t."New One"')
    assert discards(after, after) == ()


def test_keys_that_may_be_personal_are_shown_as_digests_and_numbers_in_order(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute("CREATE TABLE p (n integer, mail text, PRIMARY KEY (n, mail))")
    db.execute("INSERT INTO p SELECT g, 'anna@example.org' FROM generate_series(1, 11) g")
    watch = RowWatch(observer)
    before = watch.look()
    db.execute("DELETE FROM p WHERE n IN (2, 10)")
    (found,) = compare_states(before, watch.look(()), digester=lambda text: f"#{len(text)}")
    assert found.lost_keys == ("n=2, mail=#16", "n=10, mail=#16")
    (found,) = compare_states(before, watch.look(()))
    assert "anna" not in repr(found)
    assert "anna" not in repr(before)


def test_without_a_key_the_same_row_twice_is_two_rows(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    before = watch.look()
    db.execute("DELETE FROM other WHERE ctid = (SELECT min(ctid) FROM other)")
    assert compare_states(before, watch.look(())) == (RowChanges("public.other", lost=1),)


def test_a_partitioned_table_is_one_table_whose_rows_may_move_between_partitions(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(
        "CREATE TABLE p (id integer) PARTITION BY RANGE (id); CREATE TABLE p_d PARTITION OF p DEFAULT;"
        "INSERT INTO p SELECT generate_series(1, 9)"
    )
    watch = RowWatch(observer)
    before = watch.look()
    assert dict(before.tables) == {"public.p": 9}
    db.execute(
        "ALTER TABLE p DETACH PARTITION p_d; CREATE TABLE p_1 PARTITION OF p FOR VALUES FROM (1) TO (5);"
        "CREATE TABLE p_2 PARTITION OF p DEFAULT; INSERT INTO p TABLE p_d; DROP TABLE p_d"
    )
    after = watch.look(["public.p_d", "public.p_1", "public.p_2"])
    assert compare_states(before, after) == ()
    db.execute("DROP TABLE p_1")
    assert compare_states(before, watch.look(["public.p_1"])) == (RowChanges("public.p", lost=4),)


@pytest.mark.parametrize("change", ["ALTER TABLE t DROP b", "DROP TABLE t", "DROP SCHEMA s CASCADE"])
def test_a_change_of_the_schema_that_was_not_told_is_found_all_the_same(
    db: psycopg.Connection, observer: psycopg.Connection, change: str
) -> None:
    db.execute(SETUP + "CREATE SCHEMA s; CREATE TABLE s.x AS SELECT 1 AS n")
    watch = RowWatch(observer)
    before = watch.look()
    db.execute(change)
    fresh = RowWatch(observer).look()
    after = watch.look(())
    assert lines(after) == lines(fresh)
    assert compare_states(before, after)


def test_statements_that_somebody_deallocated_are_prepared_again(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    before = watch.look()
    observer.execute("DEALLOCATE ALL")
    observer.commit()
    assert lines(watch.look(())) == lines(before)


def test_prepared_statements_do_not_pile_up(db: psycopg.Connection, observer: psycopg.Connection) -> None:
    watch = RowWatch(observer)
    for number in range(40):
        db.execute(sql.SQL("CREATE TABLE {} (id integer)").format(sql.Identifier(f"t{number}")))
        watch.look([f"public.t{number}"])
    for number in range(30):
        db.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(f"t{number}")))
        watch.look([f"public.t{number}"])
    assert len(watch.look(()).tables) == 10
    row = observer.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    observer.commit()
    assert row is not None
    assert row[0] < 20


def test_tables_and_schemas_to_ignore_are_not_looked_at(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(SETUP + 'CREATE SCHEMA "Odd One"; CREATE TABLE "Odd One".x (id integer)')
    watch = RowWatch(observer, ignore=["public.other", '"Odd One"'])
    assert dict(watch.look().tables) == {"public.t": 12}


def test_large_objects_are_rows_too(db: psycopg.Connection, observer: psycopg.Connection) -> None:
    watch = RowWatch(observer)
    assert dict(watch.look().tables) == {}
    db.execute("SELECT lo_from_bytea(4711, 'abc')")
    before = watch.look(())
    db.execute("SELECT lo_put(4711, 1, 'x')")
    (found,) = compare_states(before, watch.look(()))
    assert found.changed_keys == ("loid=4711, pageno=0",)
    db.execute("SELECT lo_unlink(4711)")
    assert dict(watch.look(()).tables) == {}


def test_a_look_joins_a_snapshot_and_refuses_any_other_transaction(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    with snapshot(observer, doing="testing"):
        before = watch.look()
        db.execute("UPDATE t SET a = 'z'")
        assert compare_states(before, watch.look(())) == ()
    assert len(compare_states(before, watch.look(()))) == 1
    with observer.transaction():
        observer.execute("SELECT 1")
        with pytest.raises(PreconditionNotMet):
            watch.look(())


def test_a_table_that_may_not_be_read_is_an_error_and_the_connection_stays_fit(
    pg: PostgresServer, database: str, db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(SETUP)
    watch = RowWatch(observer)
    before = watch.look()
    db.execute("CREATE ROLE rowgen_weak LOGIN")
    try:
        with psycopg.connect(pg.conninfo(database, user="rowgen_weak"), autocommit=True) as weak:
            with pytest.raises(AttemptFailed, match="permission denied"):
                RowWatch(weak).look()
            assert weak.execute("SELECT 1").fetchone() == (1,)
    finally:
        db.execute("DROP ROLE rowgen_weak")
    assert lines(watch.look()) == lines(before)


LARGE = (
    "CREATE TABLE t (id integer PRIMARY KEY, a text, b numeric);"
    "INSERT INTO t SELECT g, 'a' || g, g FROM generate_series(1, 200) g;"
    "CREATE TABLE nokey (a text, b integer);"
    "INSERT INTO nokey SELECT 'a' || g, g FROM generate_series(1, 200) g"
)
LARGE_CASES = {
    "one value": ("UPDATE t SET a = 'z' WHERE id = 3", "public.t", 1),
    "swapped": ("UPDATE t SET a = 'a' || (3 - id) WHERE id IN (1, 2)", "public.t", 1),
    "a column dropped": ("ALTER TABLE t DROP a", "public.t", 0),
    "no key, one value": ("UPDATE nokey SET a = 'z' WHERE b = 1", "public.nokey", 0),
    "no key, swapped": ("UPDATE nokey SET a = 'a' || (3 - b) WHERE b IN (1, 2)", "public.nokey", 0),
    "no key, a column dropped": ("ALTER TABLE nokey DROP b", "public.nokey", 0),
    "one lost": ("DELETE FROM t WHERE id = 1", "public.t", 0),
}


@pytest.mark.parametrize(("change", "table", "changed"), LARGE_CASES.values(), ids=LARGE_CASES.keys())
def test_a_change_in_a_large_table_is_seen_and_said_to_be_counted_only(
    db: psycopg.Connection, observer: psycopg.Connection, change: str, table: str, changed: int
) -> None:
    db.execute(LARGE)
    watch = RowWatch(observer, limit=50)
    before = watch.look()
    assert before.tables[table] == 200
    assert not before.states[table].lines
    assert watch.look(()).states[table] is before.states[table]
    db.execute(change)
    (found,) = compare_states(before, watch.look(["public.t", "public.nokey"]))
    assert (found.table, found.changed) == (table, changed)
    assert found.loses


def test_a_large_table_with_a_new_column_or_rows_in_another_order_is_unchanged(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute(LARGE)
    watch = RowWatch(observer, limit=50)
    before = watch.look()
    db.execute(
        "ALTER TABLE t ADD c integer DEFAULT 7; CREATE TABLE k AS TABLE nokey; TRUNCATE nokey;"
        "INSERT INTO nokey SELECT * FROM k ORDER BY b DESC; DROP TABLE k"
    )
    after = watch.look(["public.t", "public.nokey"])
    assert compare_states(before, after) == ()
    assert discards(before, after) == ("public.t.c",)


def test_a_table_that_grows_is_held_row_by_row_for_a_while(
    db: psycopg.Connection, observer: psycopg.Connection
) -> None:
    db.execute("CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 40)")
    watch = RowWatch(observer, limit=50)
    before = watch.look()
    db.execute("INSERT INTO t SELECT generate_series(41, 400)")
    assert compare_states(before, watch.look(())) == (
        RowChanges("public.t", added=360, added_keys=tuple(f"id={n}" for n in range(41, 401))),
    )
    db.execute("INSERT INTO t SELECT generate_series(401, 4000)")
    (found,) = compare_states(before, watch.look(()))
    assert found.incomplete
    assert (found.lost, found.changed, found.added) == (0, 0, 3960)


# One example is one history on one table: looks are compared with what the slower comparison says.

VALUES = [
    "1.0",
    "1.00",
    "-0",
    "0",
    "1",
    "a",
    "a ",
    "",
    "NULL",
    '"',
    "\\",
    "a,b",
    "(1,2)",
    "é",
    "e\u0301",
    None,
]
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.integers(0, 5), st.sampled_from("ab"), st.sampled_from(VALUES)),
        st.tuples(st.just("swap rows"), st.integers(0, 5), st.integers(0, 5), st.sampled_from("ab")),
        st.tuples(st.just("swap columns"), st.integers(0, 5)),
        st.tuples(st.just("duplicate"), st.integers(0, 5)),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("round"), st.integers(0, 5)),
        st.tuples(st.just("reorder")),
        st.tuples(st.just("drop"), st.sampled_from("ab")),
        st.tuples(st.just("drop and add"), st.sampled_from("ab")),
        st.tuples(st.just("lose key")),
    ),
    max_size=4,
)
ROWS = st.lists(st.tuples(st.sampled_from(VALUES), st.sampled_from(VALUES)), min_size=1, max_size=6)
NUMERIC = r"^-?\d+(\.\d+)?$"


def apply(db: psycopg.Connection, operation: tuple[object, ...]) -> None:
    kind, *what = operation
    column = sql.Identifier(str(what[-1])) if what else sql.Identifier("a")
    match kind:
        case "set":
            db.execute(
                sql.SQL("UPDATE t SET {} = %s WHERE id = %s").format(sql.Identifier(str(what[1]))),
                [what[2], what[0]],
            )
        case "swap rows":
            db.execute(
                sql.SQL(
                    "UPDATE t SET {c} = o.{c} FROM t o WHERE (t.id, o.id) IN ((%s, %s), (%s, %s))"
                ).format(c=column),
                [what[0], what[1], what[1], what[0]],
            )
        case "swap columns":
            db.execute("UPDATE t SET a = b, b = a WHERE id = %s", [what[0]])
        case "duplicate":
            db.execute(
                "INSERT INTO t SELECT (SELECT max(id) + 1 FROM t), a, b FROM t WHERE id = %s LIMIT 1",
                [what[0]],
            )
        case "delete":
            db.execute("DELETE FROM t WHERE id = %s", [what[0]])
        case "round":
            db.execute(
                "UPDATE t SET a = round(a::numeric, 0)::text WHERE id = %s AND a ~ %s", [what[0], NUMERIC]
            )
        case "reorder":
            db.execute("CREATE TEMP TABLE k AS TABLE t; TRUNCATE t")
            db.execute("INSERT INTO t SELECT * FROM k ORDER BY id DESC; DROP TABLE k")
        case "drop":
            db.execute(sql.SQL("ALTER TABLE t DROP IF EXISTS {}").format(column))
        case "drop and add":
            db.execute(
                sql.SQL("ALTER TABLE t DROP IF EXISTS {c}; ALTER TABLE t ADD {c} text").format(c=column)
            )
        case "lose key":
            db.execute("ALTER TABLE t DROP CONSTRAINT IF EXISTS t_pkey; UPDATE t SET id = 0 WHERE id < 2")


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, operations=OPERATIONS)
def test_a_look_finds_what_the_comparison_of_kept_rows_finds(
    pg: PostgresServer,
    database: str,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str | None, str | None]],
    operations: list[tuple[object, ...]],
) -> None:
    with (
        psycopg.connect(pg.conninfo(database), autocommit=True) as db,
        psycopg.connect(pg.conninfo(database), autocommit=True) as observer,
    ):
        db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id integer PRIMARY KEY, a text, b text)")
        for number, (a, b) in enumerate(rows):
            db.execute("INSERT INTO t VALUES (%s, %s, %s)", [number, a, b])
        watch = RowWatch(observer)
        before = watch.look()
        kept = keep_rows(observer, Path(tmp_path_factory.mktemp("kept")))
        for operation in operations:
            try:
                apply(db, operation)
            except psycopg.errors.UndefinedColumn:
                continue
            watch.look(["public.t"])
        expected = compare_rows(observer, kept, digester=str)
        found = compare_states(before, watch.look(["public.t"]), digester=str)
        assert found == tuple(expected)
        assert compare_states(before, RowWatch(observer).look(), digester=str) == found


@given(
    st.lists(
        st.one_of(st.none(), st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"])))
    )
)
def test_a_row_is_split_as_the_server_joined_it(values: list[str | None]) -> None:
    def written(value: str | None) -> str:
        if value is None:
            return ""
        if value and not any(c in '"\\(),' or c.isspace() for c in value):
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '""') + '"'

    texts = [written(value) for value in values] or [""]
    assert split_row("(" + ",".join(texts) + ")") == tuple(text or None for text in texts)
