"""All the way up, all the way down, and up again."""

from __future__ import annotations

import pytest

from rollproof.environments.base import PostgresServer
from rollproof.walk.model import Again, Outcome
from rollproof.walk.track import Track
from tests.unit.walk.support import walked

CLEAN = [
    ("CREATE TABLE a (id serial PRIMARY KEY, name text)", "DROP TABLE a"),
    ("INSERT INTO a (name) VALUES ('x'), ('y')", "DELETE FROM a WHERE name IN ('x', 'y')"),
    ("ALTER TABLE a ADD COLUMN at timestamptz DEFAULT now()", "ALTER TABLE a DROP COLUMN at"),
    ("CREATE TYPE mood AS ENUM ('sad')", "DROP TYPE mood"),
    ("CREATE TABLE b (id int PRIMARY KEY, m mood, a int REFERENCES a)", "DROP TABLE b"),
    ("CREATE VIEW v AS SELECT name FROM a", "DROP VIEW v"),
    ("CREATE ROLE walk_zero; GRANT SELECT ON a TO walk_zero", "DROP OWNED BY walk_zero; DROP ROLE walk_zero"),
]


def verdicts(
    pg: PostgresServer, history: list[tuple[str, str | None]], **settings: object
) -> list[tuple[str, str]]:
    found = walked(pg, history, **settings)
    return [(result.outcome.value, result.again.value) for result in found.migrations]


def test_a_sound_history_is_sound_at_either_depth(pg: PostgresServer) -> None:
    assert verdicts(pg, CLEAN, to_zero=True) == verdicts(pg, CLEAN) == [("restored", "same")] * len(CLEAN)


def test_a_rollback_that_is_right_only_by_itself_is_found(pg: PostgresServer) -> None:
    history = [
        ("CREATE TABLE a (id int)", "DROP TABLE a"),
        ("CREATE TABLE b (id int)", "DROP TABLE b; DROP TABLE IF EXISTS a_old"),
        (
            "ALTER TABLE a RENAME TO a_old; CREATE TABLE a (id int)",
            "DROP TABLE a; ALTER TABLE a_old RENAME TO a",
        ),
        ("CREATE SEQUENCE s; SELECT setval('s', 9)", "DROP SEQUENCE s"),
        ("CREATE INDEX a_id ON a (id)", "SELECT 1"),
    ]
    found = walked(pg, history, to_zero=True).migrations
    assert [result.outcome for result in found] == [Outcome.RESTORED] * 4 + [Outcome.DID_NOTHING]


def test_each_difference_is_laid_to_one_migration_only(pg: PostgresServer) -> None:
    history = [
        ("CREATE TABLE a (id int)", "DROP TABLE a"),
        ("CREATE TYPE t AS ENUM ('a')", "SELECT 1"),
        ("CREATE TABLE b (id int)", "DROP TABLE b"),
        ("ALTER TABLE a ADD COLUMN x int", "SELECT 1"),
        ("CREATE TABLE c (id int)", "DROP TABLE c"),
    ]
    found = walked(pg, history, to_zero=True).migrations
    assert [result.outcome.value for result in found] == [
        "restored", "did_nothing", "restored", "did_nothing", "restored",
    ]  # fmt: skip
    assert found[1].again is Again.FAILED


def test_a_history_with_no_way_back_is_gone_round(pg: PostgresServer) -> None:
    history: list[tuple[str, str | None]] = []
    for number in range(24):
        down = None if number % 3 == 0 else f"DROP TABLE t{number}" if number % 4 else "DROP TABLE nope"
        history.append((f"CREATE TABLE t{number} (id int); INSERT INTO t{number} VALUES ({number})", down))
    assert verdicts(pg, history, to_zero=True) == verdicts(pg, history)


