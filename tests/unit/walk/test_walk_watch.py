"""A watch that misses something must not go unnoticed: it is held against a full fingerprint."""

from __future__ import annotations

import pytest

from rollproof.environments.base import PostgresServer
from rollproof.errors import AttemptFailed
from rollproof.fingerprint.watch import CatalogWatch
from tests.unit.walk.support import walked

SOUND = ("CREATE TABLE one (id int)", "DROP TABLE one")
LEAVES_A_TABLE = ("CREATE TABLE two (id int); CREATE TABLE three (id int)", "DROP TABLE two")


def test_looks_that_miss_what_is_left_end_the_walk(
    pg: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CatalogWatch, "_advance", lambda *_: None)  # the saboteur: it sees no change
    with pytest.raises(AttemptFailed, match="the incremental fingerprint is not the full one"):
        walked(pg, [SOUND, LEAVES_A_TABLE], rows=False)


def test_looks_that_miss_nothing_go_through(pg: PostgresServer) -> None:
    found = walked(pg, [SOUND, LEAVES_A_TABLE], rows=False)
    assert [one.outcome.value for one in found.migrations] == ["restored", "not_restored"]


def test_a_second_up_that_failed_leaves_sequences_where_they_were(pg: PostgresServer) -> None:
    expects_two = (
        "INSERT INTO t (v) VALUES ('b'); DO $$ BEGIN IF (SELECT id FROM t WHERE v = 'b') <> 2 THEN"
        " RAISE EXCEPTION 'the sequence has moved'; END IF; END $$"
    )
    found = walked(
        pg,
        [
            ("CREATE TABLE t (id serial PRIMARY KEY, v text UNIQUE)", "DROP TABLE t"),
            ("INSERT INTO t (v) VALUES ('a')", "SELECT 1"),
            (expects_two, "DELETE FROM t WHERE v = 'b'"),
        ],
        rows=False,
    )
    assert found.migrations[1].again.value == "failed"
    assert found.migrations[2].outcome.value != "up_failed", found.migrations[2].failures
