"""Drafted rollback scripts, run on a real server: all is as before, or they are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import psycopg
import pytest

from rollproof.environments.base import PostgresServer
from rollproof.errors import MigrationError
from rollproof.fingerprint import compare, take_fingerprint
from rollproof.migrations.draft import draft_down
from rollproof.model.fingerprint import DifferenceClass
from rollproof.model.rows import RowChanges
from tests.contract.draft_cases import BASE, REFUSED, UNDONE


@dataclass(frozen=True)
class Lab:
    conn: psycopg.Connection

    def undo(self, up: str) -> None:
        """Applies it, drafts, runs the draft, and expects all to be as before."""
        self.conn.execute(BASE.encode())
        before = take_fingerprint(self.conn)
        self.conn.execute(up.encode())
        draft = draft_down(before, take_fingerprint(self.conn))
        self.conn.execute(draft.text().encode())
        found = compare(before, take_fingerprint(self.conn))
        assert [str(d) for d in found if d.klass is not DifferenceClass.SEQUENCE_STATE] == [], draft.text()


@pytest.fixture
def lab(pg: PostgresServer, database: str) -> Iterator[Lab]:
    with psycopg.connect(pg.conninfo(database), autocommit=True) as conn:
        yield Lab(conn)


@pytest.mark.parametrize("name", UNDONE)
def test_what_a_migration_adds_or_changes_is_undone(lab: Lab, name: str) -> None:
    lab.undo(UNDONE[name])


@pytest.mark.parametrize("seed", range(6))
def test_several_of_them_at_once_are_undone(lab: Lab, seed: int) -> None:
    apart = {
        "a table", "a column", "a type and its users", "a schema", "views upon views", "a trigger", "a rule",
        "default privileges", "comments", "partitions", "an extension", "a publication", "an operator",
        "a procedure", "a setting", "an event trigger", "a foreign server", "tables in a circle", "storage",
        "a domain tightened", "a label renamed", "odd names", "an index dropped",
    }  # fmt: skip
    chosen = Random(seed).sample(sorted(apart), 8)  # noqa: S311 -- a test's choice
    lab.undo(" ".join(UNDONE[name] for name in chosen))


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_come_back_is_refused_by_name(lab: Lab, name: str) -> None:
    up, found = REFUSED[name]
    lab.conn.execute(BASE.encode())
    before = take_fingerprint(lab.conn)
    lab.conn.execute(up.encode())
    with pytest.raises(MigrationError) as raised:
        draft_down(before, take_fingerprint(lab.conn), what="007")
    assert found in raised.value.found
    assert raised.value.remedy


def test_every_loss_and_every_unknown_is_named(lab: Lab) -> None:
    lab.conn.execute(BASE.encode())
    before = take_fingerprint(lab.conn)
    lab.conn.execute('DROP TABLE s."Odd Name"; ALTER TABLE s.t DROP COLUMN b;')
    with pytest.raises(MigrationError) as raised:
        draft_down(before, take_fingerprint(lab.conn))
    for name in ('table s."Odd Name"', "column s.t.b"):
        assert name in raised.value.found


def test_changed_rows_are_refused(lab: Lab) -> None:
    fingerprint = take_fingerprint(lab.conn)
    for change, found in (
        (RowChanges("s.t", changed=2), "rows of s.t are other than they were"),
        (RowChanges("s.t", added=1), "1 rows were added to s.t"),
        (RowChanges("s.t", incomplete="no key"), "nobody can tell the rows of s.t"),
    ):
        with pytest.raises(MigrationError, match=found):
            draft_down(fingerprint, fingerprint, rows=[change])
        assert not draft_down(fingerprint, fingerprint, rows=[change], ignore=["s.t"]).statements


def test_what_goes_along_is_said(lab: Lab) -> None:
    lab.conn.execute(BASE.encode())
    before = take_fingerprint(lab.conn)
    lab.conn.execute("CREATE TABLE s.n (id int); ALTER TABLE s.t ADD c int, ALTER b TYPE text")
    draft = draft_down(before, take_fingerprint(lab.conn))
    assert "s.n goes with all rows that it has been given since" in draft.warnings
    assert "s.t.c goes with all values that it has been given since" in draft.warnings
    assert any("does not fit character varying(20)" in warning for warning in draft.warnings)
    assert "NOT PROVEN" in draft.text("007")


def test_the_tools_own_table_is_left_alone(lab: Lab) -> None:
    before = take_fingerprint(lab.conn)
    lab.conn.execute("CREATE TABLE public.ledger (id serial PRIMARY KEY, name text); CREATE TABLE t (id int)")
    draft = draft_down(before, take_fingerprint(lab.conn), ignore=["public.ledger"])
    assert draft.statements == ("DROP TABLE public.t;",)