def test_a_role_that_later_copies_refer_to_can_be_made_again(
    pg: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Copies from further up still grant to it: the server would not let it go."""
    monkeypatch.setattr(Track, "worth_a_copy", property(lambda self: True))
    history: list[tuple[str, str | None]] = [
        ("CREATE TABLE a (id int)", "DROP TABLE a"),
        ("CREATE SCHEMA ours; CREATE ROLE walk_copied; GRANT USAGE ON SCHEMA ours TO walk_copied", None),
        ("CREATE TABLE ours.b (id int)", "DROP TABLE ours.b"),
        ("CREATE TABLE ours.c (id int)", "DROP TABLE ours.c"),
    ]
    expected = ["restored", "no_down", "restored", "restored"]
    assert [outcome for outcome, _ in verdicts(pg, history, to_zero=True)] == expected


def test_what_no_copy_has_is_not_lost_on_the_way_back(
    pg: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied database has no subscription, so a way back that leaves one would seem to take it away."""
    monkeypatch.setattr(Track, "worth_a_copy", property(lambda self: True))
    made = "CREATE SUBSCRIPTION walk_kept CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)"
    history: list[tuple[str, str | None]] = [
        ("CREATE TABLE a (id int)", "DROP TABLE a"),
        (made, "SELECT 1"),
        ("CREATE TABLE b (id int)", "DROP TABLE b"),
        ("CREATE TABLE c (id int)", None),
        ("CREATE TABLE d (id int)", "DROP TABLE d"),
    ]
    expected = ["restored", "did_nothing", "restored", "no_down", "restored"]
    for to_zero in (True, False):
        assert [outcome for outcome, _ in verdicts(pg, history, to_zero=to_zero)] == expected


def test_data_lost_far_below_is_seen_once(pg: PostgresServer) -> None:
    history = [
        ("CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'x')", "DROP TABLE a"),
        ("CREATE TABLE b (id int)", "DROP TABLE b"),
        ("ALTER TABLE a DROP COLUMN x", "ALTER TABLE a ADD COLUMN x text"),
        ("CREATE TABLE c (id int)", "DROP TABLE c"),
    ]
    found = walked(pg, history, to_zero=True).migrations
    assert [result.outcome.value for result in found] == ["restored", "restored", "loses_data", "restored"]


def test_rows_that_come_out_otherwise_on_the_second_way_up_are_found(pg: PostgresServer) -> None:
    left = "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)"
    seed = "INSERT INTO a SELECT n FROM generate_series(1, 2 + (SELECT count(*)::int FROM kept)) AS n"
    history = [
        (left.replace("TABLE", "TABLE IF NOT EXISTS"), "SELECT 1"),
        ("CREATE TABLE a (id int PRIMARY KEY)", "DROP TABLE a"),
        (seed, "DELETE FROM a"),
    ]
    found = walked(pg, history, to_zero=True).migrations
    assert found[0].again is Again.DIFFERS
    assert any("kept" in note for note in found[0].notes)


def test_where_sequences_stand_is_compared_on_the_second_way_up(pg: PostgresServer) -> None:
    up = "CREATE SEQUENCE IF NOT EXISTS s; SELECT nextval('s')"
    history = [(up, "SELECT setval('s', 1, false)"), ("CREATE TABLE a (id int)", "DROP TABLE a")]
    found = walked(pg, [("CREATE TABLE b (id int)", "DROP TABLE b"), *history], to_zero=True).migrations
    assert [one.outcome for one in found] == [Outcome.RESTORED, Outcome.NOT_RESTORED, Outcome.RESTORED]


def test_rows_made_up_on_both_ways_are_no_difference(pg: PostgresServer) -> None:
    history = [
        (
            "CREATE TABLE a (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at timestamptz, n int)",
            "DROP TABLE a",
        ),
        ("CREATE TABLE b (id serial PRIMARY KEY, a uuid REFERENCES a, kind text)", "DROP TABLE b"),
        ("ALTER TABLE b ADD COLUMN n int NOT NULL DEFAULT 3", "ALTER TABLE b DROP COLUMN n"),
        ("CREATE TABLE c AS SELECT * FROM a", "DROP TABLE c"),
        ("ALTER TABLE a ALTER n TYPE text", "ALTER TABLE a ALTER n TYPE int USING n::int"),
    ]
    assert verdicts(pg, history, to_zero=True) == [("restored", "same")] * len(history)


def test_what_is_compared_on_the_second_way_is_said(pg: PostgresServer) -> None:
    depths = [walked(pg, CLEAN[:1], to_zero=True, rows=rows).facts["depth"] for rows in (True, False)]
    assert depths == [
        "to zero and back; on the second way up: schema, sequences and rows, made-up rows by their number",
        "to zero and back; on the second way up: schema, and sequences",
    ]
