"""What made-up rows show, and what they must not disturb."""

from __future__ import annotations

import pytest

from rollproof.environments.base import PostgresServer
from rollproof.walk.model import Again, Outcome
from tests.unit.walk.support import last, walked

TABLE = ("CREATE TABLE t (id serial PRIMARY KEY, name text NOT NULL, n int)", "DROP TABLE t")


@pytest.mark.parametrize(
    ("up", "down", "lost"),
    [
        ("ALTER TABLE t DROP COLUMN n", "ALTER TABLE t ADD COLUMN n int", {"n": 3}),
        ("ALTER TABLE t ALTER n TYPE text USING 'x'", "ALTER TABLE t ALTER n TYPE int USING 0", {"n": 3}),
    ],
)
def test_a_column_without_its_values_is_lost_data(
    pg: PostgresServer, up: str, down: str, lost: dict[str, int]
) -> None:
    result = last(pg, [TABLE, (up, down)])
    assert result.outcome is Outcome.LOSES_DATA
    assert [(change.table, dict(change.lost_columns)) for change in result.rows] == [("public.t", lost)]


@pytest.mark.parametrize("narrower", ["real", "numeric(20, 2)"])
def test_made_up_doubles_show_what_a_narrower_type_costs(pg: PostgresServer, narrower: str) -> None:
    table = ("CREATE TABLE t (id serial PRIMARY KEY, x double precision NOT NULL)", "DROP TABLE t")
    there = f"ALTER TABLE t ALTER x TYPE {narrower}"
    assert last(pg, [table, (there, "ALTER TABLE t ALTER x TYPE double precision")]).outcome is (
        Outcome.LOSES_DATA
    )


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (
            "ALTER TABLE t ADD x int; UPDATE t SET name = trim(name) WHERE name <> trim(name)",
            "ALTER TABLE t DROP x",
        ),
        (
            "ALTER TABLE t ALTER name TYPE text[] USING string_to_array(name, ' ')",
            "ALTER TABLE t ALTER name TYPE text USING name[1] || ' ' || name[2]",
        ),
        (
            "ALTER TABLE t ALTER tags TYPE text USING array_to_string(tags, ',')",
            "ALTER TABLE t ALTER tags TYPE text[] USING string_to_array(tags, ',')",
        ),
    ],
)
def test_made_up_texts_show_what_is_lost_by_trimming_and_taking_apart(
    pg: PostgresServer, there: str, back: str
) -> None:
    table = ("CREATE TABLE t (id serial PRIMARY KEY, name varchar(40), tags text[])", "DROP TABLE t")
    assert last(pg, [table, (there, back)]).outcome is Outcome.LOSES_DATA


def test_a_table_without_its_rows_is_lost_data(pg: PostgresServer) -> None:
    result = last(
        pg,
        [
            ("CREATE TABLE t (id int PRIMARY KEY)", None),
            ("DROP TABLE t", "CREATE TABLE t (id int PRIMARY KEY)"),
        ],
    )
    assert result.outcome is Outcome.LOSES_DATA
    assert [(change.table, change.lost) for change in result.rows] == [("public.t", 3)]


def test_without_made_up_rows_the_same_goes_unseen(pg: PostgresServer) -> None:
    history = [TABLE, ("ALTER TABLE t DROP COLUMN n", "ALTER TABLE t ADD COLUMN n int")]
    assert last(pg, history, rows=False).outcome is Outcome.RESTORED


def test_rows_are_there_again_after_a_rollback_has_lost_them(pg: PostgresServer) -> None:
    again = ("ALTER TABLE t DROP COLUMN n", "ALTER TABLE t ADD COLUMN n int")
    history = [TABLE, ("DELETE FROM t", "SELECT 1"), again]
    assert [r.outcome for r in walked(pg, history).migrations[1:]] == [
        Outcome.DID_NOTHING,
        Outcome.LOSES_DATA,
    ]


def test_what_a_migration_makes_and_fills_is_discarded_and_no_loss(pg: PostgresServer) -> None:
    result = last(pg, [("CREATE TABLE t (id int); INSERT INTO t VALUES (1)", "DROP TABLE t")])
    assert result.outcome is Outcome.RESTORED
    assert result.discards == ("public.t",)


@pytest.mark.parametrize(
    "up",
    [
        "ALTER TABLE t ADD COLUMN must text NOT NULL",
        "ALTER TABLE t ALTER COLUMN name TYPE int USING name::int",
        "ALTER TABLE t ADD CHECK (name IN ('a', 'b'))",
        "DO $$ BEGIN IF EXISTS (SELECT FROM t WHERE name <> 'known') THEN RAISE 'unknown'; END IF; END $$;"
        " CREATE INDEX t_name ON t (name)",
    ],
)
def test_made_up_rows_fail_no_migration_that_empty_tables_would_not(pg: PostgresServer, up: str) -> None:
    down = "DROP TABLE t; CREATE TABLE t (id serial PRIMARY KEY, name text NOT NULL, n int)"
    result = last(pg, [TABLE, (up, down)])
    assert result.outcome in (Outcome.RESTORED, Outcome.ORDER_ONLY)
    assert result.again is Again.SAME
    assert [item.table for item in result.no_rows] == ["public.t"]
    assert "cannot be applied while it holds made-up rows" in result.no_rows[0].why


