"""After a second up that failed and changed nothing, the tool's record is put right and the walk goes on."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.walk import ledgerrows
from rollproof.walk.model import Again, Outcome
from rollproof.walk.track import Track
from tests.unit.walk.support import LEDGER, Pair, walked

HISTORY = (
    Pair("CREATE TABLE a (id int)", "DROP TABLE a"),
    Pair("CREATE TABLE b (id int)", "SELECT 1"),
    Pair("CREATE TABLE c (id int)", "DROP TABLE c"),
)


def test_a_rollback_that_did_nothing_needs_no_new_database(
    pg: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rebuilt: list[int] = []
    rebuild = Track.rebuild

    def counted(track: Track) -> None:
        rebuilt.append(len(track.applied))
        rebuild(track)

    monkeypatch.setattr(Track, "rebuild", counted)
    found = walked(pg, HISTORY)
    assert [result.outcome for result in found.migrations] == [
        Outcome.RESTORED,
        Outcome.DID_NOTHING,
        Outcome.RESTORED,
    ]
    assert [result.again for result in found.migrations] == [Again.SAME, Again.FAILED, Again.SAME]
    assert rebuilt == []


@pytest.fixture
def ledger(pg: PostgresServer, database: str) -> Iterator[psycopg.Connection]:
    conn = psycopg.connect(pg.conninfo(database), autocommit=True)
    conn.execute(f"CREATE TABLE {LEDGER} (n int GENERATED ALWAYS AS IDENTITY, id text, at timestamptz)")
    conn.execute(f"INSERT INTO {LEDGER} (id, at) VALUES ('a \"b\", (c)', now()), (NULL, NULL)")
    yield conn
    conn.close()


def test_rows_of_a_ledger_are_put_back_as_they_were(ledger: psycopg.Connection) -> None:
    before = ledger.execute(f"SELECT * FROM {LEDGER}").fetchall()
    remembered = ledgerrows.remember(ledger, LEDGER)
    assert remembered is not None
    ledger.execute(f"DELETE FROM {LEDGER} WHERE id IS NULL; UPDATE {LEDGER} SET id = 'other'")
    assert ledgerrows.put_back(ledger, remembered)
    assert ledger.execute(f"SELECT * FROM {LEDGER}").fetchall() == before


def test_a_ledger_that_hangs_together_with_other_tables_is_left_alone(ledger: psycopg.Connection) -> None:
    ledger.execute(
        f"ALTER TABLE {LEDGER} ADD PRIMARY KEY (n); CREATE TABLE tags (of int REFERENCES {LEDGER})"
    )
    remembered = ledgerrows.remember(ledger, LEDGER)
    assert remembered is not None
    assert not ledgerrows.put_back(ledger, remembered)


def test_a_ledger_that_is_not_there_or_is_other_by_now_is_no_error(ledger: psycopg.Connection) -> None:
    assert ledgerrows.remember(ledger, "public.no_such_table") is None
    remembered = ledgerrows.remember(ledger, LEDGER)
    assert remembered is not None
    ledger.execute(f"ALTER TABLE {LEDGER} DROP COLUMN at")
    assert not ledgerrows.put_back(ledger, remembered)
    assert ledger.execute("SELECT 1").fetchone() == (1,)
