"""All the way up, all the way down, and up again."""

from __future__ import annotations

from rollproof.environments.base import PostgresServer
from rollproof.walk.model import Again, Outcome
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


def test_data_lost_far_below_is_seen_once(pg: PostgresServer) -> None:
    history = [
        ("CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a VALUES (1, 'x')", "DROP TABLE a"),
        ("CREATE TABLE b (id int)", "DROP TABLE b"),
        ("ALTER TABLE a DROP COLUMN x", "ALTER TABLE a ADD COLUMN x text"),
        ("CREATE TABLE c (id int)", "DROP TABLE c"),
    ]
    found = walked(pg, history, to_zero=True).migrations
    assert [result.outcome.value for result in found] == ["restored", "restored", "loses_data", "restored"]