def test_a_rollback_that_rows_fail_is_one_that_fails(pg: PostgresServer) -> None:
    result = last(
        pg, [TABLE, ("ALTER TABLE t DROP COLUMN name", "ALTER TABLE t ADD COLUMN name text NOT NULL")]
    )
    assert result.outcome is Outcome.CANNOT_RUN
    assert result.failures[0].sqlstate == "23502"


def test_a_migration_that_fails_without_rows_too_has_failed(pg: PostgresServer) -> None:
    history = [
        TABLE,
        ("INSERT INTO t (name) VALUES (NULL)", "SELECT 1"),
        ("ALTER TABLE t ADD x int", "ALTER TABLE t DROP x"),
    ]
    found = walked(pg, history).migrations
    assert [result.outcome for result in found[1:]] == [Outcome.UP_FAILED, Outcome.RESTORED]


def test_tables_that_cannot_be_filled_are_told_once(pg: PostgresServer) -> None:
    impossible = ("CREATE TABLE t (n int NOT NULL CHECK (n > 5 AND n < 5))", "DROP TABLE t")
    found = walked(pg, [impossible, ("CREATE TABLE u (id int)", "DROP TABLE u")]).migrations
    assert [[item.table for item in result.no_rows] for result in found] == [["public.t"], []]


def test_a_new_tables_seed_rows_are_not_taken_for_made_up_ones(pg: PostgresServer) -> None:
    history = [
        ("CREATE TABLE roles (id serial PRIMARY KEY, name text UNIQUE)", "DROP TABLE roles"),
        (
            "INSERT INTO roles (name) VALUES ('admin'), ('user')",
            "DELETE FROM roles WHERE name IN ('admin', 'user')",
        ),
        (
            "UPDATE roles SET name = 'root' WHERE name = 'admin'",
            "UPDATE roles SET name = 'admin' WHERE name = 'root'",
        ),
    ]
    assert [result.outcome for result in walked(pg, history).migrations] == [Outcome.RESTORED] * 3


def test_made_up_rows_that_a_rename_took_along_fail_no_migration_either(pg: PostgresServer) -> None:
    renamed = ("ALTER TABLE t RENAME TO u", "ALTER TABLE u RENAME TO t")
    strict = ("ALTER TABLE u ADD COLUMN owner int NOT NULL", "ALTER TABLE u DROP COLUMN owner")

    assert last(pg, [TABLE, renamed, strict]).outcome is Outcome.RESTORED


GUARDED = (
    "ALTER TABLE t ADD COLUMN x int",
    "DO $$ BEGIN IF EXISTS (SELECT FROM t) THEN RAISE EXCEPTION 'cannot be rolled back: t holds rows'; "
    "END IF; END $$; ALTER TABLE t DROP COLUMN x",
)
NO_VALUE = ("ALTER TABLE t DROP COLUMN name", "ALTER TABLE t ADD COLUMN name text NOT NULL")


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (
            GUARDED,
            "its rollback refuses to run because of rows that are there; without the made-up rows it runs",
        ),
        (NO_VALUE, "it is the rows that its rollback fails on: without the made-up ones it runs"),
    ],
)
def test_a_rollback_that_stumbles_over_rows_is_told_from_one_that_is_wrong(
    pg: PostgresServer, pair: tuple[str, str], said: str
) -> None:
    after = ("ALTER TABLE t ADD COLUMN y int", "ALTER TABLE t DROP COLUMN y")
    guarded, sound = walked(pg, [TABLE, pair, after]).migrations[1:]
    assert (guarded.outcome, guarded.notes) == (Outcome.CANNOT_RUN, (said,))
    assert sound.outcome is Outcome.RESTORED


def test_a_refusal_is_one_with_rows_and_without(pg: PostgresServer) -> None:
    down = "DO $$ BEGIN RAISE EXCEPTION 'cannot be rolled back'; END $$"
    refused = last(pg, [TABLE, ("ALTER TABLE t DROP COLUMN n", down)])
    assert refused.outcome is Outcome.NO_DOWN
    assert not refused.failures


def test_rows_that_a_migration_has_made_of_made_up_ones_are_named_where_another_fails_on_rows(
    pg: PostgresServer,
) -> None:
    """They cannot be told from the project's own, so they stay when the made-up ones are taken away."""
    copied = "CREATE TABLE u (id int PRIMARY KEY, n numeric(9, 2)); INSERT INTO u SELECT id, 4e6 FROM t"
    narrowed = ("ALTER TABLE u ALTER n TYPE numeric(9, 4)", "ALTER TABLE u ALTER n TYPE numeric(9, 2)")
    result = last(pg, [TABLE, (copied, "DROP TABLE u"), narrowed])
    assert result.outcome is Outcome.UP_FAILED
    assert any("public.u" in note and "may be the reason" in note for note in result.notes)
    other = last(pg, [TABLE, ("SELECT 1 / 0", "SELECT 1")])
    assert other.outcome is Outcome.UP_FAILED
    assert not any("may be the reason" in note for note in other.notes)
