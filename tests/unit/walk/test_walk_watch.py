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
